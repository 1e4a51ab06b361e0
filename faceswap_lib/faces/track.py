"""Following one face through a clip and taking the shake out of it.

The Kalman filter in its standard letters, one for all coordinates (four of the box, ten of the five landmarks), each
coordinate with a position and a velocity:

    x   state: for each coordinate its position and its velocity per frame, in face widths
    P   how unsure x is
    F   constant velocity: position += velocity
    Q   how much a head speeds up between two frames; `noise_coefficient` scales it
    H   we see positions, not velocities
    R   how far the detector's points scatter around the truth
    z   one detection

The filter of faceswap-GAN v2.2 runs forward and so lags behind a moving head. A file is known to its end, so by default
the Rauch-Tung-Striebel smoother then runs backward over the same states, which takes the lag away.
Source: Labbe, "Kalman and Bayesian Filters in Python"; `filterpy` does the arithmetic.
"""

import dataclasses
import typing
from typing import Annotated, Literal

import numpy as np
from filterpy.common import Q_discrete_white_noise
from filterpy.kalman import KalmanFilter

from faceswap_lib.faces.align import five_points
from faceswap_lib.faces.face import Face, FaceTrack
from faceswap_lib.options import Doc, check_range

MEASUREMENT_SIGMA = 0.01
"""Scatter of MTCNN's points around the truth, in face widths."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackConfig:
    """How a face is followed and steadied."""

    smoothing: Annotated[
        Literal["none", "kalman", "rts"],
        Doc("none: as detected; kalman: forward filter, lags; rts: forward and backward, needs the whole clip"),
    ] = "rts"
    noise_coefficient: Annotated[
        float, Doc("how suddenly heads move; raise it tenfold when the face lags, lower it tenfold when it shakes")
    ] = 1e-3
    bridge: Annotated[int, Doc("frames without a detection that are filled in before the face counts as gone")] = 5

    def __post_init__(self):
        check_range("noise_coefficient", self.noise_coefficient, 1e-9, 1e3)
        check_range("bridge", self.bridge, 0, 1000)


def follow_face(detections: typing.Iterable[tuple[Face, ...]], config: TrackConfig | None = None) -> FaceTrack:
    """Follows one face: the largest one of the frame where a stretch begins, then whichever continues it.

    Args:
        detections: The faces of each frame, in order.
        config: Options.

    Returns:
        The track, one entry per frame.
    """
    config = config or TrackConfig()
    chosen = _choose(detections, config.bridge)
    faces: list[Face | None] = [None] * len(chosen)
    for start, stop in _stretches(chosen, config.bridge):
        faces[start:stop] = _smooth(chosen[start:stop], config)
    return FaceTrack(faces=tuple(faces))


def _choose(detections: typing.Iterable[tuple[Face, ...]], bridge: int) -> list[Face | None]:
    """Picks per frame the face that overlaps the last one seen most; after a long loss, the largest anew."""
    chosen: list[Face | None] = []
    last, lost = None, 0
    for faces in detections:
        if last is None or lost > bridge:
            face = max(faces, key=lambda face: face.size, default=None)
        else:
            face = max(faces, key=lambda face: _overlap(face, last), default=None)
            if face is not None and _overlap(face, last) < 0.1:
                face = None
        chosen.append(face)
        lost = 0 if face is not None else lost + 1
        last = face if face is not None else last
    return chosen


def _overlap(a: Face, b: Face) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    low = np.maximum(a.box_xyxy[:2], b.box_xyxy[:2])
    high = np.minimum(a.box_xyxy[2:], b.box_xyxy[2:])
    shared = np.prod(np.maximum(0, high - low))
    both = np.prod(a.box_xyxy[2:] - a.box_xyxy[:2]) + np.prod(b.box_xyxy[2:] - b.box_xyxy[:2])
    return float(shared / (both - shared))


def _stretches(chosen: list[Face | None], bridge: int) -> list[tuple[int, int]]:
    """Cuts a clip into stretches with a face, each from its first to its last detection."""
    stretches: list[tuple[int, int]] = []
    for index, face in enumerate(chosen):
        if face is None:
            continue
        jumped = stretches and chosen[stretches[-1][1] - 1] and _overlap(chosen[stretches[-1][1] - 1], face) < 0.1
        if stretches and index - stretches[-1][1] <= bridge and not jumped:
            stretches[-1] = (stretches[-1][0], index + 1)
        else:
            stretches.append((index, index + 1))
    return stretches


def _smooth(faces: list[Face | None], config: TrackConfig) -> list[Face | None]:
    """Filters one stretch; a frame inside it without a detection gets the filter's position."""
    if config.smoothing == "none" or len(faces) == 1:
        return faces
    width = float(np.median([face.size for face in faces if face is not None]))
    zs = [None if f is None else np.concatenate([f.box_xyxy, five_points(f.landmarks).ravel()]) / width for f in faces]
    kalman = _build_filter(zs[0], config.noise_coefficient)
    means, covariances, _, _ = kalman.batch_filter(zs)
    if config.smoothing == "rts":
        means = kalman.rts_smoother(means, covariances)[0]
    scores = [0.0 if f is None else f.score for f in faces]
    return [_face_from_state(mean[::2] * width, score) for mean, score in zip(means, scores, strict=True)]


def _build_filter(first_z: np.ndarray, noise_coefficient: float) -> KalmanFilter:
    count = len(first_z)
    kalman = KalmanFilter(dim_x=2 * count, dim_z=count)
    kalman.x = np.stack([first_z, np.zeros(count)], axis=1).ravel()
    kalman.F = np.kron(np.eye(count), [[1.0, 1.0], [0.0, 1.0]])
    kalman.H = np.kron(np.eye(count), [[1.0, 0.0]])
    kalman.R = np.eye(count) * MEASUREMENT_SIGMA**2
    kalman.Q = np.kron(np.eye(count), Q_discrete_white_noise(2, dt=1.0, var=noise_coefficient * 0.1))
    kalman.P = np.kron(np.eye(count), np.diag([MEASUREMENT_SIGMA**2, 0.05**2]))
    return kalman


def _face_from_state(z: np.ndarray, score: float) -> Face | None:
    """The face a state stands for; None where a long prediction has shrunk its box to nothing."""
    if z[2] <= z[0] or z[3] <= z[1]:
        return None
    return Face(box_xyxy=z[:4], score=score, landmarks=z[4:].reshape(5, 2))
