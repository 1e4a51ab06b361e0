"""Hostile archives of facesets."""

import io
import os
import pathlib
import stat
import zipfile
import zlib

import numpy as np

from tests.trust.cases import SAME, Case
from tests.trust.corpus_arrays import no_archives, set_field

FILES = {"face_src/manifest.jsonl": b'{"crop": "000000.jpg"}\n' * 20, "face_src/000000.jpg": bytes(range(200))}


def cases(name: str) -> list[Case]:
    """The hostile files of a reader."""
    return archives()


def write_valid(path: pathlib.Path, seed: int = 0) -> None:
    """An archive of two files, one of them compressed."""
    path.write_bytes(pack(FILES | ({"face_src/other.jpg": np.random.default_rng(seed).bytes(100)} if seed else {})))


def pack(files: dict[str, bytes], **attributes: int) -> bytes:
    """Packs files under any names; `attributes` are set on the last."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name, data in files.items():
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.compress_type = zipfile.ZIP_DEFLATED if name.endswith(".jsonl") else zipfile.ZIP_STORED
            if name == list(files)[-1]:
                for attribute, value in attributes.items():
                    setattr(info, attribute, value)
            opened.writestr(info, data)
    return packed.getvalue()


def named(name: str) -> bytes:
    """A third file of some name."""
    return pack(FILES | {name: b"x"})


NAMES = {
    **{f"named {name!r:.24}": name for name in (
        "x.jpg", "/face_src/x.jpg", "../x.jpg", "face_src/../x.jpg", "face_src/../../x.jpg",
        "face_src/a/../../../x.jpg",
        "face_src/./x.jpg", "face_src//x.jpg", "face_srcx/x.jpg", "face_dst/x.jpg", "model/config.json", "consent.yaml",
        "C:/x.jpg", "face_src/C:x.jpg", "face_src\\..\\x.jpg", "face_src/a\\x.jpg", "//host/share/x.jpg", "face_src/",
        "face_src", "", ".", "face_src/.", "face_src/..", "face_src/con.jpg", "face_src/nul", "face_src/x.jpg:stream",
        "face_src/x.", "face_src/x ", "face_src/\x01.jpg", "face_src/\x1b[2J.jpg", "face_src/\u202egpj.exe",
        "face_src/~/../x", "face_src/" + "d/" * 20 + "x", "face_src/" + "x" * 300, "FACE_SRC/x.jpg",
    )},
    "a file twice, in capitals": "face_src/000000.JPG",
    "a file below a file": "face_src/000000.jpg/x.jpg",
}  # fmt: skip


def archives() -> list[Case]:
    valid = pack(FILES)
    right = {"named 'face_src/\\u202egpj.exe'"}
    made = []
    for label, name in NAMES.items():
        content = named(name)
        made.append(Case(label, content, (lambda found: True) if label in right else "refused"))
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as opened:
        for _ in range(2):
            opened.NameToInfo.clear()
            opened.writestr("face_src/000000.jpg", b"x")
    for kind in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR):
        made.append(
            Case(
                f"of kind {stat.filemode(kind)[0]}",
                pack(FILES | {"face_src/l": b"../../outside/secret.txt"}, external_attr=(kind | 0o777) << 16),
            )
        )
    zeros = zlib.compress(bytes(5_000_000))[2:-4]
    bomb = pack(FILES | {"face_src/b.jpg": zeros})
    for entry, method_at, size_at in ((b"PK\x03\x04", 8, 22), (b"PK\x01\x02", 10, 24)):
        bomb = set_field(set_field(bomb, method_at, "<H", 8, entry=entry), size_at, "<I", 5_000_000, entry=entry)
    end = b"PK\x05\x06"
    made += [
        Case("a file twice", twice.getvalue()),
        Case("a bomb", bomb),
        Case("compressed in an unknown way", set_field(valid, 10, "<H", 99)),
        Case("compressed by LZMA", set_field(valid, 10, "<H", 14)),
        Case("locked by a password", set_field(set_field(valid, 8, "<H", 1), 6, "<H", 1, entry=b"PK\x03\x04")),
        Case("a sum that is not its", set_field(valid, 16, "<I", 1)),
        Case("a size too small", set_field(valid, 24, "<I", 10)),
        Case("a size too large", set_field(valid, 24, "<I", 10_000)),
        Case("4 GB by its size", set_field(set_field(valid, 24, "<I", 0xFFFFFFF0), 20, "<I", 0xFFFFFFF0)),
        Case("a place beyond the file", set_field(valid, 42, "<I", 0x7FFFFFFF)),
        Case("the place of another", set_field(valid, 42, "<I", 0)),
        Case("a disk that is none", set_field(valid, 34, "<H", 7), SAME),
        Case("a version from afar", set_field(valid, 6, "<H", 999)),
        Case("more files than listed", set_field(set_field(valid, 8, "<H", 9, entry=end), 10, "<H", 9, entry=end)),
        Case("fewer files than listed", set_field(set_field(valid, 8, "<H", 1, entry=end), 10, "<H", 1, entry=end)),
        Case("a directory that begins elsewhere", set_field(valid, 16, "<I", 5, entry=end)),
        Case("a directory of 4 GB", set_field(valid, 12, "<I", 0xFFFFFFF0, entry=end)),
        Case("something before it", b"#!/bin/sh\n" + valid, SAME),
        Case("something behind it", valid + b"x" * 10, SAME),
        Case(
            "a name that is no Unicode",
            valid.replace(b"000000.jpg", b"000000\xff\xfe.").replace(b"PK\x01\x02", b"PK\x01\x02"),
        ),
        Case("a comment that is an archive", set_field(valid, 20, "<H", len(valid), entry=end) + valid, SAME),
        Case("a name in the file that is not that of the directory", valid.replace(b"000000.jpg", b"999999.jpg", 1)),
        *(
            Case(f"file: {name}", content)
            for name, content in no_archives(valid).items()
            if name not in ("the end of an archive", "an entry that is packed in an unknown way")
        ),
        Case("an archive of nothing", b"PK\x05\x06" + bytes(18), []),
        Case("a folder in it", pack({"face_src/": b""} | FILES), SAME),
        Case("all packed", pack(FILES, compress_type=zipfile.ZIP_DEFLATED), SAME),
        Case("a folder", pathlib.Path.mkdir),
    ]
    if hasattr(os, "mkfifo"):
        made += [Case("a link to nowhere", lambda path: path.symlink_to("gone")), Case("a pipe", os.mkfifo)]
    return made
