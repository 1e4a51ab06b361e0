"""Reads a pack: checks its directory and its index, and reads single files or verifies all of them.

A pack may come from an untrusted source. Names, sizes and positions are checked before anything is read.
"""

import contextlib
import hashlib
import pathlib
import struct
import types
import zipfile
import zlib

import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.archive import DAMAGED, list_files, open_counted
from faceswap_lib.facesets.archive_checks import check_entries, check_sizes
from faceswap_lib.facesets.pack_format import (
    DIGEST,
    FOLDERS,
    HEADER,
    INDEX,
    LOCAL_HEADER,
    MOST_IN_HEADER,
    PackedFile,
    PackHeader,
    check_digest,
    check_stored,
    parse_index,
)
from faceswap_lib.facesets.random_reads import RandomReader
from faceswap_lib.limits import PICTURE_BYTES, TEXT_BYTES
from faceswap_lib.media.images import to_gray
from faceswap_lib.media.picture_decoding import decode_picture_bytes
from faceswap_lib.progress import show_progress

ADVICE = "get the file again, or pack the faceset again"

NAME_LENGTHS = struct.Struct("<26xHH")
"""Lengths of name and extra data, in the header before each file of a ZIP archive."""


class PackReader:
    """Pack that is open for reading. Several threads may read from it.

    Args:
        path: The file.

    Attributes:
        path: The file.
        header: The numbers of crops.
        names: Paths of the files in the pack, in its order, without those that describe the pack itself.

    Raises:
        WorkspaceError: If the file is missing, is no pack, is damaged or cut off, contains compressed files or files
            outside the folders of a pack, names a file twice, or exceeds `limits`.
    """

    def __init__(self, path: pathlib.Path | str):
        self.path = pathlib.Path(path)
        if not self.path.is_file():
            got = "something else" if self.path.exists() else "nothing"
            raise WorkspaceError(f"{self.path}: expected a pack, got {got} there; check the path")
        self._file = RandomReader(self.path)
        with contextlib.ExitStack() as at_an_error:
            at_an_error.callback(self._file.close)
            try:
                self._entries = self._read_directory()
                self.header = PackHeader.from_bytes(self._read_note(HEADER, MOST_IN_HEADER))
                index = self._read_note(INDEX, TEXT_BYTES.value)
                check_digest(index, self._read_note(DIGEST, MOST_IN_HEADER))
                self._index = self._check_index(parse_index(index))
            except (*DAMAGED, zipfile.LargeZipFile) as error:
                raise WorkspaceError(f"{self.path}: expected a pack ({error}); {ADVICE}") from error
            at_an_error.pop_all()
        self.names = tuple(name for name in self._entries if not name.startswith("pack/"))

    def __enter__(self) -> "PackReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.close()

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def size(self, name: str) -> int:
        """Returns the size of a file in bytes."""
        return self._entries[name][1]

    def sha256(self, name: str) -> str:
        """Returns the SHA-256 of a file, in hexadecimal, as the index states it."""
        return self._index[name].sha256

    def read(self, name: str) -> bytes:
        """Reads a file and checks its CRC-32.

        Args:
            name: Path in the pack.

        Raises:
            WorkspaceError: If the pack is damaged there, or the file has more bytes than `limits.PICTURE_BYTES`.
        """
        PICTURE_BYTES.check(self.size(name), f"{self.path}: {name}", WorkspaceError)
        try:
            return self._read(name)
        except ValueError as error:
            raise WorkspaceError(f"{self.path}: {error}; {ADVICE}") from error

    def read_image(self, name: str) -> np.ndarray:
        """Reads an image, (H, W, 3) uint8 RGB.

        Raises:
            WorkspaceError: As in `read`.
            VideoError: If it cannot be decoded.
        """
        return decode_picture_bytes(self.read(name), f"{self.path}: {name}").image

    def read_mask(self, name: str) -> np.ndarray:
        """Reads a mask, (H, W) uint8.

        Raises:
            WorkspaceError: As in `read`.
            VideoError: If it cannot be decoded.
        """
        return to_gray(self.read_image(name))

    def verify(self, *, progress: bool = False) -> None:
        """Compares all files with their SHA-256 in the index.

        Args:
            progress: Show a progress bar.

        Raises:
            WorkspaceError: If a file differs.
        """
        for name in show_progress(list(self._index), f"verify {self.path.name}", disable=not progress):
            self.check_sha256(name, hashlib.sha256(self.read(name)).hexdigest())

    def check_sha256(self, name: str, found: str) -> None:
        """Compares the SHA-256 of a file with that in the index.

        Raises:
            WorkspaceError: If they differ.
        """
        if self._index[name].sha256 != found:
            raise WorkspaceError(f"{self.path}: {name} differs from the index of the pack; {ADVICE}")

    def _read_directory(self) -> dict[str, tuple[int, int, int]]:
        """Reads header offset, size and CRC-32 of each file from the archive's directory, after all checks."""
        with open_counted(self.path) as opened:
            entries = list_files(opened)
            check_entries(entries, self.path.name, FOLDERS)
            check_stored(entries, self.path.name)
            check_sizes(entries, self.path, opened.start_dir)
        names = [entry.filename for entry in entries]
        if names[:1] != [HEADER] or names[-2:] != [INDEX, DIGEST]:
            raise ValueError(f"it does not begin with {HEADER} and end with {INDEX} and {DIGEST}")
        return {entry.filename: (entry.header_offset, entry.file_size, entry.CRC) for entry in entries}

    def _check_index(self, index: list[PackedFile]) -> dict[str, PackedFile]:
        """Checks that the index agrees with the archive's directory."""
        described = list(self._entries)[1:-2]
        if [line.name for line in index] != [HEADER, *described]:
            raise ValueError("its index does not name the files that it contains")
        for line in index:
            if (line.offset, line.size) != (self._find(line.name), self._entries[line.name][1]):
                raise ValueError(f"its index states another place or size of {line.name!r:.200}")
        return {line.name: line for line in index}

    def _find(self, name: str) -> int:
        """Returns the offset of the first byte of a file."""
        begin = self._entries[name][0]
        lengths = NAME_LENGTHS.unpack(self._read_at(begin, LOCAL_HEADER))
        return begin + LOCAL_HEADER + sum(lengths)

    def _read_note(self, name: str, most: int) -> bytes:
        """Reads a file that describes the pack."""
        if (size := self._entries[name][1]) > most:
            raise ValueError(f"{name}: expected at most {most:,} bytes, got {size:,}")
        return self._read(name)

    def _read(self, name: str) -> bytes:
        """Reads a file and checks its CRC-32."""
        _, size, crc = self._entries[name]
        data = self._read_at(self._find(name), size)
        if zlib.crc32(data) != crc:
            raise ValueError(f"{name!r:.200} is damaged")
        return data

    def _read_at(self, offset: int, size: int) -> bytes:
        """Reads bytes of the file."""
        data = self._file.read(offset, size)
        if len(data) != size:
            raise ValueError(f"it is cut off at byte {offset + len(data):,}")
        return data
