"""Checks of the exercises about evaluation: each says "right", or what is off in one line.

A check tries the reader's code on small made-up arrays whose answer is known. It does not raise for a wrong answer.
"""

from collections.abc import Callable

import numpy as np

from faceswap_lib.course.checks import RIGHT, report_errors


@report_errors
def check_lag(lag: Callable[[np.ndarray, np.ndarray], int]) -> str:
    """Checks a metric that says by how many frames a result is late.

    Args:
        lag: Called with two curves, (T,) floats, one of the result and one of the original; returns the number of
            frames by which the result is behind: positive if it is late, 0 if it is not, negative if it is early.

    Returns:
        "right", or what is off.
    """
    found = {}
    for name, (result, original, _) in _cases().items():
        found[name] = float(lag(result.copy(), original.copy()))
    wanted = {name: case[2] for name, case in _cases().items()}
    if found == wanted:
        return RIGHT
    if found["late"] == -wanted["late"] and found["early"] == -wanted["early"]:
        return "the sign is wrong: a result that shows frame n - 3 at frame n is late by +3"
    if found["early"] != wanted["early"] and found["late"] == wanted["late"]:
        return f"a result that is early by 2 frames has a lag of -2, got {found['early']:g}: try negative lags as well"
    if found["late"] != wanted["late"]:
        return f"a result that is late by 3 frames has a lag of 3, got {found['late']:g}"
    if found["offset"] != wanted["offset"]:
        return (
            f"another level and height of the curve change the answer to {found['offset']:g}: B's features are "
            "elsewhere than A's, so compare by correlation, or subtract each mean and divide by each deviation first"
        )
    if found["ends"] != wanted["ends"]:
        return (
            f"a face that drifts through the picture gives {found['ends']:g} instead of 3: do not wrap the curve "
            "around (np.roll); compare only frames that both curves have"
        )
    return f"for a curve that is not delayed, expected 0, got {found['none']:g}"


def _cases() -> dict[str, tuple[np.ndarray, np.ndarray, int]]:
    """Builds curves of a result and of an original, and the lag between them, by the name of what each case tests."""
    random = np.random.default_rng(8)
    motion = np.convolve(random.normal(size=120), np.hanning(9), "valid")  # an uneven motion
    drift = motion + 0.8 * np.arange(len(motion))
    cut = slice(10, 90)

    def moved(curve: np.ndarray, frames: int) -> np.ndarray:
        return curve[cut.start - frames : cut.stop - frames]

    return {
        "none": (motion[cut], motion[cut], 0),
        "late": (moved(motion, 3), motion[cut], 3),
        "early": (moved(motion, -2), motion[cut], -2),
        "offset": (40 + 0.5 * moved(motion, 3), motion[cut], 3),
        "ends": (moved(drift, 3), drift[cut], 3),
    }
