"""Reads pieces of a file from any place, in several threads."""

import os
import pathlib
import threading
import weakref


class RandomReader:
    """File that is open for reading until it is closed, or until nothing refers to it any more.

    Args:
        path: The file.

    Raises:
        OSError: If it cannot be opened.
    """

    def __init__(self, path: pathlib.Path):
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        self._lock = threading.Lock()
        self._close = weakref.finalize(self, os.close, self._descriptor)

    def close(self) -> None:
        """Closes the file. Later reads fail."""
        self._close()
        self._descriptor = -1

    def read(self, offset: int, size: int) -> bytes:
        """Reads bytes; fewer than `size` at the end of the file.

        Raises:
            OSError: If the file cannot be read, or is closed.
        """
        pieces, left = [], size
        while left:
            piece = self._read_once(offset + size - left, left)
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read_once(self, offset: int, size: int) -> bytes:
        """Reads bytes with one call of the operating system, which may return fewer."""
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, size, offset)
        with self._lock:  # Windows
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, size)
