"""The check of the exercise about a feature: the right one passes, typical wrong ones are told what is off."""

import cv2
import numpy as np
import pytest

from faceswap_lib.course.detector_checks import check_frequency_feature


def feature(*, centered=True, power=2, chosen=None, divides=True, absolute=np.abs):
    """Builds a feature with a part of it changed."""

    def measure(crops):
        gray = np.stack([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in crops]).astype(float)
        if centered:
            gray = gray - gray.mean(axis=(1, 2), keepdims=True)
        energy = absolute(np.fft.fft2(gray)) ** power
        cycles = np.fft.fftfreq(gray.shape[1])
        which = chosen(cycles[:, None], cycles) if chosen else np.hypot(cycles[:, None], cycles) >= 0.25
        found = (energy * which).sum(axis=(1, 2))
        return found / energy.sum(axis=(1, 2)) if divides else found

    return measure


def test_the_fraction_of_the_energy_is_right():
    assert check_frequency_feature(feature()) == "right"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda crops: np.zeros(len(crops)), "expected ["),
        (feature(centered=False), "subtract it first"),
        (feature(power=1), "energy is the square"),
        (feature(chosen=lambda down, across: np.hypot(down, across) < 0.25), "the low frequencies"),
        (feature(chosen=lambda down, across: (np.abs(across) >= 0.25) & (down < 9)), "use both directions"),
        (feature(chosen=lambda down, across: np.maximum(abs(down), abs(across)) >= 0.25), "a diagonal wave"),
        (feature(chosen=lambda down, across: np.hypot(down, across) >= 0.125), "half of it, not a quarter"),
        (feature(divides=False), "divide by the energy"),
        (feature(absolute=lambda x: x), "complex"),
        (lambda crops: feature()(crops).mean(), "expected the shape (3,)"),
        (lambda crops: crops @ np.ones(7), "stops with ValueError"),
    ],
)
def test_a_wrong_feature_is_told_what_is_off(wrong, told):
    assert told in check_frequency_feature(wrong)
