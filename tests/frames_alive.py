"""Counts how many frames of videos a notebook holds at a time."""

import os
import pathlib
import sys
import weakref

from faceswap_lib import media


def watch_frames() -> None:
    """Counts the frames that are alive of those that cells read with `media.read_frames`, from now on in this process.

    Writes the largest number so far to the file that MOST_FRAMES_ALIVE names. A part of a frame, a column of it for
    instance, keeps the whole frame alive.
    """
    read_frames = media.read_frames
    note = pathlib.Path(os.environ["MOST_FRAMES_ALIVE"])
    alive: dict[int, weakref.ref] = {}
    most = 0

    def count(frames):
        nonlocal most
        for frame in frames:
            key = id(frame)
            alive[key] = weakref.ref(frame, lambda _, key=key: alive.pop(key, None))
            if len(alive) > most:
                most = len(alive)
                note.write_text(str(most))
            yield frame

    def watched(*arguments, **options):
        frames = read_frames(*arguments, **options)
        return count(frames) if sys._getframe(1).f_globals["__name__"] == "__main__" else frames

    media.read_frames = watched
