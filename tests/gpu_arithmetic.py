"""Imitates on a CPU how a GPU multiplies, for notebooks that compare what they computed twice.

GPUs from NVIDIA's Ampere on multiply float32 as "TF32": of each factor ten bits behind the point are left, about three
digits; sums keep all bits. What is compiled by XLA may round in other places. So here what runs eagerly is rounded and
what is compiled is not, which is further apart than the two are on a GPU.
"""

import functools

import tensorflow as tf

DROPPED = 13
"""Bits of float32's mantissa that TF32 does not have."""

PRODUCTS = {
    tf: ("matmul",),
    tf.linalg: ("matmul",),
    tf.nn: ("convolution", "conv2d", "conv2d_transpose", "conv_transpose", "depthwise_conv2d"),
}
"""What multiplies, by module; the first two arguments are the factors."""


def round_factor(values):
    """Rounds float32 numbers to ten bits of mantissa, halves upward; leaves other types as they are."""
    values = tf.convert_to_tensor(values)
    if values.dtype != tf.float32:
        return values
    bits = tf.bitcast(values, tf.uint32) + tf.constant(1 << (DROPPED - 1), tf.uint32)
    return tf.bitcast(
        tf.bitwise.bitwise_and(bits, tf.constant(0xFFFFFFFF << DROPPED & 0xFFFFFFFF, tf.uint32)), tf.float32
    )


def round_eager_products() -> None:
    """Makes TensorFlow round the factors of products that are not compiled, in this process from now on."""
    for module, names in PRODUCTS.items():
        for name in names:
            setattr(module, name, _rounded(getattr(module, name)))


def _rounded(product):
    @functools.wraps(product)
    def multiply(a, b, *arguments, **options):
        if tf.executing_eagerly():
            a, b = round_factor(a), round_factor(b)
        return product(a, b, *arguments, **options)

    return multiply
