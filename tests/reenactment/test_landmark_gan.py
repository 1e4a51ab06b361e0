"""The landmark GAN's comparison of keypoint pictures: black is not the cheapest answer."""

import keras
import numpy as np

from faceswap_lib.reenactment.config import ReenactmentNetworkConfig
from faceswap_lib.reenactment.systems.landmark_gan import keypoint_loss
from faceswap_lib.reenactment.systems.landmark_gan_networks import build_networks


def test_the_loss_is_the_cross_entropy_of_the_pictures():
    random = np.random.default_rng(0)
    found = random.uniform(0.05, 0.95, (2, 4, 4, 3)).astype("float32")
    expected = random.uniform(0, 1, (2, 4, 4, 3)).astype("float32")
    by_hand = [-t * np.log(p) - (1 - t) * np.log(1 - p) for t, p in zip(expected.ravel(), found.ravel(), strict=True)]
    assert np.isclose(float(keypoint_loss(found, expected)), np.mean(by_hand), rtol=1e-4)


def test_the_cheapest_answer_for_a_dot_in_one_of_fifty_cases_is_a_fiftieth():
    expected = np.zeros((50, 1, 1, 3), "float32")
    expected[0] = 1
    answers = np.round(np.arange(0.001, 0.1, 0.001), 3)
    costs = [float(keypoint_loss(np.full_like(expected, answer), expected)) for answer in answers]
    assert answers[int(np.argmin(costs))] == 0.02


def test_a_detector_that_learns_with_it_does_not_turn_black():
    """The absolute difference, with which the same detector turns black, is tried as well."""
    random, side = np.random.default_rng(3), 64
    pictures, dots = np.full((48, side, side, 3), -1.0, "float32"), np.zeros((48, side, side, 3), "float32")
    for picture, dot in zip(pictures, dots, strict=True):
        for x, y in random.integers(4, side - 4, (8, 2)):
            picture[y - 2 : y + 3, x - 2 : x + 3] = 1.0
            dot[y, x, 1] = 1.0
    brightest = {}
    for name, loss in (("ours", lambda true, found: keypoint_loss(found, true)), ("absolute", "mae")):
        keras.utils.set_random_seed(0)
        networks = build_networks(ReenactmentNetworkConfig(system="landmark-gan", resolution=64, capacity="tiny"))
        detector = networks["keypoint_detector"]
        detector.compile(keras.optimizers.Adam(5e-3), loss)
        detector.fit(pictures, dots, batch_size=8, epochs=10, verbose=0)
        brightest[name] = detector.predict(pictures, verbose=0)[dots > 0].mean()
    assert brightest["ours"] > 0.1 and brightest["absolute"] < 0.02
