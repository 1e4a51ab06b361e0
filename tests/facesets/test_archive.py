"""Archives that ask for too much or are not what they say: refused before anything is written, quickly, with advice."""

import io
import os
import pathlib
import shutil
import stat
import struct
import subprocess
import sys
import time
import zipfile
import zlib

import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import Workspace, archive
from faceswap_lib.facesets.archive import pack, read_contents, read_directory, unpack
from faceswap_lib.facesets.backup import fetch_facesets, keep_facesets
from faceswap_lib.facesets.consent import record_consent
from tests.conftest import ROOT, contents
from tests.workspaces import write_faceset

FOLDERS = ("face_src",)

MOST_SECONDS = 10


def refuse(path: pathlib.Path, match: str) -> None:
    """Unpacks an archive that must be refused with nothing written."""
    place, began = path.with_name("unpacked"), time.monotonic()
    with pytest.raises(WorkspaceError, match=match):
        unpack(path, place, FOLDERS)
    assert time.monotonic() - began < MOST_SECONDS and not contents(place)


def write_zeros(path: pathlib.Path, size: int, files: int = 1) -> pathlib.Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for index in range(files):
            with opened.open(f"face_src/{index:06d}.jpg", "w", force_zip64=True) as target:
                for _ in range(0, size, 1 << 20):
                    target.write(bytes(min(size, 1 << 20)))
    return path


def patch_entry(path: pathlib.Path, name: str, *, size: int | None = None, crc: int | None = None) -> None:
    """Changes what an archive states of one file, in both places."""
    data = bytearray(path.read_bytes())
    for signature, sum_at, name_at, header in ((b"PK\x03\x04", 14, 26, 30), (b"PK\x01\x02", 16, 28, 46)):
        at = -1
        while (at := data.find(signature, at + 1)) >= 0:
            length = struct.unpack_from("<H", data, at + name_at)[0]
            if data[at + header : at + header + length] == name.encode():
                if crc is not None:
                    struct.pack_into("<I", data, at + sum_at, crc)
                if size is not None:
                    struct.pack_into("<I", data, at + sum_at + 8, size)
    path.write_bytes(data)


# Too much -------------------------------------------------------------------------------------------------------------


def test_three_megabytes_that_unpack_to_three_gigabytes_are_refused_before_they_are_written(tmp_path):
    path = tmp_path / "face_src.zip"
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = (packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)) * 192 + b"\x03\x00"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(zipfile.ZipInfo("face_src/000000.jpg"), packed)
    data = bytearray(path.read_bytes())  # what was stored becomes what is packed
    for signature, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = data.rfind(signature)
        struct.pack_into("<H", data, place + at, zipfile.ZIP_DEFLATED)
        struct.pack_into("<I", data, place + at + 14, 192 << 24)
    path.write_bytes(data)
    assert path.stat().st_size < 4_000_000
    refuse(path, r"times its size in the archive are more than the 50 .* set FACESWAP_MAX_ARCHIVE_RATIO=\d+")


def test_many_small_files_of_zeros_are_refused_by_what_they_are_together(tmp_path):
    refuse(write_zeros(tmp_path / "face_src.zip", 900_000, 150), "face_src.zip: .* times its size in the archive")


def test_the_bytes_of_all_files_and_their_number_have_limits_that_can_be_raised(tmp_path, monkeypatch):
    path = write_zeros(tmp_path / "face_src.zip", 1000, 30)
    monkeypatch.setenv("FACESWAP_MAX_ARCHIVE_BYTES", "20000")
    refuse(path, "30,000 bytes of unpacked files are more than the 20,000")
    monkeypatch.setenv("FACESWAP_MAX_ARCHIVE_BYTES", "30000")
    monkeypatch.setenv("FACESWAP_MAX_ARCHIVE_FILES", "29")
    refuse(path, "30 files of an archive are more than the 29")
    assert read_directory(path) is None
    monkeypatch.setenv("FACESWAP_MAX_ARCHIVE_FILES", "30")
    assert len(unpack(path, tmp_path / "there", FOLDERS)) == 30


MILLION = """
import pathlib, resource, sys, time
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.archive import read_directory, unpack
began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
path = pathlib.Path(sys.argv[1])
assert read_directory(path) is None
try:
    unpack(path, path.with_name("there"), ("face_src",))
except WorkspaceError as error:
    print(error)
print(time.monotonic() - began, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.parametrize("stated", [1_000_000, 1], ids=["states them", "states one"])
def test_a_million_entries_become_no_million_objects(tmp_path, stated):
    path = tmp_path / "face_src.zip"
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<HHH", 16, 0, 0) + bytes(12)
    directory = b"".join(entry + b"face_src/%07d" % index for index in range(1_000_000))
    end = struct.pack("<4s4xHHIIH", b"PK\x05\x06", stated & 0xFFFF, stated & 0xFFFF, len(directory), 0, 0)
    path.write_bytes(directory + end)
    result = subprocess.run(
        [sys.executable, "-c", MILLION, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    message, figures = result.stdout.splitlines()
    seconds, grown = map(float, figures.split())
    assert "1,000,000 files of an archive are more than the 300,000" in message
    assert seconds < MOST_SECONDS and grown < 100_000_000


def test_a_wide_archive_is_counted_by_its_wide_record(tmp_path, monkeypatch):
    path = tmp_path / "face_src.zip"
    with monkeypatch.context() as patch:
        patch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
        write_zeros(path, 10, 5)
    data = path.read_bytes()
    assert b"PK\x06\x06" in data
    path.write_bytes(data[:-10] + struct.pack("<II", 0, 0) + data[-2:])  # the short record says: no directory
    monkeypatch.setenv("FACESWAP_MAX_ARCHIVE_FILES", "4")
    refuse(path, "5 files of an archive are more than the 4")


def test_a_disk_without_room_is_said_before_anything_is_written(tmp_path, monkeypatch):
    workspace, drive = Workspace(tmp_path / "workspace"), tmp_path / "drive"
    write_faceset(workspace, "src")
    keep_facesets(workspace, drive)
    usage = type("Usage", (), {"total": 10**9, "free": 10**8 + 5000})
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda place: usage)
    other = Workspace(tmp_path / "other")
    problem = fetch_facesets(drive, other).failed[0]
    assert "has 100.0 MB free, and " in problem and "there, and 100.0 MB must stay free; make room" in problem
    assert contents(other.root) == {}
    assert "make room" in keep_facesets(workspace, tmp_path / "second").failed[0]
    assert contents(tmp_path / "second") == {} and not [*workspace.root.glob(".keep-*")]


# Not what it says -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stated", [10, 999_000], ids=["a part", "nearly all"])
def test_a_file_larger_than_stated_is_no_file(tmp_path, stated):
    """Its sum is that of the part stated, so that `zipfile` alone takes the part for the file."""
    data, path = os.urandom(1_000_000), tmp_path / "face_src.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("face_src/000000.jpg", data)
    patch_entry(path, "face_src/000000.jpg", size=stated, crc=zlib.crc32(data[:stated]))
    with pytest.raises(WorkspaceError, match="face_src.zip .* delete it"):
        unpack(path, tmp_path / "there", FOLDERS)
    assert sum(len(data) for data in contents(tmp_path / "there").values()) <= stated + (1 << 20)


def test_a_file_smaller_than_stated_is_no_file(tmp_path):
    path = tmp_path / "face_src.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("face_src/000000.jpg", b"x" * 1000)
    patch_entry(path, "face_src/000000.jpg", size=2000)
    with pytest.raises(WorkspaceError, match="of another size than the 2,000 bytes it states"):
        unpack(path, tmp_path / "there", FOLDERS)


def test_a_stored_file_has_one_size(tmp_path):
    path = tmp_path / "face_src.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("face_src/000000.jpg", b"x" * 1000)
    patch_entry(path, "face_src/000000.jpg", size=900)
    refuse(path, "in two sizes")


def test_files_that_share_their_bytes_are_refused(tmp_path):
    """One file of random bytes, listed a hundred times under other names."""
    path = tmp_path / "face_src.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("face_src/000000.jpg", os.urandom(100_000))
        first = opened.infolist()[0]
        for index in range(1, 100):
            entry = zipfile.ZipInfo(f"face_src/{index:06d}.jpg")
            entry.header_offset, entry.CRC = first.header_offset, first.CRC
            entry.file_size = entry.compress_size = first.file_size
            opened.filelist.append(entry)
            opened.NameToInfo[entry.filename] = entry
    refuse(path, "and another in one place")


def test_a_file_that_reaches_into_the_directory_is_refused(tmp_path):
    path = tmp_path / "face_src.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("face_src/000000.jpg", b"x" * 1000)
    data = bytearray(path.read_bytes())
    struct.pack_into("<II", data, data.rfind(b"PK\x01\x02") + 20, 1050, 1050)
    path.write_bytes(data)
    refuse(path, "and another in one place")


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (["face_src/" + "d/" * 20 + "a.jpg"], "expected files in face_src"),
        (["face_src/" + "/".join(["d" * 200] * 6) + "/a.jpg"], "expected files in face_src"),
        (["face_src/a.jpg", "face_src/a.jpg/b.jpg"], "inside what is a file"),
        (["face_src/A/b.jpg", "face_src/a"], "inside what is a file"),
    ],
    ids=["deep", "long", "a file as a folder", "a folder as a file"],
)
def test_paths_that_no_faceset_has_are_refused(tmp_path, names, match):
    path = tmp_path / "face_src.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for name in names:
            opened.writestr(name, "x")
    refuse(path, match)


def test_every_cut_and_every_byte_changed_is_the_same_files_or_an_error_of_ours(tmp_path):
    """All 8 bits of each byte of a small archive, and all its beginnings."""
    path, data = tmp_path / "face_src.zip", io.BytesIO()
    with zipfile.ZipFile(data, "w") as opened:
        opened.writestr("face_src/a.json", "{}" * 20, zipfile.ZIP_DEFLATED)
        opened.writestr("face_src/b.jpg", bytes(range(40)))
    whole, counts = data.getvalue(), {"same": 0, "refused": 0}
    files = {"face_src/a.json": b"{}" * 20, "face_src/b.jpg": bytes(range(40))}
    changed = [
        whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :] for at in range(len(whole)) for bit in range(8)
    ]
    for index, each in enumerate([*changed, *(whole[:at] for at in range(len(whole)))]):
        path.write_bytes(each)
        place = tmp_path / str(index)
        try:
            unpack(path, place, FOLDERS)
        except WorkspaceError:
            counts["refused"] += 1
            continue
        found = contents(place)
        assert found == files, (index // 8, index % 8)
        shutil.rmtree(place)
        counts["same"] += 1
    assert counts["refused"] > len(whole) * 3 and sum(counts.values()) == len(whole) * 9


def test_text_that_gets_very_small_is_stored_as_it_is_and_comes_back(tmp_path):
    (tmp_path / "one" / "face_src").mkdir(parents=True)
    (tmp_path / "one" / "face_src" / "dropped.jsonl").write_text('{"frame": 1}\n' * 200_000)
    kept = read_contents(tmp_path / "one", FOLDERS)
    unpack(pack(tmp_path / "one", kept, tmp_path / "a.zip"), tmp_path / "there", FOLDERS)
    assert read_contents(tmp_path / "there", FOLDERS) == kept


def test_a_file_that_is_changed_while_it_is_packed_is_said(tmp_path):
    workspace = Workspace(tmp_path / "workspace")
    write_faceset(workspace, "src")
    before = read_contents(workspace.root, FOLDERS)
    (workspace.faces("src") / "000000.jpg").write_bytes(b"longer" * 1000)
    with pytest.raises(WorkspaceError, match="changed while they were read; back them up again"):
        pack(workspace.root, before, tmp_path / "a.zip")


def test_a_hostile_archive_in_the_folder_does_not_stop_keeping(tmp_path, monkeypatch):
    workspace, drive = Workspace(tmp_path / "workspace"), tmp_path / "drive"
    write_faceset(workspace, "src")
    drive.mkdir()
    monkeypatch.setenv("FACESWAP_MAX_ARCHIVE_FILES", "20")
    theirs = write_zeros(drive / "face_src.zip", 10, 30).read_bytes()
    report = keep_facesets(workspace, drive)
    assert report.carried == ("face_src",) and not report.failed
    assert [path.read_bytes() for path in drive.glob("face_src.earlier-*.zip")] == [theirs]


def test_two_damaged_archives_are_both_set_aside(tmp_path):
    workspace, drive = Workspace(tmp_path / "workspace"), tmp_path / "drive"
    write_faceset(workspace, "src")
    drive.mkdir()
    for text in ("damaged", "damaged too"):
        (drive / "face_src.zip").write_text(text)
        assert keep_facesets(workspace, drive).carried == ("face_src",)
    assert sorted(path.read_text() for path in drive.glob("*.earlier-*")) == ["damaged", "damaged too"]


def test_masks_by_hand_are_set_aside_where_a_faceset_comes(tmp_path):
    workspace, drive = Workspace(tmp_path / "workspace"), tmp_path / "drive"
    write_faceset(workspace, "src")
    keep_facesets(workspace, drive)
    other = Workspace(tmp_path / "other")
    other.eye_masks("src").mkdir(parents=True)
    (other.eye_masks("src") / "by_hand.png").write_text("hours of work")
    report = fetch_facesets(drive, other)
    [aside] = (other.root / "binary_masks").glob("face_src_eyes.earlier-*")
    assert (aside / "by_hand.png").read_text() == "hours of work" and aside.name in report.left[0]
    assert contents(other.eye_masks("src")) == contents(workspace.eye_masks("src"))


# Who may read it ------------------------------------------------------------------------------------------------------


def mode_of(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="no such permissions")
@pytest.mark.parametrize("private", ["a crop", "the faceset", "the workspace", "nothing"])
def test_crops_and_consents_have_no_more_readers_afterwards(tmp_path, private):
    workspace, drive, other = Workspace(tmp_path / "workspace"), tmp_path / "drive", Workspace(tmp_path / "other")
    before = os.umask(0o022)
    try:
        write_faceset(workspace, "src")
        record_consent(workspace, "Anna agreed")
        crop, consent = workspace.faces("src") / "000000.jpg", workspace.root / "consent.yaml"
        consent.chmod(0o600)
        place = {"a crop": crop, "the faceset": crop.parent, "the workspace": workspace.root, "nothing": None}[private]
        if place is not None:
            place.chmod(0o700 if place.is_dir() else 0o600)
        assert not keep_facesets(workspace, drive).failed and not fetch_facesets(drive, other).failed
        assert mode_of(drive / "face_src.zip") == (0o644 if private == "nothing" else 0o600)
        assert mode_of(other.faces("src") / crop.name) == (0o644 if private == "nothing" else 0o600)
        assert mode_of(other.eye_masks("src") / "000000.png") == (0o600 if private == "the workspace" else 0o644)
        assert mode_of(drive / "consent.yaml") == mode_of(other.root / "consent.yaml") == 0o600
        record_consent(other, "Ben agreed")
        keep_facesets(other, drive)
        assert mode_of(drive / "consent.yaml") == mode_of(other.root / "consent.yaml") == 0o600
        assert mode_of(other.faces("src")) == 0o755
    finally:
        os.umask(before)
