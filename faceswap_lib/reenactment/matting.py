"""Cuts a person out of a photo: GrabCut, which starts from where the face says that head and shoulders are.

Sources: Rother et al., "GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts", 2004; He et al., "Guided
Image Filtering", 2010.
"""

import cv2
import numpy as np

from faceswap_lib.faces.alignment import CROP_SIZE, invert_affine, map_points, resize_matrix

WORK_SIDE = 320
"""Longer side of the image in which GrabCut segments."""

ROUNDS = 5
"""Iterations of GrabCut."""

SKULL = ((0.5, 0.46), (0.3, 0.4))
"""Center and half axes of the ellipse that surely is face or hair, in sides of the crop. Without it, dark hair in front
of a dark room was cut off."""

CHEST = ((0.9, 0.12), (1.0, 0.15), (1.1, 0.28), (1.3, 0.4), (1.8, 0.5))
"""Distance below the upper edge of the crop, and half width there, of what surely is neck or chest, in sides of the
crop. A wider one would also cover the room beside sloping shoulders, and GrabCut would take the whole room for the
person. A black shirt of which a photo shows only the shoulders may still be taken for the room."""

HEAD = ((0.5, 0.44), (0.46, 0.56))
"""Center and half axes of the ellipse that probably is hair, face or ears, in sides of the crop."""

BODY = ((0.75, 0.2), (1.0, 0.34), (1.15, 0.8), (1.8, 1.1))
"""Distance below the upper edge of the crop, and half width there, of what probably is neck, shoulders or chest, in
sides of the crop."""

BEYOND_HEAD, BEYOND_BODY = 0.16, 0.3
"""Distances from the head and from the body, in sides of the crop, from which a pixel surely is background: long hair
is wide below the chin. With 0.1 the hair of a head turned by 25 degrees was cut off."""

MATTE_RADIUS, MATTE_EPS = 0.012, 1e-4
"""Half window of the guided filter in sides of the photo, and its regularization for gray levels from 0 to 1."""


def cut_out_person(photo: np.ndarray, crop_from_photo: np.ndarray) -> np.ndarray:
    """Segments the person whose face is known.

    Args:
        photo: (H, W, 3) uint8 RGB.
        crop_from_photo: (2, 3) matrix from the photo to an aligned crop of side `CROP_SIZE`.

    Returns:
        (H, W) float32 matte, 1 on the person and 0 on the background; 1 everywhere if the photo shows no background.
    """
    height, width = photo.shape[:2]
    scale = min(1.0, WORK_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    labels = _seed_labels(size, resize_matrix(invert_affine(crop_from_photo), scale))
    if not np.isin(labels, (cv2.GC_BGD, cv2.GC_PR_BGD)).any() or not (labels == cv2.GC_FGD).any():
        return np.ones((height, width), np.float32)
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    cv2.setRNGSeed(0)  # GrabCut starts from random clusters; the same photo always has the same matte
    cv2.grabCut(small, labels, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    person = _keep_solid(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8), labels == cv2.GC_FGD)
    matte = cv2.resize(person.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return _follow_edges(photo, matte)


def _seed_labels(size: tuple[int, int], image_from_crop: np.ndarray) -> np.ndarray:
    """Draws what is known before GrabCut starts.

    Args:
        size: Width and height of the image.
        image_from_crop: (2, 3) matrix from a crop of side `CROP_SIZE` to the image.

    Returns:
        (h, w) uint8 labels of GrabCut.
    """
    skull, chest, head, body = (
        map_points(image_from_crop, CROP_SIZE * outline - 0.5)
        for outline in (_ellipse(*SKULL), _column(CHEST), _ellipse(*HEAD), _column(BODY))
    )
    side = CROP_SIZE * float(np.sqrt(abs(np.linalg.det(image_from_crop[:, :2]))))
    labels = np.full(size[::-1], cv2.GC_PR_BGD, np.uint8)
    near = np.zeros(labels.shape, bool)
    for polygon, beyond in ((head, BEYOND_HEAD), (body, BEYOND_BODY)):
        outside = np.ones_like(labels)
        cv2.fillPoly(outside, [np.round(polygon).astype(np.int32)], 0)
        near |= cv2.distanceTransform(outside, cv2.DIST_L2, 5) < beyond * side
        labels[outside == 0] = cv2.GC_PR_FGD
    labels[~near] = cv2.GC_BGD
    for polygon in (skull, chest):
        cv2.fillPoly(labels, [np.round(polygon).astype(np.int32)], cv2.GC_FGD)
    return labels


def _ellipse(center: tuple[float, float], half_axes: tuple[float, float]) -> np.ndarray:
    """Computes the outline of an ellipse, (48, 2), in sides of the crop."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.array(center) + np.array(half_axes) * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _column(widths: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Computes the outline of a shape that is symmetric about the middle of the crop, (2 N, 2), in its sides."""
    down, half = np.array(widths).T
    left, right = (np.stack([0.5 + side * half, down], axis=1) for side in (-1, 1))
    return np.concatenate([left, right[::-1]])


def _keep_solid(person: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Keeps the regions that touch the seed, and fills their holes; (h, w) uint8, 1 on the person."""
    _, regions = cv2.connectedComponents(person)
    kept = np.isin(regions, np.unique(regions[seed & (person > 0)])).astype(np.uint8)
    outside = cv2.copyMakeBorder(kept, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    cv2.floodFill(outside, None, (0, 0), 2)
    return (outside[1:-1, 1:-1] != 2).astype(np.uint8)


def _follow_edges(photo: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """Fits the border of a matte to the edges of its photo, with a guided filter on gray levels; (H, W) float32."""
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    radius = max(1, round(MATTE_RADIUS * max(gray.shape)))

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REPLICATE)

    mean_gray, mean_matte = mean(gray), mean(matte)
    slope = (mean(gray * matte) - mean_gray * mean_matte) / (mean(gray * gray) - mean_gray**2 + MATTE_EPS)
    offset = mean_matte - slope * mean_gray
    soft = mean(slope) * gray + mean(offset)
    return np.clip((soft - 0.1) / 0.8, 0, 1).astype(np.float32)
