"""Removing an extraction: the files that it wrote, which its manifest and its log name, and no others.

Where there is no whole manifest, what the extraction could have written is known by its tracks. Nothing is removed, and
nothing written, where a link stands in the place of one of the workspace's folders.
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
"""What a faceset was made from, where `part_swap` made it."""

REMOVED = "removed.jsonl"
"""The manifest of an extraction that is being removed: names what is left after a kill."""

CROP = re.compile(r"\d{6,}(_\d+)?\.jpg")
"""Names of crops that an extraction writes."""

HAND_DRAWN = 2.0
"""Mean difference in levels from which a mask is another than the landmarks give; rounding makes hundredths."""


def check_places(workspace: Workspace, side: Side, *, saves: bool) -> None:
    """Refuses a link in the place of a folder into which an extraction writes.

    Raises:
        WorkspaceError: With where it leads.
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
    """Refuses to extract where somebody else's file has a name that the extraction needs.

    Raises:
        WorkspaceError: With the first of them.
    """
    ours = set(_list_ours(workspace, side, saves=saves))
    for folder in _folders(workspace, side, saves=saves):
        needed = [path for path in folder.iterdir() if _is_needed(path)] if folder.is_dir() else []
        if foreign := sorted(set(needed) - ours):
            raise WorkspaceError(
                f"{foreign[0]} was not written by this faceset's extraction and is in its way, with {len(foreign) - 1} "
                "more; move them elsewhere, or choose another workspace"
            )


def put_masks_aside(workspace: Workspace, side: Side) -> None:
    """Renames the folder of eye masks whose faceset is gone: they may be drawn by hand, and are in the way."""
    folder, masks = workspace.faces(side), workspace.eye_masks(side)
    known = any((folder / name).exists() for name in (MANIFEST, LOG, SOURCE, TRACKS, REMOVED))
    if known or not masks.is_dir() or masks.is_symlink() or not any(masks.iterdir()):
        return
    number = 1
    while os.path.lexists(aside := masks.with_name(f"{masks.name}.earlier-{number}")):
        number += 1
    masks.rename(aside)
    logger.warning("%s: masks of faces that are no longer here; they lie in %s now", masks, aside)


def check_drawn(workspace: Workspace, side: Side) -> None:
    """Refuses to remove masks that somebody has drawn: those that are not what the crops' landmarks give.

    Raises:
        WorkspaceError: With the first of them.
    """
    try:
        records = read_manifest(workspace.faces(side))
    except WorkspaceError:  # none, or damaged: what its masks were is not known
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
    """Removes what an extraction wrote, in an order that a kill cannot spoil; other files stay, and are counted.

    The manifest goes first, so that what is left is not taken for a faceset, but is only renamed, so that it still says
    what is to be removed; then the log, so that no crop that is gone is taken for done; and the note of the source
    last, so that what is left is not taken for somebody else's files.

    Args:
        workspace: Holds it.
        side: Whose faces.
        masks: Whether the eye masks go too.
        saves: Whether what was saved to look at goes too.
    """
    folder = workspace.faces(side)
    files = _list_ours(workspace, side, saves=saves)
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
            with contextlib.suppress(OSError):  # not there, or not empty
                empty.rmdir()
        if place.is_dir() and (others := sum(1 for _ in place.rglob("*"))):
            logger.warning("%s: %d files or folders that no extraction wrote stay there", place, others)


def _folders(workspace: Workspace, side: Side, *, saves: bool) -> list[pathlib.Path]:
    saved = [workspace.single_video(kind) for kind in typing.get_args(SavedFaces)] if saves else []
    return [workspace.faces(side), workspace.eye_masks(side), *saved]


def _list_ours(workspace: Workspace, side: Side, *, saves: bool) -> list[pathlib.Path]:
    """Every file that an extraction wrote, or may have begun to write."""
    folder, masks = workspace.faces(side), workspace.eye_masks(side)
    names = _read_names(folder)
    paths = [place / name for name in names for place in (folder, folder / SET_ASIDE)]
    paths += [place / _mask(name) for name in names for place in (masks, masks / SET_ASIDE)]
    paths += [folder / name for name in (MANIFEST, LOG, SOURCE, TRACKS, DROPPED, REMOVED, ORIGINS)]
    paths.append(folder / SET_ASIDE / MANIFEST)
    if saves:  # of the video that was extracted last, whichever side's it was
        both = _read_names(workspace.faces("src")) | _read_names(workspace.faces("dst"))
        for kind in typing.get_args(SavedFaces):
            place = workspace.single_video(kind)
            paths += [place / (_mask(name) if kind == "binary_masks_eyes" else name) for name in both]
    paths += [path.with_name(f".{path.stem}.partial{path.suffix}") for path in paths]
    return sorted({path for path in paths if os.path.lexists(path) and not path.is_dir()})


def _read_names(folder: pathlib.Path) -> set[str]:
    """The crops that the manifest and the log of a folder name; without a whole manifest also those of its tracks."""
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
    """Names the crop of a frame's face: of the first one, of the second one, and so on."""
    return f"{index:06d}_{rank}.jpg" if rank else f"{index:06d}.jpg"


def _read_name(line: bytes) -> str | None:
    """The crop that a line of a manifest or a log names, if that is the plain name of a picture."""
    try:
        values = json.loads(line)
        name = check_file_name(
            values.get("crop", {}).get("crop") if isinstance(values.get("crop"), dict) else values["crop"]
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return name if pathlib.PurePath(name).suffix.lower() in PICTURES and not name.startswith(".") else None


def _mask(name: str) -> str:
    return pathlib.PurePath(name).with_suffix(".png").name


def _list_files(folder: pathlib.Path) -> list[pathlib.Path]:
    return [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()] if folder.is_dir() else []


def _is_needed(path: pathlib.Path) -> bool:
    """Whether a file has a name that an extraction gives."""
    own = (MANIFEST, LOG, SOURCE, TRACKS, DROPPED, REMOVED)
    return path.name in own or CROP.fullmatch(f"{path.stem}.jpg") is not None


def _is_same_mask(path: pathlib.Path, drawn: np.ndarray) -> bool:
    try:
        found = read_mask(path)
    except VideoError:  # nobody has drawn what is no picture
        return True
    if found.shape != drawn.shape:
        return False
    return float(np.abs(found.astype(np.float32) - drawn.astype(np.float32)).mean()) < HAND_DRAWN
