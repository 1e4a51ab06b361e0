"""Face parts as a set of flags, and the mask of any union of them.

Every part consists of a few convex outlines, drawn in the coordinate system of the face: origin between the eyes, x
along the eye line, y down, in eye distances of the template. With 68 landmarks, an outline is the convex hull of the
part's own landmarks, extended by a margin. With five, it is an ellipse or a hull placed by them. The pixels of the
image are not used, so a mask is the same for dark and light skin. The 68 landmarks are numbered from 0 in the order of
iBUG 300-W.
"""

import enum
import math
import typing

import cv2
import numpy as np

from faceswap_lib.config_fields import nearest
from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import EYE_DISTANCE, five_points

EYE_HALF_AXES = (0.33, 0.20)
MOUTH_HALF_AXES = (0.60, 0.37)
MOUTH_CENTER_BELOW_CORNERS = 0.12
FACE_HALF_AXES = (1.02, 1.36)
FACE_CENTER_BELOW_EYES = 0.42
YAW_SHIFT = 0.5
"""Shift of the visible face away from the nose, as a fraction of the nose's offset from the midpoint of the eyes."""

FEATHER = 0.02
"""Default softness of a border; 1.4 pixels of a crop, as in a blur of 7 x 7."""

EYE_MARGIN = 0.093
"""Margin of the eyes' hulls; 6.5 pixels of a crop, as in a dilation of 13 x 13."""

EYEBROW_MARGIN = 0.115
"""Margin of the eyebrows' hulls; 8 pixels of a crop, as in two dilations of 9 x 9."""

NOSE_MARGIN = 0.10
MOUTH_MARGIN = 0.093
FOREHEAD_HEIGHT = 1.05
"""Distance from the eye line to the end of the forehead, about the hairline."""

EYEBROW = np.array([[-0.36, -0.22], [-0.26, -0.35], [-0.08, -0.41], [0.12, -0.39], [0.30, -0.30]])
"""(5, 2) x, y of an average eyebrow on the left of the image, relative to the center of its eye."""

NOSE = np.array([[-0.22, 0.14], [0.0, 0.20], [0.22, 0.14]])
"""(3, 2) x, y of an average nose's wings and base, relative to the nose tip."""

FINER = 4
"""Supersampling factor with which a mask is drawn."""

OUTLINE = 0.66
"""Distance by which OpenCV's anti-aliased drawing extends a filled polygon, in pixels of the drawing."""


class Part(enum.Flag):
    """Set of face parts, for example `Part.EYES | Part.MOUTH`."""

    EYES = enum.auto()
    EYEBROWS = enum.auto()
    NOSE = enum.auto()
    MOUTH = enum.auto()
    FACE = enum.auto()
    """Forehead to chin and cheek to cheek: more than all other parts together."""


_GROUPS = {
    Part.EYES: (EYE_MARGIN, ((36, 41), (42, 47))),
    Part.EYEBROWS: (EYEBROW_MARGIN, ((17, 21), (22, 26))),
    Part.NOSE: (NOSE_MARGIN, ((27, 35),)),
    Part.MOUTH: (MOUTH_MARGIN, ((48, 67),)),
}
"""Per part its margin and, per hull, the first and the last of its 68 landmarks."""

_ANGLES = np.linspace(0, 2 * np.pi, 64, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)


def parse_parts(text: str) -> Part:
    """Parses a set of parts.

    Args:
        text: Names joined by `+`, for example "eyes+mouth"; case and spaces are ignored.

    Returns:
        The union.

    Raises:
        InputError: If a name is unknown; the message suggests the most similar name.

    Example:
        >>> parse_parts("eyes+mouth") == Part.EYES | Part.MOUTH
        True
    """
    known = {name.lower(): part for name, part in Part.__members__.items()}
    parts = Part(0)
    for name in text.split("+"):
        name = name.strip().lower()
        if name not in known:
            raise InputError(f"unknown part '{name}' of a face{nearest(name, known)}")
        parts |= known[name]
    return parts


def check_landmarks(landmarks: np.ndarray) -> None:
    """Raises `ValueError` unless there are 5 or 68 landmarks."""
    if np.shape(landmarks) not in ((5, 2), (68, 2)):
        raise ValueError(f"landmarks: expected shape (5, 2) or (68, 2), got {np.shape(landmarks)}")


def part_mask(
    landmarks: np.ndarray, size: int, parts: Part, *, coverage: float = 1.0, feather: float = FEATHER
) -> np.ndarray:
    """Draws the mask of one face's parts with a soft border.

    Without feather, the mask of a union is the pixelwise maximum of the masks of its parts. The feather is applied to
    the union, so parts that touch have no visible seam.

    Args:
        landmarks: (5, 2) or (68, 2) x, y in pixels of the image; some may be outside the image.
        size: Side of the image in pixels.
        parts: The parts to draw.
        coverage: Fraction of a crop's side that the image shows: 1 for a crop, `VIEW_COVERAGE` for a view.
        feather: Standard deviation of the border in eye distances, 0 for a hard border.

    Returns:
        (size, size) uint8, 255 inside.

    Raises:
        ValueError: If the landmarks have another shape, or the set is empty.

    Taught in notebooks/02_prep_binary_masks.
    """
    mask = np.zeros((size, size), np.uint8)
    for outline in part_outlines(landmarks, size, parts, coverage=coverage):
        mask = np.maximum(mask, _fill(outline, size))
    sigma = feather * EYE_DISTANCE * size / coverage
    return cv2.GaussianBlur(mask, (0, 0), sigma) if sigma > 0 else mask


def part_masks(
    landmarks: typing.Sequence[np.ndarray], size: int, parts: Part, *, coverage: float = 1.0, feather: float = FEATHER
) -> np.ndarray:
    """Draws the masks of the same parts for a batch of faces, each from its own landmarks.

    Args:
        landmarks: N arrays (5, 2) or (68, 2); both may occur in one batch.
        size: Side of the images in pixels.
        parts: The parts to draw.
        coverage: Fraction of a crop's side that the images show.
        feather: Standard deviation of the border in eye distances.

    Returns:
        (N, size, size) uint8, 255 inside.
    """
    masks = np.empty((len(landmarks), size, size), np.uint8)
    for mask, points in zip(masks, landmarks, strict=True):
        mask[...] = part_mask(points, size, parts, coverage=coverage, feather=feather)
    return masks


def part_outlines(landmarks: np.ndarray, size: int, parts: Part, *, coverage: float = 1.0) -> list[np.ndarray]:
    """Computes the convex outlines that `part_mask` fills, two for eyes and eyebrows, one for other parts.

    Arguments and errors are those of `part_mask`.

    Returns:
        Per outline (N, 2) float64 x, y in pixels of the image, clockwise for the viewer.
    """
    check_landmarks(landmarks)
    if not parts:
        raise ValueError(f"parts: expected at least one of {', '.join(Part.__members__)}, got none")
    left, right = five_points(landmarks)[:2]
    unit = EYE_DISTANCE * size / coverage
    middle = (left + right) / 2
    roll = math.atan2(right[1] - left[1], right[0] - left[0])
    axes = unit * np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    points = (landmarks - middle) @ axes.T / unit**2
    return [outline @ axes + middle for part in Part if part in parts for outline in _outlines(part, points)]


def _outlines(part: Part, points: np.ndarray) -> list[np.ndarray]:
    """Computes the outlines of one part; outlines and landmarks are in the coordinate system of the face."""
    if part is Part.FACE:
        others = [outline for other in Part if other is not part for outline in _outlines(other, points)]
        return [_around(_face(points), *others)]
    if len(points) == 68:
        margin, groups = _GROUPS[part]
        return [_grow(points[first : last + 1], margin) for first, last in groups]
    eyes, tip, corners = points[:2], points[2], points[3:]
    if part is Part.EYES:
        return [_ellipse(eye, *np.diag(EYE_HALF_AXES)) for eye in eyes]
    if part is Part.EYEBROWS:
        return [_grow(eye + EYEBROW * [side, 1], EYEBROW_MARGIN) for eye, side in zip(eyes, (1, -1), strict=True)]
    if part is Part.NOSE:
        return [_grow(np.concatenate([np.zeros((1, 2)), tip + NOSE]), NOSE_MARGIN)]
    return [_ellipse(corners.mean(0) + [0, MOUTH_CENTER_BELOW_CORNERS], *np.diag(MOUTH_HALF_AXES))]


def _face(points: np.ndarray) -> np.ndarray:
    """Computes the outline of the whole face.

    With 68 landmarks it is the jaw with a half ellipse above it; with five, an ellipse that moves away from the nose
    when the head turns.
    """
    if len(points) == 68:
        temples = points[[0, 16]]
        center = temples.mean(0)
        top = np.array([points[17:27, 0].mean(), -FOREHEAD_HEIGHT])
        forehead = _ellipse(center, temples[1] - center, top - center)[: len(_CIRCLE) // 2 + 1]
        return np.concatenate([points[:17], forehead])
    turn = points[2, 0] - points[[0, 1, 3, 4], 0].mean()
    return _ellipse(np.array([-YAW_SHIFT * turn, FACE_CENTER_BELOW_EYES]), *np.diag(FACE_HALF_AXES))


def _ellipse(center: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Computes the ellipse through center + across and center + down, (64, 2)."""
    return center + _CIRCLE @ np.array([across, down])


def _grow(points: np.ndarray, margin: float) -> np.ndarray:
    """Extends the points' convex hull by a margin."""
    return _around(*(point + margin * _CIRCLE for point in points))


def _around(*points: np.ndarray) -> np.ndarray:
    """Computes the convex hull of all points, (N, 2)."""
    return cv2.convexHull(np.concatenate(points).astype(np.float32), clockwise=False)[:, 0].astype(np.float64)


def _fill(outline: np.ndarray, size: int) -> np.ndarray:
    """Draws one outline, 255 inside; the value of a border pixel is the fraction of its area that is inside."""
    bits = 4  # for subpixel precision, OpenCV takes fixed-point coordinates with this many fractional bits
    points = (outline + 0.5) * FINER - 0.5
    along = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    inward = along[:, ::-1] * [-1, 1] / np.linalg.norm(along, axis=1, keepdims=True)
    points = np.round((points + OUTLINE * inward) * 2**bits).astype(np.int32)
    canvas = np.zeros((FINER * size, FINER * size), np.uint8)
    cv2.fillConvexPoly(canvas, points, 255, cv2.LINE_AA, bits)
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
