"""Map of the head poses of a faceset: yaw across, pitch down, one crop in every cell that has one."""

import cv2
import numpy as np

from faceswap_lib.curation.contact_sheets import to_rgb
from faceswap_lib.facesets import Faceset
from faceswap_lib.media.outlined_text import draw_outlined_text

YAW_STEP, PITCH_STEP = 10, 10
"""Sides of a cell in degrees."""

MOST_CELLS = 7
"""Maximum number of cells from the middle to each side; poses beyond are in the outermost cells."""

CELL = 88
"""Side of a cell in pixels."""

MARGIN = 40
"""Width of the margin with the angles in pixels."""

MISSING_COLOR = "#d64541"
"""Color of cells that only the other person has."""


def draw_pose_map(
    faceset: Faceset,
    poses: np.ndarray,
    quality: np.ndarray,
    *,
    other_poses: np.ndarray | None = None,
) -> np.ndarray:
    """Draws the pose map.

    Every cell shows its sharpest crop and its number of crops. Cells in which the other person has crops and this one
    has none are red.

    Args:
        faceset: The faceset.
        poses: (N, 2) yaw and pitch in degrees; NaN is left out.
        quality: (N,), higher is better.
        other_poses: (M, 2) of the other person; None for no comparison.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    cells, others = _to_cells(poses), _to_cells(np.empty((0, 2)) if other_poses is None else other_poses)
    everything = np.concatenate([cells[:, 1:], others[:, 1:], [[0, 0]]])
    low, high = everything.min(axis=0), everything.max(axis=0)
    columns, rows = high - low + 1
    image = np.full((rows * CELL + MARGIN, columns * CELL + MARGIN, 3), 255, np.uint8)
    cv2.rectangle(image, (MARGIN, 0), (image.shape[1] - 1, rows * CELL - 1), (238, 240, 242), -1)
    missing = {tuple(cell) for cell in others[:, 1:]} - {tuple(cell) for cell in cells[:, 1:]}
    for column in range(columns):
        for row in range(rows):
            cell = (low[0] + column, high[1] - row)  # looking up is at the top
            place = slice(row * CELL, (row + 1) * CELL), slice(MARGIN + column * CELL, MARGIN + (column + 1) * CELL)
            inside = cells[(cells[:, 1] == cell[0]) & (cells[:, 2] == cell[1]), 0]
            if len(inside):
                _draw_cell(image[place], faceset, inside, quality)
            elif cell in missing:
                image[place][2:-2, 2:-2] = to_rgb(MISSING_COLOR)
    _draw_angles(image, low, high)
    return image


def _to_cells(poses: np.ndarray) -> np.ndarray:
    """Computes the cells of poses, (K, 3) int: index of the pose, column and row; without those that are NaN."""
    known = np.flatnonzero(np.isfinite(poses).all(axis=1))
    cells = np.round(poses[known] / [YAW_STEP, PITCH_STEP]).astype(int)
    return np.column_stack([known, np.clip(cells, -MOST_CELLS, MOST_CELLS)])


def _draw_cell(target: np.ndarray, faceset: Faceset, inside: np.ndarray, quality: np.ndarray) -> None:
    """Draws the best crop of a cell into it, with the number of crops."""
    best = inside[np.argmax(np.nan_to_num(quality[inside], nan=-np.inf))]
    crop = faceset.crop_files.read_image(faceset.records[best].crop)
    target[1:-1, 1:-1] = cv2.resize(crop, (CELL - 2, CELL - 2), interpolation=cv2.INTER_AREA)
    text = f"{len(inside):,}"
    draw_outlined_text(target, text, (5, CELL - 7), 0.42, outline=1)


def _draw_angles(image: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """Writes the angles of the cells into the margins: yaw below, pitch at the left."""
    gray, font = (70, 70, 70), cv2.FONT_HERSHEY_SIMPLEX
    bottom = image.shape[0] - MARGIN
    for column, yaw in enumerate(range(low[0], high[0] + 1)):
        text = str(yaw * YAW_STEP)
        place = (MARGIN + column * CELL + CELL // 2 - 5 * len(text), bottom + 20)
        cv2.putText(image, text, place, font, 0.45, gray, 1, cv2.LINE_AA)
    for row, pitch in enumerate(range(high[1], low[1] - 1, -1)):
        place = (8, row * CELL + CELL // 2 + 5)
        cv2.putText(image, str(pitch * PITCH_STEP), place, font, 0.45, gray, 1, cv2.LINE_AA)
