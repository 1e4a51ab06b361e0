"""Packs from strangers: whatever is wrong with one is said, and nothing is written."""

import hashlib
import io
import json
import pathlib
import shutil
import stat
import struct
import zipfile
import zlib

import numpy as np
import pytest

from faceswap_lib.errors import FaceswapError, WorkspaceError
from faceswap_lib.facesets import Faceset, Workspace, pack_faceset, unpack_faceset
from faceswap_lib.facesets.manifest import read_manifest, write_manifest
from faceswap_lib.facesets.pack_reader import PackReader
from tests.conftest import contents
from tests.trust.corpus_archive import NAMES
from tests.trust.corpus_arrays import no_archives, set_field

NOTES = ("pack/index.jsonl", "pack/digest.txt")


@pytest.fixture(scope="module")
def pack(small_workspace, tmp_path_factory) -> pathlib.Path:
    """The pack of a faceset of two crops."""
    workspace = Workspace(tmp_path_factory.mktemp("two"))
    for folder in (workspace.faces("src"), workspace.eye_masks("src")):
        folder.mkdir(parents=True)
    records = read_manifest(small_workspace.faces("src"))[:2]
    for record in records:
        shutil.copyfile(small_workspace.faces("src") / record.crop, workspace.faces("src") / record.crop)
        shutil.copyfile(small_workspace.eye_masks("src") / record.mask, workspace.eye_masks("src") / record.mask)
    shutil.copyfile(small_workspace.faces("src") / "source.json", workspace.faces("src") / "source.json")
    write_manifest(workspace.faces("src"), records)
    return pack_faceset(workspace, "a").path


@pytest.fixture(scope="module")
def files(pack) -> dict[str, bytes]:
    """Its files, without index and digest."""
    with zipfile.ZipFile(pack) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name not in NOTES}


def build(files: dict[str, bytes], *, index=None, digest=None, last=(), method=zipfile.ZIP_STORED, **attributes):
    """Builds a pack from the description of its format.

    Args:
        files: The files, under any names.
        index: Changes the lines of the index.
        digest: Another digest.
        last: Files after the digest.
        method: How the last file is compressed.
        attributes: Attributes of the last file's entry.
    """
    packed, lines = io.BytesIO(), []
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            if name == list(files)[-1]:
                entry.compress_type = method
                for attribute, value in attributes.items():
                    setattr(entry, attribute, value)
            archive.writestr(entry, data)
            offset = entry.header_offset + 30 + len(name.encode("utf-8", "replace"))
            sha256 = hashlib.sha256(data).hexdigest()
            lines.append({"name": name, "offset": offset, "size": len(data), "sha256": sha256})
        lines = lines if index is None else index(lines)
        text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines).encode()
        archive.writestr("pack/index.jsonl", text)
        archive.writestr("pack/digest.txt", digest or hashlib.sha256(text).hexdigest() + "\n")
        for name in last:
            archive.writestr(name, b"x")
    return packed.getvalue()


def check_refused(content: bytes, folder: pathlib.Path, match: str = "hostile.fspack") -> None:
    """Checks that a pack is refused in every way in which one is read, and that nothing is left behind."""
    place = folder / "deep" / "hostile.fspack"
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    workspace = Workspace(folder / "deep" / "workspace")
    for keep_packed in (False, True):
        with pytest.raises(WorkspaceError, match=match):
            unpack_faceset(place, workspace, "a", keep_packed=keep_packed)
        assert contents(folder) == {"deep/hostile.fspack": content}


def test_the_builder_of_this_test_builds_packs(files, pack, tmp_path):
    (tmp_path / "built.fspack").write_bytes(build(files))
    for number, path in enumerate((pack, tmp_path / "built.fspack")):
        unpack_faceset(path, Workspace(tmp_path / str(number)), "b")
    assert contents(tmp_path / "0") == contents(tmp_path / "1")
    assert len(Faceset.open(Workspace(tmp_path / "1"), "dst")) == 2


@pytest.mark.parametrize("label", [label for label in NAMES if "u202e" not in label])
def test_names_that_lead_elsewhere_are_refused(files, tmp_path, label):
    name = NAMES[label].replace("face_src", "faces").replace("FACE_SRC", "FACES")
    other = {"a file twice, in capitals": "faces/000000.JPG", "a file below a file": "faces/000000.jpg/x.jpg"}
    check_refused(build(files | {other.get(label, name): b"x"}), tmp_path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_links_and_devices_are_refused(files, tmp_path, kind):
    content = build(files | {"faces/l": b"../../outside"}, external_attr=(kind | 0o777) << 16)
    check_refused(content, tmp_path, "expected a file, got a link or a device")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_nothing_in_a_pack_is_compressed(files, tmp_path, method):
    check_refused(build(files | {"faces/x.jpg": bytes(1000)}, method=method), tmp_path, "compress")


def test_a_bomb_is_refused_before_it_is_read(files, tmp_path):
    zeros = zlib.compress(bytes(50_000_000))[2:-4]
    bomb = build(files | {"faces/b.jpg": zeros})
    for entry, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = bomb.rindex(b"faces/b.jpg", 0, bomb.index(b"pack/index.jsonl") if entry == b"PK\x03\x04" else None)
        begin = bomb.rindex(entry, 0, place)
        bomb = bomb[: begin + at] + struct.pack("<I", 50_000_000) + bomb[begin + at + 4 :]
    check_refused(bomb, tmp_path, "times its size in the archive|in two sizes")


HEADERS = {
    "no JSON": b"{",
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "another format": b'{"format": "zip", "version": 1, "crops": 2, "set_aside": 0}',
    "a later version": b'{"format": "faceswap-pack", "version": 2, "crops": 2, "set_aside": 0}',
    "a version in words": b'{"format": "faceswap-pack", "version": "1", "crops": 2, "set_aside": 0}',
    "negative counts": b'{"format": "faceswap-pack", "version": 1, "crops": -2, "set_aside": 0}',
    "no counts": b'{"format": "faceswap-pack", "version": 1}',
    "counts that are true": b'{"format": "faceswap-pack", "version": 1, "crops": true, "set_aside": 0}',
    "too long": b" " * 20_000,
    "no Unicode": b"\xff\xfe",
}


@pytest.mark.parametrize("label", HEADERS)
def test_headers_of_something_else_are_refused(files, tmp_path, label):
    check_refused(build(files | {"pack/header.json": HEADERS[label]}), tmp_path, "expected a pack")


def changed(number: int, **values):
    """A function that changes one line of an index."""
    return lambda lines: [line | values if at == number else line for at, line in enumerate(lines)]


INDICES = {
    "a line too few": lambda lines: lines[:-1],
    "a line too many": lambda lines: [*lines, lines[-1]],
    "other order": lambda lines: lines[::-1],
    "no JSON": lambda lines: [*lines, "{\n"],
    "a list": lambda lines: [*lines, "[]\n"],
    "deep": lambda lines: [*lines, "[" * 100_000 + "\n"],
    "an endless line": lambda lines: [*lines, "1" * 2_000_000 + "\n"],
    "a cut-off line": lambda lines: [*lines[:-1], json.dumps(lines[-1])],
    "another place": changed(3, offset=0),
    "a place beyond the file": changed(3, offset=10**18),
    "a negative place": changed(3, offset=-1),
    "a place in words": changed(3, offset="7"),
    "another size": changed(3, size=1),
    "a huge size": changed(3, size=10**30),
    "another name": changed(3, name="../../x.jpg"),
    "a name that is a number": changed(3, name=7),
    "a missing name": lambda lines: [{"offset": 0, "size": 0, "sha256": ""}, *lines[1:]],
}


@pytest.mark.parametrize("label", INDICES)
def test_an_index_that_does_not_fit_is_refused(files, tmp_path, label):
    check_refused(build(files, index=INDICES[label]), tmp_path, "expected a pack")


def test_bytes_that_are_not_those_of_the_index_are_refused(files, tmp_path):
    check_refused(build(files, index=changed(4, sha256="0" * 64)), tmp_path, "differs from the index of the pack")


def test_a_digest_that_does_not_fit_is_refused(files, tmp_path):
    check_refused(build(files, digest="0" * 64 + "\n"), tmp_path, "does not match its digest")


def test_files_before_the_header_and_after_the_digest_are_refused(files, tmp_path):
    check_refused(build({"faces/x.jpg": b"x"} | files), tmp_path / "1", "does not begin with")
    check_refused(build(files, last=["faces/x.jpg"]), tmp_path / "2", "does not begin with")


def test_a_pack_without_a_manifest_is_refused(files, tmp_path):
    content = build({name: data for name, data in files.items() if name != "faces/manifest.jsonl"})
    check_refused(content, tmp_path, r"holds no faces/manifest.jsonl")


@pytest.mark.parametrize(
    "line", [b"{", b'{"crop": "../../x.jpg"}', b"[1]", b'{"crop": "x.exe", "frame": 1e999}'], ids=str
)
def test_a_manifest_that_is_none_is_refused(files, tmp_path, line):
    check_refused(build(files | {"faces/manifest.jsonl": line + b"\n"}), tmp_path, "holds a damaged faceset")


def test_what_is_no_archive_is_refused(pack, tmp_path):
    for number, (name, content) in enumerate(no_archives(pack.read_bytes()).items()):
        check_refused(content, tmp_path / str(number), "expected a pack|holds")
        assert name


@pytest.mark.parametrize(("at", "code", "value"), [(24, "<I", 0xFFFFFFF0), (42, "<I", 0x7FFFFFFF), (42, "<I", 0)])
def test_directories_that_lie_are_refused(pack, tmp_path, at, code, value):
    check_refused(set_field(pack.read_bytes(), at, code, value), tmp_path)


def test_a_pack_that_is_cut_off_anywhere_is_refused(pack, tmp_path):
    data = pack.read_bytes()
    for number, length in enumerate(np.linspace(0, len(data) - 1, 24).astype(int)):
        check_refused(data[:length], tmp_path / str(number))


def test_no_changed_byte_gets_into_a_workspace(pack, tmp_path):
    data, random = pack.read_bytes(), np.random.default_rng(0)
    unpack_faceset(pack, Workspace(tmp_path / "right"), "a")
    right, refused = contents(tmp_path / "right"), 0
    for at in random.integers(0, len(data), 60):
        content = bytearray(data)
        content[at] ^= 1 << int(random.integers(8))
        (tmp_path / "x.fspack").write_bytes(content)
        try:
            unpack_faceset(tmp_path / "x.fspack", Workspace(tmp_path / "w"), "a")
            assert contents(tmp_path / "w") == right, at
            shutil.rmtree(tmp_path / "w")
        except FaceswapError:
            refused += 1
            assert not contents(tmp_path / "w") if (tmp_path / "w").exists() else True
    assert refused > 40


@pytest.mark.parametrize("kind", ["folder", "missing", "empty"])
def test_what_is_no_file_is_refused(tmp_path, kind):
    place = tmp_path / "x.fspack"
    if kind == "folder":
        place.mkdir()
    elif kind == "empty":
        place.touch()
    with pytest.raises(WorkspaceError, match="expected a pack"):
        PackReader(place)


def test_limits_hold_for_packs(pack, tmp_path, monkeypatch):
    monkeypatch.setenv("FACESWAP_MAX_ARCHIVE_FILES", "3")
    with pytest.raises(WorkspaceError, match="FACESWAP_MAX_ARCHIVE_FILES"):
        unpack_faceset(pack, Workspace(tmp_path / "w"), "a")
    monkeypatch.delenv("FACESWAP_MAX_ARCHIVE_FILES")
    monkeypatch.setenv("FACESWAP_MAX_ARCHIVE_BYTES", "1000")
    with pytest.raises(WorkspaceError, match="FACESWAP_MAX_ARCHIVE_BYTES"):
        unpack_faceset(pack, Workspace(tmp_path / "w"), "a")


def test_a_picture_in_a_pack_that_is_a_bomb_is_not_decoded(files, tmp_path):
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    (tmp_path / "x.fspack").write_bytes(build(files | {"faces/000000.jpg": bomb}))
    workspace = Workspace(tmp_path / "w")
    unpack_faceset(tmp_path / "x.fspack", workspace, "a", keep_packed=True)
    with pytest.raises(FaceswapError, match="FACESWAP_MAX_PICTURE_PIXELS"):
        Faceset.open(workspace, "src").load(80)
