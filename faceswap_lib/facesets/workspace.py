"""Where everything lies: one folder per project, the same names for everybody."""

import pathlib
import typing

from faceswap_lib.errors import InputError, WorkspaceError

Side = typing.Literal["src", "dst"]
"""`src` is person A, whose video is changed; `dst` is person B, whose face it gets."""

Person = typing.Literal["a", "b"]
"""Whose face is replaced, and whose face is shown instead."""

SIDES: dict[str, Side] = {"a": "src", "b": "dst"}
"""The folders' names of both people."""

SavedFaces = typing.Literal["raw_faces", "aligned_faces", "binary_masks_eyes"]
"""What an extraction can save of one video to look at."""


def side_of(person: Person | Side) -> Side:
    """Gives the side of a person; a side is given back.

    Raises:
        InputError: If it is neither.
    """
    if person in SIDES.values():
        return person
    if person not in SIDES:
        raise InputError(f"expected person a (whose video is changed) or b (whose face is shown), got '{person}'")
    return SIDES[person]


class Workspace:
    """The folders of one project.

    Args:
        root: The folder; it need not exist yet.
    """

    def __init__(self, root: pathlib.Path | str):
        self.root = pathlib.Path(root)
        if self.root.exists() and not self.root.is_dir():
            raise WorkspaceError(f"expected a folder as workspace, got the file {self.root}")

    def faces(self, side: Side) -> pathlib.Path:
        """Folder of one person's aligned crops and `manifest.jsonl`."""
        return self.root / f"face_{side}"

    def eye_masks(self, side: Side) -> pathlib.Path:
        """Folder of one person's eye masks, one PNG per crop with the crop's stem."""
        return self.root / "binary_masks" / f"face_{side}_eyes"

    def single_video(self, kind: SavedFaces) -> pathlib.Path:
        """Folder of what an extraction saves of one video to look at: faces as they are, aligned, or eye masks."""
        return self.root / "faces" / kind

    def run(self, name: str) -> pathlib.Path:
        """Folder of one training run."""
        if name in ("", "..") or pathlib.PurePath(name).name != name:
            raise WorkspaceError(f"expected a plain folder name for the run, got '{name}'")
        return self.root / "models" / name
