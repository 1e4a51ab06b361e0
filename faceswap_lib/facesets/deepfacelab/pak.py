"""Reads and writes DeepFaceLab's packed facesets (`faceset.pak`): many aligned JPEG files in one file.

The file consists of these parts; all numbers are unsigned, with 64 bits, the lowest byte first:

    version, 1
    size of the index in bytes
    index: pickled list of a dict per face
    offsets: one per face, and one more
    the JPEG files, one after the other

Offsets count from the first JPEG file. The last one is an exception, which DeepFaceLab's writer has and which is kept
here: it is the size of the whole file. The reader accepts both.
"""

import contextlib
import itertools
import mmap
import os
import pathlib
import shutil
import struct
import tempfile
import types
import typing

from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import InputError
from faceswap_lib.facesets.deepfacelab.packed_face import PackedFace
from faceswap_lib.facesets.deepfacelab.pickle_writer import dump_pickle
from faceswap_lib.facesets.deepfacelab.restricted_pickle import load_restricted
from faceswap_lib.limits import ARCHIVE_FILES, PACK_INDEX_BYTES, PICTURE_BYTES

PACK_NAME = "faceset.pak"
VERSION = 1
HEADER = struct.Struct("<QQ")
OFFSET = struct.Struct("<Q")


class PackedFaceset:
    """Packed faceset that is open for reading. One face is read at a time.

    Args:
        path: The file.

    Attributes:
        path: The file.
        faces: The entries of the index, in the order of the file.

    Raises:
        InputError: If the file is missing, is of another version, is cut off, contains something that no faceset
            needs, names two faces alike, or exceeds `limits`. Nothing in the file is run.
    """

    def __init__(self, path: pathlib.Path | str):
        self.path = pathlib.Path(path)
        with contextlib.ExitStack() as opened:
            self._map = opened.enter_context(_map_file(self.path))
            try:
                index_end = self._check_header()
                self.faces = self._read_index(index_end)
                self._begin = index_end + OFFSET.size * (len(self.faces) + 1)
                self._offsets = self._read_offsets(index_end)
            except ValueError as error:
                raise self._error(str(error)) from error
            self._opened = opened.pop_all()

    def __enter__(self) -> "PackedFaceset":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.faces)

    def close(self) -> None:
        """Closes the file."""
        self._opened.close()

    def read(self, index: int) -> bytes:
        """Reads the JPEG file of one face.

        Args:
            index: Position of the face in `faces`.

        Raises:
            InputError: If it has more bytes than `limits.PICTURE_BYTES`.
        """
        begin, end = self._offsets[index], self._offsets[index + 1]
        PICTURE_BYTES.check(end - begin, f"{self.path}: {self.faces[index].label}")
        return self._map[self._begin + begin : self._begin + end]

    def _check_header(self) -> int:
        """Checks version and size of the index. Returns the offset of the first byte after the index."""
        size = len(self._map)
        if size < HEADER.size:
            raise self._error(f"it is cut off after {size} bytes")
        version, index_size = HEADER.unpack_from(self._map)
        if version != VERSION:
            raise self._error(f"expected version {VERSION}, got {version:,}")
        if index_size > size - HEADER.size:
            raise self._error(f"it states an index of {index_size:,} bytes and has {size - HEADER.size:,} after it")
        PACK_INDEX_BYTES.check(index_size, self.path)
        return HEADER.size + index_size

    def _read_index(self, end: int) -> tuple[PackedFace, ...]:
        """Reads the entries of all faces."""
        with memoryview(self._map) as whole, whole[HEADER.size : end] as index:
            found = load_restricted(index, on_item=PackedFace.from_values)
        items = found if isinstance(found, list) else []
        faces = tuple(item for item in items if isinstance(item, PackedFace))
        if not faces or len(faces) != len(items):
            raise self._error("its index is not a list of faces, or is empty")
        ARCHIVE_FILES.check(len(faces), self.path)
        labels: set[str] = set()
        for face in faces:
            if face.label.casefold() in labels:
                raise self._error(f"it names {face.label!r:.80} twice")
            labels.add(face.label.casefold())
        return faces

    def _read_offsets(self, index_end: int) -> tuple[int, ...]:
        """Reads where each JPEG file begins and ends, counted from the first one."""
        size = len(self._map) - self._begin
        if size < 0:
            raise self._error(f"it is cut off in the offsets of its {len(self.faces):,} faces")
        numbers = [number for (number,) in OFFSET.iter_unpack(self._map[index_end : self._begin])]
        if numbers[-1] not in (size, len(self._map)):
            raise self._error(f"it states that it ends at byte {numbers[-1]:,}, and ends at {len(self._map):,}")
        offsets = (*numbers[:-1], size)
        if offsets[0] != 0 or any(after <= before for before, after in itertools.pairwise(offsets)):
            raise self._error("the offsets of its faces are not in order, or outside the file")
        return offsets

    def _error(self, reason: str) -> InputError:
        """Builds the error of a file that cannot be read."""
        return InputError(f"{self.path}: expected a packed faceset of DeepFaceLab ({reason}); get it again, or pack it")


@contextlib.contextmanager
def _map_file(path: pathlib.Path) -> typing.Iterator[mmap.mmap]:
    """Maps a file into memory for reading."""
    advice = f"expected a packed faceset, such as {PACK_NAME}"
    try:
        if not path.is_file():  # opening a pipe may never end
            raise InputError(f"{path}: {advice}, got {'something else' if path.exists() else 'nothing'} there")
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                raise InputError(f"{path}: {advice}, got an empty file")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    with mapped:
        yield mapped


class PackWriter:
    """Packed faceset that is being written. The file appears when the block ends without an error.

    The JPEG files are collected in a temporary file beside it, because the index precedes them and is known last.

    Args:
        path: The file to write; a file of this name is replaced.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._entries: list[dict[str, object]] = []
        self._offsets = [0]
        self._spool: typing.BinaryIO | None = None

    def __enter__(self) -> "PackWriter":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._spool = tempfile.TemporaryFile(dir=self._path.parent, prefix=f".{self._path.stem}-")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        assert self._spool is not None
        with self._spool:
            if kind is None:
                self._finish(self._spool)

    def add(self, face: PackedFace, data: bytes) -> None:
        """Adds a face.

        Args:
            face: Its entry.
            data: Its JPEG file, with its metadata.
        """
        assert self._spool is not None
        self._spool.write(data)
        self._entries.append(face.to_values())
        self._offsets.append(self._offsets[-1] + len(data))

    def _finish(self, spool: typing.BinaryIO) -> None:
        """Writes the whole file."""
        index = dump_pickle(self._entries)
        begin = HEADER.size + len(index) + OFFSET.size * len(self._offsets)
        offsets = [*self._offsets[:-1], begin + self._offsets[-1]]  # the last one is the size of the file
        spool.seek(0)
        with replacing(self._path) as temporary, temporary.open("wb") as file:
            file.write(HEADER.pack(VERSION, len(index)) + index + b"".join(map(OFFSET.pack, offsets)))
            shutil.copyfileobj(spool, file)
