"""Format of a pack: one file with a whole faceset, which other programs can read, too.

A pack is a ZIP archive (with ZIP64 if it is large) in which nothing is compressed, because images cannot be compressed
again. So every file is in the pack as it is on disk, any ZIP program opens it, and a program can map it into memory.
Its files are in this order:

    pack/header.json        format, version, number of crops
    pack/consent.yaml       the consents that cover this faceset, if there are any
    faces/...               as in the workspace's folder face_src or face_dst: first its notes (manifest, source,
                            tracks), then its crops, each sorted by name
    eye_masks/...           as in binary_masks/face_src_eyes or face_dst_eyes
    occlusion_masks/...     as in occlusion_masks/face_src or face_dst, if there are any
    pack/index.jsonl        one line per file: name, offset of its bytes, size, SHA-256
    pack/digest.txt         SHA-256 of the index

The names do not say which person it is, so a pack can be unpacked as either. The same faceset always gives the same
bytes.
"""

import dataclasses
import hashlib
import json
import pathlib
import reprlib
import shlex
import stat
import zipfile
from collections.abc import Iterable

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.text_files import MOST_IN_LINE
from faceswap_lib.facesets.workspace import Side, Workspace

FORMAT, VERSION = "faceswap-pack", 1

SUFFIX = ".fspack"

NOTES = "pack"
"""Folder of the files that describe the pack itself."""

HEADER, CONSENTS, INDEX, DIGEST = (
    f"{NOTES}/{name}" for name in ("header.json", "consent.yaml", "index.jsonl", "digest.txt")
)

FACES, EYE_MASKS, OCCLUSION_MASKS = "faces", "eye_masks", "occlusion_masks"

FOLDERS = (NOTES, FACES, EYE_MASKS, OCCLUSION_MASKS)
"""The only folders of a pack."""

MOST_IN_HEADER = 10_000
"""Maximum size in bytes of the header, and of the digest."""

LOCAL_HEADER = 30
"""Length in bytes of the header before each file of a ZIP archive, without the file's name."""

AGE = (1980, 1, 1, 0, 0, 0)
"""Time of all files in a pack, so that it does not depend on when it was written."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PackedFile:
    """Line of the index.

    Attributes:
        name: Path in the pack.
        offset: Offset of the file's first byte in the pack.
        size: Size in bytes.
        sha256: SHA-256 of the bytes, in hexadecimal.
    """

    name: str
    offset: int
    size: int
    sha256: str

    def to_line(self) -> str:
        """Formats the line, with the line end."""
        return json.dumps(dataclasses.asdict(self)) + "\n"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PackHeader:
    """Contents of `pack/header.json`.

    Attributes:
        crops: Number of crops in the faceset.
        set_aside: Number of crops that are set aside.
    """

    crops: int
    set_aside: int

    def to_bytes(self) -> bytes:
        """Formats the header as JSON."""
        return (json.dumps({"format": FORMAT, "version": VERSION} | dataclasses.asdict(self), indent=2) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "PackHeader":
        """Parses the header.

        Raises:
            ValueError: If it is not the header of a pack of this version.
        """
        try:
            values = json.loads(data)
        except RecursionError as error:
            raise ValueError(f"header: expected JSON ({error})") from error
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ValueError(f"header: expected format {FORMAT}, got {reprlib.repr(values)}")
        if values.get("version") != VERSION:
            raise ValueError(f"header: expected version {VERSION}, got {reprlib.repr(values.get('version'))}")
        counts = [values.get(name) for name in ("crops", "set_aside")]
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError(f"header: expected numbers of crops, got {reprlib.repr(counts)}")
        return cls(crops=values["crops"], set_aside=values["set_aside"])


def folders_of(workspace: Workspace, side: Side) -> dict[str, pathlib.Path]:
    """Returns the folders of one person's faceset in a workspace, by their name in a pack."""
    return {
        FACES: workspace.faces(side),
        EYE_MASKS: workspace.eye_masks(side),
        OCCLUSION_MASKS: workspace.occlusion_masks(side),
    }


def unpack_command(pack: pathlib.Path, root: pathlib.Path, side: Side) -> str:
    """Formats the command that unpacks a pack.

    Args:
        pack: The pack.
        root: Root folder of the workspace to write to.
        side: Which faceset it becomes.
    """
    person = "a" if side == "src" else "b"
    return f"faceswap unpack {shlex.quote(str(pack))} --workspace {shlex.quote(str(root))} --person {person}"


def new_entry(name: str, size: int, mode: int) -> zipfile.ZipInfo:
    """Creates the directory entry of a file, without compression.

    Args:
        name: Path in the pack.
        size: Size in bytes.
        mode: Permissions of the file.
    """
    entry = zipfile.ZipInfo(name, AGE)
    entry.create_system = 3  # Unix on every system, so that the bytes are the same and the permissions are kept
    entry.external_attr = (stat.S_IFREG | mode) << 16
    entry.compress_type, entry.file_size = zipfile.ZIP_STORED, size
    return entry


def parse_index(data: bytes) -> list[PackedFile]:
    """Parses the index.

    Raises:
        ValueError: If a line is not valid.
    """
    lines = data.split(b"\n")
    if lines.pop() != b"":
        raise ValueError("index: expected a line end after the last line")
    return [_parse_line(line) for line in lines]


def digest_index(data: bytes) -> bytes:
    """Computes the contents of `pack/digest.txt` for an index."""
    return f"{hashlib.sha256(data).hexdigest()}\n".encode()


def check_digest(index: bytes, digest: bytes) -> None:
    """Checks the index against its digest.

    Raises:
        ValueError: If they do not match.
    """
    if digest_index(index) != digest:
        raise ValueError("its index does not match its digest")


def check_stored(entries: Iterable[zipfile.ZipInfo], name: str) -> None:
    """Checks that no file is compressed.

    Raises:
        WorkspaceError: If one is.
    """
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 0x1:
            raise WorkspaceError(
                f"{name}: expected files without compression or encryption, got {entry.filename!r:.200} with it; "
                "pack the faceset again"
            )


def _parse_line(line: bytes) -> PackedFile:
    """Parses one line of the index."""
    if len(line) > MOST_IN_LINE:
        raise ValueError(f"index: expected at most {MOST_IN_LINE:,} bytes in a line, got {len(line):,}")
    try:
        values = json.loads(line)
        found = PackedFile(**{field.name: values[field.name] for field in dataclasses.fields(PackedFile)})
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"index: expected name, offset, size and sha256, got {line!r:.80}") from error
    if not (type(found.offset) is type(found.size) is int and type(found.name) is type(found.sha256) is str):
        raise ValueError(f"index: expected two texts and two numbers, got {line!r:.80}")
    return found
