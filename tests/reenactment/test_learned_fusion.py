"""The learned fusion of a generated picture with a warped photo."""

import keras
import numpy as np
import pytest

from faceswap_lib.reenactment.learned_fusion import LARGEST_RESIDUAL, build_fusion_network, compose, is_trained

to_numpy = keras.ops.convert_to_numpy


def pictures(value: float) -> np.ndarray:
    return np.full((1, 8, 8, 3), value, np.float32)


def decide(logit: float, residual: float) -> np.ndarray:
    return np.concatenate([np.full((1, 8, 8, 1), logit), np.full((1, 8, 8, 3), residual)], axis=-1).astype(np.float32)


@pytest.mark.parametrize(
    ("logit", "residual", "expected", "alpha"),
    [
        (-30, 0, -0.6, 0),
        (30, 0, 0.2, 1),
        (0, 0, -0.2, 0.5),
        (np.log(3), 0.1, 0.75 * 0.2 - 0.25 * 0.6 + LARGEST_RESIDUAL * np.tanh(0.1), 0.75),
        (30, 30, 0.2 + LARGEST_RESIDUAL, 1),
        (-30, -30, -1.0, 0),
    ],
)
def test_alpha_mixes_both_pictures_and_the_residual_is_added(logit, residual, expected, alpha):
    given = (pictures(-0.6), pictures(0.2), decide(logit, residual))
    fused, mask = compose(*(keras.ops.convert_to_tensor(own) for own in given))
    assert to_numpy(fused) == pytest.approx(pictures(expected), abs=1e-5)
    assert to_numpy(mask) == pytest.approx(np.full((1, 8, 8, 1), alpha), abs=1e-5)


def test_a_new_network_is_known_as_untrained_and_shows_half_of_each():
    network = build_fusion_network(32, (8, 8, 8))
    inputs = [pictures(0), np.zeros((2, 32, 32, 2)), np.zeros((2, 16, 16, 9))]
    inputs = [np.zeros((2, 32, 32, 3)), np.ones((2, 32, 32, 3)), *inputs[1:]]
    output = to_numpy(network([array.astype(np.float32) for array in inputs]))
    assert output.shape == (2, 32, 32, 4) and not output.any()
    assert not is_trained(network)
    last = network.get_layer("last")
    kernel, bias = last.get_weights()
    last.set_weights([kernel, bias + 1e-6])
    assert is_trained(network)
