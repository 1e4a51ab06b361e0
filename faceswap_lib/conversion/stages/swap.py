"""Second stage: the networks generate the swapped faces."""

import typing

import numpy as np

from faceswap_lib.conversion.compositor import SwappedFace
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.latent.expression import describe_mouth
from faceswap_lib.conversion.stages.frame_task import Batch
from faceswap_lib.conversion.swapper import ViewSwapper
from faceswap_lib.conversion.visibility import find_visible, hide_covered
from faceswap_lib.faces import CROP_SIZE, Face, align_face, crop_from_frame, points_in_crop, view_matrix, warp_frame
from faceswap_lib.faces.alignment import invert_affine, map_points
from faceswap_lib.faces.landmarks import LandmarkDetector, open_landmark_detector
from faceswap_lib.faces.region import Contours, FaceRegion, open_outline_detector, region_mask


class SwapStage:
    """Stage that generates the swapped faces of a batch, all in one call of the networks.

    Args:
        swapper: Generates the swapped faces.
        config: Its `parts` say whether 68 landmarks are needed.
    """

    def __init__(self, swapper: ViewSwapper, config: ConvertConfig):
        self._swapper = swapper
        self._landmark_detector = None if "face" in config.parts else open_landmark_detector()

    def process(self, batch: Batch) -> Batch:
        """Sets `swapped` of every frame."""
        places = [(task, track) for task in batch for track in task.faces]
        faces = [(task.frame, task.faces[track]) for task, track in places]
        for (task, track), swapped in zip(
            places, swap_faces(faces, self._swapper, self._landmark_detector), strict=True
        ):
            task.swapped[track] = swapped
        return batch


def swap_faces(
    faces: typing.Sequence[tuple[np.ndarray, Face]],
    swapper: ViewSwapper,
    landmark_detector: LandmarkDetector | None = None,
) -> list[SwappedFace]:
    """Generates a swapped face for each of the given faces.

    Args:
        faces: Frames, (H, W, 3) uint8 RGB, each with one face in it to swap.
        swapper: Generates the swapped faces.
        landmark_detector: Detects 68 landmarks; needed where only parts of the face are shown.

    Returns:
        The swapped faces, in the same order.
    """
    if not faces:
        return []
    size, coverage = swapper.resolution, swapper.coverage
    matrices = [view_matrix(crop_from_frame(face), CROP_SIZE, size, coverage) for _, face in faces]
    points = [points_in_crop(face, matrix) for (_, face), matrix in zip(faces, matrices, strict=True)]
    views = np.stack([warp_frame(frame, matrix, size) for (frame, _), matrix in zip(faces, matrices, strict=True)])
    contours = _detect_contours(faces, matrices, swapper)
    outlines = [None if found is None else found.outline for found in contours]
    regions = [region_mask(*one, size, coverage=coverage) for one in zip(points, outlines, strict=True)]
    visible = find_visible(faces, getattr(swapper, "occlusion", None), coverage)
    regions = [hide_covered(*one) for one in zip(regions, visible, strict=True)]
    masks, new = swapper.swap(views, np.stack(regions))
    dense = [
        _detect_68(frame, face, matrix, landmark_detector)
        for (frame, face), matrix in zip(faces, matrices, strict=True)
    ]
    placement, detail = getattr(swapper, "placement", None), getattr(swapper, "detail", None)
    mouths = _describe_mouths(contours)
    rows = zip(views, new, masks, points, matrices, dense, contours, mouths, visible, strict=True)
    return [
        SwappedFace(
            target=view,
            swapped=face,
            mask=mask,
            landmarks=five,
            view_from_frame=matrix,
            landmarks_68=points_68,
            outline=None if found is None else found.outline,
            brows=None if found is None else found.brows,
            mouth=mouth,
            placement=placement,
            detail=detail,
            visible=seen,
        )
        for view, face, mask, five, matrix, points_68, found, mouth, seen in rows
    ]


def region_of(swapper: ViewSwapper) -> FaceRegion:
    """Returns the face region of a swapper; the ellipse if it has no such attribute."""
    return getattr(swapper, "face_region", "ellipse")


def _detect_68(
    frame: np.ndarray, face: Face, view_from_frame: np.ndarray, landmark_detector: LandmarkDetector | None
) -> np.ndarray | None:
    """Detects 68 landmarks in pixels of the view; None without a detector of 68 landmarks."""
    if landmark_detector is None:
        return None
    crop = align_face(frame, face)
    (points,) = landmark_detector.detect([crop])
    if len(points) != 68:
        return None
    return map_points(view_from_frame, map_points(invert_affine(crop.crop_from_frame), points))


def _detect_contours(
    faces: typing.Sequence[tuple[np.ndarray, Face]], matrices: list[np.ndarray], swapper: ViewSwapper
) -> list[Contours | None]:
    """Detects the contours of each face in pixels of its view; None if not detected or the region is the ellipse."""
    detector = open_outline_detector(region_of(swapper), getattr(swapper, "hairline", None))
    if detector is None:
        return [None] * len(faces)
    crops = [align_face(frame, face) for frame, face in faces]
    contours: list[Contours | None] = []
    for found, crop, matrix in zip(detector.find_contours(crops), crops, matrices, strict=True):
        if found is not None:
            frame_from_crop = invert_affine(crop.crop_from_frame)
            moved = [map_points(matrix, map_points(frame_from_crop, line.reshape(-1, 2))) for line in found]
            found = Contours(moved[0], moved[1].reshape(found.brows.shape), moved[2])
        contours.append(found)
    return contours


def _describe_mouths(contours: list[Contours | None]) -> list[np.ndarray | None]:
    """Describes the opening and corners of each mouth; None where no contours were detected."""
    known = [found.landmarks for found in contours if found is not None]
    described = iter(describe_mouth(np.stack(known)) if known else ())
    return [None if found is None else next(described) for found in contours]
