"""A small deepfake detector: hand-crafted features of a face and a logistic regression. It does not use Keras.

It shows what such detectors measure and where they fail. It separates the swaps that it was fitted to from the clip
they were made from; its score for any other video is not reliable.
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
"""Side of the crops in pixels."""

FEATURES = ("detail", "detail against surroundings", "edge of the face", "finest waves")
"""Names of the features of `swap_features`, in order."""

_EDGE = 0.03  # half the width of the ring along the face's outline, as a fraction of the crop's side
_SURROUNDINGS = (0.05, 0.16)  # distances outside that outline between which the surroundings are measured
_FINEST = 0.25  # cycles per pixel from which a frequency counts as high; 0.5 is the Nyquist frequency


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FeatureDetector:
    """Logistic regression on standardized features.

    Attributes:
        mean: (F,) mean of the features in the training data.
        spread: (F,) standard deviation of the features in the training data.
        weights: (F,) weight of each standardized feature; a positive weight is evidence for a swap.
        bias: Bias that is added to the weighted sum.
    """

    mean: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    bias: float

    def score(self, features: np.ndarray) -> np.ndarray:
        """Computes the log-odds of a swap, (N,) for features (N, F); above 0 means swap."""
        return (features - self.mean) / self.spread @ self.weights + self.bias


def read_crops(video: pathlib.Path, tracks: VideoTracks) -> np.ndarray:
    """Crops one aligned face from every frame of a clip in which a face was tracked.

    Args:
        video: The clip.
        tracks: Tracks of the clip, or of the clip it was made from, so that a swap and its original have the same
            crops.

    Returns:
        (N, CROP_SIDE, CROP_SIDE, 3) uint8 RGB, aligned; if a frame shows several faces, the face of the first track.

    Raises:
        ValueError: If the tracks have another length than the clip, or show no face.
        VideoError: If the clip cannot be read.
    """
    crops, length = [], 0
    for length, frame in enumerate(read_frames(video), 1):
        faces = tracks.faces[length - 1] if length <= tracks.length else {}
        if faces:
            crops.append(align_face(frame, faces[min(faces)], CROP_SIDE).image)
    if length != tracks.length or not crops:
        raise ValueError(
            f"expected tracks of the {length} frames of {video} with a face in at least one of them, got tracks of "
            f"{tracks.length} frames with a face in {tracks.found}; track the clip again, or name the right clip"
        )
    return np.stack(crops)


def swap_features(crops: np.ndarray) -> np.ndarray:
    """Computes features in which swaps often differ from recordings: less detail in the face, and a visible outline.

    The first feature is the logarithm of the variance of the Laplacian inside the face. The second one is the first one
    minus the same value for a ring around the face. The third one is the logarithm of the ratio of the mean gradient
    along the outline of the face to the mean gradient inside the face. The fourth one measures high frequencies: it is
    the logarithm of the fraction of the spectrum's energy at a quarter cycle per pixel or more, in the middle of the
    face. 1 is added to every variance, mean gradient and energy, so that the logarithms of plain areas are finite.

    Args:
        crops: (N, S, S, 3) uint8 RGB, aligned; S at least 32.

    Returns:
        (N, 4) float64, one column per name in `FEATURES`.

    Raises:
        ValueError: If the shape or dtype is wrong.

    Taught in notebooks/08b_deepfake_detector.
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
        rows.append([detail, detail - surroundings, border, np.log(_high_frequency_ratio(gray))])
    return np.array(rows).reshape(-1, len(FEATURES))


def outline_areas(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Computes three (side, side) bool masks of an aligned crop: inside of the face, its outline, and a ring around it.

    Args:
        side: Side of the crop in pixels.

    Returns:
        The masks of the inside, the outline and the surroundings.
    """
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
        labels: (N,) 1 for a swap, 0 for a recording; at least one of each.
        strength: Strength of the L2 penalty on the weights. It must be above 0, because perfectly separable features
            would otherwise lead to infinite weights.

    Returns:
        The detector.

    Raises:
        ValueError: If the shapes do not match, a class is missing, or the strength is not above 0.

    Taught in notebooks/08b_deepfake_detector.
    """
    labels = np.asarray(labels, float)
    if features.ndim != 2 or labels.shape != features.shape[:1] or set(np.unique(labels)) != {0.0, 1.0}:
        values = np.unique(labels)[:4].tolist()
        raise ValueError(
            f"expected (N, F) features and N labels, both 0 and 1 among them; got the shapes {features.shape} and "
            f"{labels.shape}, and the labels {values}"
        )
    if strength <= 0:
        raise ValueError(f"expected a strength above 0, got {strength}")
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    inputs = np.concatenate([(features - mean) / spread, np.ones((len(features), 1))], axis=1)  # a 1 for the bias
    penalty = np.diag([strength] * features.shape[1] + [1e-6])
    weights = np.zeros(inputs.shape[1])
    for _ in range(50):
        probability = 1 / (1 + np.exp(-inputs @ weights))
        gradient = inputs.T @ (probability - labels) / len(labels) + penalty @ weights
        hessian = (inputs.T * (probability * (1 - probability))) @ inputs / len(labels) + penalty
        step = np.linalg.solve(hessian, gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    return FeatureDetector(mean=mean, spread=spread, weights=weights[:-1], bias=float(weights[-1]))


def split_by_time(count: int, *, share: float = 0.6, gap: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Splits the frames of a clip by time: the first frames for training, the last frames for testing.

    Neighboring frames are almost identical, so a random split would put a near copy of every test frame into the
    training set. For the same reason the frames between the two sets are left out.

    Args:
        count: Number of frames, at least 4.
        share: Fraction of the frames for training, above 0.
        gap: Fraction of the frames that is left out, at least 0; `share + gap` must be below 1.

    Returns:
        Indices of the training frames (N,) and of the test frames (M,), both int, at least one each.

    Raises:
        ValueError: If a number is out of range.
    """
    if count < 4 or not 0 < share < 1 or not 0 <= gap < 1 - share:
        raise ValueError(
            f"expected at least 4 frames, share above 0, gap of at least 0 and share + gap below 1; got {count} "
            f"frames, share {share}, gap {gap}"
        )
    train_stop, test_start = max(1, int(count * share)), min(count - 1, int(np.ceil(count * (share + gap))))
    return np.arange(train_stop), np.arange(test_start, count)


def _high_frequency_ratio(gray: np.ndarray) -> float:
    """Computes the fraction of the spectrum's energy at `_FINEST` or more cycles per pixel.

    The spectrum is that of the middle of the (S, S) image, half as wide and half as high as the image.
    """
    side = gray.shape[0]
    middle = gray[side // 4 : side - side // 4, side // 4 : side - side // 4]
    window = np.hanning(len(middle))
    energy = np.abs(np.fft.fft2((middle - middle.mean()) * np.outer(window, window))) ** 2
    cycles = np.fft.fftfreq(len(middle))
    return float((energy[np.hypot(cycles[:, None], cycles) >= _FINEST].sum() + 1) / (energy.sum() + 1))
