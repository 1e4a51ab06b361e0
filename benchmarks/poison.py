"""Facesets that are poisoned on purpose, to measure which faults an audit finds."""

import dataclasses
import pathlib

import cv2
import numpy as np

from faceswap_lib.faces import CROP_SIZE
from faceswap_lib.facesets import CropRecord, Faceset, Workspace, write_manifest
from faceswap_lib.media import read_image


def poison(faceset: Faceset, other: Faceset, folder: pathlib.Path, *, seed: int = 0) -> tuple[Faceset, dict[str, str]]:
    """Writes a copy of a faceset with faults: 5 % another person, 5 % blurred, 5 % cut off, 10 % duplicates.

    Args:
        faceset: The faceset.
        other: Faceset of another person.
        folder: Workspace to write, with the copy as person A.
        seed: Seed of the random choices.

    Returns:
        The copy, and the kind of each crop by its name: "" for good ones, "duplicate" for both crops of a pair.
    """
    rng = np.random.default_rng(seed)
    count = len(faceset)
    each = max(1, count // 20)
    blurred, cut, doubled = np.split(rng.permutation(count)[: 2 * each + count // 10], [each, 2 * each])
    crops, kinds = [], {}
    for index, record in enumerate(faceset.records):
        image, kind = read_image(faceset.folder / record.crop), ""
        if index in blurred:
            image, kind = _blur(image, rng), "blurred"
        elif index in cut:
            image, kind = _cut(image, np.array(record.crop_from_frame), rng), "cut off"
        name = f"{index:05d}"
        if index in doubled:
            kind = kinds[f"{name}_again.png"] = "duplicate"
            crops.append((dataclasses.replace(record, crop=f"{name}_again.png"), _encode_again(image, rng)))
        kinds[f"{name}.png"] = kind
        crops.append((dataclasses.replace(record, crop=f"{name}.png"), image))
    for number, index in enumerate(rng.choice(len(other), each, replace=False)):
        record, name = other.records[index], f"{count + number:05d}.png"
        crops.append((dataclasses.replace(record, crop=name), read_image(other.folder / record.crop)))
        kinds[name] = "other person"
    return write_faceset(Workspace(folder), sorted(crops, key=lambda crop: crop[0].crop)), kinds


def _blur(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blurs an image as out of focus, or as moved along a line."""
    scale = len(image) / CROP_SIZE
    if rng.random() < 0.5:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(2.5, 5) * scale)
    length = round(rng.uniform(12, 24) * scale) | 1
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1
    turn = cv2.getRotationMatrix2D((length // 2, length // 2), rng.uniform(0, 180), 1)
    line = cv2.warpAffine(line, turn, (length, length))
    return cv2.filter2D(image, -1, line / line.sum())


def _cut(image: np.ndarray, crop_from_frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cuts a crop as if the frame ended in the face: its last line is repeated, or the rest is black."""
    side, roll = len(image), np.degrees(np.arctan2(crop_from_frame[1, 0], crop_from_frame[0, 0]))
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), roll, 1.0)
    upright = cv2.warpAffine(image, turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
    turns, lost = int(rng.integers(4)), int(side * rng.uniform(0.38, 0.5))
    upright = np.rot90(upright, turns).copy()
    upright[:, :lost] = 0 if rng.random() < 0.3 else upright[:, lost : lost + 1]
    upright = np.ascontiguousarray(np.rot90(upright, -turns))
    return cv2.warpAffine(upright, cv2.invertAffineTransform(turn), (side, side), borderMode=cv2.BORDER_REPLICATE)


def _encode_again(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns an image as it is, a little brighter or darker, or compressed once more."""
    kind = int(rng.integers(3))
    if kind == 1:
        return np.clip(image.astype(int) + int(rng.integers(-2, 3)), 0, 255).astype(np.uint8)
    if kind == 2:
        return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 90))])[1], 1)
    return image


def write_faceset(workspace: Workspace, crops: list[tuple[CropRecord, np.ndarray]]) -> Faceset:
    """Writes crops losslessly as person A of a workspace, with empty eye masks and a manifest; returns the faceset."""
    folder, masks = workspace.faces("src"), workspace.eye_masks("src")
    folder.mkdir(parents=True)
    masks.mkdir(parents=True)
    for record, image in crops:
        cv2.imwrite(str(folder / record.crop), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        cv2.imwrite(str(masks / record.mask), np.zeros((CROP_SIZE, CROP_SIZE), np.uint8))
    write_manifest(folder, [record for record, _ in crops])
    return Faceset.open(workspace, "src")
