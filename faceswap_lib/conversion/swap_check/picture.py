"""Image of the worst face of a conversion: input, output, and the wanted person in a similar pose."""

import pathlib

import cv2
import numpy as np

from faceswap_lib.faces import FaceCrop
from faceswap_lib.facesets import Faceset
from faceswap_lib.media import write_image
from faceswap_lib.provenance.visible_label import Label

SIDE = 384
"""Side of each of the three panels in pixels."""


def write_worst(path: pathlib.Path, before: FaceCrop, after: FaceCrop, wanted: Faceset) -> None:
    """Writes an image of the input face, the output face, and the wanted person's face with the most similar landmarks.

    Args:
        path: Path of the PNG file; its folder is created, and an earlier file is replaced.
        before: Face of the input.
        after: Face of the output.
        wanted: Faceset of the wanted person.
    """
    image = draw_worst(before, after, wanted)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, image)


def draw_worst(before: FaceCrop, after: FaceCrop, wanted: Faceset) -> np.ndarray:
    """Draws three panels side by side, the output with the visible label; returns (SIDE, 3 SIDE, 3) uint8 RGB."""
    distances = [np.abs(record.points_in_crop() - before.landmarks).sum() for record in wanted.records]
    nearest = wanted.crop_files.read_image(wanted.records[int(np.argmin(distances))].crop)
    panels = [_resize(image) for image in (before.image, after.image, nearest)]
    Label(SIDE, SIDE).draw(panels[1])
    return np.hstack(panels)


def _resize(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC if len(image) < SIDE else cv2.INTER_AREA)
