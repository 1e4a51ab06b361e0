"""Region masks: where the swapped face may be shown, the whole face or parts of it, with soft borders."""

import cv2
import numpy as np

from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.faces import Part, parse_parts, part_mask
from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.masks import disk
from faceswap_lib.faces.region import region_mask

PART_FEATHER = 0.4
"""Softness of the border of a part as a fraction of that of the face; parts are smaller."""

PART_REACH = 1.0
"""How far a part is dilated before it is softened, as a multiple of its softness, so that all of it is shown."""

OUTLINE_FEATHER = 0.5
"""Softness of the border of an outline as a fraction of that of the ellipse, which only approximates the face."""

FOREHEAD_FEATHER = 4 / 3
"""The same fraction above the brows; larger, since foreheads differ most in lighting and no hair hides the border."""

FOREHEAD_FROM, FOREHEAD_TO = 0.25, 0.65
"""Heights above the eyes, in eye distances, between which the softness changes from the lower to the upper one."""

OUTLINE_INSET = 1.0
"""How far the mask is eroded inside the outline before it is softened, as a multiple of its softness: beyond the
outline there is no face."""

SMOOTH = 3.0
"""Minimum softness in pixels of a mask that is drawn small and then enlarged; its border is linear between pixels."""

HARD = 1e-3
"""Softness of a hard border, in eye distances."""


def draw_region_mask(
    landmarks: np.ndarray,
    parts: np.ndarray | None,
    size: int,
    coverage: float,
    config: ConvertConfig,
    *,
    outline: np.ndarray | None = None,
) -> np.ndarray:
    """Draws the mask of the region in which the swapped face may be shown.

    Args:
        landmarks: (5, 2) x, y in pixels of a view of side `size`.
        parts: (68, 2) landmarks in the same pixels; None draws parts from the five landmarks.
        size: Side of the view in pixels.
        coverage: Side of the view as a fraction of the crop's side.
        config: Which parts are shown, how far they are eroded, and how soft their borders are.
        outline: (N, 2) outline of the face in the same pixels; the mask ends at it. None uses the ellipse, which only
            approximates the face; the mask fades out beyond it.

    Returns:
        (size, size) float32 in [0, 1].

    Raises:
        InputError: If the name of a part is unknown.
    """
    wanted = parse_parts("+".join(config.parts))
    if Part.FACE not in wanted:
        feather = PART_FEATHER * config.feather
        points = landmarks if parts is None else parts
        return _draw(points, None, wanted, size, coverage, feather, PART_REACH * feather - config.erode)
    if outline is None:
        return _draw(landmarks, None, wanted, size, coverage, config.feather, -config.erode)
    lower, upper = (
        _draw(landmarks, outline, wanted, size, coverage, feather, -OUTLINE_INSET * feather - config.erode)
        for feather in (OUTLINE_FEATHER * config.feather, FOREHEAD_FEATHER * config.feather)
    )
    heights = (landmarks[:2, 1].mean() - np.arange(size)) / (EYE_DISTANCE * size / coverage)
    ratio = np.clip((heights - FOREHEAD_FROM) / (FOREHEAD_TO - FOREHEAD_FROM), 0, 1)[:, None].astype(np.float32)
    return lower + ratio * (upper - lower)


def _draw(
    points: np.ndarray,
    outline: np.ndarray | None,
    wanted: Part,
    size: int,
    coverage: float,
    feather: float,
    grow: float,
) -> np.ndarray:
    """Draws parts of a face, dilated by `grow` and softened by `feather`, both in eye distances."""
    # 1. Soft masks are drawn small, because wide blurs are slow.
    unit = EYE_DISTANCE * size / coverage
    drawn = size
    while drawn > 64 and feather * unit * drawn / (2 * size) >= SMOOTH:
        drawn //= 2
    unit *= drawn / size
    points = (points + 0.5) * (drawn / size) - 0.5
    outline = None if outline is None else (outline + 0.5) * (drawn / size) - 0.5
    # 2. The region, eroded or dilated, then softened.
    whole = Part.FACE in wanted
    if grow == 0:
        mask = region_mask(points, outline, drawn, coverage=coverage, softness=feather)
    else:
        if whole:
            mask = region_mask(points, outline, drawn, coverage=coverage, softness=HARD)
        else:
            mask = part_mask(points, drawn, wanted, coverage=coverage, feather=0)
        mask = cv2.GaussianBlur(_grow(mask, grow * unit), (0, 0), feather * unit)
    mask = mask.astype(np.float32) / 255
    return mask if drawn == size else cv2.resize(mask, (size, size), interpolation=cv2.INTER_LINEAR)


def _grow(mask: np.ndarray, pixels: float) -> np.ndarray:
    """Dilates a mask by a number of pixels, rounded; a negative number erodes it."""
    radius = round(abs(pixels))
    if radius == 0:
        return mask
    return cv2.dilate(mask, disk(radius)) if pixels > 0 else cv2.erode(mask, disk(radius))
