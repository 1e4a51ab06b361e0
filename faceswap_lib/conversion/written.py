"""List of the files that a conversion wrote into an output folder; only listed and unchanged files are ever replaced.

`.faceswap-written.jsonl` in the folder has one line per file: its name, its size, its SHA-256, and a digest of what it
was made from. A line is written before its file gets its final name, so a file of a conversion is never mistaken for a
file of another origin. A line whose file does not exist is ignored.
"""

import hashlib
import json
import pathlib
import reprlib

from faceswap_lib.atomic_io import file_digest, write_text
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.limits import TEXT_BYTES

LIST = ".faceswap-written.jsonl"

MOST_IN_LINE = 10_000
"""Maximum bytes of a line that is read; a file name has at most 255."""

Line = tuple[int, str, str]
"""Size in bytes, SHA-256, and digest of what a file was made from; the digest is empty if that is not known."""


class WrittenFiles:
    """List of the files that conversions wrote into one output folder.

    Lines of another format are skipped; their files count as files of another origin.

    Args:
        folder: The output folder; it may not exist yet.

    Raises:
        WorkspaceError: If the list is a link or not a file, or cannot be read.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder, self.path = folder, folder / LIST
        self._lines: dict[str, list[Line]] = {}
        self._digests: dict[tuple[str, int, int], str] = {}
        self._is_cut_off = False  # the last line, by a kill
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_file()):
            raise WorkspaceError(f"{self.path}: expected a file, got something else; name another folder")
        if self.path.is_file():
            self._read()

    def is_ours(self, path: pathlib.Path) -> bool:
        """Returns whether a conversion wrote a file of the folder, and it is unchanged since."""
        if path == self.path:
            return True
        lines = self._lines.get(path.name, [])
        if path.is_symlink() or not path.is_file() or path.stat().st_size not in [size for size, _, _ in lines]:
            return False
        return self._digest(path) in [digest for _, digest, _ in lines]

    def is_made_of(self, path: pathlib.Path, made_of: str) -> bool:
        """Returns whether a conversion wrote a file from exactly this input, and it is unchanged since."""
        return self.is_ours(path) and any(
            digest == self._digest(path) and origin == made_of for _, digest, origin in self._lines[path.name]
        )

    def foreign(self) -> list[pathlib.Path]:
        """Lists the files of the folder that no conversion wrote, or that were changed since, sorted by name."""
        return (
            sorted(path for path in self._folder.iterdir() if not self.is_ours(path)) if self._folder.is_dir() else []
        )

    def add(self, file: pathlib.Path, name: str, made_of: str = "") -> None:
        """Adds a file to the list before it gets its final name.

        Args:
            file: The complete file, under its temporary name.
            name: Its final name in the folder.
            made_of: Digest of what it was made from; see `digest_of`.
        """
        line = (file.stat().st_size, file_digest(file), made_of)
        with self.path.open("a", encoding="utf-8", newline="\n") as opened:
            opened.write(("\n" if self._is_cut_off else "") + _to_text(name, line))
        self._is_cut_off = False
        self._lines.setdefault(name, []).append(line)

    def write(self) -> None:
        """Replaces the list with a list of all files that are in the folder now."""
        lines = {
            path.name: (path.stat().st_size, file_digest(path), "")
            for path in sorted(self._folder.iterdir())
            if path != self.path
        }
        write_text(self.path, "".join(_to_text(name, line) for name, line in lines.items()))
        self._lines = {name: [line] for name, line in lines.items()}

    def _digest(self, path: pathlib.Path) -> str:
        stat = path.stat()
        key = (path.name, stat.st_size, stat.st_mtime_ns)
        if key not in self._digests:
            self._digests[key] = file_digest(path)
        return self._digests[key]

    def _read(self) -> None:
        try:
            TEXT_BYTES.check(self.path.stat().st_size, self.path, WorkspaceError)
            with self.path.open("rb") as file:
                for line in file:
                    self._is_cut_off = not line.endswith(b"\n")
                    if len(line) <= MOST_IN_LINE and (entry := _parse(line)) is not None:
                        self._lines.setdefault(entry[0], []).append(entry[1])
        except OSError as error:
            raise WorkspaceError(
                f"{self.path}: cannot be read ({error.strerror}); name another folder, or check its permissions"
            ) from error


def digest_of(made_of: object) -> str:
    """Computes the SHA-256 of plain JSON that describes what a file was made from."""
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def name_some(paths: list[pathlib.Path]) -> str:
    """Returns the name of the first of several files, and how many more there are, for a message."""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{reprlib.repr(paths[0].name)[1:-1]}{more}"


def _to_text(name: str, line: Line) -> str:
    size, digest, origin = line
    return json.dumps({"file": name, "bytes": size, "sha256": digest, "made_of": origin}) + "\n"


def _parse(line: bytes) -> tuple[str, Line] | None:
    try:
        entry = json.loads(line)
        name, size, digest, origin = (entry[key] for key in ("file", "bytes", "sha256", "made_of"))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    is_line = type(size) is int and all(isinstance(text, str) for text in (name, digest, origin))
    return (name, (size, digest, origin)) if is_line else None
