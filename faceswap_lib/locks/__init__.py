"""Locks: only one process at a time may use a folder or an output, even if several machines share the folder.

A hidden lock file beside the folder or output, `.NAME.faceswap-lock`, names the holder. On one machine the operating
system's lock on this file decides; it is released when the process ends for any reason. For a lock of another machine,
or on a file system without locks, a heartbeat decides: the holder increments a counter in the file every few seconds,
and a newcomer watches whether the counter changes. The clocks of two machines are never compared.
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
"""Seconds between two heartbeats (increments of the counter)."""

WATCHED_BEATS = 3
"""Number of heartbeat intervals without a change of the counter after which the holder is considered dead."""

SETTLE = 1.0
"""Seconds after taking over an abandoned lock, after which the process checks whether another one took it too."""

_held: dict[pathlib.Path, int] = {}
"""Descriptors of the open lock files of this process, by path."""

_guard = threading.Lock()


class Lock:
    """Lock that this process holds, as returned by `hold`; a thread updates its heartbeat."""

    def __init__(self, place: pathlib.Path, file: int, holder: Holder):
        self._place, self._file, self._holder, self._process = place, file, holder, os.getpid()
        self._released = threading.Event()
        self._taken_by: Holder | None = None
        self._thread = threading.Thread(target=self._keep_beating, name="lock", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Checks that this process still holds the lock; other machines take it over if this one slept for long.

        Raises:
            WorkspaceError: If another process has taken the lock over.
        """
        if self._taken_by is not None:
            raise WorkspaceError(
                f"{self._holder.what}: this process did not update its lock for too long and lost it; now "
                f"{self._taken_by.to_text()} holds it; stop one of the two"
            )

    def release(self) -> None:
        """Releases the lock, and removes its file unless the file belongs to another process now."""
        if os.getpid() != self._process:  # a forked child does not hold the lock
            return
        self._released.set()
        self._thread.join(BEAT)
        is_ours = self._taken_by is None and is_same_file(self._place, self._file)
        if os.name == "nt":  # Windows cannot remove an open file
            _close(self._place, self._file)
        if is_ours:
            with contextlib.suppress(OSError):  # a file that stays does not block others
                self._place.unlink()
        _close(self._place, self._file)

    def _keep_beating(self) -> None:
        """Increments the counter until the lock is released or another process has taken it over."""
        holder, failed = self._holder, False
        while not self._released.wait(BEAT):
            try:
                found = read_open(self._file)
                if found is not None and found.token != holder.token:
                    self._taken_by = found
                    return
                holder = dataclasses.replace(holder, beat=holder.beat + 1)
                write_open(self._file, holder)
            except OSError as error:  # for example a network drive that is temporarily unavailable
                if not failed:
                    logger.warning("%s: %s; other machines may consider %s free", self._place, error, holder.what)
                failed = True


@contextlib.contextmanager
def hold(path: pathlib.Path, *, what: str) -> typing.Iterator[Lock]:
    """Locks a folder or an output for this process until the block ends.

    The lock is not re-entrant: a second call for the same path fails, in the same thread and in another one. Reading
    needs no lock. If only the heartbeat can decide, the call first watches it for 15 seconds (see `WATCHED_BEATS`).

    Args:
        path: The folder or file; it does not have to exist. Its parent folder is created.
        what: Name of the folder or file for messages, as in `run 'default'`.

    Yields:
        The lock; long work calls its `check` before it writes.

    Raises:
        WorkspaceError: If this or another process already holds the lock, or something that is not a lock file has its
            name.
        OSError: If the parent folder cannot be written.
    """
    place = lock_path(path)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = _acquire(place, clean_text(what))
    except OSError as error:  # names the path that the user knows
        raise type(error)(error.errno, error.strerror, str(path)) from error
    try:
        yield lock
    finally:
        lock.release()


def read_holder(path: pathlib.Path) -> Holder | None:
    """Reads the holder of a folder or an output, or the last one if it was killed; returns None if there is none."""
    place = lock_path(path)
    with _guard:
        return read_open(_held[place]) if place in _held else read_closed(place)


def _acquire(place: pathlib.Path, what: str) -> Lock:
    """Acquires the lock; watches the heartbeat first if the operating system cannot decide."""
    now = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
    ours = Holder(
        host=host_name(),
        machine=machine_id(),
        process=os.getpid(),
        since=now,
        what=what,
        token=secrets.token_hex(16),
    )
    unchanged: list[Holder | None] = []  # content of the file, if it did not change while watched
    while True:
        with contextlib.ExitStack() as cleanup:
            file, is_new = _open(place, what)
            cleanup.callback(_close, place, file)
            is_locked = take_system_lock(file)
            found = read_open(file)
            if is_locked is False:
                raise _in_use(what, found)
            if not is_same_file(place, file):  # the previous holder has just removed the file
                continue
            is_abandoned = is_locked and found is not None and found.is_here
            if is_new or is_abandoned or [found] == unchanged:
                write_open(file, ours)
                if unchanged:
                    time.sleep(SETTLE)
                    if (last := read_open(file)) != ours:
                        raise _in_use(what, last)
                cleanup.pop_all()
                return Lock(place, file, ours)
        unchanged = [_watch(place, what)]


def _watch(place: pathlib.Path, what: str) -> Holder | None:
    """Watches the heartbeat; returns the holder if it did not change, None if the file was removed."""
    first = read_closed(place)
    who = first.to_text() if first else "somebody"
    logger.info("%s: the lock names %s; checking for %.0f s whether it still runs", what, who, WATCHED_BEATS * BEAT)
    until = time.monotonic() + WATCHED_BEATS * BEAT
    while time.monotonic() < until:
        time.sleep(BEAT / 5)
        if (now := read_closed(place)) != first:
            if now is None:  # the holder has ended and removed the file
                return None
            raise _in_use(what, now)
    logger.warning("%s: %s ended without releasing the lock; taking it over", what, who)
    return first


def _in_use(what: str, holder: Holder | None) -> WorkspaceError:
    """Builds the error for a lock that another process holds."""
    who = holder.to_text() if holder else "another process"
    doing = f", for {holder.what}" if holder and holder.what != what else ""
    return WorkspaceError(f"{what} is in use by {who}{doing}; wait until it ends, or stop it, or choose another name")


def _open(place: pathlib.Path, what: str) -> tuple[int, bool]:
    """Opens a lock file that this process does not hold yet; returns its descriptor and whether it was created."""
    with _guard:
        if place in _held:
            raise _in_use(what, read_open(_held[place]))
        file, is_new = open_lock_file(place)
        _held[place] = file
        return file, is_new


def _close(place: pathlib.Path, file: int) -> None:
    """Closes a lock file if it is open."""
    with _guard:
        if _held.get(place) == file:
            del _held[place]
            os.close(file)


def _forget_all() -> None:
    """Closes the lock files in a forked child: a child that outlives its parent would keep the parent's locks."""
    global _guard
    _guard = threading.Lock()
    for file in _held.values():
        with contextlib.suppress(OSError):
            os.close(file)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
