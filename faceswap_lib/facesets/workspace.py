"""Folder layout of a project: one workspace folder with fixed names."""

import pathlib
import typing

from faceswap_lib.errors import InputError, WorkspaceError

Side = typing.Literal["src", "dst"]
"""`src` is person A, whose video is changed; `dst` is person B, whose face is put into the video of A."""

Person = typing.Literal["a", "b"]
"""Person `a`, whose face is replaced, or person `b`, whose face is shown instead."""

SIDES: dict[str, Side] = {"a": "src", "b": "dst"}
"""The side of each person, as used in folder names."""

OWN_VIDEOS, OWN_PHOTOS = "own_videos", "own_photos"
"""Folders of a workspace for what the user uploaded on Colab; videos are in a folder per person in it."""

MEDIA = {"clips": "clips/*", "videos": "videos/*", OWN_VIDEOS: f"{OWN_VIDEOS}/*/*", OWN_PHOTOS: f"{OWN_PHOTOS}/*"}
"""Patterns of videos and photos by folder of a workspace: those of the demo, those of the user, and uploaded ones."""

SavedFaces = typing.Literal["raw_faces", "aligned_faces", "binary_masks_eyes"]
"""Kinds of images that an extraction can save of one video for viewing."""


def side_of(person: Person | Side) -> Side:
    """Returns the side of a person; returns a side unchanged.

    Raises:
        InputError: If the value is neither a person nor a side.

    Example:
        >>> side_of("a"), side_of("b")
        ('src', 'dst')
    """
    if person in SIDES.values():
        return typing.cast(Side, person)
    if person not in SIDES:
        raise InputError(f"expected person a (whose video is changed) or b (whose face is shown), got '{person}'")
    return SIDES[person]


class Workspace:
    """Workspace: the folders of one project.

    Args:
        root: The root folder. It does not have to exist.

    Raises:
        WorkspaceError: If `root` is a file.
    """

    def __init__(self, root: pathlib.Path | str):
        self.root = pathlib.Path(root)
        if self.root.exists() and not self.root.is_dir():
            raise WorkspaceError(f"expected a folder as workspace, got the file {self.root}")

    def faces(self, side: Side) -> pathlib.Path:
        """Returns the folder of one person's aligned crops and `manifest.jsonl`."""
        return self.root / f"face_{side}"

    def eye_masks(self, side: Side) -> pathlib.Path:
        """Returns the folder of one person's eye masks: one PNG per crop, with the same stem."""
        return self.root / "binary_masks" / f"face_{side}_eyes"

    def occlusion_masks(self, side: Side) -> pathlib.Path:
        """Returns the folder of one person's occlusion masks: one PNG per crop, with the same stem."""
        return self.root / "occlusion_masks" / f"face_{side}"

    def pack(self, side: Side) -> pathlib.Path:
        """Returns the path of one person's pack: the faceset in one file, see `facesets.pack`."""
        return self.root / f"face_{side}.fspack"

    @property
    def occlusion_network(self) -> pathlib.Path:
        """Path of the occlusion network that was trained in this workspace."""
        return self.root / "occlusion_masks" / "network.npz"

    def single_video(self, kind: SavedFaces) -> pathlib.Path:
        """Returns a folder of images that an extraction saves for viewing: raw faces, aligned faces, or eye masks."""
        return self.root / "faces" / kind

    def run(self, name: str) -> pathlib.Path:
        """Returns the folder of one training run.

        Raises:
            WorkspaceError: If the name is not a plain folder name.
        """
        if name in ("", "..") or pathlib.PurePath(name).name != name:
            raise WorkspaceError(f"expected a plain folder name for the run, got '{name}'")
        return self.root / "models" / name
