"""Labels of visible faces as polygons, and the masks that they describe.

A label says "face" or "occluder". A pixel is visible if it is inside a polygon of a face and in none of an occluder.
Without polygons of faces, the region of the face is found from its landmarks, so that it is enough to label occluders.
"""

import dataclasses
import typing
from collections.abc import Sequence
from typing import Literal, get_args

import cv2
import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.facesets.workspace import Side

Label = Literal["face", "occluder"]
"""Classes of polygons."""

FINER = 4
"""Factor by which masks are drawn larger and reduced again, for an antialiased border."""

MOST_POLYGONS, MOST_POINTS = 1000, 10_000
"""Largest number of polygons of one image, and of points of one polygon."""

FAR = 10.0
"""How far a point may be outside of its image, in sides of the image."""

LEAST_AREA = 12.0
"""Area in pixels below which a spot of a mask does not become a polygon."""

TOLERANCE = 0.6
"""Largest distance in pixels between a mask's border and its polygon."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Polygon:
    """A labeled area of an image.

    Attributes:
        label: "face" or "occluder".
        points: (N, 2) float64 x, y in pixels; the center of the first pixel is 0, 0. At least three points.
    """

    label: Label
    points: np.ndarray

    def __post_init__(self):
        points = np.array(self.points, np.float64)
        if self.label not in get_args(Label):
            raise InputError(f"label: expected face or occluder, got {self.label!r:.60}")
        if points.ndim != 2 or points.shape[1] != 2 or not 3 <= len(points) <= MOST_POINTS:
            raise InputError(f"points: expected 3 to {MOST_POINTS} pairs x, y, got an array of shape {points.shape}")
        if not np.isfinite(points).all():
            raise InputError("points: expected finite numbers, got NaN or infinity")
        points.flags.writeable = False
        object.__setattr__(self, "points", points)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LabeledImage:
    """The labels of one crop.

    Attributes:
        crop: File name of the crop, a plain name.
        side: Whose crop it is; None if the file does not say it.
        size: Width and height of the labeled image in pixels.
        polygons: Its polygons.
    """

    crop: str
    side: Side | None
    size: tuple[int, int]
    polygons: tuple[Polygon, ...]

    def __post_init__(self):
        if len(self.polygons) > MOST_POLYGONS:
            raise InputError(f"{self.crop}: expected at most {MOST_POLYGONS} polygons, got {len(self.polygons)}")
        far = FAR * max(self.size)
        if any(abs(polygon.points).max() > far for polygon in self.polygons):
            raise InputError(f"{self.crop}: expected points near an image of {self.size[0]} x {self.size[1]} pixels")


def draw_mask(labels: LabeledImage, size: int, region: np.ndarray) -> np.ndarray:
    """Draws the mask of the visible face.

    Args:
        labels: The labels; the image must be square.
        size: Side S of the mask in pixels.
        region: (S, S) float32 in [0, 1], the face where no polygon says "face".

    Returns:
        (S, S) float32 in [0, 1].

    Raises:
        InputError: If the labeled image is not square.
    """
    width, height = labels.size
    if width != height:
        raise InputError(f"{labels.crop}: expected labels of a square crop, got {width} x {height} pixels")
    areas: dict[str, list[np.ndarray]] = {label: [] for label in get_args(Label)}
    for polygon in labels.polygons:
        areas[polygon.label].append((polygon.points + 0.5) * (size / width))
    face = _fill(areas["face"], size) if areas["face"] else region
    return (face * (1 - _fill(areas["occluder"], size))).astype(np.float32)


def trace_mask(mask: np.ndarray) -> tuple[tuple[Polygon, ...], int]:
    """Traces the borders of a mask: faces around the visible pixels, occluders around the holes in them.

    Args:
        mask: (S, S) float32 in [0, 1], or uint8, 255 where the face is visible.

    Returns:
        The polygons; and the number of spots that are left out because they are tiny, or visible within a hole.
    """
    level = 0.5 if mask.dtype.kind == "f" else 127.5
    enlarged = cv2.resize(mask.astype(np.float32), None, fx=FINER, fy=FINER, interpolation=cv2.INTER_LINEAR)
    inside = np.pad((enlarged > level).astype(np.uint8), 1)
    contours, hierarchy = cv2.findContours(inside, cv2.RETR_TREE, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return (), 0
    polygons, skipped, parents = [], 0, hierarchy[0, :, 3].tolist()
    for index, contour in enumerate(contours):
        depth, above = 0, parents[index]
        while above >= 0:
            depth, above = depth + 1, parents[above]
        points = cv2.approxPolyDP(contour, TOLERANCE * FINER, True)[:, 0].astype(np.float64)
        if depth > 1 or len(points) < 3 or cv2.contourArea(contour) < LEAST_AREA * FINER**2:
            skipped += 1
            continue
        # The contour runs through pixel centers of the padded image; a face's true border is half a pixel outside.
        points = (points - 1 + 0.5) / FINER - 0.5
        polygons.append(Polygon(label="occluder" if depth else "face", points=points))
    return tuple(polygons), skipped


def _fill(polygons: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Fills polygons whose points count from the corner of the image; (size, size) float32 in [0, 1]."""
    canvas = np.zeros((FINER * size, FINER * size), np.uint8)
    for points in polygons:
        corners = np.round((points * FINER - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(canvas, [corners], 255, cv2.LINE_8, 4)
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def cast_label(value: object) -> Label:
    """Returns a label that was read from a file.

    Raises:
        InputError: If it is neither "face" nor "occluder", in any case of letters.
    """
    text = value.strip().lower() if isinstance(value, str) else value
    if text not in get_args(Label):
        raise InputError(f"label: expected face or occluder, got {value!r:.60}")
    return typing.cast(Label, text)
