"""Facesets kept in a folder and fetched from it: the same afterwards, whatever happens to the folder."""

import pathlib
import shutil
import sys
import zipfile

import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Faceset, Workspace, read_manifest
from faceswap_lib.facesets.backup import SyncReport, fetch_facesets, keep_facesets
from faceswap_lib.facesets.consent import read_consent, record_consent
from faceswap_lib.facesets.exclusion import exclude_crops, restore_crops
from tests.conftest import contents, snapshot

WATCHED = {"open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove"}


class Cutter:
    """Lets so many file operations in a folder pass, then fails each, as a mount does whose process has died."""

    def __init__(self):
        self.folder, self.left = "", 0
        sys.addaudithook(self._watch)  # hooks stay for good; an empty folder turns it off

    def _watch(self, event: str, arguments: tuple) -> None:
        if not self.folder or event not in WATCHED or not any(str(one).startswith(self.folder) for one in arguments):
            return
        self.left -= 1
        if self.left < 0:
            raise OSError(107, "Transport endpoint is not connected")

    def cut(self, folder: pathlib.Path, after: int) -> None:
        self.folder, self.left = str(folder), after

    def heal(self) -> bool:
        """Lets everything pass again; says whether anything had failed."""
        self.folder = ""
        return self.left < 0


@pytest.fixture(scope="session")
def cutter() -> Cutter:
    return Cutter()


@pytest.fixture
def drive(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "drive").mkdir()
    return tmp_path / "drive" / "course"


@pytest.fixture
def kept(small_workspace: Workspace, drive: pathlib.Path) -> pathlib.Path:
    keep_facesets(small_copy(small_workspace, drive.parent.parent / "first"), drive)
    return drive


def small_copy(workspace: Workspace, root: pathlib.Path) -> Workspace:
    return Workspace(shutil.copytree(workspace.root, root))


def work_of(workspace: Workspace) -> dict[str, bytes]:
    """All files of a workspace but the note of what was kept."""
    return {name: data for name, data in contents(workspace.root).items() if name != "kept.json"}


# There and back -------------------------------------------------------------------------------------------------------


def test_what_was_kept_comes_back_byte_for_byte(workspace_copy, drive, tmp_path):
    record_consent(workspace_copy, "Anna agreed")
    (workspace_copy.single_video("raw_faces")).mkdir(parents=True)
    (workspace_copy.single_video("raw_faces") / "000000.jpg").write_bytes(b"face")
    report = keep_facesets(workspace_copy, drive)
    assert report == SyncReport(carried=("face_src", "face_dst", "faces", "consent.yaml"))
    assert sorted(contents(drive)) == ["consent.yaml", "face_dst.zip", "face_src.zip", "faces.zip"]
    other = Workspace(tmp_path / "other")
    assert fetch_facesets(drive, other).carried == report.carried
    assert work_of(other) == work_of(workspace_copy)
    assert len(Faceset.open(other, "src")) == len(Faceset.open(workspace_copy, "src"))


def test_what_has_not_changed_is_not_written_again(workspace_copy, drive):
    keep_facesets(workspace_copy, drive)
    before = snapshot(drive)
    assert keep_facesets(workspace_copy, drive) == SyncReport(unchanged=("face_src", "face_dst"))
    assert snapshot(drive) == before
    mask = next(workspace_copy.eye_masks("dst").iterdir())
    mask.write_bytes(mask.read_bytes() + b"x")
    assert keep_facesets(workspace_copy, drive) == SyncReport(carried=("face_dst",), unchanged=("face_src",))


def test_what_the_workspace_has_is_not_fetched(workspace_copy, kept):
    next(workspace_copy.faces("src").glob("*.jpg")).write_bytes(b"mine")
    before = work_of(workspace_copy)
    report = fetch_facesets(kept, workspace_copy)
    assert report.unchanged == ("face_dst",) and report.carried == ()
    assert report.left[0].startswith("face_src (the workspace has its own")
    assert work_of(workspace_copy) == before


def test_crops_set_aside_come_along_and_can_be_brought_back(workspace_copy, drive, tmp_path):
    crops = [record.crop for record in read_manifest(workspace_copy.faces("src"))]
    exclude_crops(workspace_copy, "src", crops[:3])
    keep_facesets(workspace_copy, drive)
    other = Workspace(tmp_path / "other")
    fetch_facesets(drive, other)
    assert len(Faceset.open(other, "src")) == len(crops) - 3
    assert restore_crops(other, "src") == 3 and len(Faceset.open(other, "src")) == len(crops)


def test_an_unfinished_extraction_is_not_kept(workspace_copy, drive):
    (workspace_copy.faces("src") / "manifest.jsonl").unlink()
    report = keep_facesets(workspace_copy, drive)
    assert report.left == ("face_src (its extraction is not finished)",) and report.carried == ("face_dst",)
    assert not (drive / "face_src.zip").exists()


def test_a_faceset_the_workspace_never_saw_is_renamed_not_replaced(workspace_copy, kept):
    theirs = (kept / "face_src.zip").read_bytes()
    next(workspace_copy.faces("src").glob("*.jpg")).write_bytes(b"another extraction")
    report = keep_facesets(workspace_copy, kept)
    [earlier] = kept.glob("face_src.earlier-*.zip")
    assert earlier.read_bytes() == theirs and report.carried == ("face_src",)
    assert earlier.name in report.left[0]
    next(workspace_copy.faces("src").glob("*.jpg")).write_bytes(b"and changed again")
    keep_facesets(workspace_copy, kept)  # its own by now
    assert len([*kept.glob("face_src*.zip")]) == 2


def test_consents_of_both_places_are_joined_and_those_by_hand_stay(tmp_path, drive):
    one, other = Workspace(tmp_path / "one"), Workspace(tmp_path / "other")
    one.root.mkdir()
    (one.root / "consent.yaml").write_text("# by hand\nstatement: Anna agreed\n")
    assert keep_facesets(one, drive).carried == ("consent.yaml",)
    assert (drive / "consent.yaml").read_text().startswith("# by hand")
    (tmp_path / "b.mp4").write_bytes(b"b")
    record_consent(other, "Ben agreed", [tmp_path / "b.mp4"])
    assert fetch_facesets(drive, other).carried == ("consent.yaml",)
    assert [consent.statement for consent in read_consent(other)] == ["Ben agreed", "Anna agreed"]
    keep_facesets(other, drive)
    assert (drive / "consent.yaml").read_text().startswith("# by hand\nstatement: Anna agreed\n---\n")
    assert read_consent(Workspace(drive))[1] == read_consent(other)[0]


# A folder that is not there, or vanishes ------------------------------------------------------------------------------


def test_folders_of_a_drive_that_is_not_mounted_do_not_come_to_be(workspace_copy, tmp_path):
    away = tmp_path / "mnt" / "MyDrive" / "course"
    for report in (keep_facesets(workspace_copy, away), fetch_facesets(away, workspace_copy)):
        assert len(report.failed) == 1 and report.carried == ()
    assert not (tmp_path / "mnt").exists()


def test_the_workspace_itself_is_refused(workspace_copy):
    with pytest.raises(InputError, match="beside the workspace"):
        keep_facesets(workspace_copy, workspace_copy.root)


def test_a_folder_that_vanishes_while_it_is_written_costs_nothing(workspace_copy, drive, cutter, tmp_path):
    before, after, failures = work_of(workspace_copy), 0, 0
    while True:
        cutter.cut(drive.parent, after)
        report = keep_facesets(workspace_copy, drive)
        hit = cutter.heal()
        assert work_of(workspace_copy) == before and not [*workspace_copy.root.glob(".keep-*")]
        assert hit == bool(report.failed), report
        for archive in drive.glob("face_*.zip"):  # whole or not there
            assert zipfile.ZipFile(archive).testzip() is None
        if not hit:
            break
        failures += 1
        shutil.rmtree(drive, ignore_errors=True)
        after += 1
    assert failures > 8
    assert fetch_facesets(drive, Workspace(tmp_path / "other")).failed == ()


def test_a_folder_that_vanishes_while_it_is_read_leaves_whole_facesets_or_none(kept, cutter, tmp_path, caplog):
    after = 0
    while True:
        other = Workspace(tmp_path / f"other{after}")
        cutter.cut(kept.parent, after)
        report = fetch_facesets(kept, other)
        hit = cutter.heal()
        assert hit == bool(report.failed) == bool(caplog.records)
        for side in ("src", "dst"):
            assert other.faces(side).exists() == (f"face_{side}" in report.carried)
            if other.faces(side).exists():
                Faceset.open(other, side)
        assert not other.root.exists() or not [*other.root.glob(".*")]
        if not hit:
            break
        assert "stays as it is" in caplog.text
        caplog.clear()
        after += 1
    assert after >= 3  # making the folder, opening each archive


def test_a_copy_that_breaks_off_half_way_is_no_archive_and_no_faceset(
    workspace_copy, kept, drive, tmp_path, monkeypatch
):
    def break_off(source, target):
        data = pathlib.Path(source).read_bytes()
        pathlib.Path(target).write_bytes(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", break_off)
        other = Workspace(tmp_path / "other")
        assert len(fetch_facesets(kept, other).failed) == 2 and contents(other.root) == {}
        empty = tmp_path / "empty"
        assert len(keep_facesets(workspace_copy, empty).failed) == 2 and contents(empty) == {}
    assert fetch_facesets(kept, other).carried == ("face_src", "face_dst")


def test_a_second_attempt_after_a_kill_takes_masks_without_faces_for_nothing(kept, tmp_path):
    other = Workspace(tmp_path / "other")
    other.eye_masks("src").mkdir(parents=True)
    (other.eye_masks("src") / "stale.png").write_bytes(b"x")
    assert fetch_facesets(kept, other).failed == ()
    assert not (other.eye_masks("src") / "stale.png").exists()
    Faceset.open(other, "src")


# Archives that are not as they should be ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["../evil.txt", "/tmp/evil.txt", "face_src/../../evil.txt", "face_src\\..\\evil.txt", "face_dst/x.jpg", "C:/evil"],
)
def test_an_archive_with_files_that_belong_elsewhere_is_not_unpacked(kept, tmp_path, name):
    with zipfile.ZipFile(kept / "face_src.zip", "a") as archive:
        archive.writestr(name, "evil")
    other = Workspace(tmp_path / "deep" / "other")
    report = fetch_facesets(kept, other)
    assert len(report.failed) == 1 and "face_src" in report.failed[0] and report.carried == ("face_dst",)
    assert not other.faces("src").exists() and not [*tmp_path.rglob("*evil*")]


def test_a_link_in_an_archive_is_not_unpacked(kept, tmp_path):
    entry = zipfile.ZipInfo("face_src/link")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(kept / "face_src.zip", "a") as archive:
        archive.writestr(entry, "/etc/passwd")
    other = Workspace(tmp_path / "other")
    assert "face_src/link" in fetch_facesets(kept, other).failed[0] and not other.faces("src").exists()


def test_a_damaged_archive_is_reported_and_replaced_by_the_next_whole_one(workspace_copy, kept, tmp_path):
    archive = kept / "face_src.zip"
    whole = archive.read_bytes()
    middle = len(whole) // 2
    archive.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])  # its directory is still right
    other = Workspace(tmp_path / "other")
    report = fetch_facesets(kept, other)
    assert "face_src" in report.failed[0] and not other.faces("src").exists() and report.carried == ("face_dst",)
    archive.write_bytes(whole[:middle])
    assert "face_src" in fetch_facesets(kept, other).failed[0]
    assert "face_src" in keep_facesets(workspace_copy, kept).carried
    assert fetch_facesets(kept, other).carried == ("face_src",)


def test_an_archive_without_a_manifest_is_no_faceset(workspace_copy, drive, tmp_path):
    drive.mkdir()
    with zipfile.ZipFile(drive / "face_src.zip", "w") as archive:
        archive.writestr("face_src/000000.jpg", "x")
    other = Workspace(tmp_path / "other")
    assert "manifest.jsonl" in fetch_facesets(drive, other).failed[0] and not other.faces("src").exists()


def test_the_report_says_all_of_it():
    report = SyncReport(carried=("face_src",)) + SyncReport(failed=("face_dst (no space)",), left=("a", "b"))
    assert report.to_text() == "carried: face_src\nleft: a; b\nfailed: face_dst (no space)"
    assert SyncReport().to_text() == "nothing there yet"
