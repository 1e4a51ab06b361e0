"""Notes what a process does outside the folder it may touch: files, look-ups, programs, unpickled classes.

Python's audit events show what Python code does; what libraries in C open is shown by Linux's inotify, for the folders
that hold victims.
"""

import contextlib
import ctypes
import os
import pathlib
import sys
import tempfile

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

CHANGES = frozenset(
    {
        *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod"),
        *("os.chown", "os.utime", "os.mkfifo", "os.mknod", "shutil.rmtree", "shutil.move", "shutil.copyfile"),
    }
)
TTA_VIEWS = frozenset({"os.listdir", "os.scandir", "os.chdir"})
NEVER = ("socket.", "pickle.find_class", "ctypes.dlopen", "os.system", "os.exec", "os.startfile", "os.fork", "urllib.")
STARTS = ("subprocess.Popen", "os.posix_spawn", "os.spawn")

READABLE = (
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/sys",
    "/sys",
    "/dev/null",
    "/dev/urandom",
    "/usr/share/zoneinfo",
)
"""What Python and its libraries read of a Linux system."""


class Watch:
    """Watches this process from now on; what is noted lies in `seen`.

    Args:
        folder: What may be read and changed.
        victims: Folders in which nothing at all may be opened, by whatever library.
    """

    def __init__(self, folder: pathlib.Path, victims: list[pathlib.Path]):
        self.seen: list[str] = []
        self._own = self._real(folder)
        roots = (sys.prefix, sys.base_prefix, pathlib.Path(__file__).parents[2], *sys.path)
        self._readable = tuple({self._real(root) for root in roots if root and os.path.isabs(root)}) + READABLE
        self._is_on, self._inotify = False, _watch_folders(victims)
        sys.addaudithook(self._note)

    def start(self) -> None:
        """Begins a file."""
        self._drain()
        self.seen = []
        self._is_on = True

    def stop(self) -> list[str]:
        """Ends it; gives what was noted."""
        self._is_on = False
        return self.seen + self._drain()

    def _drain(self) -> list[str]:
        if self._inotify is None:
            return []
        try:
            found = os.read(self._inotify, 1 << 16)
        except BlockingIOError:
            return []
        return [f"opened a victim: {found[16:64].rstrip(bytes(1))!r}"]

    @staticmethod
    def _real(path: object) -> str:
        return os.path.realpath(os.fsdecode(path))

    def _note(self, event: str, arguments: tuple) -> None:
        if not self._is_on:
            return
        self._is_on = False  # what follows is not to be noted
        try:
            self._judge(event, arguments)
        finally:
            self._is_on = True

    def _judge(self, event: str, arguments: tuple) -> None:
        if event.startswith(NEVER):
            self.seen.append(f"{event} {arguments!r:.200}")
        elif event.startswith(STARTS):
            command = arguments[1] if event == "subprocess.Popen" else arguments
            if not (isinstance(command, list) and command[:2] == [sys.executable, "-I"]):
                self.seen.append(f"{event} {arguments!r:.200}")
        elif event == "open":
            path, _, flags = arguments
            # a relative name may belong to a folder that is open, of which nothing is said here; see `_watch_folders`
            if isinstance(path, str | bytes | os.PathLike) and (flags & WRITES or os.path.isabs(os.fsdecode(path))):
                self._judge_path(event, self._real(path), changes=bool(flags & WRITES))
        elif event in CHANGES or event in TTA_VIEWS:
            folder = next((each for each in arguments[1:] if type(each) is int and each > 2), None)
            for path in arguments:
                if isinstance(path, str | bytes | os.PathLike) and path:
                    self._judge_path(event, self._place(path, folder, event), changes=event in CHANGES)

    def _place(self, path: object, folder: int | None, event: str) -> str:
        """Where a name lies: that of a link is its own, not what it leads to."""
        name = os.fsdecode(path)
        if folder is not None and event in ("os.remove", "os.rmdir") and not os.path.isabs(name):
            with contextlib.suppress(OSError):
                return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)
        if event not in CHANGES or event == "os.mkdir":
            return self._real(path)
        return os.path.join(self._real(os.path.dirname(os.path.abspath(name))), "x")

    def _judge_path(self, event: str, place: str, *, changes: bool) -> None:
        allowed = (self._own,) if changes else (self._own, *self._readable)
        if not any(place == root or place.startswith(root.rstrip(os.sep) + os.sep) for root in allowed):
            self.seen.append(f"{event} {place!r:.200}")


def make_temporary_folder(folder: pathlib.Path) -> None:
    """Puts temporary files of this process and its children below a folder."""
    folder.mkdir(exist_ok=True)
    for name in ("TMPDIR", "TEMP", "TMP"):
        os.environ[name] = str(folder)
    tempfile.tempdir = str(folder)


def _watch_folders(folders: list[pathlib.Path]) -> int | None:
    """Has Linux note what is opened or changed in folders; None on other systems."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        return None
    opened_or_changed = 0x1 | 0x2 | 0x4 | 0x20 | 0x40 | 0x80 | 0x100 | 0x200
    for folder in folders:
        assert library.inotify_add_watch(descriptor, os.fsencode(folder), opened_or_changed) >= 0
    return descriptor
