"""Outputs of MTCNN's three networks for one frame, as `MTCNN.detect_with_trace` returns them."""

import dataclasses

import numpy as np

from faceswap_lib.faces.types import Face

PYRAMID_STEP = 0.709
"""Scale of each image of P-Net's pyramid relative to the one before: half the area."""

P_NET_FACE = 20
"""Side in pixels of the smallest face that P-Net proposes."""

P_NET_WINDOW = 12
"""Side in pixels of P-Net's sliding window."""

P_NET_STRIDE = 2
"""Stride in pixels of P-Net's sliding window."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DetectionStages:
    """Outputs of MTCNN's three networks for one frame with upright faces.

    Attributes:
        pyramid: The images that P-Net read, largest first, (h, w, 3) uint8 RGB.
        scales: For each of these images its pixels per pixel of the frame.
        heat: For each of these images the face probabilities of P-Net, (rows, columns) 0 to 1. Row r and column c stand
            for the square of `P_NET_WINDOW` pixels whose corner is at `P_NET_STRIDE` times (c, r).
        proposed: (N, 5) proposals of P-Net after NMS: left, top, right, bottom in pixels of the frame, score; best
            first.
        kept: (M, 5) proposals that R-Net kept, corrected.
        located: Faces that O-Net kept, corrected, with five landmarks each.
        faces: Result of `MTCNN.detect`: each of these faces refined from two views, after NMS.
    """

    pyramid: tuple[np.ndarray, ...]
    scales: tuple[float, ...]
    heat: tuple[np.ndarray, ...]
    proposed: np.ndarray
    kept: np.ndarray
    located: tuple[Face, ...]
    faces: tuple[Face, ...]
