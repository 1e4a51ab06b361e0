"""Removes the files of an extraction that its manifest and its log name, and no other files.

Without a valid manifest, the names of the files follow from the tracks. Nothing is removed or written if a folder of
the workspace is a link.
"""

import contextlib
import json
import logging
import os
import pathlib
import re
import typing

import numpy as np

from faceswap_lib.errors import VideoError, WorkspaceError
from faceswap_lib.faces import CROP_SIZE, eye_mask
from faceswap_lib.facesets.exclusion import SET_ASIDE
from faceswap_lib.facesets.extraction_log import DROPPED, LOG
from faceswap_lib.facesets.file_names import check_file_name
from faceswap_lib.facesets.manifest import MANIFEST, PICTURES, read_manifest
from faceswap_lib.facesets.source import SOURCE
from faceswap_lib.facesets.text_files import MOST_IN_LINE
from faceswap_lib.facesets.track_io import TRACKS, read_tracks
from faceswap_lib.facesets.workspace import SavedFaces, Side, Workspace
from faceswap_lib.media.images import read_mask

logger = logging.getLogger(__name__)

ORIGINS = "origins.jsonl"
"""Name of the file with the origins of the crops, in a faceset that `part_swap` created."""

REMOVED = "removed.jsonl"
"""Name of the manifest while its extraction is removed. After a kill, it names the files that remain."""

CROP = re.compile(r"\d{6,}(_\d+)?\.jpg")
"""Names of crops that an extraction writes."""

HAND_DRAWN = 2.0
"""Mean difference in gray levels from which a mask counts as drawn by hand. Rounding causes only hundredths."""


def check_places(workspace: Workspace, side: Side, *, saves: bool) -> None:
    """Checks that no folder of an extraction is a link.

    Args:
        workspace: The workspace of the extraction.
        side: Which person's faceset.
        saves: Whether the extraction also saves faces and masks for viewing.

    Raises:
        WorkspaceError: If a folder is a link. The message contains the target.
    """
    root = pathlib.Path(os.path.realpath(workspace.root))
    for folder in _folders(workspace, side, saves=saves):
        for place in (folder, folder / SET_ASIDE):
            real = pathlib.Path(os.path.realpath(place))
            if real != root / place.relative_to(workspace.root):
                raise WorkspaceError(
                    f"{place} is a link to {real}; nothing there is changed: put a folder in its place, or move the "
                    "whole workspace"
                )


def check_foreign(workspace: Workspace, side: Side, *, saves: bool) -> None:
    """Checks that an extraction will not overwrite files that it did not write.

    Args:
        workspace: The workspace of the extraction.
        side: Which person's faceset.
        saves: Whether the extraction also saves faces and masks for viewing.

    Raises:
        WorkspaceError: If other files have names that the extraction needs. The message names the first one.
    """
    ours = set(list_extracted(workspace, side, saves=saves))
    for folder in _folders(workspace, side, saves=saves):
        needed = [path for path in folder.iterdir() if _is_needed(path)] if folder.is_dir() else []
        if foreign := sorted(set(needed) - ours):
            raise WorkspaceError(
                f"{foreign[0]} was not written by this faceset's extraction and is in its way, with {len(foreign) - 1} "
                "more; move them elsewhere, or choose another workspace"
            )


def put_masks_aside(workspace: Workspace, side: Side) -> None:
    """Renames a folder of eye masks without a faceset. The masks may be drawn by hand, so they are not removed."""
    folder, masks = workspace.faces(side), workspace.eye_masks(side)
    known = any((folder / name).exists() for name in (MANIFEST, LOG, SOURCE, TRACKS, REMOVED))
    if known or not masks.is_dir() or masks.is_symlink() or not any(masks.iterdir()):
        return
    number = 1
    while os.path.lexists(aside := masks.with_name(f"{masks.name}.earlier-{number}")):
        number += 1
    masks.rename(aside)
    logger.warning("%s: these masks have no faceset; the folder is renamed to %s", masks, aside)


def check_drawn(workspace: Workspace, side: Side) -> None:
    """Checks that no eye mask was drawn by hand: each must equal the mask of the crop's landmarks up to rounding.

    Raises:
        WorkspaceError: If there are such masks. The message names the first one.
    """
    try:
        records = read_manifest(workspace.faces(side))
    except WorkspaceError:  # no valid manifest, so nothing to compare the masks with
        return
    drawn = []
    for record in records:
        path = workspace.eye_masks(side) / record.mask
        if path.is_file() and not _is_same_mask(path, eye_mask(record.landmarks_in_crop(), CROP_SIZE)):
            drawn.append(path)
    if drawn:
        raise WorkspaceError(
            f"{drawn[0]} and {len(drawn) - 1} more masks were changed by hand and would be lost; move them elsewhere"
        )


def remove_extraction(workspace: Workspace, side: Side, *, masks: bool, saves: bool) -> None:
    """Removes the files of an extraction in an order that is safe against a kill. Other files stay, and are counted.

    First the manifest is renamed: the other files are then not a faceset, but their names are still known. Next the
    log is removed, so that no removed crop counts as done. `source.json` is removed last, so that the remaining files
    are still known as those of an extraction.

    Args:
        workspace: The workspace of the extraction.
        side: Which person's faceset.
        masks: Whether to remove the eye masks, too.
        saves: Whether to remove the faces and masks that were saved for viewing, too.
    """
    folder = workspace.faces(side)
    files = list_extracted(workspace, side, saves=saves)
    kept = set() if masks else set(_list_files(workspace.eye_masks(side)))
    last = [folder / name for name in (DROPPED, ORIGINS, TRACKS, REMOVED, SOURCE)]
    if (folder / MANIFEST).is_file():
        (folder / MANIFEST).replace(folder / REMOVED)
    for path in [folder / LOG, *(path for path in files if path not in kept and path not in last), *last]:
        path.unlink(missing_ok=True)
    for place in _folders(workspace, side, saves=saves):
        if place == workspace.eye_masks(side) and not masks:
            continue
        for empty in (place / SET_ASIDE, place):
            with contextlib.suppress(OSError):  # it does not exist or is not empty
                empty.rmdir()
        if place.is_dir() and (others := sum(1 for _ in place.rglob("*"))):
            logger.warning("%s: %d files or folders that no extraction wrote stay there", place, others)


def _folders(workspace: Workspace, side: Side, *, saves: bool) -> list[pathlib.Path]:
    """Lists the folders that an extraction writes to."""
    saved = [workspace.single_video(kind) for kind in typing.get_args(SavedFaces)] if saves else []
    return [workspace.faces(side), workspace.eye_masks(side), *saved]


def list_extracted(workspace: Workspace, side: Side, *, saves: bool) -> list[pathlib.Path]:
    """Lists the existing files that an extraction wrote, including partially written ones.

    Args:
        workspace: The workspace of the extraction.
        side: Which person's faceset.
        saves: Whether to list the faces and masks that were saved for viewing, too.
    """
    folder, masks = workspace.faces(side), workspace.eye_masks(side)
    names = _read_names(folder)
    paths = [place / name for name in names for place in (folder, folder / SET_ASIDE)]
    paths += [place / _mask(name) for name in names for place in (masks, masks / SET_ASIDE)]
    paths += [folder / name for name in (MANIFEST, LOG, SOURCE, TRACKS, DROPPED, REMOVED, ORIGINS)]
    paths.append(folder / SET_ASIDE / MANIFEST)
    if saves:  # they belong to the last extracted video, of either side
        both = _read_names(workspace.faces("src")) | _read_names(workspace.faces("dst"))
        for kind in typing.get_args(SavedFaces):
            place = workspace.single_video(kind)
            paths += [place / (_mask(name) if kind == "binary_masks_eyes" else name) for name in both]
    paths += [path.with_name(f".{path.stem}.partial{path.suffix}") for path in paths]
    return sorted({path for path in paths if os.path.lexists(path) and not path.is_dir()})


def _read_names(folder: pathlib.Path) -> set[str]:
    """Reads the names of all crops in manifests and log of a folder; without a valid manifest, also from the tracks."""
    names: set[str] = set()
    for path in (folder / MANIFEST, folder / REMOVED, folder / LOG, folder / SET_ASIDE / MANIFEST):
        if path.is_file():
            with path.open("rb") as file:
                lines = iter(lambda: file.readline(MOST_IN_LINE), b"")  # noqa: B023  (used up before the next file)
                found = (_read_name(line) for line in lines if line.startswith(b"{"))
                names |= {name for name in found if name is not None}
    with contextlib.suppress(WorkspaceError):
        read_manifest(folder)
        return names
    with contextlib.suppress(WorkspaceError):
        for index, faces in enumerate(read_tracks(folder).faces):
            names |= {crop_name(index, rank) for rank in range(len(faces))}
    return names


def crop_name(index: int, rank: int) -> str:
    """Builds the file name of a crop.

    Args:
        index: Index of the frame.
        rank: Position of the face among the faces of the frame, from 0.
    """
    return f"{index:06d}_{rank}.jpg" if rank else f"{index:06d}.jpg"


def _read_name(line: bytes) -> str | None:
    """Reads the crop's name from a line of a manifest or a log; None unless it is the plain name of an image."""
    try:
        values = json.loads(line)
        name = check_file_name(
            values.get("crop", {}).get("crop") if isinstance(values.get("crop"), dict) else values["crop"]
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return name if pathlib.PurePath(name).suffix.lower() in PICTURES and not name.startswith(".") else None


def _mask(name: str) -> str:
    """Returns the file name of a crop's mask."""
    return pathlib.PurePath(name).with_suffix(".png").name


def _list_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Lists all files and links in a folder and its subfolders; empty if it does not exist."""
    return [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()] if folder.is_dir() else []


def _is_needed(path: pathlib.Path) -> bool:
    """Returns whether a file has a name that an extraction uses."""
    own = (MANIFEST, LOG, SOURCE, TRACKS, DROPPED, REMOVED)
    return path.name in own or CROP.fullmatch(f"{path.stem}.jpg") is not None


def _is_same_mask(path: pathlib.Path, drawn: np.ndarray) -> bool:
    """Returns whether a mask file equals a mask drawn from landmarks, up to rounding."""
    try:
        found = read_mask(path)
    except VideoError:  # a file that is not an image cannot be drawn by hand
        return True
    if found.shape != drawn.shape:
        return False
    return float(np.abs(found.astype(np.float32) - drawn.astype(np.float32)).mean()) < HAND_DRAWN
