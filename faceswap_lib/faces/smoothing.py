"""Temporal smoothing of a face track.

The Kalman filter uses its standard letters. All coordinates (four of the box, two of each landmark) have the same
motion model and the same measurement noise, so they share one filter: x has a column per coordinate. P and the gain do
not depend on the measurements, so they are computed once for all coordinates.

    x   state (2, C): position and velocity per frame of each coordinate, in face widths
    P   covariance of x, (2, 2)
    F   state transition at constant velocity: position += velocity
    Q   process noise: acceleration of the head between two frames; `noise_coefficient` scales it
    H   measurement function: positions are measured, velocities are not
    R   measurement noise: variance of the detector's points around the truth
    z   one measurement (1, C)

The filter of faceswap-GAN v2.2 runs forward, so its output lags behind a moving head. A file is known to its end, so by
default the Rauch-Tung-Striebel (RTS) smoother then runs backward over the same states, which removes the lag.
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
"""Standard deviation of the detector's points around the truth, in face widths."""

ACCELERATION = 0.03
"""Variance of the acceleration for a noise coefficient of 1, in (face widths / frame²)²."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmoothConfig:
    """Options of the temporal smoothing."""

    smoothing: Annotated[
        Literal["none", "ema", "kalman", "rts"],
        Doc(
            "none: no smoothing; ema: exponential moving average, lags; kalman: forward Kalman filter, lags less; "
            "rts: forward and backward (Rauch-Tung-Striebel), does not lag, needs the whole clip"
        ),
    ] = "rts"
    smoothing_decay: Annotated[float, Doc("ema: weight of the previous position in every new one, 0 to 0.99")] = 0.65
    noise_coefficient: Annotated[
        float,
        Doc(
            "kalman and rts: process noise, how suddenly heads move; "
            "raise it tenfold if the face lags, lower it if it shakes"
        ),
    ] = 1e-3
    max_gap: Annotated[int, Doc("longest gap without a detection that is filled in, in frames")] = 5

    def __post_init__(self):
        check_range("smoothing_decay", self.smoothing_decay, 0, 0.99)
        check_range("noise_coefficient", self.noise_coefficient, 1e-9, 1e3)
        check_range("max_gap", self.max_gap, 0, 1000)


class CoordinateFilter:
    """Forward Kalman filter of a face's coordinates, one step per frame; all coordinates are in face widths.

    Args:
        z: (C,) the first measurement.
        noise_coefficient: Scales Q.

    Taught in notebooks/01b_kalman_smoothing.
    """

    def __init__(self, z: np.ndarray, noise_coefficient: float):
        self._kalman = kalman = KalmanFilter(dim_x=2, dim_z=1)
        kalman.x = np.stack([z, np.zeros_like(z)])
        kalman.F = np.array([[1.0, 1.0], [0.0, 1.0]])
        kalman.H = np.array([[1.0, 0.0]])
        kalman.R = np.array([[MEASUREMENT_SIGMA**2]])
        noise = Q_discrete_white_noise(2, dt=1.0, var=noise_coefficient * ACCELERATION)
        kalman.Q = typing.cast(np.ndarray, noise)
        kalman.P = np.diag([MEASUREMENT_SIGMA**2, 0.05**2])

    def step(self, z: np.ndarray | None) -> None:
        """Advances the filter by one frame with the measurement z, (C,), or None if nothing was detected."""
        self._kalman.predict()
        if z is not None:  # without H as an argument, filterpy requires a state of one column
            self._kalman.update(z[None], H=self._kalman.H)

    def predicted(self, frames: int = 1) -> np.ndarray:
        """Predicts the coordinates, (C,), a number of frames ahead."""
        position, velocity = self._kalman.x
        return position + frames * velocity

    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns x (2, C) and P (2, 2) of the last frame."""
        return self._kalman.x, self._kalman.P

    def run_back(self, xs: np.ndarray, ps: np.ndarray) -> np.ndarray:
        """Runs the RTS smoother backward over the states of all frames.

        Args:
            xs: (N, 2, C) x of each frame.
            ps: (N, 2, 2) P of each frame.

        Returns:
            (N, 2, C) smoothed x of each frame.
        """
        steps = len(xs)
        return rts_smoother(xs, ps, [self._kalman.F] * steps, [self._kalman.Q] * steps)[0]


def to_coordinates(face: Face, width: float) -> np.ndarray:
    """Computes the (C,) coordinates of a face in units of `width`: its box, then its five landmarks."""
    return np.concatenate([face.box_xyxy, five_points(face.landmarks).ravel()]) / width


def smooth_faces(faces: typing.Sequence[Face | None], config: SmoothConfig) -> list[Face | None]:
    """Smooths the faces of one track.

    Args:
        faces: One per frame, None where the face was not detected.
        config: Method and strength.

    Returns:
        The same number of faces. Unless `smoothing` is `none`, gaps of up to `max_gap` frames are filled in, and the
        faces have five landmarks.

    Taught in notebooks/01b_kalman_smoothing.
    """
    if config.smoothing == "none":
        return list(faces)
    smoothed: list[Face | None] = [None] * len(faces)
    for start, stop in _split_at_gaps(faces, config.max_gap):
        smoothed[start:stop] = _smooth_segment(faces[start:stop], config)
    return smoothed


def _split_at_gaps(faces: typing.Sequence[Face | None], max_gap: int) -> list[tuple[int, int]]:
    """Splits a track at gaps of more than `max_gap` frames; every segment begins and ends with a face.

    Returns:
        Index of the first frame of each segment, and index after its last frame.
    """
    segments: list[tuple[int, int]] = []
    for index in (index for index, face in enumerate(faces) if face is not None):
        if segments and index - segments[-1][1] <= max_gap:
            segments[-1] = (segments[-1][0], index + 1)
        else:
            segments.append((index, index + 1))
    return segments


def _smooth_segment(faces: typing.Sequence[Face | None], config: SmoothConfig) -> list[Face | None]:
    """Smooths one segment of a track."""
    width = float(np.median([face.size for face in faces if face is not None]))
    zs = [None if face is None else to_coordinates(face, width) for face in faces]
    if config.smoothing == "ema":
        positions = _moving_average(zs, config.smoothing_decay)
    else:
        positions = _kalman(zs, config.noise_coefficient, backward=config.smoothing == "rts")
    scores = [0.0 if face is None else face.score for face in faces]
    return [_to_face(position * width, score) for position, score in zip(positions, scores, strict=True)]


def _moving_average(zs: typing.Sequence[np.ndarray | None], past: float) -> list[np.ndarray]:
    """Applies the exponential moving average."""
    positions = [typing.cast(np.ndarray, zs[0])]  # every segment begins with a face
    for z in zs[1:]:
        positions.append(positions[-1] if z is None else past * positions[-1] + (1 - past) * z)
    return positions


def _kalman(zs: typing.Sequence[np.ndarray | None], noise_coefficient: float, *, backward: bool) -> np.ndarray:
    """Applies the Kalman filter and, if `backward`, the RTS smoother."""
    first = typing.cast(np.ndarray, zs[0])  # every segment begins with a face
    kalman = CoordinateFilter(first, noise_coefficient)
    xs, ps = np.empty((len(zs), 2, len(first))), np.empty((len(zs), 2, 2))
    xs[0], ps[0] = kalman.state()
    for index, z in enumerate(zs[1:], 1):
        kalman.step(z)
        xs[index], ps[index] = kalman.state()
    return (kalman.run_back(xs, ps) if backward else xs)[:, 0]


def _to_face(coordinates: np.ndarray, score: float) -> Face | None:
    """Converts (14,) coordinates in pixels to a face; None if its box has no area after a long prediction."""
    left, top, right, bottom = coordinates[:4]
    if right <= left or bottom <= top:
        return None
    return Face(box_xyxy=coordinates[:4], score=score, landmarks=coordinates[4:].reshape(5, 2))
