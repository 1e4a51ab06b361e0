"""Faces that a person draws: from five landmarks or from a box, where the detector found none or a wrong one."""

import typing

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import MEAN_FACE, map_points, similarity_transform
from faceswap_lib.faces.detector import DetectConfig, FaceRefiner
from faceswap_lib.faces.types import Face

BOX = np.array([-1.05, -1.18, 1.05, 1.80])
"""Left, top, right, bottom of the detector's box around `MEAN_FACE`, in eye distances; measured on eight people."""

SMALLEST_EYE_DISTANCE = 4.0
"""Smallest distance between the eyes of a drawn face, in pixels of the frame."""

DRAWN_SCORE = 1.0
"""Score of a face whose landmarks a person has drawn."""


PROPOSAL = DetectConfig(threshold=0.3, min_face_area=16**2)
"""Options of a detector that proposes landmarks in a drawn box: a person has seen that a face is there."""


class ProposedFace(typing.NamedTuple):
    """Face that was proposed for a box.

    Attributes:
        face: The face.
        is_detected: Whether the detector found its landmarks; otherwise they are those of an average face.
    """

    face: Face
    is_detected: bool


def face_from_landmarks(landmarks: np.ndarray | typing.Sequence[typing.Sequence[float]], *, frame: np.ndarray) -> Face:
    """Builds a face from five landmarks that a person has drawn.

    The box is the one that the detector would give an average face with these landmarks.

    Args:
        landmarks: (5, 2) x, y in pixels of the frame, in the order of `Face.landmarks`.
        frame: (H, W, 3) uint8 RGB.

    Returns:
        The face, with the score `DRAWN_SCORE`.

    Raises:
        InputError: If there are not five finite points, the face is outside the frame, tiny or mirrored, or several
            points are in one place.
    """
    try:
        points = np.array(landmarks, np.float64)
    except (ValueError, TypeError) as error:
        raise InputError(f"landmarks: expected five pairs x, y, got {landmarks!r:.80}") from error
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise InputError(f"landmarks: expected five pairs x, y of finite numbers, got an array of shape {points.shape}")
    _check_positions(points, frame)
    frame_from_mean = similarity_transform(MEAN_FACE, points)
    scale = float(np.sqrt(np.linalg.det(frame_from_mean[:, :2])))
    (center,) = map_points(frame_from_mean, ((BOX[:2] + BOX[2:]) / 2)[None])
    half = (BOX[2:] - BOX[:2]) / 2 * scale
    return Face(box_xyxy=np.concatenate([center - half, center + half]), score=DRAWN_SCORE, landmarks=points)


def face_from_box(box_xyxy: np.ndarray | typing.Sequence[float], *, frame: np.ndarray) -> Face:
    """Fits an average upright face into a box.

    Args:
        box_xyxy: (4,) left, top, right, bottom in pixels of the frame; the corners may be in any order.
        frame: (H, W, 3) uint8 RGB.

    Returns:
        The face, with the given box and the score `DRAWN_SCORE`.

    Raises:
        InputError: If the box is not four finite numbers, is outside the frame, or is too small for a face.
    """
    try:
        corners = np.array(box_xyxy, np.float64).reshape(2, 2)
    except (ValueError, TypeError) as error:
        raise InputError(f"box: expected left, top, right, bottom, got {box_xyxy!r:.80}") from error
    if not np.isfinite(corners).all():
        raise InputError(f"box: expected finite numbers, got {corners.ravel().tolist()}")
    low, high = corners.min(axis=0), corners.max(axis=0)
    scale = float(np.mean((high - low) / (BOX[2:] - BOX[:2])))
    points = (MEAN_FACE - (BOX[:2] + BOX[2:]) / 2) * scale + (low + high) / 2
    if (high - low).min() <= 0 or scale < SMALLEST_EYE_DISTANCE:
        width, height = high - low
        raise InputError(f"box: expected the size of a face in pixels, got {width:.0f} x {height:.0f}; draw it larger")
    _check_positions(points, frame)
    return Face(box_xyxy=np.concatenate([low, high]), score=DRAWN_SCORE, landmarks=points)


def propose_face(
    box_xyxy: np.ndarray | typing.Sequence[float], *, frame: np.ndarray, refiner: FaceRefiner | None
) -> ProposedFace:
    """Proposes the landmarks of the face in a box: those of the detector's last network, else those of an average face.

    Args:
        box_xyxy: (4,) left, top, right, bottom in pixels of the frame.
        frame: (H, W, 3) uint8 RGB.
        refiner: The detector; None for an average face.

    Returns:
        The face.

    Raises:
        InputError: As `face_from_box`.

    Taught in notebooks/09_facesets.
    """
    guess = face_from_box(box_xyxy, frame=frame)
    if refiner is not None:
        ((face,),) = refiner.refine([frame], [(guess,)])
        if face is not None:
            return ProposedFace(face=face, is_detected=True)
    return ProposedFace(face=guess, is_detected=False)


def _check_positions(points: np.ndarray, frame: np.ndarray) -> None:
    """Checks that five landmarks can be those of a face in the frame."""
    height, width = frame.shape[:2]
    x, y = points.mean(axis=0)
    if not (0 <= x < width and 0 <= y < height):
        raise InputError(f"expected a face inside the frame of {width} x {height} pixels, got one at {x:.0f}, {y:.0f}")
    across = points[1] - points[0]
    down = points[3:].mean(axis=0) - points[:2].mean(axis=0)
    if np.linalg.norm(across) < SMALLEST_EYE_DISTANCE or np.linalg.norm(down) < SMALLEST_EYE_DISTANCE:
        raise InputError(
            f"landmarks: expected eyes and mouth at least {SMALLEST_EYE_DISTANCE:g} pixels apart, got "
            f"{np.linalg.norm(across):.1f} between the eyes and {np.linalg.norm(down):.1f} from eyes to mouth"
        )
    if across[0] * down[1] - across[1] * down[0] <= 0:
        raise InputError(
            "landmarks: expected the eye on the left of an upright face first, got a mirrored face; the order is left "
            "eye, right eye, nose tip, left and right corner of the mouth"
        )
