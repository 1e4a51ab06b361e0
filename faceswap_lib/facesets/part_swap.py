"""Training crops in which parts of one person's face are another's: a look-alike is found, its parts are pasted.

A run trained on such crops learns to exchange the parts alone. It also learns what is wrong with them, for no paste is
perfect. Seen on real crops and on the portraits: eyes that look elsewhere than they did, and a mouth that does
something else, where the other person never does the like; what is left of a longer brow or a wider smile beside the
new part; a gray or bright smear where a part touches hair or glasses, whose light is taken for the skin's; glasses cut
by a nose, or brought along with one; highlights that the other's light put there. No hard edges were seen. Parts pasted
when the video is converted have less of all this.
Source: shaoanlu, faceswap-GAN, 2018, "face parts swapping"; features, alignment and blend are this module's own.
"""

import dataclasses
import json
import os
import pathlib

import cv2
import numpy as np
from scipy.spatial import cKDTree

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
from faceswap_lib.faces.masks import disk
from faceswap_lib.facesets.appearance import describe_looks
from faceswap_lib.facesets.crop_writer import measure_sharpness
from faceswap_lib.facesets.eye_masks import write_eye_masks
from faceswap_lib.facesets.faceset import Faceset
from faceswap_lib.facesets.manifest import MANIFEST, CropRecord, parse_object, read_lines, write_manifest
from faceswap_lib.facesets.removal import ORIGINS, check_places
from faceswap_lib.facesets.workspace import Side, Workspace
from faceswap_lib.media import read_image, write_image
from faceswap_lib.progress import show_progress

POINTS = {
    Part.EYES: slice(36, 48),
    Part.EYEBROWS: slice(17, 27),
    Part.NOSE: slice(27, 36),
    Part.MOUTH: slice(48, 68),
}
"""Which of the 68 landmarks are a part's. The whole face is none: around it there is no skin to match."""

FEATHER = 0.05
"""Softness of a pasted part's border in eye distances."""

RING = 0.12
"""How far around a part the skin is compared, in eye distances."""

REACH = 0.25
"""Over what length the light of the skin is carried into the part, as a standard deviation in eye distances."""

MOST_LIGHT = 2.5
"""How many times lighter or darker a part may become; hair or glasses beside it would ask for more."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CropOrigin:
    """One line of `origins.jsonl`.

    Attributes:
        crop: File name of the crop in the new faceset.
        source: File name of the crop it was made from.
        other: File name of the other person's crop whose parts it has; None if it was left as it is.
        parts: Names of the parts.
        distance: How far apart the two look, 0 for alike; two crops drawn from one person are about 2.4
            apart, or 2 with five landmarks.
    """

    crop: str
    source: str
    other: str | None = None
    parts: tuple[str, ...] = ()
    distance: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class PartSwapReport:
    """What was made.

    Attributes:
        folder: The new faceset.
        swapped: Crops with parts of the other person.
        kept: Crops as they were.
        others: How many different crops of the other person were used.
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
    share: float = 1.0,
    keep: bool = True,
    seed: int = 0,
    progress: bool = False,
) -> PartSwapReport:
    """Makes a faceset in which parts of one person's face are those of the other's crop that looks most alike.

    The new faceset is a folder like any other, with manifest and eye masks, and `origins.jsonl` besides. It is whole
    when its manifest is there; a call that was killed can be made again.

    Args:
        source: The person whose crops are changed.
        other: The person whose parts they get.
        parts: Which parts, of eyes, eyebrows, nose and mouth.
        out: The workspace that gets the faceset; another one than the facesets are read from.
        side: As whose it gets it.
        share: How many of the crops get parts, 0 to 1; which ones is drawn.
        keep: Whether every crop is in the new faceset as it was, too.
        seed: For the draw.
        progress: Show progress bars.

    Returns:
        What was made.

    Raises:
        InputError: If no part is named, or the whole face; if the share is not in 0 to 1, or leaves no crop.
        WorkspaceError: If there is a faceset already, another file has the name of a crop or mask, or a folder is a
            link.
    """
    if not parts or Part.FACE in parts:
        known = " and ".join(part.name.lower() for part in POINTS)
        raise InputError(f"expected parts, of {known}, got {'the whole face' if parts else 'none'}")
    check_range("share", share, 0, 1)
    folder = out.faces(side)
    check_places(out, side, saves=False)
    if (folder / MANIFEST).exists():
        raise WorkspaceError(f"{folder} holds a faceset already; name another workspace")
    chosen = np.random.default_rng(seed).permutation(len(source))[: round(share * len(source))]
    if not len(chosen) and not keep:
        raise InputError(f"share: {share} of {len(source)} crops is none; raise it")
    names = [record.crop for record in source.records] if keep else []
    _check_foreign(out, side, [*names, *(_swapped_name(source.records[index], parts) for index in chosen)])
    looks, others = describe_looks([source, other], parts, progress=progress)
    distances, nearest = cKDTree(others).query(looks)
    origins = [CropOrigin(crop=record.crop, source=record.crop) for record in source.records] if keep else []
    for index in sorted(chosen.tolist()):
        record, match = source.records[index], other.records[nearest[index]]
        origin = CropOrigin(
            crop=_swapped_name(record, parts), source=record.crop, other=match.crop, parts=_names(parts)
        )
        origins.append(dataclasses.replace(origin, distance=round(float(distances[index]), 4)))
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / ORIGINS, "".join(json.dumps(dataclasses.asdict(origin)) + "\n" for origin in origins))
    records = list(source.records) if keep else []
    for record in records:
        copy_whole(source.folder / record.crop, folder / record.crop)
    own, theirs = ({record.crop: record for record in each.records} for each in (source, other))
    swaps = [origin for origin in origins if origin.other is not None]
    for origin in show_progress(swaps, "swap parts", disable=not progress):
        record, match = own[origin.source], theirs[origin.other]
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

    Every part is placed by its own landmarks, with the light of the skin around it.

    Args:
        image: (S, S, 3) uint8 RGB crop that gets the parts.
        points: (68, 2) or (5, 2) x, y of its landmarks in pixels.
        other: (T, T, 3) uint8 RGB crop that gives them.
        other_points: As many landmarks as `points` has.
        parts: Which.

    Returns:
        (S, S, 3) uint8, and the landmarks it has now: those of the parts are the other's if there are 68.
    """
    size, now = len(image), points.copy()
    for part in (part for part in POINTS if part in parts):
        own = POINTS[part] if len(points) == 68 else slice(None)
        matrix = similarity_transform(other_points[own], points[own])
        moved = map_points(matrix, other_points)
        placed = cv2.warpAffine(other, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        # Both outlines: where only the old part reaches, its edge would show beside the new one.
        mask = np.maximum(*(part_mask(face, size, part, feather=FEATHER) for face in (points, moved)))
        image = _blend(image, placed, mask, EYE_DISTANCE * size)
        if len(points) == 68:
            now[own] = moved[own]
    return image, now


def _blend(image: np.ndarray, placed: np.ndarray, mask: np.ndarray, unit: float) -> np.ndarray:
    """Blends under a mask, first with the light of the skin around it, channel by channel, carried smoothly inwards.

    Light multiplies: what is black in the part stays black, whatever the colors of the two skins.
    """
    weight = mask[..., None].astype(np.float32) / 255
    wide = cv2.dilate(mask, disk(round(RING * unit))).astype(np.float32) / 255
    ring = np.clip(wide - weight[..., 0], 0, 1)
    light, other_light = (
        cv2.GaussianBlur((picture.astype(np.float32) + 1) * ring[..., None], (0, 0), REACH * unit)
        for picture in (image, placed)
    )
    ratio = np.clip(light / np.maximum(other_light, 1e-6), 1 / MOST_LIGHT, MOST_LIGHT)
    mixed = image + weight * (ratio * placed - image)
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def _swapped_name(record: CropRecord, parts: Part) -> str:
    return f"{pathlib.PurePath(record.crop).stem}-{'-'.join(_names(parts))}.jpg"


def _check_foreign(out: Workspace, side: Side, names: list[str]) -> None:
    """Refuses to replace files that an earlier call, which was stopped, has not begun to write."""
    folder, masks = out.faces(side), out.eye_masks(side)
    begun: set[str] = set()
    if (folder / ORIGINS).is_file():
        for number, line in enumerate(read_lines(folder / ORIGINS), 1):
            crop = parse_object(line, f"{folder / ORIGINS}:{number}").get("crop")
            begun |= {crop} if isinstance(crop, str) else set()
    needed = [folder / name for name in names if name not in begun]
    needed += [masks / pathlib.PurePath(name).with_suffix(".png").name for name in names]  # drawn when all is there
    if foreign := [path for path in needed if os.path.lexists(path)]:
        raise WorkspaceError(f"{foreign[0]} is there already, and {len(foreign) - 1} more; name another workspace")


def _swap_one(
    source: Faceset, record: CropRecord, other: Faceset, match: CropRecord, parts: Part, path: pathlib.Path
) -> CropRecord:
    """Writes one crop with the other's parts and gives its record."""
    points, match_points = record.landmarks_in_crop(), match.landmarks_in_crop()
    if len(points) != len(match_points):
        points, match_points = five_points(points), five_points(match_points)
    images = read_image(source.folder / record.crop), read_image(other.folder / match.crop)
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
    return tuple(part.name.lower() for part in Part if part in parts)
