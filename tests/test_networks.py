"""The five networks: what goes in, what comes out, what they share."""

import keras
import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.networks import PRESETS, NetworkConfig, build_networks
from faceswap_lib.networks.config import WIDTHS


def faces(resolution: int, count: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, resolution, resolution, 3)).astype(np.float32)


def to_numpy(tensors) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(x) for x in tensors]


def check_networks(config: NetworkConfig) -> None:
    """Shapes and ranges of every output for one configuration."""
    networks = build_networks(config)
    side = config.resolution
    x = faces(side)
    code = networks.encoder(x)
    assert code.shape[:3] == (2, 8, 8)
    for decoder in (networks.decoder_a, networks.decoder_b):
        mask, face, *coarse = to_numpy(decoder(code))
        assert mask.shape == (2, side, side, 1) and face.shape == (2, side, side, 3)
        assert [picture.shape for picture in coarse] == ([(2, 64, 64, 3)] if side > 64 else [])
        assert mask.min() >= 0 and mask.max() <= 1
        for picture in (face, *coarse):
            assert -1 <= picture.min() < picture.max() <= 1 and picture.std() > 0.01
    for discriminator in networks.discriminators:
        score = discriminator(np.concatenate([x, x], axis=-1))
        assert score.shape == (2, side // 8, side // 8, 1)


@pytest.mark.parametrize(("capacity", "resolution"), list(WIDTHS))
def test_shapes_and_ranges_of_every_size(capacity, resolution):
    check_networks(NetworkConfig(capacity=capacity, resolution=resolution))


@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("norm", ["none", "instance", "hybrid"])
def test_shapes_and_ranges_of_every_option(attention, norm):
    check_networks(NetworkConfig(capacity="tiny", resolution=64, attention=attention, norm=norm))


@pytest.mark.parametrize(("option", "values"), [("attention", (False, True)), ("norm", ("none", "instance", "hybrid"))])
def test_options_change_the_networks(option, values):
    layers = set()
    for value in values:
        networks = build_networks(NetworkConfig(capacity="tiny", resolution=64, **{option: value}))
        layers.add(tuple(type(layer).__name__ for network in networks.generators for layer in network.layers))
    assert len(layers) == len(values)


def test_every_preset_can_be_built_and_lite_is_the_larger_one():
    sizes = {name: sum(n.count_params() for n in build_networks(config).generators) for name, config in PRESETS.items()}
    assert sizes["tiny"] < sizes["lite"]


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


def test_generators_depend_on_the_whole_picture():
    """Through the narrow code, changing one corner changes the opposite one."""
    networks = build_networks(PRESETS["tiny"])
    x = faces(64, count=1)
    changed = x.copy()
    changed[0, :16, :16] *= -1
    before, after = (to_numpy(networks.generate(picture, "a2a"))[1] for picture in (x, changed))
    assert np.abs(before - after)[0, -16:, -16:].max() > 1e-4
