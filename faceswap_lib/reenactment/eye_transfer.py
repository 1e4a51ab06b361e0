"""Gaze of a photo's eyes: sclera and iris of the photo are moved to where the target's irises are; the lids stay.

Along the line between the corners of an eye, the map is linear in three pieces: the iris is moved as a whole, and the
white on both sides of it becomes wider or narrower.
"""

import typing

import cv2
import numpy as np

from faceswap_lib.conversion.blending import alpha_blend
from faceswap_lib.faces.alignment import CROP_SIZE, EYE_DISTANCE
from faceswap_lib.faces.landmarks_68 import LEFT_EYE, RIGHT_EYE
from faceswap_lib.reenactment.control_points import fill_polygons
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.skin_alpha import SHARP, SMEARED, smooth_step
from faceswap_lib.reenactment.warping import NO_MAP, pixel_grid

EYES = (LEFT_EYE, RIGHT_EYE)

CLOSED, OPEN = 0.14, 0.22
"""Openness of an eye (height over width) up to which nothing is transferred, and from which everything is. Irises
behind closed lids are guesses of their network; see `faces.mesh_measures.CLOSED_EYE`."""

NARROWEST = 0.04
"""Smallest width of the white on each side of the iris, in widths of the eye. Where there is less, the iris ends behind
the corner of the eye."""

IRIS_EXTENT = 1.25
"""Radius of the part of an eye that moves with the iris, relative to the detected radius, which is about 0.8 of the
true one in two clips in which it was measured by eye."""

FAR = 10.0
"""Distance of the ends of the map along an eye, in its widths; beyond the corners the map continues straight."""

LID_INSET = 0.012
"""Distance from the lids within which the photo's pixels are not used, in eye distances: lashes and shadows."""

LID_SOFTNESS = 0.012
"""Standard deviation of the border of an eye's opening, in eye distances."""

BRIGHTNESS = (0.75, 1.3)
"""Smallest and largest factor by which the brightness of generated eyes is corrected."""


class EyeTransfer(typing.NamedTuple):
    """Eyes of a photo, moved to another gaze.

    Attributes:
        image: (S, S, 3) uint8 RGB; defined where `weight` is above 0.
        weight: (S, S) float32, 0 to 1: where these eyes may be shown.
        seen: (S, S) float32, 0 to 1: 0 where the photo's lids hide what the target shows, and the nearest visible
            pixels of the eye are repeated; also 0 where a little white would have to be stretched far.
    """

    image: np.ndarray
    weight: np.ndarray
    seen: np.ndarray


def eye_openness(points: np.ndarray) -> np.ndarray:
    """Measures the height of both eyes over their width, (2,), from (68, 2) landmarks."""
    eyes = np.stack([points[eye] for eye in EYES])
    heights = np.linalg.norm(eyes[:, [1, 2]] - eyes[:, [5, 4]], axis=-1).mean(axis=1)
    return heights / np.maximum(np.linalg.norm(eyes[:, 3] - eyes[:, 0], axis=1), 1e-6)


def opening_mask(eye: np.ndarray, size: int, *, inset: float = 0.0) -> np.ndarray:
    """Draws the opening of one eye with a soft edge.

    Args:
        eye: (6, 2) x, y of its landmarks, in pixels of a crop of side `CROP_SIZE`.
        size: Side S of the mask in pixels.
        inset: How much smaller the mask is, in eye distances.

    Returns:
        (S, S) float32, 0 to 1.
    """
    unit = EYE_DISTANCE * size
    filled = fill_polygons(size, eye)
    radius = round(inset * unit)
    if radius > 0:
        filled = cv2.erode(filled, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2))
    return cv2.GaussianBlur(filled, (0, 0), LID_SOFTNESS * unit)


def transfer_eyes(photo: np.ndarray, source: FaceShape, target: FaceShape) -> EyeTransfer | None:
    """Moves the eyes of a photo to the gaze of the target.

    Args:
        photo: (S, S, 3) uint8 RGB, an aligned crop.
        source: The shape of the face in the photo.
        target: The wanted shape.

    Returns:
        The eyes; None if the irises of either shape are unknown, or no eye is open in both.
    """
    if source.irises is None or target.irises is None:
        return None
    openness = np.minimum(eye_openness(source.points), eye_openness(target.points))
    shares = smooth_step((openness - CLOSED) / (OPEN - CLOSED))
    if not shares.any():
        return None
    size = len(photo)
    image, weight, seen = photo.copy(), np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    for eye, before, after, share in zip(EYES, source.irises, target.irises, shares, strict=True):
        rows, columns = _around(target.points[eye], size)
        if share == 0 or not seen[rows, columns].size:
            continue
        places, visible = _move_iris(source.points[eye], target.points[eye], before, after, size, rows, columns)
        image[rows, columns] = cv2.remap(photo, places, NO_MAP, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        seen[rows, columns] = visible
        weight = np.maximum(weight, np.float32(share) * opening_mask(target.points[eye], size, inset=LID_INSET))
    return EyeTransfer(image=image, weight=weight, seen=seen)


def match_brightness(generated: np.ndarray, photo: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Scales the brightness of the eyes in a generated picture to that of the photo's eyes.

    Args:
        generated: (S, S, 3) uint8 RGB, the picture with the target's shape.
        photo: (S, S, 3) uint8 RGB.
        source: (68, 2) x, y of the photo's landmarks, in pixels of a crop of side `CROP_SIZE`.
        target: (68, 2) x, y of the target's landmarks.

    Returns:
        (S, S, 3) uint8 RGB; only the eyes change, and nothing changes if an eye is closed.
    """
    size = len(photo)
    if min(eye_openness(source).min(), eye_openness(target).min()) < CLOSED:
        return generated
    old, new = (np.maximum(*(opening_mask(points[eye], size) for eye in EYES)) for points in (source, target))
    levels = [
        float((cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) * mask).sum() / max(float(mask.sum()), 1e-6))
        for image, mask in ((photo, old), (generated, new))
    ]
    factor = np.clip((levels[0] + 1) / (levels[1] + 1), *BRIGHTNESS)
    gain = 1 + (np.float32(factor) - 1) * new
    return cv2.multiply(generated, cv2.merge([gain] * 3), dtype=cv2.CV_8U)


def close_eyes(warped: np.ndarray, photo: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Draws closed lids as dark lines where a warp has squeezed open eyes.

    Args:
        warped: (S, S, 3) uint8 RGB, the warped photo.
        photo: (S, S, 3) uint8 RGB.
        source: (68, 2) x, y of the photo's landmarks, in pixels of a crop of side `CROP_SIZE`.
        target: (68, 2) x, y of the target's landmarks.

    Returns:
        (S, S, 3) uint8 RGB; only eyes that are open in the photo and closed in the target change.
    """
    size = len(photo)
    before, after = eye_openness(source), eye_openness(target)
    shares = smooth_step((before - CLOSED) / (OPEN - CLOSED)) * smooth_step((OPEN - after) / (OPEN - CLOSED))
    for eye, share in zip(EYES, shares, strict=True):
        if share > 0:
            open_eye = photo[opening_mask(source[eye], size) > 0.5]
            lashes = np.percentile(open_eye, 10, axis=0) if len(open_eye) else np.zeros(3)
            line = np.broadcast_to(lashes.astype(np.uint8), warped.shape)
            closed = cv2.dilate(fill_polygons(size, target[eye]), np.ones((3, 3), np.uint8))
            closed = cv2.GaussianBlur(closed, (0, 0), LID_SOFTNESS * EYE_DISTANCE * size)
            warped = alpha_blend(warped, line, np.float32(share) * closed)
    return warped


def _around(eye: np.ndarray, size: int) -> tuple[slice, slice]:
    """Returns the rows and columns of an image around an eye."""
    points = (eye + 0.5) * (size / CROP_SIZE) - 0.5
    margin = 0.15 * EYE_DISTANCE * size
    low, high = (np.clip(edge, 0, size).astype(int) for edge in (points.min(0) - margin, points.max(0) + margin + 1))
    return slice(low[1], high[1]), slice(low[0], high[0])


def _move_iris(
    before_eye: np.ndarray,
    after_eye: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    size: int,
    rows: slice,
    columns: slice,
) -> tuple[np.ndarray, np.ndarray]:
    """Computes where the pixels of one eye come from.

    Args:
        before_eye: (6, 2) landmarks of the eye in the photo.
        after_eye: (6, 2) landmarks of the target's eye.
        before: (3,) x, y, radius of the iris in the photo.
        after: (3,) x, y, radius of the target's iris.
        size: Side S of the image in pixels.
        rows: Rows of the image to compute.
        columns: Columns of the image to compute.

    Returns:
        (h, w, 2) float32 x, y in pixels of the photo, and (h, w) float32 `EyeTransfer.seen`.
    """
    factor = size / CROP_SIZE
    grid = (pixel_grid(size)[rows, columns] + 0.5) / factor - 0.5
    old, new = _axes(before_eye), _axes(after_eye)
    along, across = np.moveaxis(_to_eye(grid, *new), -1, 0)
    old_iris, new_iris = _to_eye(before[:2], *old), _to_eye(after[:2], *new)
    old_radius, new_radius = (iris[2] / np.linalg.norm(axis[1]) for iris, axis in ((before, old), (after, new)))
    moved_along, trusted = _move_along(along, (old_iris[0], old_radius), (new_iris[0], new_radius))
    moved_across = old_iris[1] + (across - new_iris[1]) * (old_radius / new_radius)
    top, bottom = _lid_lines(_to_eye(before_eye, *old), moved_along)
    inset = LID_INSET * EYE_DISTANCE * CROP_SIZE / np.linalg.norm(old[1])
    middle = (top + bottom) / 2
    clamped = np.clip(moved_across, np.minimum(top + inset, middle), np.maximum(bottom - inset, middle))
    hidden = np.abs(moved_across - clamped) * np.linalg.norm(old[1])
    origin, axis = old
    normal = np.array([-axis[1], axis[0]])
    places = origin + moved_along[..., None] * axis + clamped[..., None] * normal
    seen = np.clip(1 - hidden, 0, 1) * trusted
    return ((places + 0.5) * factor - 0.5).astype(np.float32), seen.astype(np.float32)


def _axes(eye: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the left corner of an eye, and the vector from there to the right corner, at least a pixel long."""
    axis = eye[3] - eye[0]
    return eye[0], axis if np.linalg.norm(axis) >= 1 else np.array([1.0, 0.0])


def _to_eye(positions: np.ndarray, origin: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Converts (..., 2) positions to widths of the eye: along the line from corner to corner, and across (down)."""
    offsets = positions - origin
    normal = np.array([-axis[1], axis[0]])
    return np.stack([offsets @ axis, offsets @ normal], axis=-1) / (axis @ axis)


def _move_along(along: np.ndarray, old: tuple[float, float], new: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Maps positions along the target's eye to the photo's eye, both in widths of the eye from its left corner.

    Args:
        along: Positions, any shape.
        old: Position and radius of the iris in the photo.
        new: Position and radius of the target's iris.

    Returns:
        Two arrays of the same shape: the positions, which rise everywhere, and 0 to 1, how little they are stretched.
    """
    old_radius, new_radius = (min(IRIS_EXTENT * radius, 0.45) for radius in (old[1], new[1]))
    old_middle, new_middle = (float(np.clip(middle, 0.1, 0.9)) for middle in (old[0], new[0]))
    slope = old_radius / new_radius
    knots, trusted = [(new_middle, old_middle)], np.ones_like(along)
    # The white on the left of the iris, and on the right.
    for corner, side in ((0.0, -1), (1.0, 1)):
        white = side * (corner - new_middle) - new_radius
        if white <= NARROWEST:
            knots.append((new_middle + side * FAR, old_middle + side * FAR * slope))
            continue
        old_white = max(side * (corner - old_middle) - old_radius, NARROWEST)
        knots += [(corner - side * white, corner - side * old_white), (corner, corner)]
        knots.append((corner + side * FAR, corner + side * FAR))
        smeared = np.clip((SHARP - old_white / white) / (SHARP - SMEARED), 0, 1)
        trusted = trusted * (1 - smeared * np.clip((side * (along - corner) + white) / NARROWEST, 0, 1))
    moved = np.interp(along, *np.array(sorted(knots)).T)
    return moved, trusted


def _lid_lines(eye: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the height of the upper and the lower lid at positions along an eye, all in widths of the eye."""
    upper, lower = eye[[0, 1, 2, 3]], eye[[0, 5, 4, 3]]
    return tuple(np.interp(along, *_rising(line).T) for line in (upper, lower))


def _rising(line: np.ndarray) -> np.ndarray:
    """Sorts the points of a lid by their position along the eye."""
    return line[np.argsort(line[:, 0], kind="stable")]
