"""Control points of a warp: 68 landmarks, points of the head around them, the frame around the crop, and triangles.

All points are in pixels of a crop of side `CROP_SIZE`. The points of the head are computed from the landmarks by
operations that commute with a similarity transform: if a similarity moves the landmarks, it moves these points as well.
"""

import functools

import cv2
import numpy as np
import scipy.spatial

from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import CROP_SIZE, EYE_DISTANCE, VIEW_CENTER_BELOW_EYES, five_points
from faceswap_lib.faces.landmarks_68 import LEFT_EYE, NOSE_TIP, OUTLINE, RIGHT_EYE
from faceswap_lib.faces.mean_face import MEAN_FACE_68

MARGIN = 1 / 8
"""Distance of the fixed frame from the edges of the crop, in its sides. A chin under a wide open mouth may be outside
the crop, and the hair and the neck near the edge move a part of the way with the head."""

OUTSIDE = 0.1
"""Largest distance of a landmark from the crop in sides; a landmark further away is an error of its detector."""

SMALLEST = 0.05
"""Smallest distance from the middle of the eyes down to that of the mouth, in sides. In crops of six clips it is 0.25
to 0.32."""

ON_EDGE = 6
"""Number of points on each edge of the fixed frame."""

WIDENED = 1.22
"""Distance of the points around the jaw from the middle of the face, relative to the jaw itself."""

FOREHEAD = 0.76
"""Height of the hairline above the middle of the eyes, relative to the spread of the five landmarks of alignment.

In crops of six clips the highest vertex of the mesh is 0.65 of this spread above the eyes, and moves by 1.8 of 256
pixels as the head turns and nods. It does not move with the length of the nose, which shortens when the head is raised.
The hairline is 0.16 eye distances higher (see `faces.outline.USUAL`)."""

CROWN = 1.3
"""Height of the points in the hair above the eyes, relative to the hairline."""

FOREHEAD_ANGLES = np.radians([155, 130, 105, 75, 50, 25])
"""Directions of the points of the hairline and of the hair, from the middle of the eyes; 0 is to the right."""

JAW_STEP = 2
"""Every n-th point of the jaw has a point outside of it."""

HEAD_POINTS = 68 + 2 * len(FOREHEAD_ANGLES) + len(range(0, 17, JAW_STEP))
"""Number of landmarks and points of the head, without the fixed frame."""


def check_points(points: np.ndarray, name: str) -> np.ndarray:
    """Checks 68 landmarks of a face in an aligned crop.

    Args:
        points: (68, 2) x, y in pixels of a crop of side `CROP_SIZE`.
        name: What the points are, for the message.

    Returns:
        The points as float64.

    Raises:
        ValueError: If the shape is wrong or a number is not finite.
        InputError: If all points coincide, the face is mirrored or upside down, or a point is far outside the crop.
    """
    points = np.asarray(points, np.float64)
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise ValueError(f"{name}: expected (68, 2) finite numbers, got shape {points.shape}")
    if np.ptp(points, axis=0).max() < 1:
        raise InputError(f"{name}: expected the points of a face, got all in one place; use another image")
    beyond = max(-points.min(), points.max() - (CROP_SIZE - 1)) / CROP_SIZE
    if beyond > OUTSIDE:
        raise InputError(
            f"{name}: expected points in a crop of side {CROP_SIZE}, got one {beyond * CROP_SIZE:.0f} pixels outside; "
            "align the face first, or use another image"
        )
    eyes = _eyes(points)
    across, down = eyes[1] - eyes[0], points[48:60].mean(axis=0) - eyes.mean(axis=0)
    if across[0] * down[1] - across[1] * down[0] <= 0:
        raise InputError(
            f"{name}: expected landmarks from the left to the right of the image, got a mirrored face; mirror the "
            "image together with its landmarks (faces.landmarks_68.mirror_landmarks)"
        )
    if down[1] < SMALLEST * CROP_SIZE:
        raise InputError(f"{name}: expected an upright face with the eyes above the mouth; align the face first")
    return points


def extend_points(points: np.ndarray) -> np.ndarray:
    """Adds the points of the head and of the fixed frame to 68 landmarks.

    Args:
        points: (68, 2) x, y in pixels of a crop of side `CROP_SIZE`.

    Returns:
        (HEAD_POINTS + 4 * ON_EDGE, 2): the landmarks, the hairline from left to right, the hair above it, points
        outside the jaw from left to right, and the fixed frame. No point is outside the frame.
    """
    around = (points[NOSE_TIP] + points[27]) / 2
    jaw = around + WIDENED * (points[OUTLINE][::JAW_STEP] - around)
    hairline = forehead_arc(points, FOREHEAD_ANGLES)
    eyes = _eyes(points).mean(axis=0)
    hair = eyes + CROWN * (hairline - eyes)
    frame = fixed_frame()
    head = np.concatenate([points, hairline, hair, jaw])
    inside = np.clip(head, frame.min(axis=0) + 2, frame.max(axis=0) - 2)
    return np.concatenate([inside, frame])


def forehead_arc(points: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Computes points of an average hairline.

    Brows and mouth move and are not used, so the forehead does not move with the expression.

    Args:
        points: (68, 2) x, y.
        angles: (N,) directions in radians from the middle of the eyes; 0 is to the right of the image, pi/2 is up.

    Returns:
        (N, 2) x, y on an ellipse around the middle of the eyes, as wide on each side as the temple there is away.
    """
    eyes = _eyes(points)
    across = (eyes[1] - eyes[0]) / max(float(np.linalg.norm(eyes[1] - eyes[0])), 1e-6)
    up = np.array([across[1], -across[0]])
    five = five_points(points)
    height = FOREHEAD * np.linalg.norm(five - five.mean(axis=0))
    middle = eyes.mean(axis=0)
    left, right = (points[[0, 16]] - middle) @ across
    reach = np.where(np.cos(angles) > 0, right, -left)
    return middle + (reach * np.cos(angles))[:, None] * across + (height * np.sin(angles))[:, None] * up


@functools.cache
def fixed_frame() -> np.ndarray:
    """Returns the points of the frame around the crop, which never move: (4 * ON_EDGE, 2) x, y, clockwise."""
    low, high = -MARGIN * CROP_SIZE - 0.5, (1 + MARGIN) * CROP_SIZE - 0.5
    steps = np.linspace(low, high, ON_EDGE, endpoint=False)
    back = low + high - steps
    edges = [
        np.stack(edge, axis=1)
        for edge in (
            (steps, np.full(ON_EDGE, low)),
            (np.full(ON_EDGE, high), steps),
            (back, np.full(ON_EDGE, high)),
            (np.full(ON_EDGE, low), back),
        )
    ]
    frame = np.concatenate(edges)
    frame.flags.writeable = False
    return frame


@functools.cache
def find_triangles() -> np.ndarray:
    """Computes the triangles between all points, (T, 3) indices, counterclockwise for y down, the rearmost first.

    They are the Delaunay triangles of the average face with slightly open eyes and mouth, and the same for every face.
    So a triangle always belongs to the same part of the face, and nothing jumps when a point passes another.
    """
    points = extend_points(mean_points())
    triangles = scipy.spatial.Delaunay(points).simplices
    signs = signed_areas(points, triangles)
    triangles = np.where((signs < 0)[:, None], triangles[:, ::-1], triangles)[np.abs(signs) > 1e-6]
    depth = np.full(len(points), 3.0)
    depth[OUTLINE] = 2
    depth[68:HEAD_POINTS] = 1
    depth[HEAD_POINTS:] = 0
    depth[27:36] = 4
    triangles = triangles[np.argsort(depth[triangles].sum(axis=1), kind="stable")]
    triangles.flags.writeable = False
    return triangles


def mean_points() -> np.ndarray:
    """Returns the landmarks of the average face in a crop, (68, 2) x, y in pixels of a crop of side `CROP_SIZE`."""
    return (MEAN_FACE_68 - [0.0, VIEW_CENTER_BELOW_EYES]) * EYE_DISTANCE * CROP_SIZE + (CROP_SIZE - 1) / 2


def signed_areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Computes twice the signed area of triangles, (T,); it is negative for a triangle that is turned over."""
    first, second, third = (points[triangles[:, corner]] for corner in range(3))
    one, other = second - first, third - first
    return one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]


def fill_polygons(size: int, *polygons: np.ndarray) -> np.ndarray:
    """Draws filled polygons with smooth edges.

    Args:
        size: Side S of the image in pixels.
        polygons: (N, 2) x, y each, in pixels of a crop of side `CROP_SIZE`.

    Returns:
        (S, S) float32, 1 inside any of them.
    """
    bits, finer = 4, 2  # OpenCV takes fixed-point coordinates with this many fractional bits
    canvas = np.zeros((finer * size, finer * size), np.uint8)
    scale = finer * size / CROP_SIZE
    for polygon in polygons:
        corners = np.round(((polygon + 0.5) * scale - 0.5) * 2**bits).astype(np.int32)
        cv2.fillPoly(canvas, [corners], 255, cv2.LINE_8, bits)
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _eyes(points: np.ndarray) -> np.ndarray:
    """Returns the middle of the corners of each eye, (2, 2); it does not move when an eye closes."""
    return np.stack([(points[eye][0] + points[eye][3]) / 2 for eye in (LEFT_EYE, RIGHT_EYE)])
