"""The five networks: what goes in, what comes out, what they share."""

import dataclasses
import typing

import keras
import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.networks import PRESETS, NetworkConfig, Networks, build_networks, skip_autoencoder
from faceswap_lib.networks.config import WIDTHS, Preset

# Keras turns tensors into arrays, and saves them, in a way that NumPy 2.4 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def faces(resolution: int, count: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, resolution, resolution, 3)).astype(np.float32)


def to_numpy(tensors) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(x) for x in tensors]


def check_networks(config: NetworkConfig) -> Networks:
    """Checks shapes and ranges of every output for one configuration, and gives back its networks."""
    networks = build_networks(config)
    side = config.resolution
    x = faces(side)
    code = networks.encoder(x)
    assert code.shape[:3] == (2, 8, 8)
    for decoder in (networks.decoder_a, networks.decoder_b):
        mask, face, *coarse = to_numpy(decoder(code))
        assert mask.shape == (2, side, side, 1) and face.shape == (2, side, side, 3)
        assert [picture.shape for picture in coarse] == [(2, n, n, 3) for n in (64, 128) if n < side]
        assert mask.min() >= 0 and mask.max() <= 1
        for picture in (face, *coarse):
            assert -1 <= picture.min() < picture.max() <= 1 and picture.std() > 0.01
    patches = min(side // 8, 16) if config.architecture == "skip" else 8
    for discriminator in networks.discriminators:
        score = discriminator(np.concatenate([x, x], axis=-1))
        assert score.shape == (2, patches, patches, 1)
    return networks


@pytest.mark.parametrize(("capacity", "resolution"), list(WIDTHS))
def test_shapes_and_ranges_of_every_size(capacity, resolution):
    check_networks(NetworkConfig(capacity=capacity, resolution=resolution))


@pytest.mark.parametrize("resolution", [64, 128])
def test_shapes_and_ranges_of_the_reference(resolution):
    check_networks(NetworkConfig(capacity="tiny", resolution=resolution, architecture="faceswap-gan", norm="instance"))


OPTIONS = [
    *(("attention", choice) for choice in ("none", "dual")),
    *(("norm", choice) for choice in ("none", "batch", "layer", "group", "instance")),
    ("upsampling", "nearest"),
]


@pytest.mark.parametrize(("option", "choice"), OPTIONS)
@pytest.mark.parametrize("architecture", ["skip", "faceswap-gan"])
def test_every_option_works_and_changes_the_networks(architecture, option, choice):
    config = NetworkConfig(capacity="tiny", resolution=64, architecture=architecture)
    changed = check_networks(dataclasses.replace(config, **{option: choice}))
    assert layer_kinds(changed.decoder_a) != layer_kinds(build_networks(config).decoder_a)


def layer_kinds(network: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in network.layers]


def test_options_become_the_layers_they_name():
    def decoder(**changes):
        return skip_autoencoder.build_decoder(
            NetworkConfig(capacity="tiny", resolution=64, **changes), (8, 8, 136), "decoder"
        )

    for changes, kind in (
        ({"attention": "self"}, "SelfAttention"),
        ({"attention": "dual"}, "DualAttention"),
        ({"norm": "instance"}, "InstanceNorm"),
        ({"norm": "batch"}, "BatchNormalization"),
        ({"norm": "group"}, "GroupNorm"),
        ({"norm": "hybrid"}, "HybridNorm"),
        ({"upsampling": "pixel-shuffle"}, "PixelShuffle"),
        ({"upsampling": "nearest"}, "UpSampling2D"),
    ):
        assert kind in layer_kinds(decoder(**changes))
    assert {layer.groups for layer in decoder(norm="layer").layers if type(layer).__name__ == "GroupNorm"} == {1}


@pytest.mark.parametrize(
    ("resolution", "encoder", "decoder", "discriminator"),
    [(64, [16, 8], [32, 64], [8]), (128, [32, 16], [32, 64], [16, 8]), (256, [64, 32], [32, 64], [32, 16, 8])],
)
def test_the_reference_pays_attention_where_v2_2_does(resolution, encoder, decoder, discriminator):
    config = NetworkConfig(capacity="tiny", resolution=resolution, architecture="faceswap-gan", norm="none")
    networks = build_networks(config)
    places = [
        [layer.output.shape[1] for layer in network.layers if type(layer).__name__ == "SelfAttention"]
        for network in (networks.encoder, networks.decoder_a, networks.discriminator_a)
    ]
    assert places == [encoder, decoder, discriminator]
    assert all(output.shape[1] == n for output, n in zip(networks.decoder_a.outputs[2:], (64, 128), strict=False))
    assert len(networks.decoder_a.outputs) == {64: 2, 128: 3, 256: 4}[resolution]


def test_widths_of_the_reference():
    """As faceswap-GAN v2.2 has them: lite halves the channels, quarters the deepest, keeps the discriminator."""
    standard, lite, larger = (
        NetworkConfig(architecture="faceswap-gan", capacity=capacity, resolution=resolution).widths
        for capacity, resolution in (("standard", 64), ("lite", 64), ("lite", 256))
    )
    assert (standard.encoder, standard.code, standard.decoder) == ((64, 128, 256, 512, 1024), 1024, (512, 256, 128, 64))
    assert (lite.encoder, lite.code, lite.decoder) == ((32, 64, 128, 256, 256), 1024, (256, 128, 64, 32))
    assert standard.discriminator == lite.discriminator == (64, 128, 256)
    assert (larger.encoder, larger.code) == ((32, 64, 128, 256, 256, 256, 256), 2048)
    assert (larger.decoder, larger.discriminator) == ((256, 128, 64, 32, 32, 32), (64, 128, 256, 256, 256))


def test_the_reference_has_the_weights_v2_2_has():
    """Counted by hand for tiny at 64 pixels, without attention and normalization."""
    networks = build_networks(
        NetworkConfig(architecture="faceswap-gan", capacity="tiny", resolution=64, attention="none", norm="none")
    )
    strided = 25 * 3 * 16 + 9 * (16 * 32 + 32 * 64 + 64 * 128 + 128 * 256)
    dense = 16 * 256 * 256 + 256 + 256 * 16 * 256 + 16 * 256
    assert networks.encoder.count_params() == strided + dense + 9 * 256 * 512 + 512
    doublings = 9 * (128 * 256 + 64 * 128 + 32 * 64) + 256 + 128 + 64
    heads = 25 * 16 * 4 + 4
    assert networks.decoder_a.count_params() == doublings + 3 * 9 * 16 * 16 + heads
    assert networks.discriminator_a.count_params() == 16 * (6 * 16 + 16 * 32 + 32 * 64) + 16 * 64


def test_the_reference_normalizes_before_the_shuffle_and_after_the_strides():
    config = NetworkConfig(
        architecture="faceswap-gan", capacity="tiny", resolution=64, attention="none", norm="instance"
    )
    networks = build_networks(config)
    block = ["Conv2D", "LeakyReLU", "InstanceNorm", "PixelShuffle"]
    assert layer_kinds(networks.decoder_a)[1:13] == 3 * block
    assert layer_kinds(networks.decoder_a)[13:20] == [
        "Conv2D",
        "LeakyReLU",
        "Conv2D",
        "Add",
        "LeakyReLU",
        "Conv2D",
        "ReLU",
    ]
    start = ["InputLayer", "Conv2D", "Conv2D", "ReLU", "Conv2D", "ReLU", "InstanceNorm"]
    assert layer_kinds(networks.encoder)[:7] == start


@pytest.mark.parametrize("architecture", ["skip", "faceswap-gan"])
def test_saved_networks_come_back(architecture, tmp_path):
    networks = build_networks(NetworkConfig(capacity="tiny", resolution=64, architecture=architecture))
    x = faces(64, count=1)
    code = networks.encoder(x)
    for name, network, given in (("encoder", networks.encoder, x), ("decoder", networks.decoder_a, code)):
        network.save(tmp_path / f"{name}.keras")
        again = keras.models.load_model(tmp_path / f"{name}.keras")(given)
        for one, other in zip(keras.tree.flatten(network(given)), keras.tree.flatten(again), strict=True):
            assert np.array_equal(*to_numpy((one, other)))


@pytest.mark.parametrize("architecture", ["skip", "faceswap-gan"])
def test_half_precision_gives_pictures_in_float32(architecture):
    config = NetworkConfig(capacity="tiny", resolution=64, architecture=architecture, norm="instance")
    full = build_networks(config)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = build_networks(config)
    finally:
        keras.config.set_dtype_policy(policy)
    for network in (*half.generators, *half.discriminators):
        assert {weight.dtype for weight in network.weights} == {"float32"}
    for one, other in zip(full.generators, half.generators, strict=True):
        other.set_weights(one.get_weights())
    x = faces(64)
    code = half.encoder(x)
    assert keras.backend.standardize_dtype(code.dtype) == "bfloat16"
    for exact, rounded in zip(full.decoder_a(full.encoder(x)), half.decoder_a(code), strict=True):
        assert keras.backend.standardize_dtype(rounded.dtype) == "float32"
        difference, wanted = to_numpy((exact - rounded, exact))
        assert np.abs(difference).mean() < 0.1 * wanted.std()
    score = half.discriminator_a(np.concatenate([x, x], axis=-1))
    assert keras.backend.standardize_dtype(score.dtype) == "float32"


def test_every_preset_is_what_it_says():
    assert set(PRESETS) == set(typing.get_args(Preset)) == {"tiny", "lite", "standard", "faceswap-gan"}
    sizes = {name: sum(n.count_params() for n in build_networks(config).generators) for name, config in PRESETS.items()}
    assert sizes["tiny"] < sizes["lite"] < sizes["standard"] < sizes["faceswap-gan"]
    assert PRESETS["lite"] == NetworkConfig()
    reference = PRESETS["faceswap-gan"]
    assert (reference.architecture, reference.input_mode, reference.resolution) == ("faceswap-gan", "full", 64)
    assert (reference.capacity, reference.attention) == ("standard", "self")
    assert (reference.norm, reference.upsampling) == ("instance", "pixel-shuffle")


def test_the_default_networks_keep_their_weights():
    """Checkpoints stand on number and size of the weights."""
    networks = build_networks(NetworkConfig(capacity="tiny", resolution=64))
    counts = [len(network.weights) for network in (*networks.generators, *networks.discriminators)]
    assert counts == [36, 26, 26, 16, 16]
    assert (networks.encoder.count_params(), networks.decoder_a.count_params()) == (3704233, 791137)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("attention", True),
        ("attention", "some"),
        ("norm", "spectral"),
        ("upsampling", "bilinear"),
        ("input_mode", "crop"),
    ],
)
def test_an_unknown_choice_is_refused(option, value):
    with pytest.raises(InputError, match=f"{option} must be one of .*, got {value}"):
        NetworkConfig(**{option: value})


def test_an_unknown_combination_is_refused():
    with pytest.raises(InputError, match="no networks of capacity lite at 96 pixels; there are .*lite at 64"):
        NetworkConfig(capacity="lite", resolution=96)


def test_same_seed_same_weights_and_the_people_differ():
    config = PRESETS["tiny"]
    built = []
    for seed in (3, 3, 4):
        keras.utils.set_random_seed(seed)
        built.append(build_networks(config))
    first, again, other = ([n.get_weights() for n in (*b.generators, *b.discriminators)] for b in built)
    assert all(np.array_equal(a, b) for x, y in zip(first, again, strict=True) for a, b in zip(x, y, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first[0], other[0], strict=True))
    for one, two in ((1, 2), (3, 4)):  # decoder a and b, discriminator a and b
        assert [w.shape for w in first[one]] == [w.shape for w in first[two]]
        assert any(not np.array_equal(a, b) for a, b in zip(first[one], first[two], strict=True))


def test_a_direction_reads_one_person_and_writes_the_other():
    networks = build_networks(PRESETS["tiny"])
    x = faces(64)
    code = networks.encoder(x)
    for direction, decoder in (
        ("a2a", networks.decoder_a),
        ("b2a", networks.decoder_a),
        ("a2b", networks.decoder_b),
        ("b2b", networks.decoder_b),
    ):
        wanted, got = to_numpy(decoder(code)[:2]), to_numpy(networks.generate(x, direction))
        assert all(np.array_equal(a, b) for a, b in zip(wanted, got, strict=True))
    same, swapped = (to_numpy(networks.generate(x, direction))[1] for direction in ("a2a", "a2b"))
    assert np.abs(same - swapped).max() > 0.01


@pytest.mark.parametrize("preset", ["tiny", "faceswap-gan"])
def test_what_is_predicted_in_one_program_is_what_is_generated(preset):
    """With both decoders, and with the weights of now."""
    networks, x = build_networks(PRESETS[preset]), faces(64)
    for _ in range(2):
        written = networks.predict(x)
        assert set(written) == {"a", "b"}
        for name, direction in (("a", "b2a"), ("b", "a2b")):
            for wanted, got in zip(to_numpy(networks.generate(x, direction)), written[name], strict=True):
                np.testing.assert_allclose(got, wanted, atol=2e-5)
        for weight in networks.encoder.trainable_weights:
            weight.assign(weight * 1.1)


def test_generators_depend_on_the_whole_picture():
    """Through the narrow code, changing one corner changes the opposite one."""
    networks = build_networks(PRESETS["tiny"])
    x = faces(64, count=1)
    changed = x.copy()
    changed[0, :16, :16] *= -1
    before, after = (to_numpy(networks.generate(picture, "a2a"))[1] for picture in (x, changed))
    assert np.abs(before - after)[0, -16:, -16:].max() > 1e-4
