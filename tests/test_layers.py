"""Layers that Keras lacks: one harness for all, then what each one is for."""

import keras
import numpy as np
import pytest

from faceswap_lib.networks.layers import HybridNorm, IcnrInitializer, InstanceNorm, PixelShuffle, SelfAttention


def run_layer_test(layer: keras.layers.Layer, input_shape: tuple[int, ...], output_shape: tuple[int, ...], tmp_path):
    """Checks shape, dtype, configuration, and that a saved model with the layer gives the same when loaded.

    Args:
        layer: A fresh layer.
        input_shape: (B, H, W, C).
        output_shape: What must come out.
        tmp_path: Where to save.

    Returns:
        The layer's output for random input, and that input.
    """
    x = np.random.default_rng(1).normal(size=input_shape).astype(np.float32)
    image = keras.Input(input_shape[1:])
    model = keras.Model(image, layer(image))
    rng = np.random.default_rng(2)
    for weight in layer.trainable_variables:  # so that no layer is the identity by chance
        weight.assign(weight + rng.normal(0, 0.1, weight.shape))
    assert tuple(model.output.shape) == (None, *output_shape[1:])
    y = keras.ops.convert_to_numpy(model(x))
    assert y.shape == output_shape and y.dtype == np.float32 and np.isfinite(y).all()

    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(keras.ops.convert_to_numpy(loaded(x)), y)
    return y, x


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving, on NumPy 2.4
@pytest.mark.parametrize(
    ("layer", "input_shape", "output_shape"),
    [
        (lambda: PixelShuffle(2), (2, 4, 6, 12), (2, 8, 12, 3)),
        (lambda: PixelShuffle(3), (1, 4, 4, 9), (1, 12, 12, 1)),
        (lambda: InstanceNorm(), (2, 8, 4, 6), (2, 8, 4, 6)),
        (lambda: InstanceNorm(epsilon=1e-2), (2, 8, 4, 6), (2, 8, 4, 6)),
        (lambda: HybridNorm(), (2, 8, 4, 6), (2, 8, 4, 6)),
        (lambda: HybridNorm(), (2, 8, 4, 7), (2, 8, 4, 7)),
        (lambda: SelfAttention(), (2, 8, 4, 16), (2, 8, 4, 16)),
        (lambda: SelfAttention(squeeze=2), (2, 8, 4, 16), (2, 8, 4, 16)),
        (
            lambda: keras.layers.Conv2D(8, 3, padding="same", kernel_initializer=IcnrInitializer(2, seed=3)),
            (2, 8, 4, 6),
            (2, 8, 4, 8),
        ),
    ],
)
def test_every_layer_keeps_the_contract(layer, input_shape, output_shape, tmp_path):
    run_layer_test(layer(), input_shape, output_shape, tmp_path)


def test_an_initialiser_comes_back_from_its_configuration():
    first = IcnrInitializer(2, seed=5)
    again = IcnrInitializer.from_config(first.get_config())
    shape = (3, 3, 4, 16)
    assert np.array_equal(first(shape), again(shape))
    assert not np.array_equal(first(shape), IcnrInitializer(2, seed=6)(shape))


def test_pixel_shuffle_puts_every_channel_where_it_says():
    """Channel (i * f + j) * C + c of pixel (y, x) goes to channel c of pixel (2 y + i, 2 x + j)."""
    height, width, channels = 2, 3, 2
    x = np.arange(height * width * 4 * channels, dtype=np.float32).reshape(1, height, width, 4 * channels)
    y = keras.ops.convert_to_numpy(PixelShuffle(2)(x))
    expected = np.empty((1, 4, 6, 2), np.float32)
    for row in range(4):
        for column in range(6):
            for channel in range(2):
                block = (row % 2) * 2 + column % 2
                expected[0, row, column, channel] = x[0, row // 2, column // 2, block * channels + channel]
    assert np.array_equal(y, expected)


def test_icnr_starts_as_nearest_neighbour_enlargement():
    """All four pixels of a block begin equal, and have the spread He initialisation gives."""
    convolution = keras.layers.Conv2D(4 * 8, 3, padding="same", kernel_initializer=IcnrInitializer(2, seed=1))
    x = np.random.default_rng(3).normal(size=(2, 6, 6, 32)).astype(np.float32)
    y = keras.ops.convert_to_numpy(PixelShuffle(2)(convolution(x)))
    assert np.allclose(y, np.repeat(np.repeat(y[:, ::2, ::2], 2, axis=1), 2, axis=2), atol=1e-5)
    assert np.std(y[:, ::2, ::2]) > 0.5
    kernel = convolution.kernel.numpy()
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 32)), rel=0.1)


def test_instance_norm_gives_each_channel_mean_0_and_variance_1():
    x = np.random.default_rng(4).normal(7, 3, (3, 16, 16, 5)).astype(np.float32) * [1, 2, 3, 4, 5]
    layer = InstanceNorm()
    y = keras.ops.convert_to_numpy(layer(x))
    assert y.mean(axis=(1, 2)) == pytest.approx(0, abs=1e-3)
    assert y.std(axis=(1, 2)) == pytest.approx(1, abs=1e-2)
    layer.gamma.assign([1, 2, 3, 4, 5])
    layer.beta.assign([5, 4, 3, 2, 1])
    y = keras.ops.convert_to_numpy(layer(x))
    assert y.mean(axis=(1, 2)) == pytest.approx(np.tile([5, 4, 3, 2, 1], (3, 1)), abs=1e-2)
    assert y.std(axis=(1, 2)) == pytest.approx(np.tile([1, 2, 3, 4, 5], (3, 1)), abs=5e-2)


def test_instance_norm_survives_a_flat_channel():
    y = keras.ops.convert_to_numpy(InstanceNorm()(np.full((1, 8, 8, 2), 1000.0, np.float32)))
    assert np.isfinite(y).all() and np.abs(y).max() < 1


def test_hybrid_norm_keeps_contrast_in_one_half_and_erases_it_in_the_other():
    layer = HybridNorm()
    x = np.random.default_rng(5).normal(size=(1, 16, 16, 8)).astype(np.float32)
    plain, louder = (keras.ops.convert_to_numpy(layer(picture)) for picture in (x, 3 * x))
    assert louder[..., :4] == pytest.approx(3 * plain[..., :4], abs=1e-4)
    assert louder[..., 4:] == pytest.approx(plain[..., 4:], abs=1e-3)


def test_self_attention_starts_as_the_identity_and_then_looks_everywhere():
    layer = SelfAttention()
    x = np.random.default_rng(6).normal(size=(1, 8, 8, 16)).astype(np.float32)
    assert np.array_equal(keras.ops.convert_to_numpy(layer(x)), x)
    layer.scale.assign(1.0)
    elsewhere = x.copy()
    elsewhere[0, 7, 7] += 3
    change = keras.ops.convert_to_numpy(layer(elsewhere)) - keras.ops.convert_to_numpy(layer(x))
    assert np.abs(change[0, :4, :4]).max() > 1e-3


def test_self_attention_is_the_formula():
    layer = SelfAttention(squeeze=4)
    x = np.random.default_rng(7).normal(size=(2, 3, 4, 8)).astype(np.float32)
    layer.build(x.shape)
    layer.scale.assign(0.7)
    query, key, value = (d.kernel.numpy() for d in (layer.query, layer.key, layer.value))
    for picture, result in zip(x, keras.ops.convert_to_numpy(layer(x)), strict=True):
        positions = picture.reshape(12, 8)
        scores = np.exp((positions @ query) @ (positions @ key).T)
        seen = scores / scores.sum(axis=1, keepdims=True) @ (positions @ value)
        assert result == pytest.approx(picture + 0.7 * seen.reshape(3, 4, 8), abs=1e-5)
