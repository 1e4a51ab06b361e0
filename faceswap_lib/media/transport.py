"""Search for streams that appear in a transport stream only after its beginning."""

import os
import pathlib

import numpy as np

_SYNC = 0x47
_SIZES = (188, 192)  # Blu-ray discs and camcorders add a four-byte time before each packet
_CHUNK = 2**18  # packets per block
_LEAST_TAIL = 0.05


def count_later_videos(path: pathlib.Path, known: frozenset[int], offset: int) -> int:
    """Counts video streams that appear only after an offset, for example because the program changes.

    Args:
        path: A transport stream.
        known: Packet identifiers of the streams that were found when the file was opened.
        offset: Byte at which the search starts. If less than a twentieth of the file follows, it is not searched.

    Returns:
        The number of further packet identifiers with video; 0 if the packet size cannot be detected.
    """
    size = os.path.getsize(path)
    if size - offset < _LEAST_TAIL * size:
        return 0
    with open(path, "rb") as file:
        head = file.read(_SIZES[-1] * 8)
    for length in _SIZES:
        shift = length - _SIZES[0]
        if len(head) >= shift + length * 4 and all(head[shift + length * index] == _SYNC for index in range(4)):
            return len(_video_identifiers(path, length, offset // length * length) - known)
    return 0


def _video_identifiers(path: pathlib.Path, length: int, offset: int) -> set[int]:
    """Collects the packet identifiers of video streams after an offset; `length` is the packet size in bytes."""
    found: set[int] = set()
    with open(path, "rb") as file:
        file.seek(offset)
        while data := file.read(length * _CHUNK):
            rows = np.frombuffer(data[: len(data) // length * length], np.uint8).reshape(-1, length)
            rows = rows[:, length - _SIZES[0] :]
            rows = rows[(rows[:, 0] == _SYNC) & (rows[:, 1] & 0x40 > 0)]  # payload unit start
            starts = np.where(rows[:, 3] & 0x20, 5 + rows[:, 4].astype(int), 4)
            is_complete = starts <= _SIZES[0] - 4
            rows, starts = rows[is_complete], starts[is_complete]
            codes = np.stack([rows[np.arange(len(rows)), starts + index] for index in range(4)], axis=1)
            is_video = (codes[:, :3] == (0, 0, 1)).all(axis=1) & (codes[:, 3] & 0xF0 == 0xE0)
            identifiers = (rows[:, 1].astype(int) & 0x1F) << 8 | rows[:, 2]
            found |= set(identifiers[is_video].tolist())
    return found
