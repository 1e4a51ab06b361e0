"""A faceset for tests of curation whose crops differ in every column."""

import dataclasses
import pathlib

import cv2
import numpy as np

from benchmarks.poison import write_faceset
from faceswap_lib.faces.alignment import CROP_SIZE, invert_affine, map_points
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.media import read_image
from tests.faces68 import template_points_68


def open_faceset(workspace: Workspace) -> Faceset:
    return Faceset.open(workspace, "src")


def turned_68(yaw: float, pitch: float, mouth: float, lids: float) -> np.ndarray:
    """An average face in a crop: nose moved as by turning and nodding, mouth opened, lids lifted, in pixels."""
    points = template_points_68(CROP_SIZE).astype(float)
    points[27:36] += [yaw, pitch]
    points[[61, 62, 63], 1] -= mouth / 2
    points[[65, 66, 67], 1] += mouth / 2
    points[[37, 38, 43, 44], 1] -= lids
    return points


def vary(faceset: Faceset, folder: pathlib.Path, count: int = 24) -> Faceset:
    """Makes crops that differ in sharpness, brightness, color, black pixels, pose, size, expression and frame."""
    rng = np.random.default_rng(3)
    crops = []
    for index, record in enumerate(faceset.sample(count).records):
        image = cv2.resize(
            read_image(faceset.folder / record.crop), (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_AREA
        )
        image = cv2.GaussianBlur(image, (0, 0), 0.3 + 2.5 * rng.random())
        image = np.clip(image * rng.uniform(0.5, 1.2, 3), 0, 255).astype(np.uint8)
        black = int(rng.integers(0, 40))
        image[:black, :black] = 0
        points = turned_68(rng.uniform(-12, 12), rng.uniform(-8, 8), rng.uniform(0, 25), rng.uniform(-3, 3))
        matrix = np.array(record.crop_from_frame)
        left, top, right, bottom = record.box_xyxy
        made = dataclasses.replace(
            record,
            crop=f"{index:03d}.png",
            frame=int(rng.integers(0, 10)) if index % 3 else 100 + index,
            box_xyxy=(left, top, right + rng.uniform(0, 40), bottom),
            landmarks_68=map_points(invert_affine(matrix), points).tolist(),
        )
        crops.append((made, image))
    return write_faceset(Workspace(folder), crops)
