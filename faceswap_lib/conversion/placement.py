"""Placement and proportions of the swapped face, so that its features match those of the target face.

A decoder generates its person as that person's own faces were aligned, by five landmarks. Detectors place the five
landmarks slightly differently on each person, and brows, eyelids and lips have other positions relative to them. So the
swapped face is shifted by a small amount, which is the same in every frame. This amount is measured on a sample and
removed.

The remaining offsets, again as medians over the sample, are the difference between the proportions of the two people:
the distance between the eyes, the length of the face. The head is still that of the original person. Eyes of a wider
face would reach the temples of this head, and a chin above the original chin would leave a second jaw visible. So the
swapped face is warped smoothly, part of the way, to the proportions of the target face.
"""

import dataclasses
import typing

import cv2
import numpy as np

from faceswap_lib.faces.alignment import EYE_DISTANCE, invert_affine, map_points, view_matrix

INNER_FEATURES = slice(17, 68)
"""Brows, nose, eyes and mouth of 68 landmarks; the position of the jaw does not depend on alignment."""

FEWEST = 6
"""Minimum number of faces with landmarks in both images; with fewer, nothing is measured."""

FURTHEST = 0.1
"""Largest shift of a face, in eye distances; larger offsets do not come from alignment."""

SIZES = (0.94, 1.06)
"""Smallest and largest factor by which a face is scaled."""

BEND_WIDTH = 0.25
"""Standard deviation of the Gaussians of the warp, in eye distances: wide enough that both eyelids and both lips move
together, so that eyes and mouth are not opened or closed."""

BEND_FADE = 0.1
"""Weight of a zero offset, relative to the weight of a landmark at its own position."""

FURTHEST_BEND = 0.15
"""Largest offset of a landmark in the warp, in eye distances."""

GRID = 32
"""Side of the grid on which the offsets of the warp are stored."""


NO_MAP = typing.cast(np.ndarray, None)
"""Second map of `cv2.remap` and `cv2.convertMaps` if the first one has both coordinates; OpenCV's stubs forbid None."""


@dataclasses.dataclass(frozen=True, eq=False)
class Placement:
    """Shift, scale and smooth warp of a swapped face in its view; all lengths are in sides of the view.

    Attributes:
        view_from_new: (2, 3) matrix from positions in the generated face to positions in the view; the upper left
            corner is at 0, 0.
        bend: (GRID, GRID, 2) float32 offsets by which the content at each position of the view was moved; None for no
            warp.
    """

    view_from_new: np.ndarray
    bend: np.ndarray | None = None
    _maps: dict[int, tuple[np.ndarray, np.ndarray]] = dataclasses.field(default_factory=dict, repr=False)

    def move(self, image: np.ndarray, *, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
        """Warps an image of the swapped face to its placement in the view.

        Args:
            image: (S, S) or (S, S, C) of any dtype that OpenCV can remap.
            interpolation: Interpolation flag of OpenCV.

        Returns:
            An array of the same shape and dtype; outside the image its border is replicated.
        """
        size = len(image)
        if self.bend is None:
            matrix = _in_pixels(self.view_from_new, size)
            return cv2.warpAffine(image, matrix, (size, size), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
        if size not in self._maps:
            maps = self._source_pixels(self.bend, size).astype(np.float32)
            self._maps[size] = cv2.convertMaps(maps, NO_MAP, cv2.CV_16SC2)
        return cv2.remap(image, *self._maps[size], interpolation, borderMode=cv2.BORDER_REPLICATE)

    def map_points(self, points: np.ndarray) -> np.ndarray:
        """Maps points of the generated face to the view; both are (N, 2) x, y as fractions of the side."""
        places = moved = map_points(self.view_from_new, points)
        if self.bend is not None:
            for _ in range(4):  # fixed-point iteration: the offset is stored at the position to which it leads
                cells = (GRID * places - 0.5)[None].astype(np.float32)
                offsets = cv2.remap(self.bend, cells, NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                places = moved + offsets[0]
        return places

    def _source_pixels(self, bend: np.ndarray, size: int) -> np.ndarray:
        """Computes which pixel of the generated face is shown at each pixel of the view, (size, size, 2)."""
        y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
        places = np.stack([x, y], axis=-1) - cv2.resize(bend, (size, size), interpolation=cv2.INTER_LINEAR)
        return map_points(invert_affine(self.view_from_new), places.reshape(-1, 2)).reshape(size, size, 2) * size - 0.5


def fit_placement(
    old: typing.Sequence[np.ndarray | None], new: typing.Sequence[np.ndarray | None], size: int
) -> np.ndarray:
    """Fits the shift and scale that move the features of swapped faces onto those of the target faces.

    Args:
        old: Landmarks of each target face in its crop, (68, 2) or (5, 2) x, y in pixels; None if none were detected.
        new: The same for the swapped faces.
        size: Side of the crops in pixels.

    Returns:
        (2, 3) matrix from pixels of a swapped crop to pixels of the target crop; the identity for too few faces.
    """
    features = [
        (one[INNER_FEATURES], other[INNER_FEATURES]) if len(one) == 68 else (one, other)
        for one, other in zip(old, new, strict=True)
        if one is not None and other is not None and one.shape == other.shape
    ]
    if len(features) < FEWEST or len({one.shape for one, _ in features}) > 1:
        return np.eye(2, 3)
    # Landmarks of single faces may be wrong, so the median over all faces is used.
    target, source = (np.stack(side) for side in zip(*features, strict=True))
    offsets = np.median(target - source, axis=0)
    points = np.median(source, axis=0)
    center = points.mean(axis=0)
    spread = points - center
    scale = float(np.clip(1 + np.sum(spread * offsets) / np.sum(spread**2), *SIZES))
    shift = offsets.mean(axis=0)
    furthest = FURTHEST * EYE_DISTANCE * size
    shift *= min(1.0, furthest / max(float(np.linalg.norm(shift)), 1e-6))
    return np.column_stack([scale * np.eye(2), center + shift - scale * center])


def fit_bend(
    old: typing.Sequence[np.ndarray | None], new: typing.Sequence[np.ndarray | None], size: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Fits the offsets that warp swapped faces, after their shift and scale, to the proportions of the target faces.

    Args:
        old: Landmarks of the target faces, as in `fit_placement`.
        new: Landmarks of the swapped faces, after shift and scale.
        size: Side of the crops in pixels.

    Returns:
        (68, 2) median landmarks of the swapped faces and (68, 2) offset of each, in pixels; None for too few faces, or
        without 68 landmarks.
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
    """Fits the placement of swapped faces, and their warp to the proportions of the target faces.

    Args:
        old: Landmarks of the target faces, as in `fit_placement`.
        new: Landmarks of the swapped faces, as in `fit_placement`.
        size: Side of the crops in pixels.
        coverage: Side of the networks' view as a fraction of the crop's side.
        proportions: 0 keeps the proportions of the swapped face, 1 gives it those of the target face.

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
    differences = np.stack([x, y], axis=-1)[:, :, None] - (points + offsets)
    weights = np.exp(-(differences**2).sum(axis=-1) / (2 * (BEND_WIDTH * EYE_DISTANCE / coverage) ** 2))
    bend = weights @ offsets / (weights.sum(axis=-1, keepdims=True) + BEND_FADE)
    return Placement(in_view, bend.astype(np.float32))


def sides_from_crop(size: int, coverage: float) -> np.ndarray:
    """Returns the (2, 3) matrix from pixels of a crop of side `size` to sides of the view in it; see `Placement`."""
    return view_matrix(np.eye(2, 3), size, 1, coverage) + [[0, 0, 0.5], [0, 0, 0.5]]


def _in_pixels(matrix: np.ndarray, size: int) -> np.ndarray:
    """Converts a (2, 3) matrix in sides of an image to one in its pixels."""
    pixels = matrix.copy()
    pixels[:, 2] = size * matrix[:, 2] + 0.5 * matrix[:, :2].sum(axis=1) - 0.5
    return pixels
