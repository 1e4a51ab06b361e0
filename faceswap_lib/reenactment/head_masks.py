"""Head segmentation of aligned crops: face, hair and ears, without neck, clothes and background.

There is no network for it here. The landmarks say where the face surely is, and where nothing of the head can be; the
colors decide in between (GrabCut). The masks of a faceset are computed once and stored beside its manifest.
"""

import concurrent.futures
import pathlib
from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lib.arrays import ArrayFileError, read_arrays
from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import CROP_SIZE, scale_points
from faceswap_lib.faces.landmarks_68 import LEFT_EYE, OUTLINE, RIGHT_EYE
from faceswap_lib.facesets.faceset import Faceset
from faceswap_lib.progress import show_progress
from faceswap_lib.reenactment.control_points import forehead_arc
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.training.run_metadata import digest_records

HEADS = "heads.npz"
"""File name in the folder of the faceset."""

VERSION = "heads 1"
"""Name of the method in the file; masks of another method are computed again."""

SIDE = 128
"""Side at which heads are segmented, in pixels. Hair is not resolved more finely, and GrabCut takes 4 times as long at
256."""

ITERATIONS = 3
"""Rounds of GrabCut; more change less than 1 % of the pixels of the crops at hand."""

ANGLES = np.radians(np.linspace(180, 0, 19))
"""Directions of the points of the forehead, from the left of the image to the right."""

SURE_FOREHEAD = 0.75
"""Height of the forehead that is surely skin, relative to the average hairline; a fringe may hang below that."""

REACH_UP, REACH_ASIDE = 1.75, 1.55
"""How far hair may reach from the middle of the eyes, relative to the hairline and to the temples."""

BESIDE_NECK = 1.12
"""Distance from the midline beyond which hair may hang below the jaw, relative to the jaw beside the mouth."""

BORDER = 0.8
"""Standard deviation of the soft border in pixels of `SIDE`."""


def segment_head(image: np.ndarray, shape: FaceShape, *, size: int | None = None) -> np.ndarray:
    """Segments the head in an aligned crop: face, hair and ears.

    Source: Rother et al., "GrabCut", 2004, started with regions from the landmarks.

    Args:
        image: (S, S, 3) uint8 RGB.
        shape: The shape of its face.
        size: Side of the mask in pixels; None for S.

    Returns:
        (size, size) uint8 with a soft border, 255 inside the head.
    """
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    labels = _seed_labels(shape.points)
    face = labels == cv2.GC_FGD
    if (labels == cv2.GC_BGD).any() and face.any():
        _run_grab_cut(small, labels)
    inside = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    mask = _clean(inside, face).astype(np.float32)
    mask = cv2.GaussianBlur(mask, (0, 0), BORDER, borderType=cv2.BORDER_REPLICATE)
    size = len(image) if size is None else size
    mask = cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA if size < SIDE else cv2.INTER_LINEAR)
    return np.round(255 * np.clip(mask, 0, 1)).astype(np.uint8)


def _seed_labels(points: np.ndarray) -> np.ndarray:
    """Draws what the landmarks say about each pixel as labels of GrabCut, (SIDE, SIDE) uint8.

    The face is sure. Hair is likely above the ears and possible beside the neck. The neck, and what is farther from the
    face than hair reaches, is surely no head.
    """
    middle = (points[LEFT_EYE].mean(axis=0) + points[RIGHT_EYE].mean(axis=0)) / 2
    jaw, arc = points[OUTLINE], forehead_arc(points, ANGLES)
    labels = np.full((SIDE, SIDE), cv2.GC_BGD, np.uint8)

    def fill(polygon: np.ndarray, label: int) -> None:
        corners = np.round(scale_points(polygon, SIDE / CROP_SIZE)).astype(np.int32)
        cv2.fillPoly(labels, [corners], int(label))

    crown = middle + (arc - middle) * [REACH_ASIDE, REACH_UP]
    bottom = float(CROP_SIZE)
    left, right = crown[0, 0], crown[-1, 0]
    fill(np.concatenate([crown, [[right, bottom], [left, bottom]]]), cv2.GC_PR_BGD)
    hair = middle + 1.18 * (arc - middle)
    fill(np.concatenate([hair, jaw[::-1]]), cv2.GC_PR_FGD)
    sides = middle[0] + BESIDE_NECK * (points[[4, 12], 0] - middle[0])
    neck = np.array([[sides[0], bottom], [sides[0], jaw[4, 1]], *jaw[5:12], [sides[1], jaw[12, 1]], [sides[1], bottom]])
    fill(neck, cv2.GC_BGD)
    fill(np.concatenate([hair, jaw[::-1]]), cv2.GC_PR_FGD)
    forehead = middle + SURE_FOREHEAD * (arc - middle)
    inner = middle + 0.94 * (jaw - middle)
    fill(np.concatenate([forehead, inner[::-1]]), cv2.GC_FGD)
    return labels


def _run_grab_cut(image: np.ndarray, labels: np.ndarray) -> None:
    """Runs GrabCut and writes its labels to `labels`; the same image always gets the same labels."""
    cv2.setRNGSeed(0)  # the first clusters of colors are random
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(image, labels, (0, 0, 0, 0), background, foreground, ITERATIONS, cv2.GC_INIT_WITH_MASK)


def _clean(inside: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Keeps only what is connected to the face, and fills holes; both (SIDE, SIDE) bool."""
    opened = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    opened = np.maximum(opened, face.astype(np.uint8))
    _, components = cv2.connectedComponents(opened)
    kept = np.isin(components, np.unique(components[face])) & (opened > 0)
    _, outside = cv2.connectedComponents((~kept).astype(np.uint8), connectivity=4)
    edge = np.unique(np.concatenate([outside[0], outside[-1], outside[:, 0], outside[:, -1]]))
    return kept | ~np.isin(outside, edge)


def read_heads(
    faceset: Faceset, shapes: Sequence[FaceShape | None], made_by: str, *, progress: bool = False
) -> np.ndarray:
    """Returns the head masks of a faceset; computes and stores them if they are not stored yet.

    Args:
        faceset: The faceset.
        shapes: The shape of each crop; the mask of a crop without one is empty.
        made_by: Name of the networks that found the shapes.
        progress: Whether to show a progress bar.

    Returns:
        (N, SIDE, SIDE) uint8, 255 inside the head.
    """
    path, note = faceset.folder / HEADS, f"{VERSION} {made_by} {digest_records(faceset.records)}"
    stored = _read(path, note, len(faceset))
    if stored is not None:
        return stored
    masks = np.zeros((len(faceset), SIDE, SIDE), np.uint8)

    def segment(index: int) -> None:
        shape = shapes[index]
        if shape is not None:
            (crop,) = faceset.part(index, index + 1).read_crops()
            masks[index] = segment_head(crop.image, shape, size=SIDE)

    title = f"heads of {faceset.folder.name}"
    with (
        show_progress(title=title, total=len(faceset), disable=not progress) as bar,
        concurrent.futures.ThreadPoolExecutor() as pool,
    ):
        for _ in pool.map(segment, range(len(faceset))):
            bar.update(1)
    with replacing(path) as temporary:
        np.savez(temporary, masks=masks, made_of=np.frombuffer(note.encode(), np.uint8))
    return masks


def _read(path: pathlib.Path, note: str, count: int) -> np.ndarray | None:
    """Reads stored masks; None if the file is missing, damaged, or was made of other crops or in another way."""
    try:
        arrays = read_arrays(path, ["masks", "made_of"])
    except (OSError, ArrayFileError, InputError):
        return None
    masks = arrays["masks"]
    if arrays["made_of"].tobytes() != note.encode():
        return None
    return masks if masks.shape == (count, SIDE, SIDE) and masks.dtype == np.uint8 else None
