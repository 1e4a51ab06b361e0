"""The checks of the exercises about conversion: right answers pass, typical wrong ones are told what is off."""

import cv2
import numpy as np
import pytest

from faceswap_lib.conversion.color_transfer.histogram import fit_histogram
from faceswap_lib.conversion.color_transfer.reinhard import apply_reinhard, fit_reinhard
from faceswap_lib.course.conversion_checks import check_histogram_match, check_poisson_blend, check_soft_border


def match(new, old, weights):
    table = np.empty((3, 256))
    for channel in range(3):
        counts = [
            np.bincount(image[..., channel].ravel(), weights=weights.ravel(), minlength=256) for image in (new, old)
        ]
        new_part, old_part = (np.cumsum(count) / count.sum() for count in counts)
        table[channel] = np.interp(new_part, old_part, np.arange(256))
    return table


def straight(new, old, weights):
    """Mean and spread of each channel, as a table."""
    table = np.empty((3, 256))
    for channel in range(3):
        (new_mean, new_spread), (old_mean, old_spread) = (
            (np.average(one, weights=weights), np.sqrt(np.cov(one.ravel(), aweights=weights.ravel())))
            for one in (new[..., channel].astype(float), old[..., channel].astype(float))
        )
        table[channel] = (np.arange(256) - new_mean) * old_spread / new_spread + old_mean
    return table


def raising(*_):
    raise IndexError("index 256 is out of bounds")


@pytest.mark.parametrize("fit", [match, fit_histogram])
def test_a_histogram_match_is_right(fit):
    assert check_histogram_match(fit) == "right"


@pytest.mark.parametrize(
    ("fit", "told"),
    [
        (lambda new, old, weights: match(new, old, np.ones_like(weights)), "weights are ignored"),
        (lambda new, old, weights: match(old, new, weights), "exchange the two"),
        (straight, "a straight line"),
        (lambda new, old, weights: np.tile(np.arange(256.0), (3, 1)), "stay what they are"),
        (lambda new, old, weights: np.tile(match(new, old, weights)[:1], (3, 1)), "one per channel"),
        (lambda new, old, weights: match(new, old, weights).T, "expected a table of shape"),
        (lambda new, old, weights: 255 - match(new, old, weights), "the table falls"),
        (lambda new, old, weights: match(new, old, weights) + 20, "quantiles are off by"),
        (lambda new, old, weights: match(new, old, weights) * np.nan, "not finite"),
        (raising, "stops with IndexError"),
    ],
)
def test_a_wrong_histogram_match_is_told_what_is_off(fit, told):
    assert told in check_histogram_match(fit)


def test_reinhard_is_no_histogram_match():
    def as_table(new, old, weights):
        gray = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
        return apply_reinhard(gray, fit_reinhard(new, old, weights))[0].T

    assert check_histogram_match(as_table) != "right"


def soften(inside, width):
    return np.clip(cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5) / width, 0, 1)


def test_a_soft_border_is_right():
    assert check_soft_border(soften) == "right"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda inside, width: inside, "the border is hard"),
        (lambda inside, width: cv2.GaussianBlur(inside.astype(float), (0, 0), width / 2), "weight outside"),
        (lambda inside, width: 1 - soften(inside, width), "the wrong way round"),
        (lambda inside, width: soften(inside, 1e6) * 1e6 / width, "limit it with np.clip"),
        (lambda inside, width: soften(inside, 1e6) / soften(inside, 1e6).max(), "divide the distance by"),
        (lambda inside, width: soften(inside, width) ** 3, "pixels inside the border"),
        (lambda inside, width: soften(inside, 10), "no effect"),
        (lambda inside, width: soften(inside, width)[1:], "expected weights of shape"),
        (lambda inside, width: cv2.distanceTransform(inside, cv2.DIST_L2, 5) / width, "stops with error"),
        (raising, "stops with IndexError"),
    ],
)
def test_a_wrong_border_is_told_what_is_off(wrong, told):
    assert told in check_soft_border(wrong)


def blend(background, foreground, inside, *, sign=1.0, rounds=2000):
    """Jacobi's method, as in the notebook."""

    def neighbors(image):
        return sum(np.roll(image, step, axis=axis) for axis in (0, 1) for step in (-1, 1))

    wanted = sign * (4 * foreground - neighbors(foreground))
    result = background.copy()
    for _ in range(rounds):
        result[inside] = ((neighbors(result) + wanted) / 4)[inside]
    return result


def test_a_poisson_blend_is_right():
    assert check_poisson_blend(blend) == "right"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda back, front, inside: np.where(inside[..., None], front, back), "this pastes"),
        (lambda back, front, inside: back, "nothing was blended"),
        (lambda back, front, inside: blend(back, front, inside, sign=0), "add the Laplacian"),
        (lambda back, front, inside: blend(back, front, inside, sign=-1), "the sign of the Laplacian"),
        (lambda back, front, inside: blend(back, front, inside, rounds=5), "iterate until nothing changes"),
        (lambda back, front, inside: blend(back, front, np.ones_like(inside)), "pixels outside the mask changed"),
        (lambda back, front, inside: blend(back, front, inside)[..., 0], "expected an image of shape"),
        (raising, "stops with IndexError"),
    ],
)
def test_a_wrong_poisson_blend_is_told_what_is_off(wrong, told):
    assert told in check_poisson_blend(wrong)
