"""Swaps face parts in training crops: pastes parts of the most similar crop of another person onto each crop.

A run that is trained on such crops learns to swap only these parts. It also learns the artifacts of the pasted parts.
These artifacts were seen on real crops and on the portraits:

- Gaze or mouth shape differ from the original, where the other person has no similar crop.
- The ends of a longer eyebrow or a wider smile remain visible next to the new part.
- Gray or bright smears appear where a part touches hair or glasses, whose brightness is mistaken for that of the skin.
- Glasses are cut by a pasted nose, or are copied together with it.
- Highlights come from the lighting of the other person.

No hard edges were seen. Parts that are pasted during the conversion of the video have fewer of these artifacts.
Source: shaoanlu, faceswap-GAN, 2018, "face parts swapping"; features, alignment and blend are this module's own.
"""

import dataclasses
import json
import os
import pathlib

import cv2
import numpy as np
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]  (compiled module without stubs)

from faceswap_lib.atomic_io import copy_whole, write_text
from faceswap_lib.config_fields import check_range
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import Part, part_mask
from faceswap_lib.faces.alignment import (
    CROP_SIZE,
    EYE_DISTANCE,
    five_points,
    invert_affine,
    map_points,
    scale_points,
    similarity_transform,
)
from faceswap_lib.faces.landmarks_68 import BROWS, EYES, MOUTH, NOSE
from faceswap_lib.faces.masks import disk
from faceswap_lib.facesets.appearance import describe_appearances
from faceswap_lib.facesets.crop_writer import measure_sharpness
from faceswap_lib.facesets.eye_masks import write_eye_masks
from faceswap_lib.facesets.faceset import Faceset
from faceswap_lib.facesets.manifest import MANIFEST, CropRecord, parse_object, read_lines, write_manifest
from faceswap_lib.facesets.removal import ORIGINS, check_places
from faceswap_lib.facesets.workspace import Side, Workspace
from faceswap_lib.media import write_image
from faceswap_lib.progress import show_progress

POINTS = {
    Part.EYES: EYES,
    Part.EYEBROWS: BROWS,
    Part.NOSE: NOSE,
    Part.MOUTH: MOUTH,
}
"""Indices of each part in the 68 landmarks. The whole face is not a part: there is no skin around it to match."""

FEATHER = 0.05
"""Standard deviation of the soft border of a pasted part, in eye distances."""

RING = 0.12
"""Width of the ring of skin around a part in which colors are compared, in eye distances."""

REACH = 0.25
"""Standard deviation, in eye distances, of the Gaussian that extends the color ratio of the skin into the part."""

MOST_LIGHT = 2.5
"""Maximum factor by which a part becomes lighter or darker. Hair or glasses next to it can cause larger ratios."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CropOrigin:
    """Origin of one crop; one line of `origins.jsonl`.

    Attributes:
        crop: File name of the crop in the new faceset.
        source: File name of the crop that it was made from.
        other: File name of the other person's crop whose parts were pasted; None for an unchanged crop.
        parts: Names of the pasted parts.
        distance: Distance of the two crops in feature space, 0 if they look the same. Two random crops of one person
            are about 2.4 apart, or 2 with five landmarks.
    """

    crop: str
    source: str
    other: str | None = None
    parts: tuple[str, ...] = ()
    distance: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class PartSwapReport:
    """Result of a part swap.

    Attributes:
        folder: Folder of the new faceset.
        swapped: Number of crops with parts of the other person.
        kept: Number of unchanged crops.
        others: Number of different crops of the other person that were used.
        distance: Median of the distances, see `CropOrigin`.
    """

    folder: pathlib.Path
    swapped: int
    kept: int
    others: int
    distance: float


def swap_parts(
    source: Faceset,
    other: Faceset,
    parts: Part,
    out: Workspace,
    side: Side,
    *,
    fraction: float = 1.0,
    keep: bool = True,
    seed: int = 0,
    progress: bool = False,
) -> PartSwapReport:
    """Creates a faceset in which face parts are replaced by those of the most similar crop of another person.

    The new faceset has a manifest and eye masks like any other, and also `origins.jsonl`. It is complete when its
    manifest exists. After a kill, the same call can be repeated.

    Args:
        source: Faceset of the person whose crops are changed.
        other: Faceset of the person whose parts are pasted.
        parts: The parts to swap: any of eyes, eyebrows, nose and mouth.
        out: The workspace for the new faceset. It must differ from the workspaces of the facesets that are read.
        side: The side of the new faceset in `out`.
        fraction: Fraction of the crops that get new parts, 0 to 1. They are chosen at random.
        keep: Whether the new faceset also contains every crop unchanged.
        seed: Seed of the random choice.
        progress: Show progress bars.

    Returns:
        The counts of crops and the median distance.

    Raises:
        InputError: If no part is named, or the whole face; if the fraction is not in 0 to 1, or selects no crop.
        WorkspaceError: If a faceset already exists, another file has the name of a crop or mask, a folder is a link, or
            the crops of `source` are only in a pack.
    """
    if not parts or Part.FACE in parts:
        known = ", ".join(str(part.name).lower() for part in POINTS)
        raise InputError(f"expected one or more of the parts {known}, got {'the whole face' if parts else 'none'}")
    check_range("fraction", fraction, 0, 1)
    folder = out.faces(side)
    check_places(out, side, saves=False)
    if (folder / MANIFEST).exists():
        raise WorkspaceError(f"{folder} holds a faceset already; name another workspace")
    chosen = np.random.default_rng(seed).permutation(len(source))[: round(fraction * len(source))]
    if not len(chosen) and not keep:
        raise InputError(f"fraction: {fraction} of {len(source)} crops is none; raise it")
    names = [record.crop for record in source.records] if keep else []
    _check_foreign(out, side, [*names, *(_swapped_name(source.records[index], parts) for index in chosen)])
    looks, others = describe_appearances([source, other], parts, progress=progress)
    distances, nearest = cKDTree(others).query(looks)
    origins = [CropOrigin(crop=record.crop, source=record.crop) for record in source.records] if keep else []
    for index in sorted(chosen.tolist()):
        record, match = source.records[index], other.records[nearest[index]]
        origin = CropOrigin(
            crop=_swapped_name(record, parts), source=record.crop, other=match.crop, parts=_names(parts)
        )
        origins.append(dataclasses.replace(origin, distance=round(float(distances[index]), 4)))
    source.require_files()
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / ORIGINS, "".join(json.dumps(dataclasses.asdict(origin)) + "\n" for origin in origins))
    records = list(source.records) if keep else []
    for record in records:
        copy_whole(source.folder / record.crop, folder / record.crop)
    own, theirs = ({record.crop: record for record in each.records} for each in (source, other))
    swaps = [(origin, origin.other) for origin in origins if origin.other is not None]
    for origin, match_name in show_progress(swaps, "swap parts", disable=not progress):
        record, match = own[origin.source], theirs[match_name]
        records.append(_swap_one(source, record, other, match, parts, folder / origin.crop))
    write_manifest(folder, records)
    write_eye_masks(out, side, progress=progress)
    return PartSwapReport(
        folder=folder,
        swapped=len(chosen),
        kept=len(records) - len(chosen),
        others=len({int(nearest[index]) for index in chosen}),
        distance=float(np.median(distances[chosen])) if len(chosen) else 0.0,
    )


def paste_parts(
    image: np.ndarray, points: np.ndarray, other: np.ndarray, other_points: np.ndarray, parts: Part
) -> tuple[np.ndarray, np.ndarray]:
    """Pastes parts of one face onto another.

    Every part is aligned by its own landmarks, and its color is matched to the skin around it.

    Args:
        image: (S, S, 3) uint8 RGB crop to paste the parts onto.
        points: (68, 2) or (5, 2) x, y of the landmarks of `image`, in pixels.
        other: (T, T, 3) uint8 RGB crop to take the parts from.
        other_points: Landmarks of `other` in pixels, as many as in `points`.
        parts: The parts to paste.

    Returns:
        (S, S, 3) uint8 RGB image, and its landmarks in pixels, shaped like `points`. With 68 landmarks, those of the
        pasted parts come from `other`.
    """
    size, now = len(image), points.copy()
    for part in (part for part in POINTS if part in parts):
        own = POINTS[part] if len(points) == 68 else slice(None)
        matrix = similarity_transform(other_points[own], points[own])
        moved = map_points(matrix, other_points)
        placed = cv2.warpAffine(other, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        # The union of both outlines: otherwise, the edge of a larger old part would be visible next to the new one.
        mask = np.maximum(*(part_mask(face, size, part, feather=FEATHER) for face in (points, moved)))
        image = _blend(image, placed, mask, EYE_DISTANCE * size)
        if len(points) == 68:
            now[own] = moved[own]
    return image, now


def _blend(image: np.ndarray, placed: np.ndarray, mask: np.ndarray, unit: float) -> np.ndarray:
    """Blends a placed part into an image under a mask, after matching its color to the skin around it.

    The color ratio is computed per channel in a ring around the mask and extended smoothly into the mask. Because it is
    a factor, black pixels of the part stay black for any two skin colors.

    Args:
        image: (S, S, 3) uint8 RGB.
        placed: (S, S, 3) uint8 RGB, the other person's image warped onto `image`.
        mask: (S, S) uint8, 255 where the part is pasted.
        unit: Eye distance in pixels.
    """
    weight = mask[..., None].astype(np.float32) / 255
    wide = cv2.dilate(mask, disk(round(RING * unit))).astype(np.float32) / 255
    ring = np.clip(wide - weight[..., 0], 0, 1)
    light, other_light = (
        cv2.GaussianBlur((each.astype(np.float32) + 1) * ring[..., None], (0, 0), REACH * unit)
        for each in (image, placed)
    )
    ratio = np.clip(light / np.maximum(other_light, 1e-6), 1 / MOST_LIGHT, MOST_LIGHT)
    mixed = image + weight * (ratio * placed - image)
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def _swapped_name(record: CropRecord, parts: Part) -> str:
    """Builds the file name of a crop with swapped parts."""
    return f"{pathlib.PurePath(record.crop).stem}-{'-'.join(_names(parts))}.jpg"


def _check_foreign(out: Workspace, side: Side, names: list[str]) -> None:
    """Checks that no existing file would be replaced, except those of an earlier call that was stopped.

    Raises:
        WorkspaceError: If another file has the name of a crop or mask.
    """
    folder, masks = out.faces(side), out.eye_masks(side)
    begun: set[str] = set()
    if (folder / ORIGINS).is_file():
        for number, line in enumerate(read_lines(folder / ORIGINS), 1):
            crop = parse_object(line, f"{folder / ORIGINS}:{number}").get("crop")
            begun |= {crop} if isinstance(crop, str) else set()
    needed = [folder / name for name in names if name not in begun]
    needed += [masks / pathlib.PurePath(name).with_suffix(".png").name for name in names]  # masks are drawn last
    if foreign := [path for path in needed if os.path.lexists(path)]:
        raise WorkspaceError(f"{foreign[0]} is there already, and {len(foreign) - 1} more; name another workspace")


def _swap_one(
    source: Faceset, record: CropRecord, other: Faceset, match: CropRecord, parts: Part, path: pathlib.Path
) -> CropRecord:
    """Writes one crop with pasted parts and returns its record."""
    points, match_points = record.landmarks_in_crop(), match.landmarks_in_crop()
    if len(points) != len(match_points):
        points, match_points = five_points(points), five_points(match_points)
    images = source.crop_files.read_image(record.crop), other.crop_files.read_image(match.crop)
    scales = [len(image) / CROP_SIZE for image in images]
    points, match_points = map(scale_points, (points, match_points), scales)
    image, now = paste_parts(images[0], points, images[1], match_points, parts)
    now = scale_points(now, 1 / scales[0])
    write_image(path, image)
    record = dataclasses.replace(record, crop=path.name, sharpness=round(measure_sharpness(image), 3))
    if len(now) != 68:
        return record
    in_frame = map_points(invert_affine(np.array(record.crop_from_frame)), now)
    return dataclasses.replace(record, landmarks_68=tuple(map(tuple, np.round(in_frame, 3).tolist())))


def _names(parts: Part) -> tuple[str, ...]:
    """Returns the names of parts in lower case."""
    return tuple(str(part.name).lower() for part in Part if part in parts)
