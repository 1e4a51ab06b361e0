"""Files of a faceset, which are in a folder or in a pack."""

import dataclasses
import hashlib
import pathlib
import typing
from collections.abc import Sequence

import numpy as np

from faceswap_lib.atomic_io import file_digest
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.manifest import MANIFEST, CropRecord
from faceswap_lib.facesets.pack_format import FACES, unpack_command
from faceswap_lib.facesets.pack_reader import PackReader
from faceswap_lib.facesets.workspace import Side, Workspace
from faceswap_lib.media import read_image, read_mask

Kind = typing.Literal["faces", "eye_masks", "occlusion_masks"]
"""Folders in a pack."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CropFiles:
    """Images of one kind: those in a folder, and else those in a pack.

    Attributes:
        folder: The folder. It does not have to exist.
        kind: Folder in the pack.
        pack: The pack; None if all files are in the folder.
    """

    folder: pathlib.Path
    kind: Kind
    pack: PackReader | None = None

    def exists(self, name: str) -> bool:
        """Checks whether a file is there."""
        return (self.folder / name).is_file() or self._packed(name) is not None

    def any_with(self, suffix: str) -> bool:
        """Checks whether there is a file with a suffix directly in the folder."""
        if self.folder.is_dir() and any(path.suffix == suffix for path in self.folder.iterdir()):
            return True
        return self.pack is not None and any(
            name.startswith(f"{self.kind}/") and name.endswith(suffix) and name.count("/") == 1
            for name in self.pack.names
        )

    def read_image(self, name: str) -> np.ndarray:
        """Reads an image, (H, W, 3) uint8 RGB.

        Raises:
            VideoError: If it is missing or cannot be decoded.
            WorkspaceError: If its part of the pack is damaged.
        """
        packed = self._packed(name)
        return read_image(self.folder / name) if packed is None else packed.read_image(self._path(name))

    def read_mask(self, name: str) -> np.ndarray:
        """Reads a mask, (H, W) uint8.

        Raises:
            VideoError: If it is missing or cannot be decoded.
            WorkspaceError: If its part of the pack is damaged.
        """
        packed = self._packed(name)
        return read_mask(self.folder / name) if packed is None else packed.read_mask(self._path(name))

    def read_bytes(self, name: str) -> bytes:
        """Reads the bytes of a file.

        Raises:
            OSError: If it is missing.
            WorkspaceError: If its part of the pack is damaged.
        """
        packed = self._packed(name)
        return (self.folder / name).read_bytes() if packed is None else packed.read(self._path(name))

    def sha256(self, name: str) -> str:
        """Computes the SHA-256 of a file's bytes, in hexadecimal."""
        packed = self._packed(name)
        if packed is None:
            return file_digest(self.folder / name)
        return hashlib.sha256(packed.read(self._path(name))).hexdigest()

    def state(self, name: str) -> str:
        """Describes a file without reading it: by size and time of change, in a pack by its SHA-256; empty if missing.

        Equal texts mean equal bytes, unless somebody changes a file and sets its time back.
        """
        packed = self._packed(name)
        if packed is not None:
            return packed.sha256(self._path(name))
        path = self.folder / name
        if not path.is_file():
            return ""
        status = path.stat()
        return f"{status.st_size} {status.st_mtime_ns}"

    def _path(self, name: str) -> str:
        """Returns the path of a file in the pack."""
        return f"{self.kind}/{name}"

    def _packed(self, name: str) -> PackReader | None:
        """Returns the pack if a file must be read from it."""
        if self.pack is None or self._path(name) not in self.pack or (self.folder / name).is_file():
            return None
        return self.pack


def open_own_pack(workspace: Workspace, side: Side) -> PackReader | None:
    """Opens the pack in a workspace, if it contains the faceset whose notes are in the workspace.

    Args:
        workspace: The workspace with the notes of the faceset.
        side: Which person's faceset.

    Returns:
        The pack; None if there is none.

    Raises:
        WorkspaceError: If it cannot be read, or is of another faceset.
    """
    path = workspace.pack(side)
    if not path.exists():
        return None
    reader = PackReader(path)
    manifest = f"{FACES}/{MANIFEST}"
    if manifest not in reader or reader.sha256(manifest) != file_digest(workspace.faces(side) / MANIFEST):
        reader.close()
        raise WorkspaceError(
            f"{path} has another manifest than {workspace.faces(side)}; move it elsewhere, or unpack it into another "
            "workspace"
        )
    return reader


def open_crop_files(workspace: Workspace, side: Side, records: Sequence[CropRecord]) -> CropFiles:
    """Opens the crops of a faceset; the pack in the workspace only if some of them are not in the folder.

    Args:
        workspace: The workspace with the faceset.
        side: Which person's faceset.
        records: The records of the faceset.

    Raises:
        WorkspaceError: If the pack is needed and cannot be read, or is of another faceset.
    """
    files = CropFiles(folder=workspace.faces(side), kind="faces")
    if all(files.exists(record.crop) for record in records):
        return files
    return dataclasses.replace(files, pack=open_own_pack(workspace, side))


def check_unpacked(workspace: Workspace, side: Side, records: Sequence[CropRecord]) -> None:
    """Checks that the crops of a faceset are not only in a pack, before they are changed.

    Args:
        workspace: The workspace with the faceset.
        side: Which person's faceset.
        records: The records of the faceset.

    Raises:
        WorkspaceError: If they are.
    """
    folder, pack = workspace.faces(side), workspace.pack(side)
    if pack.is_file() and any(not (folder / record.crop).is_file() for record in records):
        raise WorkspaceError(
            f"the crops of {folder} are only in {pack.name}; unpack it first: "
            f"{unpack_command(pack, workspace.root, side)}"
        )
