"""What of the new face may show: the whole of it, or some of its parts, ended softly."""

import cv2
import numpy as np

from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.faces import Part, parse_parts, part_mask
from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.masks import disk
from faceswap_lib.faces.region import region_mask

PART_FEATHER = 0.4
"""Softness of a part's border against the face's; parts are smaller."""

PART_REACH = 1.0
"""How far a part grows before it is softened, in that softness, so that all of it shows."""

OUTLINE_FEATHER = 0.5
"""Softness of an outline's border against the ellipse's, which is only about where the face ends."""

FOREHEAD_FEATHER = 4 / 3
"""The same above the brows: two foreheads differ most in their light, and hair hides no border of it."""

FOREHEAD_FROM, FOREHEAD_TO = 0.25, 0.65
"""Height above the eyes, in eye distances, over which the one softness goes over into the other."""

OUTLINE_INSET = 1.0
"""How far the new face ends inside the outline before it is softened, in that softness: past the outline there is
nothing of a face."""

SMOOTH = 3.0
"""Pixels of softness from which a mask may be enlarged: its border is then straight from pixel to pixel."""

HARD = 1e-3
"""A softness, in eye distances, that is none."""


def draw_region_mask(
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
    share = np.clip((heights - FOREHEAD_FROM) / (FOREHEAD_TO - FOREHEAD_FROM), 0, 1)[:, None].astype(np.float32)
    return lower + share * (upper - lower)


def _draw(
    points: np.ndarray,
    outline: np.ndarray | None,
    wanted: Part,
    size: int,
    coverage: float,
    feather: float,
    grow: float,
) -> np.ndarray:
    """Draws parts of a face, grown and then softened, in eye distances; other arguments as in `draw_region_mask`."""
    # 1. Softly ended masks are drawn small: the wide blur is what costs time.
    unit = EYE_DISTANCE * size / coverage
    drawn = size
    while drawn > 64 and feather * unit * drawn / (2 * size) >= SMOOTH:
        drawn //= 2
    unit *= drawn / size
    points, outline = (None if p is None else (p + 0.5) * (drawn / size) - 0.5 for p in (points, outline))
    # 2. The outline, shrunk or grown, then softened.
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
    """Moves the border of a mask outwards, or inwards for less than 0, to the nearest pixel."""
    radius = round(abs(pixels))
    if radius == 0:
        return mask
    return cv2.dilate(mask, disk(radius)) if pixels > 0 else cv2.erode(mask, disk(radius))
