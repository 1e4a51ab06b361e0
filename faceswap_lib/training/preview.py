"""The preview grid: what the networks make of a few faces, in all four directions."""

import cv2
import keras
import numpy as np

from faceswap_lib.networks import Networks

HEADER = 18
"""Height of the captions in pixels."""


def preview_grid(networks: Networks, views_a: np.ndarray, views_b: np.ndarray) -> np.ndarray:
    """Draws input, mask, raw face and composite for a2a, b2b, a2b and b2a.

    Args:
        networks: The networks to look at.
        views_a: (N, R, R, 3) uint8 RGB views of A.
        views_b: (N, R, R, 3) uint8 RGB views of B.

    Returns:
        (18 + N * R, 16 * R, 3) uint8 RGB; one row per view, four columns per direction.
    """
    blocks = []
    for direction in ("a2a", "b2b", "a2b", "b2a"):
        views = views_a if direction[0] == "a" else views_b
        faces = views.astype(np.float32) / 127.5 - 1
        mask, raw = (keras.ops.convert_to_numpy(x) for x in networks.generate(faces, direction))
        composite = mask * raw + (1 - mask) * faces
        columns = [views, np.repeat(to_pixels(mask * 2 - 1), 3, axis=-1), to_pixels(raw), to_pixels(composite)]
        picture = np.concatenate([np.concatenate(list(column), axis=0) for column in columns], axis=1)
        blocks.append(_caption(picture, direction, views.shape[1]))
    return np.concatenate(blocks, axis=1)


def to_pixels(values: np.ndarray) -> np.ndarray:
    """Turns [-1, 1] floats into uint8."""
    return np.clip(np.round((values + 1) * 127.5), 0, 255).astype(np.uint8)


def _caption(picture: np.ndarray, direction: str, column: int) -> np.ndarray:
    header = np.full((HEADER, picture.shape[1], 3), 255, np.uint8)
    for index, text in enumerate((f"{direction} input", "mask", "raw", "composite")):
        cv2.putText(header, text, (index * column + 3, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([header, picture])
