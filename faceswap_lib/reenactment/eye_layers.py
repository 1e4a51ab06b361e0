"""Eyes of a photo in two layers, so that irises can be moved: the white with its shadows, and the irises.

A photo shows only a part of each layer. The white behind the iris is filled from the white around it. The part of an
iris that is behind a lid gets the mean color of its visible part at the same distance from the center.
"""

import typing

import cv2
import numpy as np

from faceswap_lib.conversion.color_transfer.registry import to_picture
from faceswap_lib.faces.alignment import CROP_SIZE, EYE_DISTANCE, scale_points
from faceswap_lib.reenactment.eye_transfer import (
    CLOSED,
    EYES,
    IRIS_EXTENT,
    LID_INSET,
    OPEN,
    eye_openness,
    opening_mask,
)
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.part_warp import fit_affine
from faceswap_lib.reenactment.skin_alpha import smooth_step
from faceswap_lib.reenactment.warping import NO_MAP, apply_affine, pixel_grid

MARGIN = 0.2
"""How far around an eye its layers are computed, in eye distances."""

FILL_SIGMAS = (0.12, 0.05, 0.02)
"""Standard deviations of the blurs that fill the white, from coarse to fine, in eye distances."""

WHITE_FROM = 1.1
"""Distance from the center of the iris from which an eye is white, in radii of its visible disk."""

SHUT, SLIT = 0.04, 0.1
"""Openness of an eye up to which no eyeball is seen, and from which it is drawn completely."""

EDGE = 0.012
"""Half width of the soft border of an iris, in eye distances."""

RINGS = 12
"""Number of distances from the center at which the color of an iris is measured."""

MOST_HIDDEN = (0.45, 0.75)
"""Share of the wanted iris that the photo hides, up to which it is completed, and from which it is not shown."""


class MovedEyes(typing.NamedTuple):
    """Eyes of a photo, moved to another gaze.

    Attributes:
        image: (S, S, 3) uint8 RGB; defined where `weight` is above 0.
        weight: (S, S) float32, 0 to 1: where these eyes may be shown.
        seen: (S, S) float32, 0 to 1, one number per eye: 0 where the photo's lids hide most of the wanted iris.
    """

    image: np.ndarray
    weight: np.ndarray
    seen: np.ndarray


class _Eye(typing.NamedTuple):
    """An eye in a part of an image, in pixels of the part: (6, 2) lids, (2,) center and radius of the visible iris."""

    lids: np.ndarray
    iris: np.ndarray
    radius: float


def move_eyes(photo: np.ndarray, source: FaceShape, target: FaceShape) -> MovedEyes | None:
    """Moves the eyes of a photo to the gaze and the lids of the target.

    Args:
        photo: (S, S, 3) uint8 RGB, an aligned crop.
        source: The shape of the face in the photo.
        target: The wanted shape.

    Returns:
        The eyes; None if the irises of either shape are unknown, or no eye is open in both.
    """
    if source.irises is None or target.irises is None:
        return None
    before = eye_openness(source.points)
    shares = smooth_step((before - CLOSED) / (OPEN - CLOSED)) * slit_shares(target.points)
    if not shares.any():
        return None
    size = len(photo)
    image, weight, seen = photo.copy(), np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    for eye, before, after, share in zip(EYES, source.irises, target.irises, shares, strict=True):
        rows, columns = _around(np.concatenate([source.points[eye], target.points[eye]]), size)
        if share == 0 or not seen[rows, columns].size:
            continue
        corner = np.array([columns.start, rows.start])
        part = np.ascontiguousarray(photo[rows, columns], np.float32)
        opening = opening_mask(source.points[eye], size, inset=LID_INSET)[rows, columns]
        old, new = (
            _Eye(
                lids=scale_points(shape.points[eye], size / CROP_SIZE) - corner,
                iris=scale_points(iris[:2], size / CROP_SIZE) - corner,
                radius=max(IRIS_EXTENT * iris[2] * size / CROP_SIZE, 1.0),
            )
            for shape, iris in ((source, before), (target, after))
        )
        made, hidden = _compose(part, opening, old, new, EYE_DISTANCE * size)
        image[rows, columns] = to_picture(made)
        own = np.float32(share) * opening_mask(target.points[eye], size, inset=LID_INSET / 2)
        weight = np.maximum(weight, own)
        seen[rows, columns] = smooth_step(np.array((MOST_HIDDEN[1] - hidden) / (MOST_HIDDEN[1] - MOST_HIDDEN[0])))
    return MovedEyes(image=image, weight=weight, seen=seen)


def slit_shares(points: np.ndarray) -> np.ndarray:
    """Computes how far an eyeball is seen between the lids, (2,), 0 to 1, from (68, 2) landmarks."""
    return smooth_step((eye_openness(points) - SHUT) / (SLIT - SHUT))


def white_share(photo: np.ndarray, opening: np.ndarray) -> np.ndarray:
    """Computes how white each pixel of an eye is, compared with the skin around it: 1 without color, 0.05 for skin.

    Args:
        photo: (h, w, 3) float32, 0 to 255.
        opening: (h, w) float32, 1 where it shows the eyeball.

    Returns:
        (h, w) float32.
    """
    lab = cv2.cvtColor(photo / 255, cv2.COLOR_RGB2Lab)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    skin = float(np.average(chroma, weights=1 - opening + 1e-6))
    return (0.05 + 0.95 * smooth_step((0.9 - chroma / max(skin, 1.0)) / 0.5)).astype(np.float32)


def _compose(photo: np.ndarray, opening: np.ndarray, old: _Eye, new: _Eye, unit: float) -> tuple[np.ndarray, float]:
    """Composes one eye of its layers.

    Args:
        photo: (h, w, 3) float32, the part of the photo around the eye.
        opening: (h, w) float32, 1 where it shows the eyeball.
        old: The eye in the photo.
        new: The wanted eye.
        unit: Distance between the eyes in pixels.

    Returns:
        (h, w, 3) float32, and the share of the wanted visible iris that the photo hides, 0 to 1.
    """
    height, width = opening.shape
    grid = pixel_grid(max(height, width))[:height, :width]
    distance = np.linalg.norm(grid - old.iris.astype(np.float32), axis=2)
    known = opening * smooth_step((distance / old.radius - WHITE_FROM) / 0.15)
    white = fill_from(photo, known * white_share(photo, opening), unit)
    whites = _sample(white, apply_affine(fit_affine(new.lids, old.lids), grid))
    iris = _complete_iris(photo, opening, distance, old.radius)
    places = ((grid - new.iris) * (old.radius / new.radius) + old.iris).astype(np.float32)
    moved, seen = (_sample(layer, places) for layer in (iris, opening))
    away = np.linalg.norm(grid - new.iris.astype(np.float32), axis=2)
    disk = smooth_step((new.radius + EDGE * unit - away) / (2 * EDGE * unit)).astype(np.float32)
    lids = np.zeros(opening.shape, np.float32)
    cv2.fillPoly(lids, [np.round(16 * new.lids).astype(np.int32)], 1.0, cv2.LINE_8, 4)
    wanted = disk * lids
    hidden = float((wanted * (1 - seen)).sum() / max(float(wanted.sum()), 1e-6))
    return whites + disk[..., None] * (moved - whites), hidden


def fill_from(image: np.ndarray, known: np.ndarray, unit: float) -> np.ndarray:
    """Fills an image from its known pixels by blurs, from coarse to fine (normalized convolution).

    Args:
        image: (h, w, 3) float32.
        known: (h, w) float32, 0 to 1.
        unit: Distance between the eyes in pixels.

    Returns:
        (h, w, 3) float32; where `known` is 1, the image itself.

    Source: Knutsson and Westin, "Normalized and Differential Convolution", 1993.

    Taught in notebooks/12_expressions.
    """
    total = max(float(known.sum()), 1e-6)
    filled = np.broadcast_to((image * known[..., None]).sum(axis=(0, 1)) / total, image.shape).astype(np.float32)
    for sigma in FILL_SIGMAS:
        colors = cv2.GaussianBlur(image * known[..., None], (0, 0), sigma * unit)
        weight = cv2.GaussianBlur(known, (0, 0), sigma * unit)[..., None]
        filled = (colors + 0.05 * filled) / (weight + 0.05)
    return filled + known[..., None] * (image - filled)


def _complete_iris(photo: np.ndarray, opening: np.ndarray, distance: np.ndarray, radius: float) -> np.ndarray:
    """Replaces what is not visible of an iris by the mean color of the visible part at the same distance.

    Args:
        photo: (h, w, 3) float32.
        opening: (h, w) float32, 1 where the eyeball is visible.
        distance: (h, w) float32, distance from the center of the iris in pixels.
        radius: Radius of its visible disk.

    Returns:
        (h, w, 3) float32.
    """
    edges = np.linspace(0, 1.15 * radius, RINGS)
    step = edges[1]
    weights = opening * np.maximum(1 - np.abs(distance - edges[:, None, None]) / (1.5 * step), 0)  # (RINGS, h, w)
    sums, totals = np.einsum("rhw,hwc->rc", weights, photo), weights.sum(axis=(1, 2))
    known = totals > 0.5
    if not known.any():
        return photo
    colors = np.stack([np.interp(edges, edges[known], (sums[known] / totals[known, None])[:, c]) for c in range(3)], 1)
    rings = np.stack([np.interp(distance, edges, colors[:, channel]) for channel in range(3)], axis=-1)
    return (rings + opening[..., None] * (photo - rings)).astype(np.float32)


def _sample(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Samples an image at places between its pixels."""
    return cv2.remap(image, places, NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _around(points: np.ndarray, size: int) -> tuple[slice, slice]:
    """Returns the rows and columns of an image around points."""
    points = scale_points(points, size / CROP_SIZE)
    margin = MARGIN * EYE_DISTANCE * size
    low, high = (np.clip(edge, 0, size).astype(int) for edge in (points.min(0) - margin, points.max(0) + margin + 1))
    return slice(low[1], high[1]), slice(low[0], high[0])
