"""Measuring a swapped video against its original, frame after frame.

Both pictures are cut by the original's matrix, so that a point of the crop means the same place in both; the landmarks
of the result are found in the result itself. What cannot be measured in a frame is NaN there.
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
"""Half the side of the square around a face in which the change is looked for, in sides of the crop."""

COLUMNS = (
    *("psnr", "ssim", "ms_ssim", "perceptual", "sharpness", "detection_rate", "face_score", "brightness"),
    *("background_psnr", "coverage", "outside_face_ratio", "seam"),
    *("landmark_error", "expression_error", "pose_error", "eyes_error", "mouth_error", "gaze_error", "yaw"),
    *("flicker_original", "flicker_swapped"),
    *("eyes_likeness", "mouth_likeness", "skin_likeness", "likeness_to_wanted", "likeness_to_original"),
)
"""What is measured of every frame."""

SIDES = ("original", "swapped")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MetricModels:
    """What measuring needs.

    Attributes:
        refiner: Finds a face again near where it must be.
        finder: Finds its landmarks.
        embedder: Says who it is; None leaves identity out.
        perceptual: Says how different two crops look; None leaves it out.
        wanted: The wanted person's own faces; None leaves likeness to them out.
        original: The original person's.
        every: Identity, likeness and perceptual distance are measured in every n-th frame.
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
    """A face as one of the two videos shows it.

    Attributes:
        crop: The crop and the detector's five points in it; the original's, where the detector found nothing.
        face: What the detector finds there, in pixels of the frame; None if it finds nothing.
        landmarks: (68, 2) or (5, 2) x, y in pixels of the crop; None without a face, and where the finder sees none.
    """

    crop: FaceCrop
    face: Face | None
    landmarks: np.ndarray | None


def _pair(before: FrameObservation, after: FrameObservation) -> tuple[FrameObservation, FrameObservation]:
    """Leaves out five landmarks where the other has 68: a finder of 68 that sees no face gives the crop's own five."""
    counts = [0 if look.landmarks is None else len(look.landmarks) for look in (before, after)]
    return tuple(
        dataclasses.replace(look, landmarks=None) if 0 < count < max(counts) else look
        for look, count in zip((before, after), counts, strict=True)
    )


class FrameMetrics:
    """Takes the frames of both videos in order and keeps what it measured.

    Attributes:
        series: By name, as in `COLUMNS`, one number per frame.
        embeddings: (D,) per frame, None where identity was not measured.
        own_embeddings: The same of the original's faces.
        views: By side eyes and mouth of every n-th frame that shows a face, as from `expression_view`.
        paths: By side the detector's five points of every frame, (5, 2), NaN without a face.
        expressions: By side the expression of every frame, (K,), NaN without a face or with five landmarks.
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
            swapped: The same frame of the result.
            face: The original's face, in pixels of the frame; None if it shows none.
        """
        values: dict[str, float] = {}
        looks, embedding, own_embedding = None, None, None
        is_sample = len(self.embeddings) % self._tools.every == 0
        if face is not None:
            matrix = crop_from_frame(face)
            before, after = looks = _pair(*(self._look(frame, face, matrix) for frame in (original, swapped)))
            known = before.crop.landmarks if before.landmarks is None else before.landmarks
            inside = part_mask(known, CROP_SIZE, Part.FACE, feather=0) > 127
            values = _compare_pictures(before, after, inside) | _compare_areas(original, swapped, face, inside)
            if before.landmarks is not None and after.landmarks is not None:
                values |= _compare_points(before, after, original.shape[1::-1])
            if self._last is not None:
                values |= _measure_flicker(self._last, looks, inside)
            if is_sample and self._tools.perceptual:
                values["perceptual"] = self._tools.perceptual(before.crop.image, after.crop.image)
            if is_sample:
                values |= _measure_likeness(after, known, self._tools)
                for side, look in zip(SIDES, looks, strict=True):
                    self.views[side].append(expression_view(look.crop.image, look.crop.landmarks))
            if is_sample and self._tools.embedder:
                own_embedding, embedding = self._tools.embedder.embed([before.crop, after.crop])
        for name, numbers in self.series.items():
            numbers.append(values.get(name, np.nan))
        self.embeddings.append(embedding)
        self.own_embeddings.append(own_embedding)
        self._note_motion(looks)
        self._last = looks

    def _look(self, frame: np.ndarray, face: Face, matrix: np.ndarray) -> FrameObservation:
        ((found,),) = self._tools.refiner.refine([frame], [[face]])
        crop = FaceCrop(
            image=warp_frame(frame, matrix, CROP_SIZE),
            landmarks=points_in_crop(found or face, matrix),
            crop_from_frame=matrix,
        )
        return FrameObservation(
            crop=crop, face=found, landmarks=self._tools.finder.detect([crop])[0] if found else None
        )

    def _note_motion(self, looks: tuple[FrameObservation, FrameObservation] | None) -> None:
        for side, look in zip(SIDES, looks or (None, None), strict=True):
            found = look is not None and look.face is not None
            self.paths[side].append(look.face.landmarks if found else np.full((5, 2), np.nan))
            if found and look.landmarks is not None and len(look.landmarks) == 68:
                self.expressions[side].append(landmark_metrics.expression(look.landmarks))
            else:
                self.expressions[side].append(np.full(len(landmark_metrics.EXPRESSION), np.nan))


def _compare_pictures(before: FrameObservation, after: FrameObservation, inside: np.ndarray) -> dict[str, float]:
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
    """Holds a new face against both people's own; where none was found in it, where the original's is."""
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
    """What was changed, in the square around the face that any swap stays within, and outside of it."""
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
    a, b = before.landmarks, after.landmarks
    values = {"landmark_error": landmark_metrics.landmark_error(b, a)}
    if len(a) != 68 or len(b) != 68:
        return values
    # The camera saw the frame, not the crop, so the head's angles are those of the points in the frame.
    head, new_head = (
        head_pose.head_pose(map_points(invert_affine(look.crop.crop_from_frame), look.landmarks), frame_size)
        for look in (before, after)
    )
    irises = [gaze.gaze_offset(look.crop.image, look.landmarks) for look in (before, after)]
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
    """The mean of what is not NaN; NaN if nothing is left."""
    known = numbers[np.isfinite(numbers)]
    return float(known.mean()) if len(known) else float("nan")


def _measure_flicker(
    last: tuple[FrameObservation, FrameObservation], now: tuple[FrameObservation, FrameObservation], inside: np.ndarray
) -> dict[str, float]:
    return {
        f"flicker_{side}": temporal_metrics.flicker(before.crop.image, after.crop.image, inside)
        for side, before, after in zip(SIDES, last, now, strict=True)
    }
