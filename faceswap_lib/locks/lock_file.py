"""Lock file: a file of fixed size that names the holder, with the operating system's lock on it."""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import pathlib
import socket
import stat
import sys
import threading
import time
import uuid

from faceswap_lib.errors import WorkspaceError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

SUFFIX = ".faceswap-lock"

SIZE = 4096
"""Bytes of the file; the size is fixed, so that every heartbeat overwrites it in one write of the same length."""

LONGEST_TEXT = 200
"""Maximum number of characters of a text in the file."""

LONGEST_NAME = 200
"""Maximum number of bytes of a name that is part of the lock file's name; most file systems allow 255 in total."""

_LOCKED_BYTE = 1 << 20
"""Offset of the byte that is locked on Windows: behind the data, because others cannot read a locked byte there."""

_HELD_ERRORS = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Holder:
    """Holder of a lock, as its file states.

    Attributes:
        host: Name of the machine.
        machine: Identifier of the machine since its last start; distinguishes machines of the same name.
        process: Id of the process.
        since: Time at which the lock was acquired, by the clock of that machine; shown, never compared.
        what: Name of the locked folder or output, for messages.
        token: Random identifier of this acquisition.
        beat: Counter of the heartbeat.
    """

    host: str
    machine: str
    process: int
    since: str
    what: str
    token: str
    beat: int = 0

    @property
    def is_here(self) -> bool:
        """Whether the holder is, or was, a process of this machine since its last start."""
        return (self.host, self.machine) == (host_name(), machine_id())

    def to_text(self) -> str:
        """Formats the holder for messages."""
        return f"process {self.process} on {'this machine' if self.is_here else self.host} (since {self.since})"


def lock_path(path: pathlib.Path) -> pathlib.Path:
    """Returns the path of the lock file of a folder or an output; all spellings of a path have the same lock file."""
    path = pathlib.Path(os.path.realpath(path))
    name = path.name or "root"
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return path.parent / f".{name}{SUFFIX}"


def open_lock_file(place: pathlib.Path) -> tuple[int, bool]:
    """Opens a lock file and creates it if it does not exist; never follows a link.

    Returns:
        The descriptor, and whether the file was created.

    Raises:
        WorkspaceError: If the path is not a regular file with one hard link.
        OSError: If the file cannot be created.
    """
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    while True:
        if place.is_symlink():
            place.unlink()  # the target of a link must not be written
        with contextlib.suppress(FileExistsError):
            return os.open(place, flags | os.O_CREAT | os.O_EXCL, 0o666), True
        with contextlib.suppress(FileNotFoundError):  # removed in the meantime
            file = os.open(place, flags)
            break
    facts = os.fstat(file)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1:
        os.close(file)
        raise WorkspaceError(f"{place}: expected a lock file, got something else; remove it")
    return file, False


def take_system_lock(file: int) -> bool | None:
    """Tries to lock a file: True if locked, False if the lock is already held, None if the file system has no locks."""
    for _ in range(5):  # a newcomer that only tests the lock holds it for a moment
        try:
            if sys.platform == "win32":
                os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in _HELD_ERRORS:
                return None
        time.sleep(0.05)
    return False


def is_same_file(place: pathlib.Path, file: int) -> bool:
    """Checks whether a path still refers to an open file."""
    try:
        return os.path.samestat(os.stat(place), os.fstat(file))
    except FileNotFoundError:
        return False


_place = threading.Lock()
"""Held while the position of an open file is set and data is read or written there."""


def read_open(file: int) -> Holder | None:
    """Reads an open lock file; returns None if it is empty or damaged."""
    with _place:
        os.lseek(file, 0, os.SEEK_SET)
        return parse_holder(os.read(file, SIZE))


def read_closed(place: pathlib.Path) -> Holder | None:
    """Opens, reads and closes a lock file, so that writes of other machines are visible.

    A process that holds the lock must not call this: on NFS closing a file releases its locks.

    Returns:
        The holder; None if the file is missing, empty or damaged.
    """
    try:
        with place.open("rb") as file:
            return parse_holder(file.read(SIZE))
    except FileNotFoundError:
        return None


def write_open(file: int, holder: Holder) -> None:
    """Overwrites an open lock file in place and flushes it to disk."""
    data = json.dumps(dataclasses.asdict(holder), ensure_ascii=False).encode().ljust(SIZE - 1) + b"\n"
    with _place:
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, data)
    os.fsync(file)


def parse_holder(data: bytes) -> Holder | None:
    """Parses the content of a lock file; returns None if it is empty or damaged."""
    try:
        holder = Holder(**json.loads(data))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (holder.host, holder.machine, holder.since, holder.what, holder.token)
    is_valid = all(isinstance(text, str) and text == clean_text(text) for text in texts)
    return holder if is_valid and all(isinstance(number, int) for number in (holder.process, holder.beat)) else None


def clean_text(text: str) -> str:
    """Shortens a text and replaces unprintable characters by "?", because it is shown in terminals."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:LONGEST_TEXT])


def host_name() -> str:
    """Returns the name of this machine."""
    return clean_text(socket.gethostname())


def machine_id() -> str:
    """Returns an identifier of this machine since its last start; distinguishes machines of the same name."""
    try:
        return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"{uuid.getnode():012x}"
