"""Draws the sheets of docs/conversion.md: every color transfer, blend and choice of parts, on the demo's two portraits.

The new face does not come from a network: it is the face of the other portrait, warped so that its five points match
the old ones, in bluer and weaker light than the frame. So the sheets can be drawn on every machine, and show the effect
of compositing, not the quality of a trained network.

Usage: python -m tools.draw_conversion_sheets [FOLDER]
"""

import argparse
import pathlib

import cv2
import numpy as np

from faceswap_lib.conversion.color_transfer.registry import MATCHES
from faceswap_lib.conversion.compositor import BLENDS, Compositor, SwappedFace
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.demo.points import Portrait
from faceswap_lib.demo.portraits import load_portraits
from faceswap_lib.faces import CROP_SIZE, Face, crop_from_frame, points_in_crop, view_matrix, warp_frame
from faceswap_lib.faces.alignment import VIEW_COVERAGE
from tools.pictures import FOLDER, save

VIEW_SIZE = 128
LIGHT = np.array([0.72, 0.85, 1.0])
"""Factors of red, green and blue in the light on the new face."""

TILE, TITLE = 200, 22
"""Side of an image and height of the title above it, in pixels."""

SHEETS = {
    "conversion_color": [{"color_transfer": mode} for mode in MATCHES],
    "conversion_blend": [{"blend": blend} for blend in BLENDS] + [{"erode": 0.2}, {"face_scale": 1.15}],
    "conversion_parts": [
        {"parts": parts}
        for parts in (("face",), ("eyes",), ("eyebrows",), ("nose",), ("mouth",), ("eyes", "nose", "mouth"))
    ],
}
"""Options of the images of each sheet."""


def portrait_face(portrait: Portrait) -> Face:
    """Creates the face of a portrait from its control points."""
    mouth = portrait.mouth.outer_upper
    eyes = [eye.iris_center for eye in portrait.eyes]
    box = [*(portrait.jaw.min(axis=0) - [0, 40]), *portrait.jaw.max(axis=0)]
    return Face(box_xyxy=box, score=1.0, landmarks=[*eyes, portrait.nose_tip, mouth[0], mouth[-1]])


def swap_portraits(old: Portrait, new: Portrait) -> SwappedFace:
    """Warps the face of the new portrait onto the view of the old one, so that their five points match."""
    matrices = [view_matrix(crop_from_frame(portrait_face(p)), CROP_SIZE, VIEW_SIZE, VIEW_COVERAGE) for p in (old, new)]
    points = [points_in_crop(portrait_face(p), matrix) for p, matrix in zip((old, new), matrices, strict=True)]
    old_from_new = np.linalg.lstsq(np.c_[points[1], np.ones(5)], points[0], rcond=None)[0].T
    view = warp_frame(new.image, matrices[1], VIEW_SIZE)
    view = cv2.warpAffine(view, old_from_new, (VIEW_SIZE, VIEW_SIZE), borderMode=cv2.BORDER_REPLICATE)
    return SwappedFace(
        target=warp_frame(old.image, matrices[0], VIEW_SIZE),
        swapped=np.round(view * LIGHT).astype(np.uint8),
        mask=np.ones((VIEW_SIZE, VIEW_SIZE), np.float32),
        landmarks=points[0],
        view_from_frame=matrices[0],
    )


def draw_sheet(options: list[dict]) -> np.ndarray:
    """Draws for each direction two rows: the frame, the new face, then the composite with each of the options."""
    portraits = load_portraits()
    rows = []
    for old, new in (portraits, portraits[::-1]):
        face = swap_portraits(old, new)
        tiles = [draw_tile("frame", old.image), draw_tile("new face", face.swapped)]
        for chosen in options:
            painted = Compositor(ConvertConfig(sharpen=0, **chosen), VIEW_COVERAGE).composite(old.image, face)
            title = " ".join(" + ".join(v) if isinstance(v, tuple) else f"{k} {v}" for k, v in chosen.items())
            tiles.append(draw_tile(title, painted.frame))
        rows += [np.hstack(tiles[: len(tiles) // 2]), np.hstack(tiles[len(tiles) // 2 :])]
    return np.vstack(rows)


def draw_tile(title: str, picture: np.ndarray) -> np.ndarray:
    """Draws an image with a title above it."""
    tile = np.full((TILE + TITLE, TILE, 3), 255, np.uint8)
    tile[TITLE:] = cv2.resize(picture, (TILE, TILE), interpolation=cv2.INTER_AREA)
    return cv2.putText(tile, title, (4, TITLE - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)


def main() -> None:
    """Draws all sheets."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=FOLDER, help="folder of the sheets")
    folder = parser.parse_args().folder
    for name, options in SHEETS.items():
        save(name, draw_sheet(options), folder)


if __name__ == "__main__":
    main()
