"""What of the new face may show: the whole of it, or some of its parts, ended softly."""

import cv2
import numpy as np

from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.faces import Part, parse_parts, part_mask
from faceswap_lib.faces.align import EYE_DISTANCE
from faceswap_lib.faces.region import region_mask

PART_FEATHER = 0.4
"""Softness of a part's border against the face's; parts are smaller."""

PART_REACH = 1.0
"""How far a part grows before it is softened, in that softness, so that all of it shows."""

OUTLINE_INSET = 1.0
"""How far the new face ends inside the outline before it is softened, in that softness: past the outline there is
nothing of a face."""

SMOOTH = 3.0
"""Pixels of softness from which a mask may be enlarged: its border is then straight from pixel to pixel."""

HARD = 1e-3
"""A softness, in eye distances, that is none."""


def draw_shown(
    landmarks: np.ndarray,
    parts: np.ndarray | None,
    size: int,
    coverage: float,
    config: ConvertConfig,
    *,
    outline: np.ndarray | None = None,
) -> np.ndarray:
    """Draws where the new face may show.

    Args:
        landmarks: (5, 2) x, y in pixels of a view of side `size`.
        parts: (68, 2) like them, where they are known; else parts are drawn from the five.
        size: Side of the view in pixels.
        coverage: Side of the view as a share of the crop's.
        config: Which parts, how far they shrink and how softly they end.
        outline: (N, 2) like the landmarks, the face's outline, up to which and no further the new face shows; None for
            the ellipse, which is only about where the face ends, and past which it fades out.

    Returns:
        (size, size) float32 in [0, 1].

    Raises:
        InputError: For a part that is none.
    """
    wanted = parse_parts("+".join(config.parts))
    whole = Part.FACE in wanted
    feather = config.feather if whole else PART_FEATHER * config.feather
    grow = -config.erode if whole else PART_REACH * feather - config.erode
    if whole and outline is not None:
        grow -= OUTLINE_INSET * feather
    # 1. Softly ended masks are drawn small: the wide blur is what costs time.
    unit = EYE_DISTANCE * size / coverage
    drawn = size
    while drawn > 64 and feather * unit * drawn / (2 * size) >= SMOOTH:
        drawn //= 2
    unit *= drawn / size
    points, border = (
        None if p is None else (p + 0.5) * (drawn / size) - 0.5
        for p in (landmarks if whole or parts is None else parts, outline)
    )
    # 2. The outline, shrunk or grown, then softened.
    if grow == 0:
        mask = region_mask(points, border, drawn, coverage=coverage, softness=feather)
    else:
        if whole:
            mask = region_mask(points, border, drawn, coverage=coverage, softness=HARD)
        else:
            mask = part_mask(points, drawn, wanted, coverage=coverage, feather=0)
        mask = cv2.GaussianBlur(_grow(mask, grow * unit), (0, 0), feather * unit)
    mask = mask.astype(np.float32) / 255
    return mask if drawn == size else cv2.resize(mask, (size, size), interpolation=cv2.INTER_LINEAR)


def _grow(mask: np.ndarray, pixels: float) -> np.ndarray:
    """Moves the border of a mask outwards, or inwards for less than 0, to the nearest pixel."""
    radius = round(abs(pixels))
    if radius == 0:
        return mask
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask, disk) if pixels > 0 else cv2.erode(mask, disk)
