"""Check of the exercise about a detector's feature: it says "right", or what is off in one line, and does not raise."""

from collections.abc import Callable

import numpy as np

from faceswap_lib.course.checks import RIGHT, match_answer, report_errors

_SIDE = 32
_WAVES = (
    (((4, 0), 40.0), ((12, 0), 20.0), ((0, 13), 10.0)),
    (((2, 1), 30.0), ((7, 7), 30.0), ((0, 12), 15.0)),
    (((0, 4), 10.0), ((1, 15), 50.0), ((3, 0), 25.0)),
)
"""For each picture: waves per picture in x and y, and amplitude in gray levels."""

_BRIGHTNESS = (60.0, 120.0, 150.0)


@report_errors
def check_frequency_feature(feature: Callable[[np.ndarray], np.ndarray]) -> str:
    """Checks a function that computes the fraction of the energy of an image in its high frequencies.

    Args:
        feature: Called with gray pictures, (N, S, S, 3) uint8 with three equal channels; returns (N,): the energy of
            the waves of at least 0.25 cycles per pixel, divided by the energy of all waves.

    Returns:
        "right", or what is off.
    """
    pictures = np.stack([_draw(waves, light) for waves, light in zip(_WAVES, _BRIGHTNESS, strict=True)])
    found = np.asarray(feature(pictures[..., None].repeat(3, axis=-1)))
    if np.iscomplexobj(found):
        return "the answer is complex: take the absolute value of the Fourier coefficients before you square them"
    energy = _transform(pictures - pictures.mean(axis=(1, 2), keepdims=True))
    with_mean = _transform(pictures)
    cycles = np.minimum(np.arange(_SIDE), _SIDE - np.arange(_SIDE)) / _SIDE
    down, across = np.meshgrid(cycles, cycles, indexing="ij")
    radius = np.sqrt(down**2 + across**2)
    right = _fraction(energy, radius >= 0.25)
    answers = {
        RIGHT: right,
        "the mean of the picture is counted as a wave: subtract it first": _fraction(with_mean, radius >= 0.25),
        "this is the fraction of the amplitudes: square the absolute values, energy is the square": _fraction(
            np.sqrt(energy), radius >= 0.25
        ),
        "this is the fraction of the low frequencies: take those of at least 0.25 cycles per pixel": 1 - right,
        "use both directions: the frequency of a wave is np.hypot of its frequencies in x and y": _fraction(
            energy, across >= 0.25
        ),
        "use both directions: a diagonal wave of 0.22 in x and 0.22 in y has 0.31 cycles per pixel": _fraction(
            energy, np.maximum(across, down) >= 0.25
        ),
        "the highest frequency is 0.5 cycles per pixel, so 0.25 is half of it, not a quarter": _fraction(
            energy, radius >= 0.125
        ),
        "this is the energy itself: divide by the energy of all waves": (energy * (radius >= 0.25)).sum(axis=(1, 2)),
    }
    return match_answer(answers, found, "three pictures made of waves")


def _draw(waves: tuple[tuple[tuple[int, int], float], ...], light: float) -> np.ndarray:
    y, x = np.mgrid[:_SIDE, :_SIDE] * (2 * np.pi / _SIDE)
    picture = light + sum(amplitude * np.cos(across * x + down * y) for (across, down), amplitude in waves)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def _transform(pictures: np.ndarray) -> np.ndarray:
    """Computes the spectra (N, S, S) of pictures by products with a matrix of waves, without an FFT."""
    places = np.arange(_SIDE)
    matrix = np.exp(-2j * np.pi / _SIDE * places[:, None] * places)
    return np.abs(matrix @ pictures.astype(float) @ matrix) ** 2


def _fraction(energy: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return (energy * chosen).sum(axis=(1, 2)) / energy.sum(axis=(1, 2))
