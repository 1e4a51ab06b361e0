"""People of a folder in VoxCeleb's layout for a training: aligned once, then read batch by batch from disk."""

import collections
import dataclasses
import hashlib
import logging
import pathlib

import numpy as np

from faceswap_lib.config_fields import check_range
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.facesets.writable import check_room
from faceswap_lib.locks import hold
from faceswap_lib.progress import show_progress
from faceswap_lib.reenactment.crops import FEWEST, CropBatch
from faceswap_lib.reenactment.face_shape import ShapeDetector, open_shape_detector
from faceswap_lib.reenactment.identity_extraction import SKIPPED, IdentityExtractor
from faceswap_lib.reenactment.identity_folders import Identity, IdentityFolder
from faceswap_lib.reenactment.identity_store import (
    IdentityNotes,
    IdentityRows,
    read_notes,
    row_bytes,
    rows_path,
    unpack_shapes,
    write_identity,
)

logger = logging.getLogger(__name__)

IDENTITIES = "identities"
"""Folder in the workspace for the aligned crops of folders of people; it can be deleted."""

VERSION = 1
"""Part of the key of the crops; to be increased when they are made in another way."""

CROPS_PER_PERSON = 100
"""Default of the largest number of pictures of one person."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class StreamedPeople:
    """Crops of many people on disk; see `crops.PeopleCrops`.

    Attributes:
        names: Name of each person.
        person: (N,) int32, index of the person of each crop.
        frames: (N,) int64, position of each picture among those that were chosen of the person.
        rarity: (N,) float64, mean 1 for each person: distance of a shape from the other shapes of the person.
        tiers: (N,) int8, difficulty of each crop as an index of `difficulty.TIERS`.
        outlines: (P, 17, 2) float32, mean outline of each person in pixels of a crop of side `CROP_SIZE`.
        rows: Reads crops.
        places: (N,) int64, position of each crop among the rows.
    """

    names: tuple[str, ...]
    person: np.ndarray
    frames: np.ndarray
    rarity: np.ndarray
    tiers: np.ndarray
    outlines: np.ndarray
    rows: IdentityRows
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    @property
    def size(self) -> int:
        """Side S of the crops in pixels."""
        return self.rows.size

    def read(self, index: np.ndarray) -> CropBatch:
        """Reads some crops."""
        pixels, numbers = self.read_packed(index)
        return CropBatch(images=pixels[..., :3], heads=pixels[..., 3], shapes=unpack_shapes(numbers))

    def read_packed(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reads some crops as a batch contains them; see `IdentityRows.read`."""
        return self.rows.read(self.places[index])

    def select(self, index: np.ndarray) -> "StreamedPeople":
        """Returns only some crops; the people stay the same."""
        names = ("person", "frames", "rarity", "tiers", "places")
        return dataclasses.replace(self, **{name: getattr(self, name)[index] for name in names})

    def keep_people(self, numbers: np.ndarray) -> "StreamedPeople":
        """Returns only some people, given by their increasing indices, with all of their crops."""
        kept = self.select(np.flatnonzero(np.isin(self.person, numbers)))
        return dataclasses.replace(
            kept,
            names=tuple(self.names[number] for number in numbers),
            person=np.searchsorted(numbers, kept.person).astype(np.int32),
            outlines=self.outlines[numbers],
        )


def load_identities(
    folder: IdentityFolder,
    workspace: Workspace,
    size: int,
    *,
    crops_per_person: int = CROPS_PER_PERSON,
    shape_detector: ShapeDetector | None = None,
    progress: bool = False,
) -> StreamedPeople:
    """Opens the crops of a folder of people; aligns the faces of those people whose crops are not stored yet.

    The crops are stored in `identities/<name of the folder>` of the workspace. If the preparation is interrupted, the
    next call continues after the last finished person. Broken files and pictures without a usable face are skipped,
    people with fewer than two crops are left out, and the log says how many.

    Args:
        folder: The folder of people.
        workspace: The workspace.
        size: Side S of the crops in pixels. Stored crops that are larger are used.
        crops_per_person: Largest number of pictures of one person.
        shape_detector: Detects shapes; None opens the best one.
        progress: Whether to show a progress bar.

    Raises:
        InputError: If `crops_per_person` is out of range, the disk has too little space, or no network for 68 landmarks
            is installed.
        WorkspaceError: If another process prepares the same folder, or nobody has two crops.
        OSError: If a folder cannot be read.
    """
    check_range("crops_per_person", crops_per_person, FEWEST, 100_000)
    shape_detector = shape_detector or open_shape_detector()
    store = workspace.root / IDENTITIES / folder.name
    keys = [_key_of(person, shape_detector.name, crops_per_person) for person in folder.people]
    with hold(store, what=f"the crops of the people in {folder.name}"):
        notes = _prepare(folder, store, keys, size, crops_per_person, shape_detector, progress=progress)
    _log_summary(folder, notes)
    kept = [number for number, each in enumerate(notes) if len(each) >= FEWEST]
    if not kept:
        raise WorkspaceError(
            f"{folder.folder}: none of {len(folder.people)} people has {FEWEST} pictures with a usable face; choose "
            "larger pictures"
        )
    return _join([folder.people[number] for number in kept], [notes[number] for number in kept], store, size)


def _key_of(person: Identity, detector: str, most: int) -> str:
    """Computes the SHA-256 of what the crops of a person depend on, except their size."""
    return hashlib.sha256(repr((VERSION, person.digest, detector, most)).encode()).hexdigest()


def _prepare(
    folder: IdentityFolder,
    store: pathlib.Path,
    keys: list[str],
    size: int,
    most: int,
    shape_detector: ShapeDetector,
    *,
    progress: bool,
) -> list[IdentityNotes]:
    """Returns the notes of all people; makes those that are missing."""
    notes = [read_notes(store, person.name, key, size) for person, key in zip(folder.people, keys, strict=True)]
    missing = [number for number, each in enumerate(notes) if each is None]
    if missing:
        from faceswap_lib.faces import MTCNN

        pictures = sum(_count_pictures(folder.people[number], most) for number in missing)
        check_room(store, 1.05 * pictures * row_bytes(size), "the crops of these people", "lower crops_per_person")
        extractor = IdentityExtractor(detector=MTCNN(), shape_detector=shape_detector, size=size, most=most)
        for number in show_progress(missing, f"align {folder.name}", len(missing), disable=not progress):
            person, skipped = folder.people[number], collections.Counter[str]()
            crops = extractor.extract(person, skipped)
            write_identity(store, person.name, keys[number], size, crops, skipped)
            notes[number] = read_notes(store, person.name, keys[number], size)
    if any(each is None for each in notes):
        raise WorkspaceError(f"{store}: the crops that were just written cannot be read; check this disk")
    return [each for each in notes if each is not None]


def _count_pictures(person: Identity, most: int) -> int:
    """Returns the largest number of crops that a person may get."""
    return most if person.clips else min(most, person.images)


def _log_summary(folder: IdentityFolder, notes: list[IdentityNotes]) -> None:
    """Says how many crops there are, and what was skipped."""
    total = sum((each.skipped for each in notes), collections.Counter[str]())
    skipped = ", ".join(f"{total[reason]} {reason}" for reason in SKIPPED if total[reason])
    logger.info(
        "%s: %d people with %d crops%s",
        *(folder.name, len(notes), sum(map(len, notes)), f"; skipped pictures: {skipped}" if skipped else ""),
    )
    if few := sum(len(each) < FEWEST for each in notes):
        logger.warning("%s: %d people are left out, they have fewer than %d crops", folder.name, few, FEWEST)


def _join(people: list[Identity], notes: list[IdentityNotes], store: pathlib.Path, size: int) -> StreamedPeople:
    """Joins the notes of people."""
    counts = [len(each) for each in notes]
    rows = IdentityRows(
        paths=tuple(rows_path(store, person.name) for person in people),
        sides=np.array([each.size for each in notes]),
        starts=np.concatenate([[0], np.cumsum(counts)]),
        checksums=np.concatenate([each.checksums for each in notes]),
        size=size,
    )
    return StreamedPeople(
        names=tuple(person.name for person in people),
        person=np.repeat(np.arange(len(people)), counts).astype(np.int32),
        frames=np.concatenate([each.frames for each in notes]),
        rarity=np.concatenate([each.rarity for each in notes]),
        tiers=np.concatenate([each.tiers for each in notes]),
        outlines=np.stack([each.outline for each in notes]),
        rows=rows,
        places=np.arange(sum(counts)),
    )
