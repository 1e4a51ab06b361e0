"""A conversion kept in pieces until it is whole, so that it goes on where it was killed.

The pieces lie in a hidden folder beside the output: `plan.json` says what they are pieces of; each has its pictures as
a video, its mask as another where one is wanted, and, written last, `NNNNNN.npz` with what is known about it and what
the next one needs to go on. Another input, run or option makes another plan, and the old pieces are thrown away.
"""

import dataclasses
import pathlib
import shutil
import zipfile

import numpy as np

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.files import read_json, replacing, write_json

LENGTH = 240
"""Frames of a piece: as often as the encoder begins anew anyhow, so that pieces cost next to nothing."""

PLAN = "plan.json"


@dataclasses.dataclass(kw_only=True, eq=False)
class Notes:
    """What is known about a stretch of a conversion.

    Attributes:
        frames: How many it has.
        swapped: How many of them show a new face.
        masks: Mean attention mask of every new face, 0 to 1.
        samples: Faces before and after, as aligned crops (2, S, S, 3) uint8 RGB, of a few frames.
        points: Their five landmarks, (5, 2) x, y in pixels of the crop.
        state: What colours were like at its end; see `Compositor.state`.
    """

    frames: int = 0
    swapped: int = 0
    masks: list[float] = dataclasses.field(default_factory=list)
    samples: list[np.ndarray] = dataclasses.field(default_factory=list)
    points: list[np.ndarray] = dataclasses.field(default_factory=list)
    state: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def add(self, other: "Notes") -> None:
        """Appends what is known about the stretch that follows."""
        self.frames += other.frames
        self.swapped += other.swapped
        self.masks += other.masks
        self.samples += other.samples
        self.points += other.points
        self.state = other.state


class Pieces:
    """The pieces of one output; a context manager.

    After an error they stay for the next call, unless that could not tell whose they are, or would fail as well.

    Attributes:
        folder: Where they lie.
        done: What is known about the finished ones, in order.
    """

    def __init__(self, out: pathlib.Path, plan: dict | None):
        """Takes up the pieces of the same plan, or begins anew.

        Args:
            out: The output.
            plan: Plain JSON that tells this conversion from all others; None keeps nothing for another time.
        """
        self.folder = out.with_name(f".{out.name}.parts")
        self._is_kept = plan is not None
        if not self._goes_on(plan):
            self.remove()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / PLAN, plan or {})
        self.done: list[Notes] = []
        while (notes := self._read(len(self.done))) is not None:
            self.done.append(notes)

    def __enter__(self) -> "Pieces":
        return self

    def __exit__(self, error_type: type | None, error: BaseException | None, traceback: object) -> None:
        if error is not None and (not self._is_kept or isinstance(error, InputError)):
            self.remove()

    @property
    def frames(self) -> int:
        """Frames that are finished."""
        return sum(notes.frames for notes in self.done)

    def path(self, kind: str, number: int, suffix: str) -> pathlib.Path:
        """Where the video of a piece lies; `kind` is "picture" or "mask"."""
        return self.folder / f"{kind}-{number:06d}{suffix}"

    def finish(self, notes: Notes) -> None:
        """Declares the next piece finished; its videos are there."""
        with replacing(self._notes_path(len(self.done))) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                frames=notes.frames,
                swapped=notes.swapped,
                masks=np.array(notes.masks, np.float64),
                samples=np.array(notes.samples, np.uint8),
                points=np.array(notes.points, np.float64),
                **{f"state/{name}": array for name, array in notes.state.items()},
            )
        self.done.append(dataclasses.replace(notes))

    def remove(self) -> None:
        """Throws all pieces away."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _goes_on(self, plan: dict | None) -> bool:
        try:
            return plan is not None and read_json(self.folder / PLAN) == plan
        except WorkspaceError:  # none there, or cut off while it was written
            return False

    def _notes_path(self, number: int) -> pathlib.Path:
        return self.folder / f"{number:06d}.npz"

    def _read(self, number: int) -> Notes | None:
        path = self._notes_path(number)
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise WorkspaceError(f"{path}: cannot be read ({error}); remove {self.folder} and convert again") from error
        return Notes(
            frames=int(arrays["frames"]),
            swapped=int(arrays["swapped"]),
            masks=arrays["masks"].tolist(),
            samples=list(arrays["samples"]),
            points=list(arrays["points"]),
            state={name.removeprefix("state/"): array for name, array in arrays.items() if name.startswith("state/")},
        )
