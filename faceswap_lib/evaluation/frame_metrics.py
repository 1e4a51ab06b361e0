"""Metrics of a swapped video against its original, frame by frame.

Both frames are cropped with the original's matrix, so a crop pixel is the same place in both frames. The landmarks of
the result are detected in the result itself. A metric that cannot be measured in a frame is NaN there.
"""

import dataclasses
import typing

import cv2
import numpy as np

from faceswap_lib.evaluation import blend_metrics, gaze, head_pose, image_metrics, landmark_metrics, temporal_metrics
from faceswap_lib.faces import CROP_SIZE, Face, FaceCrop, Part, crop_from_frame, part_mask, points_in_crop, warp_frame
from faceswap_lib.faces.alignment import invert_affine, map_points
from faceswap_lib.faces.detector import FaceRefiner
from faceswap_lib.faces.landmarks import LandmarkDetector
from faceswap_lib.faces.likeness import REGIONS, LikenessGallery, expression_view
from faceswap_lib.faces.recognition import FaceEmbedder

REACH = 1.5
"""Half the side of the square around a face in which changed pixels are searched for, in sides of the crop."""

COLUMNS = (
    *("psnr", "ssim", "ms_ssim", "perceptual", "sharpness", "detection_rate", "face_score", "brightness"),
    *("background_psnr", "coverage", "outside_face_ratio", "seam"),
    *("landmark_error", "expression_error", "pose_error", "eyes_error", "mouth_error", "gaze_error", "yaw"),
    *("flicker_original", "flicker_swapped"),
    *("eyes_likeness", "mouth_likeness", "skin_likeness", "likeness_to_wanted", "likeness_to_original"),
)
"""Names of the values per frame."""

SIDES = ("original", "swapped")
"""The two videos that are compared."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MetricModels:
    """Models and reference faces that the metrics use.

    Attributes:
        refiner: Detects a face again near its expected position.
        finder: Detects landmarks.
        embedder: Computes face embeddings; None skips the identity metrics.
        perceptual: Computes the perceptual distance of two crops (S, S, 3) uint8 RGB; None skips it.
        wanted: The wanted person's own faces; None skips the likeness to them.
        original: The original person's own faces; None skips the likeness to them.
        every: Interval of the frames in which identity, likeness and perceptual distance are measured.
    """

    refiner: FaceRefiner
    finder: LandmarkDetector
    embedder: FaceEmbedder | None = None
    perceptual: typing.Callable[[np.ndarray, np.ndarray], float] | None = None
    wanted: LikenessGallery | None = None
    original: LikenessGallery | None = None
    every: int = 5


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FrameObservation:
    """The face of one frame of one of the two videos.

    Attributes:
        crop: The crop with the detector's five points; with the original's points if the detector found no face.
        face: The face that the detector found, in pixels of the frame; None if it found none.
        landmarks: (68, 2) or (5, 2) x, y in pixels of the crop; None if no face or no landmarks were found.
    """

    crop: FaceCrop
    face: Face | None
    landmarks: np.ndarray | None


def _pair(before: FrameObservation, after: FrameObservation) -> tuple[FrameObservation, FrameObservation]:
    """Removes the landmarks of a face that has five if the other face has 68.

    A detector of 68 landmarks returns the crop's own five points if it does not detect a face.
    """
    counts = [0 if face.landmarks is None else len(face.landmarks) for face in (before, after)]
    before, after = (
        dataclasses.replace(face, landmarks=None) if 0 < count < max(counts) else face
        for face, count in zip((before, after), counts, strict=True)
    )
    return before, after


class FrameMetrics:
    """Measurements of the frames of both videos, which are added in temporal order.

    Args:
        tools: The models.

    Attributes:
        series: One value per frame, by name as in `COLUMNS`.
        embeddings: Embedding (D,) of the swapped face per frame; None where identity was not measured.
        own_embeddings: Embedding (D,) of the original face per frame; None where identity was not measured.
        views: Images (H, W) of eyes and mouth from `expression_view`, by side: one per measured frame with a face, at
            the interval `MetricModels.every`.
        paths: The detector's five points (5, 2) per frame, by side; NaN without a face.
        expressions: Expression (K,) per frame, by side; NaN without a face or without 68 landmarks.
    """

    def __init__(self, tools: MetricModels):
        self._tools = tools
        self.series: dict[str, list[float]] = {name: [] for name in COLUMNS}
        self.embeddings: list[np.ndarray | None] = []
        self.own_embeddings: list[np.ndarray | None] = []
        self.views: dict[str, list[np.ndarray]] = {side: [] for side in SIDES}
        self.paths: dict[str, list[np.ndarray]] = {side: [] for side in SIDES}
        self.expressions: dict[str, list[np.ndarray]] = {side: [] for side in SIDES}
        self._last: tuple[FrameObservation, FrameObservation] | None = None

    def add(self, original: np.ndarray, swapped: np.ndarray, face: Face | None) -> None:
        """Measures one frame.

        Args:
            original: (H, W, 3) uint8 RGB.
            swapped: (H, W, 3) uint8 RGB, the same frame of the result.
            face: The original's face, in pixels of the frame; None if the frame shows no face.
        """
        values: dict[str, float] = {}
        observed, embedding, own_embedding = None, None, None
        is_sample = len(self.embeddings) % self._tools.every == 0
        if face is not None:
            matrix = crop_from_frame(face)
            before, after = observed = _pair(
                self._observe(original, face, matrix), self._observe(swapped, face, matrix)
            )
            known = before.crop.landmarks if before.landmarks is None else before.landmarks
            inside = part_mask(known, CROP_SIZE, Part.FACE, feather=0) > 127
            values = _compare_crops(before, after, inside) | _compare_areas(original, swapped, face, inside)
            if before.landmarks is not None and after.landmarks is not None:
                values |= _compare_points(before, after, original.shape[1::-1])
            if self._last is not None:
                values |= _measure_flicker(self._last, observed, inside)
            if is_sample and self._tools.perceptual:
                values["perceptual"] = self._tools.perceptual(before.crop.image, after.crop.image)
            if is_sample:
                values |= _measure_likeness(after, known, self._tools)
                for side, seen in zip(SIDES, observed, strict=True):
                    self.views[side].append(expression_view(seen.crop.image, seen.crop.landmarks))
            if is_sample and self._tools.embedder:
                own_embedding, embedding = self._tools.embedder.embed([before.crop, after.crop])
        for name, numbers in self.series.items():
            numbers.append(values.get(name, np.nan))
        self.embeddings.append(embedding)
        self.own_embeddings.append(own_embedding)
        self._record_motion(observed)
        self._last = observed

    def _observe(self, frame: np.ndarray, face: Face, matrix: np.ndarray) -> FrameObservation:
        """Crops a frame with a matrix and detects the face and its landmarks near an expected face."""
        ((found,),) = self._tools.refiner.refine([frame], [[face]])
        crop = FaceCrop(
            image=warp_frame(frame, matrix, CROP_SIZE),
            landmarks=points_in_crop(found or face, matrix),
            crop_from_frame=matrix,
        )
        return FrameObservation(
            crop=crop, face=found, landmarks=self._tools.finder.detect([crop])[0] if found else None
        )

    def _record_motion(self, observed: tuple[FrameObservation, FrameObservation] | None) -> None:
        """Appends the points and the expression of both sides; NaN where they are missing."""
        for side, seen in zip(SIDES, observed or (None, None), strict=True):
            face = None if seen is None else seen.face
            landmarks = None if seen is None or face is None else seen.landmarks
            self.paths[side].append(np.full((5, 2), np.nan) if face is None else face.landmarks)
            if landmarks is not None and len(landmarks) == 68:
                self.expressions[side].append(np.array(landmark_metrics.expression(landmarks)))
            else:
                self.expressions[side].append(np.full(len(landmark_metrics.EXPRESSION), np.nan))


def _compare_crops(before: FrameObservation, after: FrameObservation, inside: np.ndarray) -> dict[str, float]:
    """Computes the image metrics of two crops, and the detection rate and score; `inside` is the face's area."""
    a, b = before.crop.image, after.crop.image
    values = {
        "psnr": image_metrics.psnr(a, b),
        "ssim": image_metrics.ssim(a, b),
        "ms_ssim": image_metrics.ms_ssim(a, b),
        "sharpness": image_metrics.sharpness(b, inside) / max(image_metrics.sharpness(a, inside), 1e-6),
        "brightness": float(cv2.cvtColor(a, cv2.COLOR_RGB2GRAY)[inside].mean()),
    }
    if before.face is not None:
        values["detection_rate"] = 100.0 * (after.face is not None)
        values["face_score"] = (after.face.score if after.face else 0.0) / before.face.score
    return values


def _measure_likeness(after: FrameObservation, known: np.ndarray, tools: MetricModels) -> dict[str, float]:
    """Computes the likeness of a swapped face to both people's own faces.

    Args:
        after: The swapped face.
        known: The original's landmarks, used if no landmarks were found in the swapped face.
        tools: The galleries of both people.
    """
    points = [known if after.landmarks is None else after.landmarks]
    values = {}
    if tools.wanted is not None:
        (likeness,) = tools.wanted.measure([after.crop], points)
        values |= {f"{name}_likeness": float(one) for name, one in zip(REGIONS, likeness, strict=True)}
        values["likeness_to_wanted"] = float(likeness.mean())
    if tools.original is not None:
        values["likeness_to_original"] = float(tools.original.measure([after.crop], points).mean())
    return values


def _compare_areas(original: np.ndarray, swapped: np.ndarray, face: Face, inside: np.ndarray) -> dict[str, float]:
    """Computes the blend metrics in a square around the face, and the PSNR of the background outside the face."""
    crop_matrix = crop_from_frame(face)
    frame_from_crop = invert_affine(crop_matrix)
    height, width = original.shape[:2]
    corners = (np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) - 0.5) * 2 * REACH * CROP_SIZE + CROP_SIZE / 2
    corners = map_points(frame_from_crop, corners)
    left, top = np.clip(np.floor(corners.min(0)), 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(0)), [left + 1, top + 1], [width, height]).astype(int)
    square = slice(top, bottom), slice(left, right)
    to_square = frame_from_crop - np.array([[0, 0, left], [0, 0, top]])
    size = (int(right - left), int(bottom - top))
    hull = cv2.warpAffine(inside.astype(np.uint8), to_square, size, flags=cv2.INTER_NEAREST) > 0
    before, after = original[square], swapped[square]
    changed = blend_metrics.changed_area(after, before)
    near = np.zeros((height, width), bool)
    near[square] = cv2.dilate(hull.astype(np.uint8), np.ones((3, 3)), iterations=round(0.2 * face.size)) > 0
    near |= blend_metrics.label_area(width, height)
    return {
        "coverage": 100 * blend_metrics.coverage(changed, hull),
        "outside_face_ratio": 100 * blend_metrics.outside_face_ratio(changed, hull),
        "seam": blend_metrics.seam(after, before, changed),
        "background_psnr": blend_metrics.background_psnr(swapped, original, near),
    }


def _compare_points(before: FrameObservation, after: FrameObservation, frame_size: tuple[int, int]) -> dict[str, float]:
    """Computes the landmark metrics of two faces that both have landmarks; most of them need 68."""
    a, b = (typing.cast(np.ndarray, seen.landmarks) for seen in (before, after))
    values = {"landmark_error": landmark_metrics.landmark_error(b, a)}
    if len(a) != 68 or len(b) != 68:
        return values
    # The head pose depends on the camera, which recorded the frame, so the landmarks are mapped back to the frame.
    head, new_head = (
        head_pose.head_pose(map_points(invert_affine(seen.crop.crop_from_frame), landmarks), frame_size)
        for seen, landmarks in ((before, a), (after, b))
    )
    irises = [gaze.gaze_offset(seen.crop.image, landmarks) for seen, landmarks in ((before, a), (after, b))]
    return values | {
        "expression_error": landmark_metrics.expression_error(
            landmark_metrics.expression(b), landmark_metrics.expression(a)
        ),
        "pose_error": head_pose.pose_error(new_head, head),
        "eyes_error": float(np.abs(np.subtract(gaze.eye_openness(a), gaze.eye_openness(b))).mean()),
        "mouth_error": abs(landmark_metrics.mouth_openness(a) - landmark_metrics.mouth_openness(b)),
        "gaze_error": mean_of_known(np.abs(irises[0] - irises[1])),
        "yaw": head.yaw,
    }


def mean_of_known(numbers: np.ndarray) -> float:
    """Computes the mean of the finite numbers of an array of any shape; NaN if there are none."""
    known = numbers[np.isfinite(numbers)]
    return float(known.mean()) if len(known) else float("nan")


def _measure_flicker(
    last: tuple[FrameObservation, FrameObservation], now: tuple[FrameObservation, FrameObservation], inside: np.ndarray
) -> dict[str, float]:
    """Computes the flicker of both videos between the last frame and this one."""
    return {
        f"flicker_{side}": temporal_metrics.flicker(before.crop.image, after.crop.image, inside)
        for side, before, after in zip(SIDES, last, now, strict=True)
    }
