"""Taking the shake out of a face's track.

The Kalman filter in its standard letters. Every coordinate (four of the box, two of each landmark) moves by the same
rules and is seen equally well, so all share one filter: x has a column per coordinate, and P and the gain, which do not
depend on what is seen, are worked out once for all of them.

    x   state (2, C): position and velocity per frame of each coordinate, in face widths
    P   how unsure x is, (2, 2)
    F   constant velocity: position += velocity
    Q   how much a head speeds up between two frames; `noise_coefficient` scales it
    H   we see positions, not velocities
    R   how far the detector's points scatter around the truth
    z   one sighting (1, C)

The filter of faceswap-GAN v2.2 runs forward and so lags behind a moving head. A file is known to its end, so by default
the Rauch-Tung-Striebel smoother then runs backward over the same states, which takes the lag away.
Source: Labbe, "Kalman and Bayesian Filters in Python"; `filterpy` does the arithmetic.
"""

import dataclasses
import typing
from typing import Annotated, Literal

import numpy as np
from filterpy.common import Q_discrete_white_noise
from filterpy.kalman import KalmanFilter, rts_smoother

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.faces.alignment import five_points
from faceswap_lib.faces.types import Face

MEASUREMENT_SIGMA = 0.01
"""Scatter of the detector's points around the truth, in face widths."""

ACCELERATION = 0.03
"""Variance of the change of velocity, in face widths per frame squared, that a noise coefficient of 1 stands for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmoothConfig:
    """How a face is steadied."""

    smoothing: Annotated[
        Literal["none", "ema", "kalman", "rts"],
        Doc(
            "none: as detected; ema: moving average, lags; kalman: forward filter, lags less; "
            "rts: forward and backward, does not lag, needs the whole clip"
        ),
    ] = "rts"
    smoothing_decay: Annotated[float, Doc("ema: share of the past in every new position, 0 to below 1")] = 0.65
    noise_coefficient: Annotated[
        float,
        Doc("kalman and rts: how suddenly heads move; raise it tenfold when the face lags, lower it when it shakes"),
    ] = 1e-3
    max_gap: Annotated[int, Doc("frames without a detection that are filled in")] = 5

    def __post_init__(self):
        check_range("smoothing_decay", self.smoothing_decay, 0, 0.99)
        check_range("noise_coefficient", self.noise_coefficient, 1e-9, 1e3)
        check_range("max_gap", self.max_gap, 0, 1000)


class CoordinateFilter:
    """The forward filter, one step per frame; all coordinates in face widths.

    Args:
        z: (C,) the first sighting.
        noise_coefficient: Scales Q.

    Taught in notebooks/01_video_face_detection_alignment.
    """

    def __init__(self, z: np.ndarray, noise_coefficient: float):
        self._kalman = kalman = KalmanFilter(dim_x=2, dim_z=1)
        kalman.x = np.stack([z, np.zeros_like(z)])
        kalman.F = np.array([[1.0, 1.0], [0.0, 1.0]])
        kalman.H = np.array([[1.0, 0.0]])
        kalman.R = np.array([[MEASUREMENT_SIGMA**2]])
        kalman.Q = Q_discrete_white_noise(2, dt=1.0, var=noise_coefficient * ACCELERATION)
        kalman.P = np.diag([MEASUREMENT_SIGMA**2, 0.05**2])

    def step(self, z: np.ndarray | None) -> None:
        """Goes on by one frame, (C,), or None where nothing was seen."""
        self._kalman.predict()
        if z is not None:  # H is named because filterpy otherwise wants a state of one column
            self._kalman.update(z[None], H=self._kalman.H)

    def predicted(self, frames: int = 1) -> np.ndarray:
        """(C,) where the coordinates should be some frames later."""
        position, velocity = self._kalman.x
        return position + frames * velocity

    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """x (2, C) and P (2, 2) of the last frame."""
        return self._kalman.x, self._kalman.P

    def run_back(self, xs: np.ndarray, ps: np.ndarray) -> np.ndarray:
        """Takes the states of all frames, (N, 2, C) and (N, 2, 2), back from the last to the first; gives each x."""
        steps = len(xs)
        return rts_smoother(xs, ps, [self._kalman.F] * steps, [self._kalman.Q] * steps)[0]


def to_coordinates(face: Face, width: float) -> np.ndarray:
    """The (C,) coordinates of a face in units of `width`: its box, then its five points."""
    return np.concatenate([face.box_xyxy, five_points(face.landmarks).ravel()]) / width


def smooth_faces(faces: typing.Sequence[Face | None], config: SmoothConfig) -> list[Face | None]:
    """Smooths the faces of one track.

    Args:
        faces: One per frame, None where it was out of sight.
        config: Mode and strength.

    Returns:
        As many faces; gaps of up to `bridge` frames are filled in, unless the mode is `none`.

    Taught in notebooks/01_video_face_detection_alignment.
    """
    if config.smoothing == "none":
        return list(faces)
    smoothed: list[Face | None] = [None] * len(faces)
    for start, stop in _stretches(faces, config.max_gap):
        smoothed[start:stop] = _smooth_stretch(faces[start:stop], config)
    return smoothed


def _stretches(faces: typing.Sequence[Face | None], bridge: int) -> list[tuple[int, int]]:
    """Cuts a track at its long gaps; every stretch begins and ends with a face."""
    stretches: list[tuple[int, int]] = []
    for index in (index for index, face in enumerate(faces) if face is not None):
        if stretches and index - stretches[-1][1] <= bridge:
            stretches[-1] = (stretches[-1][0], index + 1)
        else:
            stretches.append((index, index + 1))
    return stretches


def _smooth_stretch(faces: typing.Sequence[Face | None], config: SmoothConfig) -> list[Face | None]:
    width = float(np.median([face.size for face in faces if face is not None]))
    zs = [None if face is None else to_coordinates(face, width) for face in faces]
    if config.smoothing == "ema":
        positions = _moving_average(zs, config.smoothing_decay)
    else:
        positions = _kalman(zs, config.noise_coefficient, backward=config.smoothing == "rts")
    scores = [0.0 if face is None else face.score for face in faces]
    return [_to_face(position * width, score) for position, score in zip(positions, scores, strict=True)]


def _moving_average(zs: typing.Sequence[np.ndarray | None], past: float) -> list[np.ndarray]:
    positions = [zs[0]]
    for z in zs[1:]:
        positions.append(positions[-1] if z is None else past * positions[-1] + (1 - past) * z)
    return positions


def _kalman(zs: typing.Sequence[np.ndarray | None], noise_coefficient: float, *, backward: bool) -> np.ndarray:
    kalman = CoordinateFilter(zs[0], noise_coefficient)
    xs, ps = np.empty((len(zs), 2, len(zs[0]))), np.empty((len(zs), 2, 2))
    xs[0], ps[0] = kalman.state()
    for index, z in enumerate(zs[1:], 1):
        kalman.step(z)
        xs[index], ps[index] = kalman.state()
    return (kalman.run_back(xs, ps) if backward else xs)[:, 0]


def _to_face(coordinates: np.ndarray, score: float) -> Face | None:
    """The face of (C,) coordinates in pixels; None where a long prediction has shrunk its box to nothing."""
    left, top, right, bottom = coordinates[:4]
    if right <= left or bottom <= top:
        return None
    return Face(box_xyxy=coordinates[:4], score=score, landmarks=coordinates[4:].reshape(5, 2))
