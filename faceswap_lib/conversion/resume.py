"""A conversion kept in pieces until it is whole, so that it goes on where it was killed.

The pieces lie in a hidden folder beside the output: `plan.json` says what they are pieces of; each has its pictures as
a video, its mask as another where one is wanted, and, written last, `NNNNNN.npz` with what is known about it and what
the next one needs to go on. Another input, run or option makes another fingerprint, and the old pieces are thrown away.
"""

import dataclasses
import logging
import os
import pathlib
import re

import numpy as np

from faceswap_lib.arrays import ArrayFileError, read_arrays
from faceswap_lib.atomic_io import read_json, replacing, write_json
from faceswap_lib.conversion.written import name_some
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.provenance.sidecar import content_digest
from faceswap_lib.upgrades import upgrade_json

logger = logging.getLogger(__name__)

CHUNK_FRAMES = 240
"""Frames of a chunk; the encoder starts a new group of pictures about as often, so chunks cost almost nothing."""

FINGERPRINT = "plan.json"

OUTPUTS = "outputs.json"
"""Digests of the outputs that were made of the pieces and may have got their names."""

BACKEND = "backend.json"

_OURS = re.compile(
    r"plan\.json|outputs\.json|backend\.json|tracks\.npz|\d{6}\.npz|(picture|mask)-\d{6}\.\w+"
    r"|\.(plan|outputs|backend)\.partial\.json|\.(tracks|\d{6})\.partial\.npz|\.(picture|mask)-\d{6}\.partial\.\w+"
)
"""Names of the files that are written here, the temporary ones too."""


@dataclasses.dataclass(kw_only=True, eq=False)
class ChunkStats:
    """What is known about a stretch of a conversion.

    Attributes:
        frames: How many it has.
        swapped: How many of them show a new face.
        masks: Mean attention mask of every new face, 0 to 1.
        samples: Faces before and after, as aligned crops (2, S, S, 3) uint8 RGB, of a few frames.
        points: Their five landmarks, (5, 2) x, y in pixels of the crop.
        seconds: When each of them is shown, from the first picture of the file.
        state: What colors were like at its end; see `Compositor.state`.
    """

    frames: int = 0
    swapped: int = 0
    masks: list[float] = dataclasses.field(default_factory=list)
    samples: list[np.ndarray] = dataclasses.field(default_factory=list)
    points: list[np.ndarray] = dataclasses.field(default_factory=list)
    seconds: list[float] = dataclasses.field(default_factory=list)
    state: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def add(self, other: "ChunkStats") -> None:
        """Appends what is known about the stretch that follows."""
        self.frames += other.frames
        self.swapped += other.swapped
        self.masks += other.masks
        self.samples += other.samples
        self.points += other.points
        self.seconds += other.seconds
        self.state = other.state


class ChunkStore:
    """The pieces of one output; a context manager.

    After an error they stay for the next call, unless that could not tell whose they are, or none was finished and the
    input was to blame.

    Attributes:
        folder: Where they lie.
        done: What is known about the finished ones, in order.
    """

    def __init__(self, out: pathlib.Path, fingerprint: dict | None):
        """Takes up the pieces of the same fingerprint, or begins anew.

        Args:
            out: The output.
            fingerprint: Plain JSON that tells this conversion from all others; None keeps nothing for another time.
        """
        self.folder = parts_folder(out)
        self._is_kept = fingerprint is not None
        if not _has_fingerprint(self.folder, fingerprint):
            self.remove()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / FINGERPRINT, fingerprint or {})
        self.done: list[ChunkStats] = []
        present = set(os.listdir(self.folder))
        while (notes := self._read(len(self.done), present)) is not None:
            self.done.append(notes)

    def __enter__(self) -> "ChunkStore":
        return self

    def __exit__(self, error_type: type | None, error: BaseException | None, traceback: object) -> None:
        would_fail_again = isinstance(error, InputError) and not self.done  # a full disk fails as VideoError, too
        if error is not None and (not self._is_kept or would_fail_again):
            self.remove()

    @property
    def frames(self) -> int:
        """Frames that are finished."""
        return sum(notes.frames for notes in self.done)

    def path(self, kind: str, number: int, suffix: str) -> pathlib.Path:
        """Where the video of a piece lies; `kind` is "picture" or "mask"."""
        return self.folder / f"{kind}-{number:06d}{suffix}"

    def finish(self, notes: ChunkStats) -> None:
        """Declares the next piece finished; its videos are there."""
        with replacing(self._notes_path(len(self.done))) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                frames=notes.frames,
                swapped=notes.swapped,
                masks=np.array(notes.masks, np.float64),
                samples=np.array(notes.samples, np.uint8),
                points=np.array(notes.points, np.float64),
                seconds=np.array(notes.seconds, np.float64),
                **{f"state/{name}": array for name, array in notes.state.items()},
            )
        self.done.append(dataclasses.replace(notes))

    def note_output(self, kind: str, finished: pathlib.Path) -> None:
        """Notes a whole output right before it gets its name, so that the next call knows it as this one's."""
        path = self.folder / OUTPUTS
        known = read_json(path) if path.is_file() else {}
        write_json(path, known | {kind: content_digest(finished)})

    def has_output(self, kind: str, path: pathlib.Path) -> bool:
        """Whether an output was made of these pieces and is there, as it was made."""
        return _is_noted(self.folder, kind, path)

    def remove(self) -> None:
        """Removes all pieces; what else lies in their folder stays, and is named."""
        if not self.folder.is_dir():
            return
        (self.folder / FINGERPRINT).unlink(missing_ok=True)  # first: what a kill leaves is then nobody's
        others = []
        for path in sorted(self.folder.iterdir()):
            if _OURS.fullmatch(path.name) and not path.is_dir():
                path.unlink()
            else:
                others.append(path)
        if others:
            logger.warning("%s stays: it holds %s, which no conversion wrote", self.folder, name_some(others))
        else:
            self.folder.rmdir()

    def _notes_path(self, number: int) -> pathlib.Path:
        return self.folder / f"{number:06d}.npz"

    def _read(self, number: int, present: set[str]) -> ChunkStats | None:
        """Reads what is known about a piece; None if it is not whole, which is said where it should be."""
        path = self._notes_path(number)
        if path.name not in present:
            return None
        try:
            arrays = read_arrays(path)
            if not any(name.startswith(f"picture-{number:06d}.") for name in present):
                raise ArrayFileError("its pictures are missing")
            return ChunkStats(
                frames=int(arrays["frames"]),
                swapped=int(arrays["swapped"]),
                masks=arrays["masks"].tolist(),
                samples=list(arrays["samples"]),
                points=list(arrays["points"]),
                seconds=arrays["seconds"].tolist(),
                state={name.removeprefix("state/"): each for name, each in arrays.items() if name.startswith("state/")},
            )
        except (ArrayFileError, KeyError, TypeError, ValueError) as error:
            logger.warning("%s is damaged (%s): the conversion goes on before it", path, error)
            return None


def parts_folder(out: pathlib.Path) -> pathlib.Path:
    """Where the pieces of an output lie."""
    return out.with_name(f".{out.name}.parts")


class BackendNote:
    """Remembers which inference backend a conversion runs on, so that a resumed one does not change it half-way.

    Args:
        out: The conversion's output; the note is kept beside its chunks, and removed with them.
    """

    def __init__(self, out: pathlib.Path):
        self._path = parts_folder(out) / BACKEND

    def read(self) -> str | None:
        """Returns the name of the backend; None if there is no note."""
        try:
            name = read_json(self._path).get("name")
        except WorkspaceError:  # missing, or cut off while it was written
            return None
        return name if isinstance(name, str) else None

    def write(self, name: str) -> None:
        """Notes the backend, where chunks are kept."""
        if self._path.parent.is_dir():
            write_json(self._path, {"name": name})


def is_interrupted(out: pathlib.Path, kind: str, path: pathlib.Path, fingerprint: dict | None = None) -> bool:
    """Whether an output that is there was made by a conversion which was stopped before it had made all of them.

    Args:
        out: The output beside which the pieces lie.
        kind: "picture" or "mask".
        path: The output that is there.
        fingerprint: Of the conversion that asks; None if that is not known yet.
    """
    folder = parts_folder(out)
    return (fingerprint is None or _has_fingerprint(folder, fingerprint)) and _is_noted(folder, kind, path)


def _has_fingerprint(folder: pathlib.Path, fingerprint: dict | None) -> bool:
    try:
        return fingerprint is not None and upgrade_json(read_json(folder / FINGERPRINT)) == fingerprint
    except WorkspaceError:  # none there, or cut off while it was written
        return False


def _is_noted(folder: pathlib.Path, kind: str, path: pathlib.Path) -> bool:
    try:
        return path.exists() and read_json(folder / OUTPUTS).get(kind) == content_digest(path)
    except WorkspaceError:  # none there
        return False
