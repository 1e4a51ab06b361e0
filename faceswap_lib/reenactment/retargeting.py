"""Transfers the motion of a driver to the face of a photo: what shape the face gets, and where the head is.

With relative motion, only the changes of the driver's face are transferred, so the photo keeps the proportions of its
own face. With absolute motion, it gets the driver's landmarks themselves.
"""

import dataclasses
import typing

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import CROP_SIZE, invert_affine
from faceswap_lib.faces.landmarks_68 import LOWER_LIDS, UPPER_LIDS
from faceswap_lib.reenactment.config import RetargetConfig
from faceswap_lib.reenactment.control_points import check_points
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.motion import Motion

MOST_YAW = 60.0
"""Largest yaw that is asked of a network, in degrees; its people hardly turn so far."""

UPPER_LIPS, LOWER_LIPS = (60, 61, 62, 63, 64), (60, 67, 66, 65, 64)
OUTER_UPPER, OUTER_LOWER = (49, 50, 51, 52, 53), (59, 58, 57, 56, 55)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Retargeted:
    """A motion on the face of a photo.

    Attributes:
        shapes: Per frame the shape that the photo's face gets.
        crop_from_output: (T, 2, 3) matrix from each output frame, of the photo's size, to the crop of side `CROP_SIZE`.
        held: Number of frames without the driver's face, or with landmarks that no face of the photo can have, which
            repeat the shape before them.
        reference: Frame of the driver that corresponds to the photo.
    """

    shapes: tuple[FaceShape, ...]
    crop_from_output: np.ndarray
    held: int
    reference: int


def retarget(
    motion: Motion, photo_shape: FaceShape, crop_from_photo: np.ndarray, config: RetargetConfig | None = None
) -> Retargeted:
    """Transfers a motion to the face of a photo.

    Args:
        motion: Motion of the driver.
        photo_shape: Shape of the photo's face in its aligned crop.
        crop_from_photo: (2, 3) matrix from the photo to this crop.
        config: Options.

    Returns:
        One shape and one matrix per frame. Frames before the first face have the shape of the first face.

    Raises:
        InputError: If the reference frame is not in the motion or shows no face, or no frame is usable.
    """
    config = config or RetargetConfig()
    known = [index for index, shape in enumerate(motion.shapes) if shape is not None]
    reference = _find_reference(motion, photo_shape, config.reference, known)
    first, start = motion.shapes[reference], motion.crop_from_frame[reference]
    assert first is not None
    shapes: list[FaceShape | None] = []
    for shape in motion.shapes:
        moved = None if shape is None else _scale_openings(_move(photo_shape, first, shape, config), config)
        shapes.append(moved if moved is not None and _is_face(moved) else None)
    usable = [index for index, shape in enumerate(shapes) if shape is not None]
    if not usable:
        raise InputError(
            "no frame of the driver gives the photo a possible face; choose another driver, --reference or --motion"
        )
    kept, matrices, at = [], np.empty((len(motion), 2, 3)), usable[0]
    for index, shape in enumerate(shapes):
        at = index if shape is not None else at
        kept.append(typing.cast(FaceShape, shapes[at]))
        matrices[index] = place_head(crop_from_photo, start, motion.crop_from_frame[at], config.head_motion)
    return Retargeted(
        shapes=tuple(kept),
        crop_from_output=matrices,
        held=len(motion) - len(usable),
        reference=reference,
    )


def place_head(
    crop_from_photo: np.ndarray, crop_from_start: np.ndarray, crop_from_frame: np.ndarray, share: float = 1.0
) -> np.ndarray:
    """Computes where the head is in an output frame: moved, turned and scaled as the driver's head since its start.

    The driver's motion is measured in the size of the driver's head, and applied in the size of the photo's.

    Args:
        crop_from_photo: (2, 3) matrix from the photo to its crop.
        crop_from_start: (2, 3) matrix from the driver's reference frame to its crop.
        crop_from_frame: (2, 3) matrix from the driver's current frame to its crop.
        share: Share of the motion, 0 to 1.

    Returns:
        (2, 3) matrix from the output frame to the crop.
    """
    photo, start, frame = (
        np.vstack([matrix, [0, 0, 1]]) for matrix in (crop_from_photo, crop_from_start, crop_from_frame)
    )
    moved = start @ np.linalg.inv(frame)  # where a point of the crop is, in the crop of the reference frame
    scale = np.sqrt(abs(np.linalg.det(moved[:2, :2])))
    angle = np.arctan2(moved[1, 0], moved[0, 0])
    center = np.full(2, (CROP_SIZE - 1) / 2)
    shift = moved[:2, :2] @ center + moved[:2, 2] - center
    cosine, sine = np.cos(share * angle), np.sin(share * angle)
    turn = scale**share * np.array([[cosine, -sine], [sine, cosine]])
    partial = np.vstack([np.column_stack([turn, center + share * shift - turn @ center]), [0, 0, 1]])
    return invert_affine((np.linalg.inv(photo) @ partial)[:2])


def _find_reference(motion: Motion, photo: FaceShape, asked: int, known: list[int]) -> int:
    """Returns the frame of the driver that corresponds to the photo."""
    if asked < 0:
        distances = [np.linalg.norm(shape.points - photo.points) for shape in motion.shapes if shape is not None]
        return known[int(np.argmin(distances))]
    if asked not in known:
        raise InputError(
            f"reference: frame {asked} of the driver shows no face; expected one of {known[0]} to {known[-1]} that does"
        )
    return asked


def _move(photo: FaceShape, first: FaceShape, now: FaceShape, config: RetargetConfig) -> FaceShape:
    """Applies the change from one shape of the driver to another to the photo's shape; or returns the driver's."""
    if config.motion == "absolute":
        return dataclasses.replace(now, yaw=float(np.clip(now.yaw, -MOST_YAW, MOST_YAW)))
    irises = None
    if photo.irises is not None and first.irises is not None and now.irises is not None:
        irises = photo.irises.copy()
        irises[:, :2] += now.irises[:, :2] - first.irises[:, :2]
    return FaceShape(
        points=photo.points + now.points - first.points,
        irises=irises,
        yaw=float(np.clip(photo.yaw + now.yaw - first.yaw, -MOST_YAW, MOST_YAW)),
    )


def _is_face(shape: FaceShape) -> bool:
    """Checks whether landmarks can be those of a face in the crop; errors of a detector or a motion file are not."""
    try:
        check_points(shape.points, "landmarks")
    except InputError:
        return False
    return True


def _scale_openings(shape: FaceShape, config: RetargetConfig) -> FaceShape:
    """Scales the openings of eyes and lips around their middles; the outer lips move with the inner ones."""
    points = shape.points.copy()
    lids, lips = (UPPER_LIDS, LOWER_LIDS), (UPPER_LIPS, LOWER_LIPS)
    for ratio, opening, moved in (
        (config.eyes_ratio, lids, [lids]),
        (config.lips_ratio, lips, [lips, (OUTER_UPPER, OUTER_LOWER)]),
    ):
        upper, lower = (shape.points[list(part)] for part in opening)
        change = (ratio - 1) / 2 * (lower - upper)
        for above, below in moved:
            points[list(above)] -= change
            points[list(below)] += change
    return dataclasses.replace(shape, points=points)
