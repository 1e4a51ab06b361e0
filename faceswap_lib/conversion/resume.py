"""Chunks of a conversion, stored until the output is complete, so that a killed conversion can be resumed.

The chunks are stored in a hidden folder beside the output. `plan.json` contains the fingerprint of the conversion. Each
chunk has its frames as a video and, if a mask is written, its mask as another video. `NNNNNN.npz` is written last; it
contains the statistics of the chunk and the state from which the next chunk is converted. Another input, run or option
gives another fingerprint; then the old chunks are removed.
"""

import dataclasses
import logging
import os
import pathlib
import re
import typing

import numpy as np

from faceswap_lib.arrays import ArrayFileError, read_arrays
from faceswap_lib.atomic_io import read_json, replacing, write_json
from faceswap_lib.conversion.written import name_some
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.provenance.sidecar import content_digest
from faceswap_lib.upgrades import upgrade_json

logger = logging.getLogger(__name__)

CHUNK_FRAMES = 240
"""Frames per chunk; the encoder starts a new group of pictures about as often, so chunks cost almost nothing."""

FINGERPRINT = "plan.json"

OUTPUTS = "outputs.json"
"""Digests of the outputs that were joined from the chunks and may already have their final names."""

BACKEND = "backend.json"

_OURS = re.compile(
    r"plan\.json|outputs\.json|backend\.json|tracks\.npz|\d{6}\.npz|(picture|mask)-\d{6}\.\w+"
    r"|\.(plan|outputs|backend)\.partial\.json|\.(tracks|\d{6})\.partial\.npz|\.(picture|mask)-\d{6}\.partial\.\w+"
)
"""Names of all files that are written to the folder, including temporary files."""


@dataclasses.dataclass(kw_only=True, eq=False)
class ChunkStats:
    """Statistics of a chunk of frames.

    Attributes:
        frames: Number of frames.
        swapped: Number of frames that show a swapped face.
        masks: Mean attention mask of every swapped face, 0 to 1.
        samples: Aligned crops before and after the swap, (2, S, S, 3) uint8 RGB, of a few frames.
        points: Their five landmarks, (5, 2) x, y in pixels of the crop.
        seconds: Their times in seconds from the first frame of the file.
        state: State of the compositor after the last frame; see `Compositor.state`.
    """

    frames: int = 0
    swapped: int = 0
    masks: list[float] = dataclasses.field(default_factory=list)
    samples: list[np.ndarray] = dataclasses.field(default_factory=list)
    points: list[np.ndarray] = dataclasses.field(default_factory=list)
    seconds: list[float] = dataclasses.field(default_factory=list)
    state: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def add(self, other: "ChunkStats") -> None:
        """Appends the statistics of the frames that follow."""
        self.frames += other.frames
        self.swapped += other.swapped
        self.masks += other.masks
        self.samples += other.samples
        self.points += other.points
        self.seconds += other.seconds
        self.state = other.state


class ChunkStore:
    """Chunks of one output; a context manager.

    After an error the chunks are kept for the next call. They are removed if there is no fingerprint to identify them,
    or if the input caused the error before any chunk was finished.

    Attributes:
        folder: Folder of the chunks.
        done: Statistics of the finished chunks, in order.
    """

    def __init__(self, out: pathlib.Path, fingerprint: dict | None):
        """Loads the chunks of the same fingerprint, or removes the chunks of another one.

        Args:
            out: The output path.
            fingerprint: Plain JSON that identifies this conversion; None keeps no chunks for a later call.
        """
        self.folder = parts_folder(out)
        self._is_kept = fingerprint is not None
        if not _has_fingerprint(self.folder, fingerprint):
            self.remove()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / FINGERPRINT, fingerprint or {})
        self.done: list[ChunkStats] = []
        present = set(os.listdir(self.folder))
        while (stats := self._read(len(self.done), present)) is not None:
            self.done.append(stats)

    def __enter__(self) -> "ChunkStore":
        return self

    def __exit__(self, error_type: type | None, error: BaseException | None, traceback: object) -> None:
        would_fail_again = isinstance(error, InputError) and not self.done  # a full disk also raises VideoError
        if error is not None and (not self._is_kept or would_fail_again):
            self.remove()

    @property
    def frames(self) -> int:
        """Number of finished frames."""
        return sum(stats.frames for stats in self.done)

    def path(self, kind: str, number: int, suffix: str) -> pathlib.Path:
        """Returns the path of the video of a chunk; `kind` is "picture" or "mask"."""
        return self.folder / f"{kind}-{number:06d}{suffix}"

    def finish(self, stats: ChunkStats) -> None:
        """Marks the next chunk as finished; its videos must be complete."""
        arrays: dict[str, typing.Any] = {
            "frames": stats.frames,
            "swapped": stats.swapped,
            "masks": np.array(stats.masks, np.float64),
            "samples": np.array(stats.samples, np.uint8),
            "points": np.array(stats.points, np.float64),
            "seconds": np.array(stats.seconds, np.float64),
        }
        arrays |= {f"state/{name}": array for name, array in stats.state.items()}
        with replacing(self._stats_path(len(self.done))) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)
        self.done.append(dataclasses.replace(stats))

    def note_output(self, kind: str, finished: pathlib.Path) -> None:
        """Stores the digest of a complete output before it gets its final name, so that the next call recognizes it."""
        path = self.folder / OUTPUTS
        known = read_json(path) if path.is_file() else {}
        write_json(path, known | {kind: content_digest(finished)})

    def has_output(self, kind: str, path: pathlib.Path) -> bool:
        """Returns whether an output exists that was joined from these chunks and is unchanged since."""
        return _is_noted(self.folder, kind, path)

    def remove(self) -> None:
        """Removes all chunks; other files in the folder are kept, and a warning names them."""
        if not self.folder.is_dir():
            return
        (self.folder / FINGERPRINT).unlink(missing_ok=True)  # first, so that chunks left by a kill match no fingerprint
        others = []
        for path in sorted(self.folder.iterdir()):
            if _OURS.fullmatch(path.name) and not path.is_dir():
                path.unlink()
            else:
                others.append(path)
        if others:
            logger.warning("%s is kept: it contains %s, which no conversion wrote", self.folder, name_some(others))
        else:
            self.folder.rmdir()

    def _stats_path(self, number: int) -> pathlib.Path:
        return self.folder / f"{number:06d}.npz"

    def _read(self, number: int, present: set[str]) -> ChunkStats | None:
        """Reads the statistics of a chunk; None if it does not exist, or if it is damaged, which is logged."""
        path = self._stats_path(number)
        if path.name not in present:
            return None
        try:
            arrays = read_arrays(path)
            if not any(name.startswith(f"picture-{number:06d}.") for name in present):
                raise ArrayFileError("its video is missing")
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
            logger.warning("%s is damaged (%s): this chunk and later ones are converted again", path, error)
            return None


def parts_folder(out: pathlib.Path) -> pathlib.Path:
    """Returns the folder of the chunks of an output."""
    return out.with_name(f".{out.name}.parts")


class BackendNote:
    """Stored name of the inference backend of a conversion, so that a resumed conversion uses the same one.

    Args:
        out: The output path; the note is stored beside the chunks, and removed with them.
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
        """Stores the name of the backend, if the folder of the chunks exists."""
        if self._path.parent.is_dir():
            write_json(self._path, {"name": name})


def is_interrupted(out: pathlib.Path, kind: str, path: pathlib.Path, fingerprint: dict | None = None) -> bool:
    """Returns whether an output was written by a conversion that was stopped before all its outputs were complete.

    Args:
        out: The output path beside which the chunks are stored.
        kind: "picture" or "mask".
        path: The existing output.
        fingerprint: Fingerprint of the current conversion; None if it is not known yet.
    """
    folder = parts_folder(out)
    return (fingerprint is None or _has_fingerprint(folder, fingerprint)) and _is_noted(folder, kind, path)


def _has_fingerprint(folder: pathlib.Path, fingerprint: dict | None) -> bool:
    try:
        return fingerprint is not None and upgrade_json(read_json(folder / FINGERPRINT)) == fingerprint
    except WorkspaceError:  # missing, or cut off while it was written
        return False


def _is_noted(folder: pathlib.Path, kind: str, path: pathlib.Path) -> bool:
    try:
        return path.exists() and read_json(folder / OUTPUTS).get(kind) == content_digest(path)
    except WorkspaceError:  # missing
        return False
