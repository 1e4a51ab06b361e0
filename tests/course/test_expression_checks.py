"""Checks of the exercises of notebook 12: right answers pass, typical wrong ones get a line that helps."""

import cv2
import numpy as np
import pytest

from faceswap_lib.course.expression_checks import RIGHT, check_level, check_split, check_transfer
from faceswap_lib.faces.alignment import similarity_transform


def level(eyes, places, *, sign=1, scales=True, shifts=True):
    (a, b), (c, d) = eyes @ [1, 1j], places @ [1, 1j]
    m = (d - c) / (b - a)
    m = m if scales else m / abs(m)
    m = m if sign > 0 else np.conj(m)
    t = c - m * a if shifts else 0 * m
    return np.array([[m.real, -m.imag, t.real], [m.imag, m.real, t.imag]])


def test_a_right_similarity_passes():
    assert check_level(similarity_transform) == RIGHT
    assert check_level(level) == RIGHT


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda eyes, places: level(places, eyes), "exchange the two pairs"),
        (lambda eyes, places: level(eyes, places, scales=False), "apart"),
        (lambda eyes, places: level(eyes, places, shifts=False), "check the shift"),
        (lambda eyes, places: level(eyes, places, sign=-1), "tilted by"),
        (lambda eyes, places: np.eye(3), "shape"),
        (lambda eyes, places: cv2.getAffineTransform(*mirrored(eyes, places)), "mirrored"),
        (lambda eyes, places: cv2.getAffineTransform(*sheared(eyes, places)), "shear"),
    ],
)
def test_wrong_similarities_are_explained(answer, says):
    assert says in check_level(answer)


def mirrored(eyes, places):
    turned = [np.array([-(b - a)[1], (b - a)[0]]) for a, b in (eyes, places)]
    return np.float32([*eyes, eyes[0] + turned[0]]), np.float32([*places, places[0] - turned[1]])


def sheared(eyes, places):
    return np.float32([*eyes, eyes[0] + [0, 50]]), np.float32([*places, places[0] + [20, 90]])


def split(image):
    low = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 3)
    return low, image - low


def test_a_right_split_passes():
    assert check_split(split) == RIGHT


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda image: (cv2.GaussianBlur(image, (0, 0), 3), image - cv2.GaussianBlur(image, (0, 0), 3)), "floats"),
        (lambda image: (split(image)[0], 0.5 * split(image)[1]), "exactly what the blur removed"),
        (lambda image: (image.astype(float) + 0.0, 0.0 * image - 0.001), "blur it"),
        (lambda image: (0.8 * split(image)[0], image - 0.8 * split(image)[0]), "keep the brightness"),
        (lambda image: (0.0 * image + image.mean(), image - image.mean()), "too coarse"),
        (lambda image: (image[:24], image[24:]), "shape"),
    ],
)
def test_wrong_splits_are_explained(answer, says):
    assert says in check_split(answer)


def test_a_right_transfer_passes():
    assert check_transfer(lambda own, neutral, other, share: own + share * (other - neutral)) == RIGHT


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda own, neutral, other, share: other, "the other face itself"),
        (lambda own, neutral, other, share: neutral + (other - own), "neutral face of the \\*other\\*"),
        (lambda own, neutral, other, share: own - share * (other - neutral), "opposite"),
        (lambda own, neutral, other, share: own + (other - neutral), "no effect"),
        (lambda own, neutral, other, share: own + share**2 * (other - neutral), "half of the difference"),
        (lambda own, neutral, other, share: (own + other) / 2, "with strength 1"),
    ],
)
def test_wrong_transfers_are_explained(answer, says):
    import re

    assert re.search(says, check_transfer(answer))
