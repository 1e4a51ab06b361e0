"""Layers that Keras lacks: one harness for all, then what each one is for."""

import keras
import numpy as np
import pytest

from faceswap_lib.networks import attention, norms, spade, upsampling
from faceswap_lib.networks.attention import ChannelAttention, DualAttention, SelfAttention
from faceswap_lib.networks.blocks import upsample_nearest
from faceswap_lib.networks.norms import GroupNorm, HybridNorm, InstanceNorm
from faceswap_lib.networks.spade import Spade, SpadeResidual
from faceswap_lib.networks.upsampling import IcnrInitializer, PixelShuffle, ReflectPad
from tests.layer_values import LAYERS, build_layer, draw, draw_inputs, find_gradients

# Keras turns tensors into arrays, and saves them, in a way that NumPy 2.4 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

to_numpy = keras.ops.convert_to_numpy

every_layer = pytest.mark.parametrize("case", LAYERS.values(), ids=LAYERS)


def test_the_harness_knows_every_layer():
    tested = {type(case.build()).__name__ for case in LAYERS.values()}
    layers = {
        name
        for module in (attention, norms, spade, upsampling)
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    assert layers - tested == {"IcnrInitializer"}


@every_layer
def test_shape_and_dtype(case):
    layer, model = build_layer(case)
    y = to_numpy(model(draw_inputs(case)))
    assert y.shape == case.output and y.dtype == np.float32 and np.isfinite(y).all()
    assert model.output.shape == (None, *case.output[1:])
    shapes = list(case.inputs) if len(case.inputs) > 1 else case.inputs[0]
    assert tuple(layer.compute_output_shape(shapes)) == case.output


@every_layer
def test_a_saved_layer_comes_back(case, tmp_path):
    layer, model = build_layer(case)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = draw_inputs(case)
    assert np.array_equal(to_numpy(loaded(x)), to_numpy(model(x)))


@every_layer
def test_gradients_are_finite_and_reach_every_weight(case):
    _, model = build_layer(case)
    gradients = find_gradients(model, draw_inputs(case))
    assert len(gradients) == len(case.inputs) + len(model.trainable_variables)
    assert all(np.isfinite(gradient).all() and np.abs(gradient).max() > 0 for gradient in gradients)


@every_layer
def test_half_precision_keeps_float32_weights_and_nearly_the_numbers(case):
    wanted = to_numpy(build_layer(case)[1](draw_inputs(case)))
    _, model = build_layer(case, dtype="mixed_bfloat16")
    y = model([keras.ops.convert_to_tensor(x) for x in draw_inputs(case)])
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert {weight.dtype for weight in model.weights} <= {"float32"}
    error = np.abs(to_numpy(keras.ops.cast(y, "float32")) - wanted)
    assert error.max() < 0.05 * np.abs(wanted).max()


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
    y = to_numpy(PixelShuffle(2)(x))
    expected = np.empty((1, 4, 6, 2), np.float32)
    for row in range(4):
        for column in range(6):
            for channel in range(2):
                block = (row % 2) * 2 + column % 2
                expected[0, row, column, channel] = x[0, row // 2, column // 2, block * channels + channel]
    assert np.array_equal(y, expected)


def test_icnr_starts_as_nearest_neighbor_enlargement():
    """All four pixels of a block begin equal, and have the spread He initialization gives."""
    convolution = keras.layers.Conv2D(4 * 8, 3, padding="same", kernel_initializer=IcnrInitializer(2, seed=1))
    x = np.random.default_rng(3).normal(size=(2, 6, 6, 32)).astype(np.float32)
    y = to_numpy(PixelShuffle(2)(convolution(x)))
    assert np.allclose(y, np.repeat(np.repeat(y[:, ::2, ::2], 2, axis=1), 2, axis=2), atol=1e-5)
    assert np.std(y[:, ::2, ::2]) > 0.5
    kernel = convolution.kernel.numpy()
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 32)), rel=0.1)


def test_instance_norm_gives_each_channel_mean_0_and_variance_1():
    x = np.random.default_rng(4).normal(7, 3, (3, 16, 16, 5)).astype(np.float32) * [1, 2, 3, 4, 5]
    layer = InstanceNorm()
    y = to_numpy(layer(x))
    assert y.mean(axis=(1, 2)) == pytest.approx(0, abs=1e-3)
    assert y.std(axis=(1, 2)) == pytest.approx(1, abs=1e-2)
    layer.gamma.assign([1, 2, 3, 4, 5])
    layer.beta.assign([5, 4, 3, 2, 1])
    y = to_numpy(layer(x))
    assert y.mean(axis=(1, 2)) == pytest.approx(np.tile([5, 4, 3, 2, 1], (3, 1)), abs=1e-2)
    assert y.std(axis=(1, 2)) == pytest.approx(np.tile([1, 2, 3, 4, 5], (3, 1)), abs=5e-2)


def test_instance_norm_survives_a_flat_channel():
    y = to_numpy(InstanceNorm()(np.full((1, 8, 8, 2), 1000.0, np.float32)))
    assert np.isfinite(y).all() and np.abs(y).max() < 1


def test_hybrid_norm_keeps_contrast_in_one_half_and_erases_it_in_the_other():
    layer = HybridNorm()
    x = np.random.default_rng(5).normal(size=(1, 16, 16, 8)).astype(np.float32)
    plain, louder = (to_numpy(layer(picture)) for picture in (x, 3 * x))
    assert louder[..., :4] == pytest.approx(3 * plain[..., :4], abs=1e-4)
    assert louder[..., 4:] == pytest.approx(plain[..., 4:], abs=1e-3)


def test_self_attention_starts_as_the_identity_and_then_looks_everywhere():
    layer = SelfAttention()
    x = np.random.default_rng(6).normal(size=(1, 8, 8, 16)).astype(np.float32)
    assert np.array_equal(to_numpy(layer(x)), x)
    layer.scale.assign(1.0)
    elsewhere = x.copy()
    elsewhere[0, 7, 7] += 3
    change = to_numpy(layer(elsewhere)) - to_numpy(layer(x))
    assert np.abs(change[0, :4, :4]).max() > 1e-3


def test_self_attention_is_the_formula():
    layer = SelfAttention(squeeze=4)
    x = np.random.default_rng(7).normal(size=(2, 3, 4, 8)).astype(np.float32)
    layer.build(x.shape)
    layer.scale.assign(0.7)
    query, key, value = (d.kernel.numpy() for d in (layer.query, layer.key, layer.value))
    for picture, result in zip(x, to_numpy(layer(x)), strict=True):
        positions = picture.reshape(12, 8)
        scores = np.exp((positions @ query) @ (positions @ key).T)
        seen = scores / scores.sum(axis=1, keepdims=True) @ (positions @ value)
        assert result == pytest.approx(picture + 0.7 * seen.reshape(3, 4, 8), abs=1e-5)


def test_biases_of_self_attention_are_added():
    layer = SelfAttention(squeeze=4, use_bias=True)
    x = draw((1, 3, 4, 8), 8)
    layer.build(x.shape)
    layer.scale.assign(1.0)
    plain = to_numpy(layer(x))
    layer.value.bias.assign(np.arange(8))
    assert to_numpy(layer(x)) == pytest.approx(plain + np.arange(8), abs=1e-5)


def test_channel_attention_is_the_formula():
    layer = ChannelAttention()
    x = draw((2, 3, 4, 5), 9)
    layer.build(x.shape)
    assert np.array_equal(to_numpy(layer(x)), x)
    layer.scale.assign(0.7)
    for picture, result in zip(x, to_numpy(layer(x)), strict=True):
        positions = picture.reshape(12, 5)
        scores = np.exp(positions.T @ positions / np.sqrt(12))
        seen = positions @ (scores / scores.sum(axis=1, keepdims=True)).T
        assert result == pytest.approx(picture + 0.7 * seen.reshape(3, 4, 5), abs=1e-5)


def test_dual_attention_is_the_mean_of_both_and_starts_as_the_identity():
    layer = DualAttention(squeeze=2)
    x = draw((2, 3, 4, 8), 10)
    layer.build(x.shape)
    assert np.array_equal(to_numpy(layer(x)), x)
    layer.position.scale.assign(0.5)
    layer.channel.scale.assign(0.8)
    mean = (to_numpy(layer.position(x)) + to_numpy(layer.channel(x))) / 2
    assert to_numpy(layer(x)) == pytest.approx(mean, abs=1e-6)
    assert np.abs(mean - x).max() > 0.1


@pytest.mark.parametrize(
    ("channels", "groups", "used"), [(32, 16, 16), (24, 16, 12), (7, 16, 7), (34, 16, 2), (6, 1, 1)]
)
def test_group_norm_is_the_formula_with_as_many_groups_as_divide(channels, groups, used):
    x = draw((2, 5, 4, channels), 11) * np.arange(1, channels + 1, dtype=np.float32) + 3
    layer = GroupNorm(groups=groups)
    layer.build(x.shape)
    gamma, beta = draw((channels,), 12), draw((channels,), 13)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    split = x.reshape(2, 5, 4, used, channels // used)
    mean, variance = (f(split, axis=(1, 2, 4), keepdims=True) for f in (np.mean, np.var))
    expected = ((split - mean) / np.sqrt(variance + 1e-5)).reshape(x.shape) * gamma + beta
    assert to_numpy(layer(x)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("norm", [InstanceNorm, GroupNorm, lambda **options: GroupNorm(groups=1, **options)])
def test_statistics_of_half_precision_are_float32(norm):
    """Mean 40 and deviation 1: the squares of bfloat16, with 8 bits, would lose the variance."""
    x = keras.ops.cast(draw((1, 16, 16, 16), 14) + 40, "bfloat16")
    wanted = to_numpy(norm()(keras.ops.cast(x, "float32")))
    got = to_numpy(keras.ops.cast(norm(dtype="mixed_bfloat16")(x), "float32"))
    assert wanted.std() == pytest.approx(1, abs=0.01)
    assert np.abs(got - wanted).max() < 0.02


def test_reflect_pad_mirrors_without_repeating_the_border():
    x = draw((2, 4, 5, 3), 15)
    for size in (1, 2, 3):
        padded = to_numpy(ReflectPad(size)(x))
        assert np.array_equal(padded, np.pad(x, ((0, 0), (size, size), (size, size), (0, 0)), mode="reflect"))
    with pytest.raises(ValueError, match=r"expected sides above 4 pixels, got \(2, 4, 5, 3\)"):
        ReflectPad(4)(x)


def test_enlarging_by_repetition_draws_neither_checkerboard_nor_frame():
    """A flat picture stays flat up to its border, whatever the weights."""
    image = keras.Input((6, 6, 4))
    model = keras.Model(image, upsample_nearest(image, 3))
    y = to_numpy(model(np.ones((1, 6, 6, 4), np.float32)))
    assert y.shape == (1, 12, 12, 3)
    assert np.abs(y - y[:, :1, :1]).max() < 1e-5 and np.abs(y).max() > 0.1


def test_spade_scales_and_shifts_as_the_map_says():
    """A map that is 1 on the left half: there, and only there, factor 3 and offset 5."""
    x, guide = draw((1, 4, 8, 2), 16), np.zeros((1, 4, 8, 1), np.float32)
    guide[:, :, :4] = 1
    layer = Spade(hidden=1)
    layer.build([x.shape, guide.shape])
    for convolution, value in ((layer.read, 1), (layer.scale, 2), (layer.offset, 5)):
        kernel = np.zeros(convolution.kernel.shape, np.float32)
        kernel[1, 1] = value  # looks at its own pixel only
        convolution.kernel.assign(kernel)
    mean, variance = (f(x, axis=(1, 2), keepdims=True) for f in (np.mean, np.var))
    normed = (x - mean) / np.sqrt(variance + 1e-5)
    expected = np.where(guide > 0, 3 * normed + 5, normed)
    assert to_numpy(layer([x, guide])) == pytest.approx(expected, abs=1e-5)
    larger = np.repeat(np.repeat(guide, 2, axis=1), 2, axis=2)
    again = Spade(hidden=1)
    again.build([x.shape, larger.shape])
    again.set_weights(layer.get_weights())
    assert to_numpy(again([x, larger])) == pytest.approx(expected, abs=1e-5)


def test_spade_with_groups_keeps_what_a_channel_has_more_than_its_neighbor():
    """Channels 0 and 1 share their statistics, so does the pair 2 and 3; a constant difference within a pair stays."""
    x, guide = draw((1, 4, 4, 4), 19) + np.array([0, 3, 50, 50], np.float32), np.zeros((1, 4, 4, 1), np.float32)
    layer = Spade(hidden=1, groups=2)
    layer.build([x.shape, guide.shape])
    expected = np.empty_like(x)
    for pair in (slice(0, 2), slice(2, 4)):
        expected[..., pair] = (x[..., pair] - x[..., pair].mean()) / np.sqrt(x[..., pair].var() + 1e-5)
    assert to_numpy(layer([x, guide])) == pytest.approx(expected, abs=1e-3)
    with pytest.raises(ValueError, match="expected channels that 3 groups divide, got 4"):
        Spade(groups=3).build([x.shape, guide.shape])


@pytest.mark.parametrize("sides", [(4, 4), (8, 12), (9, 9)])
def test_a_map_of_another_shape_is_refused(sides):
    with pytest.raises(ValueError, match=f"expected a map of 8x8 or a whole multiple of it, got {sides[0]}x{sides[1]}"):
        Spade().build([(None, 8, 8, 4), (None, *sides, 1)])


def test_a_spade_residual_is_shortcut_and_branch():
    x, guide = draw((1, 4, 4, 3), 17), draw((1, 4, 4, 2), 18)
    same = SpadeResidual(hidden=4)
    same.build([x.shape, guide.shape])
    bias = np.array([1.0, 2.0, 3.0], np.float32)
    same.convolution_2.kernel.assign(np.zeros((3, 3, 3, 3)))
    same.convolution_2.bias.assign(bias)
    assert to_numpy(same([x, guide])) == pytest.approx(x + bias, abs=1e-6)
    wider = SpadeResidual(filters=5, hidden=4)
    wider.build([x.shape, guide.shape])
    wider.convolution_2.kernel.assign(np.zeros((3, 3, 3, 5)))
    shortcut = to_numpy(wider.shortcut_spade([x, guide])) @ wider.shortcut.kernel.numpy()[0, 0]
    assert to_numpy(wider([x, guide])) == pytest.approx(shortcut, abs=1e-5)
