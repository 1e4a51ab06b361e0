"""The checks of the exercises about evaluation: right answers pass, typical wrong ones are told what is off."""

import numpy as np
import pytest

from faceswap_lib.course.evaluation_checks import check_lag

MOST = 8


def overlap(result, original, delay):
    length = len(original)
    return result[max(0, delay) : length + min(0, delay)], original[max(0, -delay) : length - max(0, delay)]


def correlation(result, original):
    return np.corrcoef(result, original)[0, 1]


def lag(result, original, *, score=correlation, delays=range(-MOST, MOST + 1), pair=overlap):
    return max(delays, key=lambda delay: score(*pair(result, original, delay)))


def test_the_delay_of_the_highest_correlation_is_right():
    assert check_lag(lag) == "right"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda result, original: lag(original, result), "the sign is wrong"),
        (lambda result, original: lag(result, original, delays=range(MOST + 1)), "try negative lags"),
        (lambda result, original: lag(result, original, score=lambda a, b: -np.abs(a - b).mean()), "by correlation"),
        (
            lambda result, original: lag(result, original, pair=lambda a, b, delay: (np.roll(a, -delay), b)),
            "do not wrap",
        ),
        (lambda result, original: 0, "has a lag of 3, got 0"),
        (lambda result, original: lag(result, original[:0]), "stops with"),
    ],
)
def test_a_wrong_lag_is_told_what_is_off(wrong, told):
    assert told in check_lag(wrong)
