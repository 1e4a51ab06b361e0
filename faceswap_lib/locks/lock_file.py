"""The lock file: who holds what, in a file of fixed size, with the operating system's lock on it."""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import pathlib
import socket
import stat
import threading
import time
import uuid

from faceswap_lib.errors import WorkspaceError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

SUFFIX = ".faceswap-lock"

SIZE = 4096
"""Bytes of the file, so that a beat replaces it in one write of the same length."""

LONGEST_TEXT = 200
"""Characters of a text in the file."""

LONGEST_NAME = 200
"""Bytes of a name that a lock file's name may repeat; most file systems allow 255 in all."""

_LOCKED_BYTE = 1 << 20
"""Where Windows locks a byte: behind what is read, because there nobody else can read what is locked."""

_HELD_ERRORS = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a lock, as its file says.

    Attributes:
        host: Name of the machine.
        machine: Tells the machine, since its last start, from others of that name.
        process: Id of the process.
        since: When it began, by its own clock; shown, never compared.
        what: What is held, in words.
        token: Tells this holding from all others.
        beat: The counter.
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
        """Whether it is, or was, a process of this machine since its last start."""
        return (self.host, self.machine) == (host_name(), machine_id())

    def to_text(self) -> str:
        """Says who it is in words."""
        return f"process {self.process} on {'this machine' if self.is_here else self.host} (since {self.since})"


def lock_path(path: pathlib.Path) -> pathlib.Path:
    """Names the lock file of a folder or an output; the same for every way to write the path."""
    path = pathlib.Path(os.path.realpath(path))
    name = path.name or "root"
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return path.parent / f".{name}{SUFFIX}"


def open_lock_file(place: pathlib.Path) -> tuple[int, bool]:
    """Opens a lock file, never through a link; gives its descriptor and whether it was made.

    Raises:
        WorkspaceError: If something else is there under its name.
        OSError: If it cannot be made.
    """
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    while True:
        if place.is_symlink():
            place.unlink()  # what it leads to is not ours to write
        with contextlib.suppress(FileExistsError):
            return os.open(place, flags | os.O_CREAT | os.O_EXCL, 0o666), True
        with contextlib.suppress(FileNotFoundError):  # removed meanwhile
            file = os.open(place, flags)
            break
    facts = os.fstat(file)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1:
        os.close(file)
        raise WorkspaceError(f"{place}: expected a lock file, got something else; remove it")
    return file, False


def take_system_lock(file: int) -> bool | None:
    """Asks the system for the lock: True given, False held by another, None where the file system has no locks."""
    for _ in range(5):  # a newcomer that only looks holds it for a moment
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            else:
                os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            return True
        except OSError as error:
            if error.errno not in _HELD_ERRORS:
                return None
        time.sleep(0.05)
    return False


def is_same_file(place: pathlib.Path, file: int) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.stat(place), os.fstat(file))
    except FileNotFoundError:
        return False


_place = threading.Lock()
"""Held between setting an open file's position and reading or writing there."""


def read_open(file: int) -> Holder | None:
    """Reads an open lock file; None for an empty or damaged one."""
    with _place:
        os.lseek(file, 0, os.SEEK_SET)
        return parse_holder(os.read(file, SIZE))


def read_closed(place: pathlib.Path) -> Holder | None:
    """Opens, reads and closes a lock file, so that what other machines wrote is seen; None for none or a damaged one.

    Never to be called by a process that holds it: on NFS closing a file gives its locks back.
    """
    try:
        with place.open("rb") as file:
            return parse_holder(file.read(SIZE))
    except FileNotFoundError:
        return None


def write_open(file: int, holder: Holder) -> None:
    """Writes an open lock file in place."""
    data = json.dumps(dataclasses.asdict(holder), ensure_ascii=False).encode().ljust(SIZE - 1) + b"\n"
    with _place:
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, data)
    os.fsync(file)


def parse_holder(data: bytes) -> Holder | None:
    """The holder that a lock file names; None for an empty or damaged one."""
    try:
        holder = Holder(**json.loads(data))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (holder.host, holder.machine, holder.since, holder.what, holder.token)
    good = all(isinstance(text, str) and text == clean_text(text) for text in texts)
    return holder if good and all(isinstance(number, int) for number in (holder.process, holder.beat)) else None


def clean_text(text: str) -> str:
    """What a lock file may hold of a text: it is shown in terminals, so nothing but printable characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:LONGEST_TEXT])


def host_name() -> str:
    """Name of this machine."""
    return clean_text(socket.gethostname())


def machine_id() -> str:
    """Tells this machine, since its last start, from others of its name."""
    try:
        return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"{uuid.getnode():012x}"
