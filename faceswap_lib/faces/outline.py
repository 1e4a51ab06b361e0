"""The outline of a face: jaw and temples from its mesh, the forehead up to the hairline.

The mesh's border ends in the middle of the forehead. From there, rays go up in a fan. Each ray ends where the color no
longer matches the forehead below it: at hair, a cap or a fringe. The length of a ray has anatomical limits, and
neighboring rays are smoothed, so on an unusual image the outline stays that of an average forehead. Therefore a fringe
or a cap over the forehead is completely outside the outline. Glasses are below the mesh's border and so completely
inside, except where they extend past the temples.
"""

import cv2
import numpy as np

from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.mesh import FaceMesh
from faceswap_lib.faces.mesh_landmarks import correct_68, face_axes, nearest_68
from faceswap_lib.faces.mesh_topology import EYE_LEFT, EYE_RIGHT, IBUG_68, OVAL

TOP = (127, 162, 21, 54, 103, 67, 109, 10, 338, 297, 332, 284, 251, 389, 356)
"""The mesh's border from the left temple over the forehead to the right one; part of `OVAL`."""

LOWEST, HIGHEST, USUAL = 0.0, 0.42, 0.16
"""Smallest, largest and default height of the forehead above the middle of the mesh's border, in eye distances. The
default is used where no end of the forehead is detected; toward the temples all three fall to 0.

The middle of the border is 0.9 eye distances above the eyes. In eight clips, hairlines are 0.0 to 0.4 higher."""

CHEEKS = (50, 101, 116, 117, 118, 123, 147, 187, 205, 207, 280, 330, 345, 346, 347, 352, 376, 411, 425, 427)
"""Vertices of the cheeks. On the far side of a turned head, the cheeks, the nose or the brow are further out than the
mesh's border, which is hidden there."""

FINER = 4
"""Supersampling factor with which a mask is drawn."""

DIRECTIONS = 128
"""Number of points of an outline."""

STEPS = 64
"""Number of positions along a ray at which colors are sampled."""

EDGE_LEVEL = 3.0
"""Largest color distance from the start of the ray, in standard deviations: shading is gradual, an edge is not."""

SKIN_LEVEL = 5.0
"""Largest color distance from the middle of the forehead, in standard deviations; a ray that starts beyond it is on
hair or a cap already."""

LEAST_SPREAD = np.array([10.0, 4.0, 4.0])
"""Lower bounds of the standard deviations, in levels of OpenCV's 8-bit L*a*b*; on an even forehead, part of them is
noise."""


def face_outline(image: np.ndarray, mesh: FaceMesh, hairline: np.ndarray | None = None) -> np.ndarray:
    """Computes the outline of the face in a crop.

    Args:
        image: (S, S, 3) uint8 RGB, the crop in which the mesh was found.
        mesh: The mesh, in pixels of the crop.
        hairline: (15,) heights of the forehead, from `find_hairline`; None measures them in this image, which makes the
            outline flicker from frame to frame.

    Returns:
        (128, 2) float64 x, y in pixels of the crop, a closed polygon, clockwise for the viewer; some points may be
        outside the crop.

    Raises:
        ValueError: If the image has another shape or dtype.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image: expected (S, S, 3) uint8, got {image.shape} {image.dtype}")
    reach = find_hairline(image, mesh) if hairline is None else hairline
    border = np.concatenate([mesh.points[list(TOP), :2] + reach[:, None] * _up(mesh), _jaw(mesh)])
    middle = mesh.points[list(OVAL), :2].mean(axis=0)
    angles = np.linspace(-np.pi, np.pi, DIRECTIONS, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    front = mesh.points[[*EYE_LEFT, *EYE_RIGHT, *IBUG_68.ravel(), *CHEEKS], :2].astype(np.float32)
    shapes = (border, cv2.convexHull(front)[:, 0].astype(float))
    return middle + np.max([_radius(shape - middle, directions) for shape in shapes], axis=0)[:, None] * directions


def find_hairline(image: np.ndarray, mesh: FaceMesh) -> np.ndarray:
    """Measures how far the forehead extends past the mesh's border.

    Args:
        image: (S, S, 3) uint8 RGB, the crop in which the mesh was found.
        mesh: The mesh, in pixels of the crop.

    Returns:
        (15,) float64, at each vertex of `TOP` in eye distances, negative where hair begins below the border. The values
        describe the head, not the image, so values of several images can be averaged.
    """
    border = mesh.points[list(TOP), :2]
    profile = np.sin(np.linspace(0, np.pi, len(TOP))) ** 0.8
    lowest, highest, usual = (profile * reach for reach in (LOWEST, HIGHEST, USUAL))
    # a ray begins inside the mesh's border, so that a low fringe can end it there
    begin = -0.35 * profile
    reach = begin[:, None] + (highest - begin)[:, None] * np.linspace(0, 1, STEPS)
    end = _skin_end(image, border[:, None] + reach[..., None] * _up(mesh), mesh)
    found = np.where(np.isnan(end), usual, begin + (highest - begin) * np.nan_to_num(end))
    return _smooth(np.clip(found, np.minimum(lowest, begin), highest))


def outline_mask(outline: np.ndarray, size: int, *, coverage: float = 1.0, softness: float = 0.06) -> np.ndarray:
    """Draws the mask of an outline with a soft border; at the outline the mask has half of its maximum.

    Args:
        outline: (N, 2) x, y in pixels of the image, for example from `face_outline`.
        size: Side of the image in pixels.
        coverage: Fraction of a crop's side that the image shows: 1 for a crop, `VIEW_COVERAGE` for a view.
        softness: Standard deviation of the border in eye distances, 0 for a hard border.

    Returns:
        (size, size) uint8, 255 inside.
    """
    bits = 4  # for subpixel precision, OpenCV takes fixed-point coordinates with this many fractional bits
    canvas = np.zeros((FINER * size, FINER * size), np.uint8)
    corners = np.round(((np.asarray(outline) + 0.5) * FINER - 0.5) * 2**bits).astype(np.int32)
    cv2.fillPoly(canvas, [corners], 255, cv2.LINE_8, bits)
    canvas = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    sigma = softness * EYE_DISTANCE * size / coverage
    return cv2.GaussianBlur(canvas, (0, 0), sigma) if sigma > 0 else canvas


def _radius(polygon: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Computes the radius of a polygon around the origin in each direction, (N,); 0 where no edge is hit."""
    edges = np.roll(polygon, -1, axis=0) - polygon
    across = directions[:, :1] * edges[:, 1] - directions[:, 1:] * edges[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = (polygon[:, 0] * edges[:, 1] - polygon[:, 1] * edges[:, 0]) / across
        along = (polygon[:, 0] * directions[:, 1:] - polygon[:, 1] * directions[:, :1]) / across
    hit = (along >= 0) & (along <= 1) & (reach > 0)
    return np.where(hit, reach, 0).max(axis=1)


def _jaw(mesh: FaceMesh) -> np.ndarray:
    """Computes the outline from below the right temple around the chin to below the left one, (15, 2).

    Each point is the mesh's vertex or the corrected landmark, whichever is further out. The vertex is further out at
    the far cheek of a turned head, the landmark at the chin under a wide open mouth.
    """
    choices = np.stack([nearest_68(mesh.points)[1:16], correct_68(mesh.points)[1:16]])
    middle = mesh.points[list(OVAL), :2].mean(axis=0)
    further = np.linalg.norm(choices - middle, axis=-1).argmax(axis=0)
    return choices[further, np.arange(15)][::-1]


def _up(mesh: FaceMesh) -> np.ndarray:
    """Computes the vector of one eye distance from the eyes to the forehead, (2,) in pixels of the crop."""
    steps, _ = face_axes(mesh.points)
    return -steps[1]


def _skin_end(image: np.ndarray, places: np.ndarray, mesh: FaceMesh) -> np.ndarray:
    """Finds the position along each ray at which skin ends, 0 to 1; NaN if it does not end inside the image."""
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 0.015 * len(image)), cv2.COLOR_RGB2LAB)
    x, y = np.moveaxis(places, -1, 0).astype(np.float32)
    colors = cv2.remap(lab, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(float)
    inside = (x >= 0) & (y >= 0) & (x <= image.shape[1] - 1) & (y <= image.shape[0] - 1)
    skin, spread = _forehead_colors(lab, mesh)
    off = (np.abs(colors - skin) / spread).max(axis=-1) > SKIN_LEVEL
    off |= (np.abs(colors - colors[:, :3].mean(axis=1, keepdims=True)) / spread).max(axis=-1) > EDGE_LEVEL
    ends = off & np.roll(off, -1, axis=1) & inside
    first = ends.argmax(axis=1)
    return np.where(ends.any(axis=1), first / (STEPS - 1), np.nan)


def _forehead_colors(lab: np.ndarray, mesh: FaceMesh) -> tuple[np.ndarray, np.ndarray]:
    """Computes the median color of the skin between brows and hair, and its spread, (3,) each."""
    seeds = mesh.points[[9, 8, 107, 336, 108, 337, 151, 69, 299], :2].astype(np.float32)
    values = cv2.remap(lab, seeds[None, :, 0], seeds[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    median = np.median(values, axis=0)
    return median, np.maximum(1.4826 * np.median(np.abs(values - median), axis=0), LEAST_SPREAD)


def _smooth(reach: np.ndarray) -> np.ndarray:
    """Applies a median filter of size 5, then a weighted mean of size 3; keeps the two ends."""
    padded = np.pad(reach, 2, mode="edge")
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    smooth = np.convolve(np.pad(middle, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    return np.concatenate([reach[:1], smooth[1:-1], reach[-1:]])
