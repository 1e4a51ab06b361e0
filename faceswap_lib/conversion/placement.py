"""Where a new face lies and in which proportions, so that its features come to lie on the original's.

A decoder draws its person as that person's own faces were aligned, by five landmarks. Nobody's five are found quite
alike, and brows, lids and lips lie elsewhere between them, so the new face sits a little too high, too low or aside, by
the same amount in every frame. That amount is measured on a sample and taken off.

What is left, again the median over the sample, are two people's proportions: how far the eyes are apart, how long the
face is. The head stays the original's, and eyes that were made for a wider one reach its temples; a chin that ends
above its chin leaves a second jaw to be seen. So the new face is bent smoothly part of the way.
"""

import dataclasses
import typing

import cv2
import numpy as np

from faceswap_lib.faces.alignment import EYE_DISTANCE, invert_affine, map_points, view_matrix

INNER_FEATURES = slice(17, 68)
"""The brows, nose, eyes and mouth of 68 landmarks; how far the jaw reaches is no matter of alignment."""

FEWEST = 6
"""Faces with landmarks in both pictures, below which nothing is measured."""

FURTHEST = 0.1
"""Most by which a face is moved, in eye distances; more is no matter of alignment."""

SIZES = (0.94, 1.06)
"""Smallest and largest factor by which a face is scaled."""

BEND_WIDTH = 0.25
"""Standard deviation of the Gaussians by which a face is bent, in eye distances: wide enough that lids and lips move as
one, so that nothing is opened or closed."""

BEND_FADE = 0.1
"""Weight of no bend at all against that of a landmark at its own place."""

FURTHEST_BEND = 0.15
"""Most by which a landmark is bent, in eye distances."""

GRID = 32
"""Side of the grid on which the bend is kept."""


@dataclasses.dataclass(frozen=True, eq=False)
class Placement:
    """Moves a new face to its place in the view; all lengths are in sides of the view.

    Attributes:
        view_from_new: (2, 3) matrix from places of the new face to those in the view, the upper left corner at 0, 0.
        bend: (GRID, GRID, 2) float32, by how much what is shown at each place of the view was bent; None for nothing.
    """

    view_from_new: np.ndarray
    bend: np.ndarray | None = None
    _maps: dict[int, tuple[np.ndarray, np.ndarray]] = dataclasses.field(default_factory=dict, repr=False)

    def move(self, picture: np.ndarray, *, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
        """Shows a picture of the new face in the view.

        Args:
            picture: (S, S) or (S, S, C) of any type that OpenCV remaps.
            interpolation: OpenCV's.

        Returns:
            The same; beyond the picture its border repeats.
        """
        size = len(picture)
        if self.bend is None:
            options = {"flags": interpolation, "borderMode": cv2.BORDER_REPLICATE}
            return cv2.warpAffine(picture, _in_pixels(self.view_from_new, size), (size, size), **options)
        if size not in self._maps:
            self._maps[size] = cv2.convertMaps(self._find_source(size).astype(np.float32), None, cv2.CV_16SC2)
        return cv2.remap(picture, *self._maps[size], interpolation, borderMode=cv2.BORDER_REPLICATE)

    def map_points(self, points: np.ndarray) -> np.ndarray:
        """Takes (N, 2) places of the new face to those in the view."""
        places = moved = map_points(self.view_from_new, points)
        if self.bend is not None:
            for _ in range(4):  # the bend is known where it leads to
                where = (GRID * places - 0.5)[None].astype(np.float32)
                places = moved + cv2.remap(self.bend, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        return places

    def _find_source(self, size: int) -> np.ndarray:
        """(size, size, 2) the pixel of the new face that is shown at each pixel of the view."""
        y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
        places = np.stack([x, y], axis=-1) - cv2.resize(self.bend, (size, size), interpolation=cv2.INTER_LINEAR)
        return map_points(invert_affine(self.view_from_new), places.reshape(-1, 2)).reshape(size, size, 2) * size - 0.5


def fit_placement(
    old: typing.Sequence[np.ndarray | None], new: typing.Sequence[np.ndarray | None], size: int
) -> np.ndarray:
    """Fits the shift and scale that bring the features of new faces onto those of the old ones.

    Args:
        old: Landmarks of each original face in its crop, (68, 2) or (5, 2) x, y in pixels; None where none were found.
        new: The same of the new faces.
        size: Side of the crops in pixels.

    Returns:
        (2, 3) matrix from pixels of a crop as it was written to those of the crop; the identity for too few faces.
    """
    features = [
        (one[INNER_FEATURES], other[INNER_FEATURES]) if len(one) == 68 else (one, other)
        for one, other in zip(old, new, strict=True)
        if one is not None and other is not None and one.shape == other.shape
    ]
    if len(features) < FEWEST or len({one.shape for one, _ in features}) > 1:
        return np.eye(2, 3)
    # Of single faces some are misread, so each landmark counts by its median over all.
    target, source = (np.stack(side) for side in zip(*features, strict=True))
    offsets = np.median(target - source, axis=0)
    points = np.median(source, axis=0)
    middle = points.mean(axis=0)
    spread = points - middle
    scale = float(np.clip(1 + np.sum(spread * offsets) / np.sum(spread**2), *SIZES))
    shift = offsets.mean(axis=0)
    furthest = FURTHEST * EYE_DISTANCE * size
    shift *= min(1.0, furthest / max(float(np.linalg.norm(shift)), 1e-6))
    return np.column_stack([scale * np.eye(2), middle + shift - scale * middle])


def fit_bend(
    old: typing.Sequence[np.ndarray | None], new: typing.Sequence[np.ndarray | None], size: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Fits how new faces, once they are in their place, must be bent to have the original's proportions.

    Args:
        old, new: As in `fit_placement`; the new ones already moved.
        size: Side of the crops in pixels.

    Returns:
        (68, 2) landmarks of an average new face and (68, 2) by how much each is off, in pixels; None for too few faces,
        or without 68 landmarks.
    """
    pairs = [
        (one, other)
        for one, other in zip(old, new, strict=True)
        if one is not None and other is not None and len(one) == len(other) == 68
    ]
    if len(pairs) < FEWEST:
        return None
    target, source = (np.stack(side) for side in zip(*pairs, strict=True))
    offsets = np.median(target - source, axis=0)
    lengths = np.linalg.norm(offsets, axis=1, keepdims=True)
    return np.median(source, axis=0), offsets * np.minimum(1, FURTHEST_BEND * EYE_DISTANCE * size / (lengths + 1e-6))


def make_placement(
    old: typing.Sequence[np.ndarray | None],
    new: typing.Sequence[np.ndarray | None],
    size: int,
    coverage: float,
    proportions: float,
) -> Placement:
    """Fits where new faces lie, and how far they are bent to the original's proportions.

    Args:
        old, new, size: As in `fit_placement`.
        coverage: Side of the networks' view as a share of the crop's.
        proportions: 0 leaves a face its own, 1 gives it the original's.

    Returns:
        The placement in the view.
    """
    matrix = fit_placement(old, new, size)
    view_from_crop = sides_from_crop(size, coverage)
    crop_from_view = invert_affine(view_from_crop)
    in_view = view_from_crop @ np.vstack([matrix @ np.vstack([crop_from_view, [0, 0, 1]]), [0, 0, 1]])
    moved = [None if face is None else map_points(matrix, face) for face in new]
    found = fit_bend(old, moved, size) if proportions > 0 else None
    if found is None:
        return Placement(in_view)
    points, offsets = (map_points(view_from_crop, found[0]), proportions * found[1] * view_from_crop[0, 0])
    y, x = (np.mgrid[0:GRID, 0:GRID] + 0.5) / GRID
    apart = np.stack([x, y], axis=-1)[:, :, None] - (points + offsets)
    weights = np.exp(-(apart**2).sum(axis=-1) / (2 * (BEND_WIDTH * EYE_DISTANCE / coverage) ** 2))
    bend = weights @ offsets / (weights.sum(axis=-1, keepdims=True) + BEND_FADE)
    return Placement(in_view, bend.astype(np.float32))


def sides_from_crop(size: int, coverage: float) -> np.ndarray:
    """Gives the (2, 3) matrix from pixels of a crop of this side to sides of the view in it; see `Placement`."""
    return view_matrix(np.eye(2, 3), size, 1, coverage) + [[0, 0, 0.5], [0, 0, 0.5]]


def _in_pixels(matrix: np.ndarray, size: int) -> np.ndarray:
    """Turns a (2, 3) matrix in sides of a picture into one in its pixels."""
    pixels = matrix.copy()
    pixels[:, 2] = size * matrix[:, 2] + 0.5 * matrix[:, :2].sum(axis=1) - 0.5
    return pixels
