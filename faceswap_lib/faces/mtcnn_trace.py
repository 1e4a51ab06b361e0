"""What MTCNN's three networks say about a frame, one after the other; `MTCNN.detect_with_trace` gives it."""

import dataclasses

import numpy as np

from faceswap_lib.faces.types import Face

PYRAMID_STEP = 0.709
"""How much smaller each picture of the first network's pyramid is than the one before: half the area."""

P_NET_FACE = 20
"""Side in pixels of the smallest face that MTCNN's first network proposes."""

P_NET_WINDOW = 12
"""Side in pixels of the square that MTCNN's first network judges at one place."""

P_NET_STRIDE = 2
"""Pixels between two such places."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DetectionStages:
    """What the three networks of MTCNN said about one upright frame.

    Attributes:
        pyramid: The pictures the first network read, largest first, (h, w, 3) uint8 RGB.
        scales: Per such picture its pixels per pixel of the frame.
        heat: Per such picture how sure the first network was of a face, (rows, columns) 0 to 1. The place at row r and
            column c stands for the square of `P_NET_WINDOW` pixels whose corner is at `P_NET_STRIDE` times (c, r).
        proposed: (N, 5) what is left of that: left, top, right, bottom in pixels of the frame, score; best first.
        kept: (M, 5) what the second network kept of them, corrected.
        located: What the third network kept of these, corrected, with five points each.
        faces: What `detect` gives: each of them read twice more, and doubles dropped.
    """

    pyramid: tuple[np.ndarray, ...]
    scales: tuple[float, ...]
    heat: tuple[np.ndarray, ...]
    proposed: np.ndarray
    kept: np.ndarray
    located: tuple[Face, ...]
    faces: tuple[Face, ...]
