"""Evaluation of reenactment: generated crops against the frames that the driver really shows, and cheap baselines.

The question differs from that of a swap: photo and driver show the same person, so every frame of the driver is the
right answer for its own shape.
"""

import dataclasses
import typing
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from faceswap_lib.evaluation.head_pose import eye_distance, head_pose, pose_error
from faceswap_lib.evaluation.image_metrics import psnr, ssim
from faceswap_lib.evaluation.landmark_metrics import expression, expression_agreement, landmark_error
from faceswap_lib.evaluation.lpips_like import PerceptualMeter
from faceswap_lib.evaluation.temporal_metrics import jitter
from faceswap_lib.faces.alignment import CROP_SIZE, template_points
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.faces.types import FaceCrop
from faceswap_lib.reenactment.face_shape import FaceShape, ShapeDetector
from faceswap_lib.reenactment.warping import warp_piecewise_affine, warp_similarity, warp_thin_plate_spline

CHUNK = 32
"""Number of crops whose shapes and embeddings are computed at a time."""

Method = Callable[[np.ndarray, FaceShape, FaceShape], np.ndarray]
"""Makes a crop from the photo's crop, its shape, and the wanted shape."""


def _copy(photo: np.ndarray, source: FaceShape, target: FaceShape) -> np.ndarray:
    return photo


def _by_warp(warp: Callable) -> Method:
    def move(photo: np.ndarray, source: FaceShape, target: FaceShape) -> np.ndarray:
        return warp(photo, source.points, target.points).image

    return move


BASELINES: dict[str, Method] = {
    "photo copied": _copy,
    "similarity": _by_warp(warp_similarity),
    "piecewise affine": _by_warp(warp_piecewise_affine),
    "thin-plate spline": _by_warp(warp_thin_plate_spline),
}
"""Methods that need no training."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReenactmentScores:
    """Scores of a series of reenacted crops; means over the frames, NaN where a measure does not work here.

    Attributes:
        psnr: Peak signal-to-noise ratio to the true frames in dB; higher is better.
        ssim: Structural similarity to the true frames; higher is better.
        perceptual: Perceptual distance to the true frames; lower is better.
        landmark_error: Distance of the landmarks to those of the true frame, in percent of the eye distance.
        gaze_error: Distance of the iris centers to those of the true frame, in percent of the eye distance.
        pose_error: Mean difference of yaw, pitch and roll in degrees.
        expression_agreement: Correlation of the moving parts of the expression over time, -1 to 1.
        identity_accuracy: Share of the frames whose nearest person is the right one, 0 to 1; NaN for one person.
        identity_distance: Distance of the embedding to the mean embedding of the person; lower is better.
        jitter: Jitter of the landmarks over that of the true frames; 1 is best.
        lost: Share of the frames in which no face is found.
    """

    psnr: float
    ssim: float
    perceptual: float
    landmark_error: float
    gaze_error: float
    pose_error: float
    expression_agreement: float
    identity_accuracy: float
    identity_distance: float
    jitter: float
    lost: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ReenactmentMeter:
    """Measures reenacted crops.

    Attributes:
        detector: Detects shapes.
        embedder: Computes face embeddings; None leaves identity out.
        perceptual: Measures perceptual distances; None leaves them out.
        people: Mean embedding of each person by name, from `mean_embeddings`.
    """

    detector: ShapeDetector
    embedder: FaceEmbedder | None
    perceptual: PerceptualMeter | None
    people: Mapping[str, np.ndarray]

    def measure(
        self, made: np.ndarray, truth: np.ndarray, person: str, *, expected: Sequence[FaceShape | None] | None = None
    ) -> ReenactmentScores:
        """Measures a series of consecutive crops.

        Args:
            made: (T, S, S, 3) uint8 RGB, the reenacted crops.
            truth: (T, S, S, 3) uint8 RGB, the aligned crops of the driver.
            person: Name of the person whom both should show.
            expected: Shapes of `truth` from `detect`, if they are known; saves time when several methods are measured.

        Raises:
            ValueError: If the shapes differ.
        """
        if made.shape != truth.shape:
            raise ValueError(f"expected two series of one shape, got {made.shape} and {truth.shape}")
        found = self.detect(made)
        expected = self.detect(truth) if expected is None else expected
        both = [(one, other) for one, other in zip(found, expected, strict=True) if one and other]
        accuracy, distance = self._identity(made, person)
        return ReenactmentScores(
            psnr=_mean(psnr(one, other) for one, other in zip(made, truth, strict=True)),
            ssim=_mean(ssim(one, other) for one, other in zip(made, truth, strict=True)),
            perceptual=float(self.perceptual.measure(made, truth).distances.mean()) if self.perceptual else np.nan,
            landmark_error=100 * _mean(landmark_error(one.points, other.points) for one, other in both),
            gaze_error=100 * _mean(_gaze_error(one, other) for one, other in both),
            pose_error=_mean(
                pose_error(head_pose(one.points, CROP_SIZE), head_pose(other.points, CROP_SIZE)) for one, other in both
            ),
            expression_agreement=_agreement(both),
            identity_accuracy=accuracy,
            identity_distance=distance,
            jitter=_ratio(_jitter(found), _jitter(expected)),
            lost=_mean(one is None for one in found),
        )

    def detect(self, crops: np.ndarray) -> list[FaceShape | None]:
        """Detects the shape in each of the aligned crops (T, S, S, 3) uint8; None where no face is found."""
        shapes: list[FaceShape | None] = []
        for start in range(0, len(crops), CHUNK):
            shapes += self.detector.detect(to_crops(crops[start : start + CHUNK]))
        return shapes

    def _identity(self, made: np.ndarray, person: str) -> tuple[float, float]:
        """Returns the share of frames whose nearest person is right, and the mean distance to the right one."""
        if self.embedder is None:
            return float("nan"), float("nan")
        names = list(self.people)
        known = np.stack([self.people[name] for name in names])
        distances = np.linalg.norm(embed(self.embedder, made)[:, None] - known, axis=-1)  # (T, P)
        own = names.index(person)
        accuracy = float((distances.argmin(axis=1) == own).mean()) if len(names) > 1 else float("nan")
        return accuracy, float(distances[:, own].mean())


def to_crops(images: np.ndarray) -> list[FaceCrop]:
    """Enlarges aligned crops (T, S, S, 3) uint8 to `CROP_SIZE`, with the landmarks of the alignment template."""
    points = template_points(CROP_SIZE)
    return [
        FaceCrop(
            image=cv2.resize(image, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_CUBIC)
            if len(image) != CROP_SIZE
            else image,
            landmarks=points,
            crop_from_frame=np.eye(2, 3),
        )
        for image in images
    ]


def embed(embedder: FaceEmbedder, images: np.ndarray) -> np.ndarray:
    """Computes the embeddings (T, D) of aligned crops (T, S, S, 3) uint8."""
    parts = [embedder.embed(to_crops(images[start : start + CHUNK])) for start in range(0, len(images), CHUNK)]
    return np.concatenate(parts)


def mean_embeddings(embedder: FaceEmbedder, crops: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Computes the mean embedding of each person from aligned crops (T, S, S, 3) uint8 by name."""
    return {name: embed(embedder, images).mean(axis=0) for name, images in crops.items()}


def _mean(values: typing.Iterable[float]) -> float:
    """Computes the mean of the finite values; NaN if there are none."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _ratio(value: float, reference: float) -> float:
    """Divides a measure by that of the true frames; NaN if those do not move at all."""
    return value / reference if reference else float("nan")


def _gaze_error(one: FaceShape, other: FaceShape) -> float:
    """Computes the distance of the iris centers relative to their eyes' corners, in eye distances."""
    if one.irises is None or other.irises is None:
        return float("nan")
    offsets = []
    for shape in (one, other):
        middles = np.stack([shape.points[[36, 39]].mean(axis=0), shape.points[[42, 45]].mean(axis=0)])
        offsets.append(typing.cast(np.ndarray, shape.irises)[:, :2] - middles)
    return float(np.linalg.norm(offsets[0] - offsets[1], axis=1).mean() / eye_distance(other.points))


def _agreement(both: Sequence[tuple[FaceShape, FaceShape]]) -> float:
    if not both:
        return float("nan")
    made, truth = ([expression(shape.points) for shape in shapes] for shapes in zip(*both, strict=True))
    return expression_agreement(made, truth)


def _jitter(shapes: Sequence[FaceShape | None]) -> float:
    series = np.stack([np.full((68, 2), np.nan) if shape is None else shape.points for shape in shapes])
    known = series[np.isfinite(series).all(axis=(1, 2))]
    return jitter(series, eye_distance(known.mean(axis=0))) if len(known) else float("nan")
