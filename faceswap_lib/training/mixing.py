"""Mixing codes: what teaches each decoder that the other person's constant part means nothing.

One encoder reads both people so that a code can only say what they share. It never quite does: what is constant in A's
codes says "A", and decoder B, which has never met it, paints A's proportions. Here every code moves, by chance, some of
the way from its own person's average towards the other person's. Each decoder so meets the other's constant part in
every batch, with its own person to paint. Gradients reach the encoder through the averages, so it also learns to keep
the two apart as little as it can.

Two people's averages differ in content too: one may keep the mouth open where the other keeps it shut. A decoder must
not learn to overlook that. So the way is taken at right angles to everything that changes from picture to picture in
the batch: what is left of it is what never changes.
"""

import keras
from keras import ops

RIDGE = 0.01
"""Share of the pictures' mean spread added to it, so that what is noise in a batch is not taken for content."""


def mix_codes(code_a, code_b, most: float, seed: keras.random.SeedGenerator):
    """Moves every code a random part of the way from its own person's average towards the other person's.

    Args:
        code_a, code_b: (B, h, w, C) float32 codes of the two people.
        most: Largest part of the way, 0 to 1.
        seed: Source of randomness.

    Returns:
        Both codes, moved.
    """
    mean_a, mean_b = (ops.mean(code, axis=0, keepdims=True) for code in (code_a, code_b))
    way = mean_b - mean_a
    way = way - ops.stop_gradient(content_of(way, ops.concatenate([code_a - mean_a, code_b - mean_b])))
    count = ops.shape(code_a)[0]
    part_a, part_b = (keras.random.uniform((count, 1, 1, 1), 0.0, most, seed=seed) for _ in range(2))
    return code_a + part_a * way, code_b - part_b * way


def content_of(way, changes):
    """The part of a direction that can be put together from changes between pictures: ridge regression.

    Args:
        way: (1, h, w, C) direction.
        changes: (N, h, w, C) what each picture's code differs by from its person's average.

    Returns:
        (1, h, w, C).
    """
    count = changes.shape[0]
    rows = ops.reshape(changes, (count, -1))
    products = ops.matmul(rows, ops.transpose(rows))  # (N, N)
    ridge = RIDGE * ops.trace(products) / count + 1e-6
    shares = ops.solve(products + ridge * ops.eye(count), ops.matmul(rows, ops.reshape(way, (-1, 1))))
    return ops.reshape(ops.matmul(ops.transpose(shares), rows), way.shape)
