"""A small detector of swaps: numbers made by hand from a face, and a line drawn between them.

It serves to learn what such detectors see and where they fail. It tells the swaps it was fitted to from the clip they
were made of; about any other video its answer means little. No Keras.
"""

import dataclasses
import pathlib

import cv2
import numpy as np

from faceswap_lib.evaluation.image_metrics import check_pictures
from faceswap_lib.faces import VideoTracks, align_face, face_mask
from faceswap_lib.faces.alignment import template_points
from faceswap_lib.media import read_frames

CROP_SIDE = 128
"""Side of the crops it looks at in pixels."""

FEATURES = ("detail", "detail against surroundings", "edge of the face", "finest waves")
"""What `swap_features` measures, in its order."""

_EDGE = 0.03  # half the width of the ring along the face's outline, as a share of the crop's side
_SURROUNDINGS = (0.05, 0.16)  # where the ring of surroundings lies, outside that outline
_FINEST = 0.25  # cycles per pixel from which waves count as finest; 0.5 is the finest there is


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FeatureDetector:
    """A logistic regression on features.

    Attributes:
        mean: (F,) of the features it was fitted to.
        spread: (F,) their standard deviations.
        weights: (F,) how much each feature, less its mean and over its spread, speaks for a swap.
        bias: What is added.
    """

    mean: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    bias: float

    def score(self, features: np.ndarray) -> np.ndarray:
        """Gives the log-odds of a swap, (N,) for features (N, F); above 0 it says swap."""
        return (features - self.mean) / self.spread @ self.weights + self.bias


def read_crops(video: pathlib.Path, tracks: VideoTracks) -> np.ndarray:
    """Cuts one face out of every frame of a clip that shows one.

    Args:
        video: The clip.
        tracks: Its faces, or those of the clip it was made from, so that a swap and its original are cut alike.

    Returns:
        (N, CROP_SIDE, CROP_SIDE, 3) uint8 RGB, aligned; where there are several faces that of the first track.

    Raises:
        ValueError: If the tracks are of a clip of another length, or show no face.
        VideoError: If the clip cannot be read.
    """
    crops, length = [], 0
    for length, frame in enumerate(read_frames(video), 1):
        faces = tracks.faces[length - 1] if length <= tracks.length else {}
        if faces:
            crops.append(align_face(frame, faces[min(faces)], CROP_SIDE).image)
    if length != tracks.length or not crops:
        raise ValueError(f"expected {length} frames tracked and a face in them, got {tracks.length} and {tracks.found}")
    return np.stack(crops)


def swap_features(crops: np.ndarray) -> np.ndarray:
    """Measures where a swap tends to give itself away: too smooth inside, and a border where it ends.

    Detail is the logarithm of the variance of the Laplacian, inside the face, and against that of a ring around the
    face. The edge is the logarithm of the mean gradient along the face's outline against that inside. The finest waves
    are the logarithm of the share of the spectrum's energy above a quarter cycle per pixel, in the middle of the face.

    Args:
        crops: (N, S, S, 3) uint8 RGB, aligned; S at least 32.

    Returns:
        (N, 4) float64, one column per name of `FEATURES`.

    Raises:
        ValueError: If shape or type is another.

    Taught in notebooks/08_responsible_use.
    """
    if crops.ndim != 4 or crops.shape[1] != crops.shape[2] or crops.shape[1] < 32:
        raise ValueError(f"expected (N, S, S, 3) uint8 with S at least 32, got {crops.shape} {crops.dtype}")
    inside, edge, around = outline_areas(crops.shape[1])
    rows = []
    for crop in crops:
        check_pictures(crop, crop)
        gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float64)
        laplacian = cv2.Laplacian(gray, cv2.CV_64F)
        gradient = np.hypot(*(cv2.Sobel(gray, cv2.CV_64F, x, 1 - x, scale=1 / 8) for x in (1, 0)))
        detail = np.log(laplacian[inside].var() + 1)
        surroundings = np.log(laplacian[around].var() + 1)
        border = np.log((gradient[edge].mean() + 1) / (gradient[inside].mean() + 1))
        rows.append([detail, detail - surroundings, border, np.log(_finest_share(gray))])
    return np.array(rows).reshape(-1, len(FEATURES))


def outline_areas(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where an aligned face is, where it ends, and a ring around it; three (side, side) bool arrays."""
    face = face_mask(template_points(side), side)
    within = cv2.distanceTransform((face > 127).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / side
    beyond = cv2.distanceTransform((face <= 127).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / side
    near, far = _SURROUNDINGS
    return within > _EDGE, (within <= _EDGE) & (beyond <= _EDGE), (beyond > near) & (beyond <= far)


def fit_detector(features: np.ndarray, labels: np.ndarray, *, strength: float = 0.01) -> FeatureDetector:
    """Fits a logistic regression by Newton's method.

    Source: Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", 4.4.1, with a penalty on weights.

    Args:
        features: (N, F).
        labels: (N,) 1 for a swap, 0 for a recording; at least one of either.
        strength: How much the mean squared weight counts beside the mean loss; above 0, or features that tell both
            kinds apart without error would ask for weights without end.

    Returns:
        The detector.

    Raises:
        ValueError: If the shapes do not match, a kind is missing, or the strength is not above 0.

    Taught in notebooks/08_responsible_use.
    """
    labels = np.asarray(labels, float)
    if features.ndim != 2 or labels.shape != features.shape[:1] or set(np.unique(labels)) != {0.0, 1.0}:
        raise ValueError(f"expected (N, F) features, N labels, both 0 and 1; got {features.shape}, {labels.shape}")
    if strength <= 0:
        raise ValueError(f"expected a strength above 0, got {strength}")
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    inputs = np.concatenate([(features - mean) / spread, np.ones((len(features), 1))], axis=1)  # a 1 for the bias
    penalty = np.diag([strength] * features.shape[1] + [1e-6])
    weights = np.zeros(inputs.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-inputs @ weights))
        slope = inputs.T @ (chance - labels) / len(labels) + penalty @ weights
        curvature = (inputs.T * (chance * (1 - chance))) @ inputs / len(labels) + penalty
        step = np.linalg.solve(curvature, slope)
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    return FeatureDetector(mean=mean, spread=spread, weights=weights[:-1], bias=float(weights[-1]))


def split_by_time(count: int, *, share: float = 0.6, gap: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Splits a clip's frames into the first ones, to learn from, and the last ones, to be judged by.

    Neighboring frames are nearly the same picture. If they were dealt out at random, every frame of the test would
    have a twin among those learnt from; so what lies between is left out.

    Args:
        count: Frames; at least 4.
        share: Of them that are learnt from, between 0 and 1.
        gap: Share that is left out; with `share` below 1.

    Returns:
        Indices of the first ones and of the last ones, each at least one.

    Raises:
        ValueError: If a number is out of range.
    """
    if count < 4 or not 0 < share < 1 or not 0 <= gap < 1 - share:
        raise ValueError(f"expected at least 4 frames and 0 < share < share + gap < 1, got {count}, {share}, {gap}")
    learnt, judged = max(1, int(count * share)), min(count - 1, int(np.ceil(count * (share + gap))))
    return np.arange(learnt), np.arange(judged, count)


def _finest_share(gray: np.ndarray) -> float:
    """Share of the energy in waves of at least `_FINEST` cycles per pixel, in the middle half of a picture."""
    side = gray.shape[0]
    middle = gray[side // 4 : side - side // 4, side // 4 : side - side // 4]
    window = np.hanning(len(middle))
    energy = np.abs(np.fft.fft2((middle - middle.mean()) * np.outer(window, window))) ** 2
    cycles = np.fft.fftfreq(len(middle))
    return float((energy[np.hypot(cycles[:, None], cycles) >= _FINEST].sum() + 1) / (energy.sum() + 1))
