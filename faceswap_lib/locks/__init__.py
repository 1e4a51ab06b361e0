"""Locks: a folder or an output belongs to one process at a time, also where several machines share the folder.

A hidden file beside it, `.NAME.faceswap-lock`, says who holds it. On one machine the operating system's lock on that
file decides, and ends with the process, however that ends. A file of another machine, or one on a file system without
locks, is judged by its beat: the holder changes a counter in it every few seconds, and a newcomer watches whether the
counter changes. No two clocks are ever compared.
"""

import contextlib
import dataclasses
import datetime
import logging
import os
import pathlib
import secrets
import threading
import time
import typing

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.locks.lock_file import (
    Holder,
    clean_text,
    host_name,
    is_same_file,
    lock_path,
    machine_id,
    open_lock_file,
    read_closed,
    read_open,
    take_system_lock,
    write_open,
)

logger = logging.getLogger(__name__)

BEAT = 5.0
"""Seconds between two changes of the counter."""

WATCHED_BEATS = 3
"""So many beats a counter is watched before its holder counts as gone."""

SETTLE = 1.0
"""Seconds after which one who took over a lock by its beat looks whether another did so too."""

_held: dict[pathlib.Path, int] = {}
"""The open lock files of this process."""

_guard = threading.Lock()


class Lock:
    """A lock that is held, as `hold` gives it."""

    def __init__(self, place: pathlib.Path, file: int, holder: Holder):
        self._place, self._file, self._holder, self._process = place, file, holder, os.getpid()
        self._released = threading.Event()
        self._taken_by: Holder | None = None
        self._thread = threading.Thread(target=self._keep_beating, name="lock", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Makes sure that it is still held: a machine that slept for long is taken for gone by others.

        Raises:
            WorkspaceError: If another process has taken it over.
        """
        if self._taken_by is not None:
            raise WorkspaceError(
                f"{self._holder.what}: this process was silent for so long that it was taken for gone; now "
                f"{self._taken_by.to_text()} has it; stop one of the two"
            )

    def release(self) -> None:
        """Gives it back, and removes its file unless that belongs to another by now."""
        if os.getpid() != self._process:  # a fork, which has no part in it
            return
        self._released.set()
        self._thread.join(BEAT)
        is_ours = self._taken_by is None and is_same_file(self._place, self._file)
        if os.name == "nt":  # it removes no open file, and so none that another has opened meanwhile
            _close(self._place, self._file)
        if is_ours:
            with contextlib.suppress(OSError):  # a file that is left blocks nobody
                self._place.unlink()
        _close(self._place, self._file)

    def _keep_beating(self) -> None:
        holder, failed = self._holder, False
        while not self._released.wait(BEAT):
            try:
                found = read_open(self._file)
                if found is not None and found.token != holder.token:
                    self._taken_by = found
                    return
                holder = dataclasses.replace(holder, beat=holder.beat + 1)
                write_open(self._file, holder)
            except OSError as error:  # a drive that is away for a while
                if not failed:
                    logger.warning("%s: %s; other machines may take %s for free", self._place, error, holder.what)
                failed = True


@contextlib.contextmanager
def hold(path: pathlib.Path, *, what: str) -> typing.Iterator[Lock]:
    """Holds a folder or an output for this process until the block ends.

    The lock is not re-entrant: who holds a path and calls what holds it too is refused, and so is another thread.
    Reading needs no lock.

    Args:
        path: The folder or file; it need not be there yet. The folder it lies in is made.
        what: What it is, for messages, as in `run 'default'`.

    Yields:
        The lock; long work asks its `check` before it writes.

    Raises:
        WorkspaceError: If another process, or another thread of this one, holds it.
        OSError: If the folder it lies in cannot be written.
    """
    place = lock_path(path)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = _acquire(place, clean_text(what))
    except OSError as error:  # with the name that the user knows
        raise type(error)(error.errno, error.strerror, str(path)) from error
    try:
        yield lock
    finally:
        lock.release()


def read_holder(path: pathlib.Path) -> Holder | None:
    """Reads who holds a folder or an output, or held it when it was killed; None for nobody."""
    place = lock_path(path)
    with _guard:
        return read_open(_held[place]) if place in _held else read_closed(place)


def _acquire(place: pathlib.Path, what: str) -> Lock:
    now = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
    ours = Holder(
        host=host_name(),
        machine=machine_id(),
        process=os.getpid(),
        since=now,
        what=what,
        token=secrets.token_hex(16),
    )
    unchanged: list[Holder | None] = []  # what was in the file all the while it was watched
    while True:
        with contextlib.ExitStack() as unless_ours:
            file, is_new = _open(place, what)
            unless_ours.callback(_close, place, file)
            is_locked = take_system_lock(file)
            found = read_open(file)
            if is_locked is False:
                raise _in_use(what, found)
            if not is_same_file(place, file):  # its holder has just removed it
                continue
            is_left = is_locked and found is not None and found.is_here
            if is_new or is_left or [found] == unchanged:
                write_open(file, ours)
                if unchanged:
                    time.sleep(SETTLE)
                    if (last := read_open(file)) != ours:
                        raise _in_use(what, last)
                unless_ours.pop_all()
                return Lock(place, file, ours)
        unchanged = [_watch(place, what)]


def _watch(place: pathlib.Path, what: str) -> Holder | None:
    """Waits for some beats; gives what the file holds if it never changed."""
    first = read_closed(place)
    who = first.to_text() if first else "somebody"
    logger.info("%s: %s had it; looking for %.0f s whether that still runs", what, who, WATCHED_BEATS * BEAT)
    until = time.monotonic() + WATCHED_BEATS * BEAT
    while time.monotonic() < until:
        time.sleep(BEAT / 5)
        if (now := read_closed(place)) != first:
            if now is None:  # removed, by one who has ended
                return None
            raise _in_use(what, now)
    logger.warning("%s: %s is gone without having given it back; taking it over", what, who)
    return first


def _in_use(what: str, holder: Holder | None) -> WorkspaceError:
    who = holder.to_text() if holder else "another process"
    doing = f", for {holder.what}" if holder and holder.what != what else ""
    return WorkspaceError(f"{what} is in use by {who}{doing}; wait until it ends, or stop it, or choose another name")


def _open(place: pathlib.Path, what: str) -> tuple[int, bool]:
    """Opens a lock file that this process has not open yet; gives it and whether it was made."""
    with _guard:
        if place in _held:
            raise _in_use(what, read_open(_held[place]))
        file, is_new = open_lock_file(place)
        _held[place] = file
        return file, is_new


def _close(place: pathlib.Path, file: int) -> None:
    with _guard:
        if _held.get(place) == file:
            del _held[place]
            os.close(file)


def _forget_all() -> None:
    """Closes a forked child's copies: a child that outlives its parent would keep the parent's locks."""
    global _guard
    _guard = threading.Lock()
    for file in _held.values():
        with contextlib.suppress(OSError):
            os.close(file)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
