"""Reading of untrusted `.npz` files: the sizes in the headers are compared with the file before memory is allocated."""

import errno
import math
import pathlib
import struct
import tokenize
import typing
import zipfile
import zlib

import numpy as np

from faceswap_lib.limits import ARCHIVE_RATIO, ARRAY_BYTES

SUFFIX = ".npy"

SMALL = 1 << 20
"""Size in bytes up to which the compression ratio is not limited; a small array of zeros shrinks to almost nothing."""

BLOCK = 1 << 18
"""Number of bytes read at a time, so few that they stay in the CPU cache until they are checksummed and copied."""

MOST_ARRAYS = 100_000

LONGEST_REASON = 300
"""Maximum number of characters of the reason in a message about a damaged file."""

_TROUBLES = (
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError),
    *(ValueError, KeyError, TypeError, EOFError, SyntaxError, OverflowError, RuntimeError, MemoryError),
)
"""Errors that the readers of archives and of array headers raise for a damaged file."""


class ArrayFileError(ValueError):
    """Array file that is damaged, or whose headers claim more data than it contains."""


def read_arrays(path: pathlib.Path, names: typing.Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Reads the arrays of an `.npz` file without pickle, and verifies the checksum of each array.

    Args:
        path: The file.
        names: Names of the arrays to read; None reads all.

    Returns:
        The arrays by name. The order is that of `names`, or that of the file if `names` is None.

    Raises:
        ArrayFileError: If the file is damaged, one of `names` is missing, an array is stored twice, an array contains
            Python objects, the size of an array differs from its header, or an array is compressed more strongly than
            `limits.ARCHIVE_RATIO`.
        InputError: If the arrays together are larger than `limits.ARRAY_BYTES`.
        OSError: If the file cannot be opened or read.
    """
    try:
        with path.open("rb") as stored, zipfile.ZipFile(stored) as archive:
            entries = _list_entries(archive)
            wanted = list(entries) if names is None else list(names)
            if missing := [name for name in wanted if name not in entries]:
                raise ArrayFileError(f"{missing[0]} is missing")
            ARRAY_BYTES.check(sum(entries[name].file_size for name in wanted), path)
            return {name: _read_array(archive, entries[name]) for name in wanted}
    except _TROUBLES as error:
        reason = " ".join(str(error).split())[:LONGEST_REASON]  # it may quote bytes of the file
        raise ArrayFileError(reason or type(error).__name__) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # raised for an offset that no file can have
            raise
        raise ArrayFileError("its directory points outside the file") from error


def _list_entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Lists the entries of the archive by array name; raises `ArrayFileError` if one of them cannot be accepted."""
    infos = archive.infolist()
    if len(infos) > MOST_ARRAYS:
        raise ArrayFileError(f"expected at most {MOST_ARRAYS} arrays, got {len(infos)}")
    entries = {info.filename.removesuffix(SUFFIX): info for info in infos}
    if len(entries) != len(infos) or any(not info.filename.endswith(SUFFIX) for info in infos):
        raise ArrayFileError("expected .npy entries with different names")
    for info in infos:
        if info.file_size > SMALL and info.file_size > ARCHIVE_RATIO.value * max(info.compress_size, 1):
            raise ArrayFileError(
                f"{info.filename!r:.80} unpacks to {info.file_size:,} bytes from {info.compress_size:,}"
            )
    return entries


def _read_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    """Reads one array and verifies its size and checksum."""
    with archive.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, is_fortran, dtype = np.lib.format.read_array_header_2_0(stream)
        else:
            raise ArrayFileError(f"{entry.filename!r:.80} is of format {version}, expected 1.0 or 2.0")
        if dtype.hasobject:
            raise ArrayFileError(f"{entry.filename!r:.80} holds Python objects")
        if any(side < 0 for side in shape):
            raise ArrayFileError(f"{entry.filename!r:.80} has the shape {shape}")
        size = math.prod(shape) * dtype.itemsize
        if size != entry.file_size - stream.tell():
            raise ArrayFileError(f"{entry.filename!r:.80} does not have the {size:,} bytes that its header states")
        data = np.empty(size, np.uint8)
        at = 0
        while block := stream.read(BLOCK):  # up to the end of the entry, where zipfile compares the checksum
            data[at : at + len(block)] = np.frombuffer(block, np.uint8)
            at += len(block)
    if at != size:
        raise ArrayFileError(f"{entry.filename!r:.80} ends after {at:,} of {size:,} bytes")
    array = data.view(dtype) if size else np.empty(0, dtype)
    return array.reshape(shape, order="F" if is_fortran else "C")
