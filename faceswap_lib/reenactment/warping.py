"""Warps of a photo's aligned crop that move its 68 landmarks to other positions, without any network.

They are baselines for the networks, and the input of the classical fusion. Every warp computes for each pixel of the
result where it comes from (a backward map), and samples the image there. Landmarks are always in pixels of a crop of
side `CROP_SIZE`; the image may have any side S.
"""

import dataclasses
import typing

import cv2
import numpy as np

from faceswap_lib.faces.alignment import CROP_SIZE, invert_affine, scale_points, similarity_transform
from faceswap_lib.reenactment.control_points import check_points, extend_points, find_triangles, signed_areas

NO_MAP = typing.cast(np.ndarray, None)
"""Second map of `cv2.remap` if the first one has both coordinates; OpenCV's stubs forbid None."""

SHRUNK = 4.0
"""Factor by which the image may be shrunk before the result aliases; stronger shrinking occurs only in folds."""

GRID = 64
"""Side of the grid on which a thin-plate spline is evaluated. Compared with the exact spline, landmarks of six clips
are 0.04 of 256 pixels off in the mean, and lids 0.85 in the worst hundredth; with 32 it is 0.12 and 1.7."""

SMOOTHING = 1e-4
"""Default smoothing of a thin-plate spline."""

ONE_THREAD = 90
"""Largest number of unknowns for which LAPACK uses one thread. On a busy machine, threads wait for each other: a system
of 116 unknowns then takes 50 ms instead of 0.2."""

NEAR = 1 / 256
"""Distance below which control points of a spline are replaced by their mean, in sides."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Warped:
    """A warped image and its backward map.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        source_pixels: (S, S, 2) float32 x, y in pixels of the original image: what each pixel shows. It may be outside
            the image, whose border is then repeated.
    """

    image: np.ndarray
    source_pixels: np.ndarray


def warp_similarity(image: np.ndarray, source: np.ndarray, target: np.ndarray) -> Warped:
    """Moves, turns and scales an image so that its landmarks fit the target's best (least squares over all 68).

    Args:
        image: (S, S, 3) uint8 RGB, an aligned crop.
        source: (68, 2) x, y of the landmarks in the image.
        target: (68, 2) x, y of their new positions.

    Returns:
        The warped image and its backward map.

    Raises:
        ValueError: If an array has a wrong shape, or a number is not finite.
        InputError: If landmarks cannot be those of a face in the crop; see `control_points.check_points`.
    """
    source, target = _check(image, source, target)
    factor = len(image) / CROP_SIZE
    matrix = similarity_transform(scale_points(source, factor), scale_points(target, factor))
    return _warp(image, apply_affine(invert_affine(matrix), pixel_grid(len(image))))


def warp_piecewise_affine(image: np.ndarray, source: np.ndarray, target: np.ndarray) -> Warped:
    """Warps an image so that its landmarks reach the target's exactly: one affine map per triangle between them.

    The frame around the crop stays. Where the head turns so far that triangles fold, those in front hide those behind.

    Args:
        image: (S, S, 3) uint8 RGB, an aligned crop.
        source: (68, 2) x, y of the landmarks in the image.
        target: (68, 2) x, y of their new positions.

    Returns:
        The warped image and its backward map.

    Raises:
        ValueError: If an array has a wrong shape, or a number is not finite.
        InputError: If landmarks cannot be those of a face in the crop; see `control_points.check_points`.
    """
    source, target = _check(image, source, target)
    return _warp(image, piecewise_affine_map(source, target, len(image)))


def warp_thin_plate_spline(
    image: np.ndarray, source: np.ndarray, target: np.ndarray, *, smoothing: float = SMOOTHING
) -> Warped:
    """Warps an image so that its landmarks reach the target's along the smoothest map (a thin-plate spline).

    The frame around the crop stays.
    Source: Bookstein, "Principal Warps: Thin-Plate Splines and the Decomposition of Deformations", 1989.

    Args:
        image: (S, S, 3) uint8 RGB, an aligned crop.
        source: (68, 2) x, y of the landmarks in the image.
        target: (68, 2) x, y of their new positions.
        smoothing: Weight of the smoothness against the distance that the landmarks miss; 0 interpolates them. It does
            not depend on the side of the image.

    Returns:
        The warped image and its backward map.

    Raises:
        ValueError: If an array has a wrong shape, a number is not finite, or the smoothing is negative.
        InputError: If landmarks cannot be those of a face in the crop; see `control_points.check_points`.
    """
    source, target = _check(image, source, target)
    if not (np.isfinite(smoothing) and smoothing >= 0):
        raise ValueError(f"smoothing: expected a number from 0, got {smoothing}")
    points = (extend_points(source), extend_points(target))
    return _warp(image, thin_plate_map(*points, len(image), smoothing=smoothing))


def piecewise_affine_map(source: np.ndarray, target: np.ndarray, size: int) -> np.ndarray:
    """Computes the backward map of a piecewise affine warp.

    Args:
        source: (68, 2) x, y of the landmarks in the image.
        target: (68, 2) x, y of their new positions.
        size: Side S of the image in pixels.

    Returns:
        (S, S, 2) float32 x, y in pixels of the image.
    """
    factor = size / CROP_SIZE
    before, after = (scale_points(extend_points(points), factor) for points in (source, target))
    triangles = find_triangles()
    areas = signed_areas(after, triangles)
    # The frame stays where it is, so the triangles that are not turned over cover the whole image.
    triangles = triangles[areas > 1e-3]
    labels = np.zeros((size, size), np.int32)
    bits = 4  # OpenCV takes fixed-point coordinates with this many fractional bits
    corners = np.round(after[triangles] * 2**bits).astype(np.int32)
    for label, corner in enumerate(corners):
        cv2.fillConvexPoly(labels, corner, label, cv2.LINE_8, bits)
    # source = matrix @ (x, y, 1) in every triangle
    homogeneous = np.concatenate([after[triangles], np.ones((len(triangles), 3, 1))], axis=2)
    matrices = np.linalg.solve(homogeneous, before[triangles]).astype(np.float32)  # (T, 3, 2)
    grid = pixel_grid(size)
    chosen = matrices[labels]  # (S, S, 3, 2)
    return grid[..., :1] * chosen[..., 0, :] + grid[..., 1:] * chosen[..., 1, :] + chosen[..., 2, :]


def thin_plate_map(source: np.ndarray, target: np.ndarray, size: int, *, smoothing: float) -> np.ndarray:
    """Computes the backward map of a thin-plate spline between any control points.

    Args:
        source: (N, 2) x, y in pixels of a crop of side `CROP_SIZE`.
        target: (N, 2) x, y of their new positions. Points that coincide are averaged.
        size: Side S of the image in pixels.
        smoothing: As in `warp_thin_plate_spline`.

    Returns:
        (S, S, 2) float32 x, y in pixels of the image.
    """
    centers, offsets = _merge(target / CROP_SIZE, (source - target) / CROP_SIZE)
    weights, plane = _solve(centers, offsets, smoothing)
    nodes = (np.arange(GRID) + 0.5) / GRID - 0.5 / CROP_SIZE
    x, y = ((nodes[:, None] - centers[:, axis]) ** 2 for axis in (0, 1))
    squared = (y[:, None] + x[None]).reshape(GRID**2, -1).astype(np.float32)
    places = np.stack([np.tile(nodes, GRID), np.repeat(nodes, GRID), np.ones(GRID**2)], axis=1)
    # einsum, because a matrix product of this size would use threads, which wait for each other on a busy machine
    bent = np.einsum("nk,ck->nc", _kernel(squared), np.ascontiguousarray(weights.T, np.float32))
    field = bent + (places @ plane).astype(np.float32)
    field = np.float32(size) * field.reshape(GRID, GRID, 2)
    return pixel_grid(size) + cv2.resize(field, (size, size), interpolation=cv2.INTER_CUBIC)


def sample_image(image: np.ndarray, source_pixels: np.ndarray) -> np.ndarray:
    """Samples an image at the positions of a backward map, without aliasing where the map shrinks the image.

    Args:
        image: (S, S) or (S, S, C), uint8 or float32.
        source_pixels: (S, S, 2) float32 x, y in pixels of the image. Outside, the border is repeated.

    Returns:
        An array of the shape and dtype of the image.
    """
    fine = cv2.remap(image, source_pixels, NO_MAP, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    level = np.log2(np.clip(measure_shrinking(source_pixels), 1.0, SHRUNK))
    if level.max() < 0.05:
        return fine
    # Blurred for a reduction by 2 and by 4; in between, two neighboring levels are mixed.
    for index, sigma in enumerate((0.9, 2.0)):
        blurred = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        coarse = cv2.remap(blurred, source_pixels, NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        share = np.clip(level - index, 0, 1).astype(np.float32)
        fine = cv2.blendLinear(coarse, fine, share, 1 - share)
    return fine


def measure_shrinking(source_pixels: np.ndarray) -> np.ndarray:
    """Measures by which factor a backward map shrinks the image, along x or along y of the result, whichever is larger.

    Args:
        source_pixels: (S, S, 2) float32.

    Returns:
        (S, S) float32: 1 where the size stays, 2 where two pixels of the image become one.
    """
    across = cv2.Sobel(source_pixels, cv2.CV_32F, 1, 0, ksize=1, scale=0.5, borderType=cv2.BORDER_REPLICATE)
    down = cv2.Sobel(source_pixels, cv2.CV_32F, 0, 1, ksize=1, scale=0.5, borderType=cv2.BORDER_REPLICATE)
    lengths = [cv2.magnitude(*cv2.split(step)) for step in (across, down)]
    return np.maximum(*lengths)


def pixel_grid(size: int) -> np.ndarray:
    """Returns the position of every pixel, (size, size, 2) float32 x, y: the backward map that changes nothing."""
    steps = np.arange(size, dtype=np.float32)
    return np.stack(np.meshgrid(steps, steps), axis=-1)


def apply_affine(b_from_a: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Maps (H, W, 2) positions by a (2, 3) matrix; returns float32."""
    return cv2.transform(positions.astype(np.float32), b_from_a)


def _check(image: np.ndarray, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Checks the arguments of a warp; returns the landmarks as float64."""
    check_image(image, "image")
    return check_points(source, "source"), check_points(target, "target")


def check_image(image: np.ndarray, name: str) -> None:
    """Raises `ValueError` unless an image is a crop, (S, S, 3) uint8."""
    if image.ndim != 3 or image.shape != (len(image), len(image), 3) or image.dtype != np.uint8:
        raise ValueError(f"{name}: expected square (S, S, 3) uint8, got {image.shape} {image.dtype}")


def _warp(image: np.ndarray, source_pixels: np.ndarray) -> Warped:
    """Samples an image by a backward map."""
    return Warped(image=sample_image(image, source_pixels), source_pixels=source_pixels)


def _kernel(squared: np.ndarray) -> np.ndarray:
    """Computes the radial function r^2 log r of a thin-plate spline from squared distances."""
    return 0.5 * squared * np.log(np.maximum(squared, 1e-12))


def _solve(centers: np.ndarray, offsets: np.ndarray, smoothing: float) -> tuple[np.ndarray, np.ndarray]:
    """Solves for the weights of a thin-plate spline, (N, 2), and its affine part, (3, 2) for x, y and 1."""
    count = len(centers)
    distances = ((centers[:, None] - centers) ** 2).sum(axis=-1)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(distances) + smoothing * np.eye(count)
    system[:count, count:] = np.column_stack([centers, np.ones(count)])
    system[count:, :count] = system[:count, count:].T
    solution = _solve_system(system, np.concatenate([offsets, np.zeros((3, 2))]))
    return solution[:count], solution[count:]


def _solve_system(system: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solves the linear system of a spline, (N, N) and (N, 2), with one thread.

    A large system is divided: every second control point together with the affine part is a spline of its own, which
    always has a solution, and is eliminated first.
    """
    if len(system) <= ONE_THREAD:
        return np.linalg.solve(system, right)
    first = np.concatenate([np.arange(0, len(system) - 3, 2), np.arange(len(system) - 3, len(system))])
    second = np.arange(1, len(system) - 3, 2)
    cross = system[np.ix_(second, first)]
    eliminated = np.linalg.solve(system[np.ix_(first, first)], np.column_stack([cross.T, right[first]]))
    reduced = np.einsum("ij,jk->ik", cross, eliminated)
    solution = np.empty_like(right)
    solution[second] = np.linalg.solve(
        system[np.ix_(second, second)] - reduced[:, : len(second)], right[second] - reduced[:, len(second) :]
    )
    solution[first] = eliminated[:, len(second) :] - np.einsum(
        "ij,jk->ik", eliminated[:, : len(second)], solution[second]
    )
    return solution


def _merge(centers: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Replaces points of a spline that nearly coincide, such as those of closed lips, by their mean.

    Different offsets at one place would make the spline steep around it, or impossible.
    """
    near = ((centers[:, None] - centers) ** 2).sum(axis=-1) < NEAR**2
    first = near.argmax(axis=1)
    _, groups = np.unique(first[first], return_inverse=True)
    counts = np.bincount(groups)[:, None]
    merged = [
        np.stack([np.bincount(groups, values[:, axis]) for axis in (0, 1)], axis=1) / counts
        for values in (centers, offsets)
    ]
    return merged[0], merged[1]
