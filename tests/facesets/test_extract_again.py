"""An extraction broken off at any moment goes on where it was, and ends as if nothing had happened."""

import dataclasses
import errno
import itertools
import pathlib
import signal
import subprocess
import sys
import typing

import numpy as np
import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces import Face
from faceswap_lib.faces.landmarks import FivePointDetector
from faceswap_lib.facesets import ExtractConfig, Faceset, Workspace, crop_writer, extract_faces, extraction
from faceswap_lib.facesets.extraction_log import ExtractionLog
from tests.conftest import EXTRACT, HOPPER, ROOT, contents, snapshot
from tests.fakes import ListedDetector

SEARCHES_NOTHING = ListedDetector([])
"""Fails when it is asked for a face."""

SAVING = ExtractConfig(landmarks="five", save_faces=True)


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path / "w")


class FailingFinder(FivePointDetector):
    """Fails at its n-th face."""

    def __init__(self, at: int):
        self._left = at

    def detect(self, crops: typing.Sequence) -> list[np.ndarray]:
        self._left -= 1
        if self._left < 1:
            raise RuntimeError("the finder broke")
        return super().detect(crops)


class FailingDetector:
    """Fails at its n-th frame."""

    def __init__(self, at: int):
        self._left = at

    def detect(self, frames: typing.Sequence[np.ndarray]) -> list[tuple[Face, ...]]:
        self._left -= len(frames)
        if self._left < 1:
            raise RuntimeError("the detector broke")
        return [(HOPPER,)] * len(frames)


@pytest.fixture(scope="module")
def undisturbed(blurred_clip, tmp_path_factory) -> dict[str, bytes]:
    """What an extraction leaves that nothing disturbed: 16 crops and what is saved besides; 4 faces are blurred."""
    workspace = Workspace(tmp_path_factory.mktemp("undisturbed"))
    report = extract_faces(blurred_clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=SAVING)
    assert (report.crops, report.written, report.dropped) == (16, 16, {"blurred": 4})
    assert len(contents(workspace.root)) == 4 * 16 + 4
    return contents(workspace.root)


def log_lines(workspace: Workspace) -> list[str]:
    return (workspace.faces("src") / "unfinished.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)


def test_a_detector_that_fails_leaves_nothing(blurred_clip, workspace):
    with pytest.raises(RuntimeError, match="the detector broke"):
        extract_faces(blurred_clip, workspace, "src", FailingDetector(15), config=SAVING)
    assert not workspace.root.exists()


@pytest.mark.parametrize("at", [1, 5, 16])
def test_a_finder_that_fails_costs_only_what_was_not_done(blurred_clip, workspace, undisturbed, monkeypatch, at):
    monkeypatch.setattr(extraction, "open_landmark_detector", lambda backend: FailingFinder(at))
    with pytest.raises(RuntimeError, match="the finder broke"):
        extract_faces(blurred_clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=SAVING)
    monkeypatch.undo()
    before = snapshot(workspace.root)
    assert sum(name.startswith("face_src") and name.endswith(".jpg") for name in before) == at - 1
    with pytest.raises(WorkspaceError, match="run 'faceswap extract' first"):
        Faceset.open(workspace, "src")
    report = extract_faces(blurred_clip, workspace, "src", SEARCHES_NOTHING, config=SAVING)
    assert (report.crops, report.written, report.dropped) == (16, 17 - at, {"blurred": 4})
    after = snapshot(workspace.root)
    for name in before.keys() - {"face_src/unfinished.jsonl"}:
        assert after[name] == before[name], name  # not written again
    assert contents(workspace.root) == undisturbed


@pytest.mark.parametrize("at", [1, 2, 3, 4, 22])
def test_a_full_disk_costs_only_what_was_not_done(blurred_clip, workspace, undisturbed, monkeypatch, at):
    """Every crop is four pictures; whichever of them cannot be written, the crop is cut again."""
    numbers, write_image = itertools.count(1), crop_writer.write_image

    def write_until_full(path: pathlib.Path, image: np.ndarray) -> None:
        if next(numbers) == at:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write_image(path, image)

    monkeypatch.setattr(crop_writer, "write_image", write_until_full)
    with pytest.raises(OSError, match="No space left"):
        extract_faces(blurred_clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=SAVING)
    monkeypatch.undo()
    done = (at - 1) // 4
    report = extract_faces(blurred_clip, workspace, "src", SEARCHES_NOTHING, config=SAVING)
    assert (report.crops, report.written) == (16, 16 - done)
    assert contents(workspace.root) == undisturbed


KILLED = """
import os, pathlib, signal, sys
sys.path.insert(0, {root!r})
from faceswap_lib.facesets import Workspace, extract_faces
from faceswap_lib.facesets.extraction_log import ExtractionLog
from tests.fakes import ListedDetector
from tests.conftest import HOPPER
from tests.facesets.test_extract_again import SAVING

moment, video, root = sys.argv[1:]
rename, add, count = pathlib.Path.replace, ExtractionLog.add, 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def rename_or_die(path, target):
    global count
    count += "raw_faces" in str(target)
    die() if count == 5 and moment == "picture" else rename(path, target)

def add_or_die(log, outcome):
    if len(log.crops()) == 4 and moment != "picture":
        if moment == "half a line":
            with log._path.open("a") as file:
                file.write('{{"crop": {{"crop": "000004.jpg", "fra')
        die()
    add(log, outcome)

pathlib.Path.replace, ExtractionLog.add = rename_or_die, add_or_die
extract_faces(pathlib.Path(video), Workspace(root), "src", ListedDetector([(HOPPER,)] * 20), config=SAVING)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system knows no SIGKILL")
@pytest.mark.parametrize("moment", ["picture", "line", "half a line"])
def test_a_killed_extraction_goes_on_where_it_was(blurred_clip, workspace, undisturbed, moment):
    """While the fifth crop is written: in the middle of a picture, before its line in the log, or in that line."""
    command = [sys.executable, "-c", KILLED.format(root=str(ROOT)), moment, str(blurred_clip), str(workspace.root)]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = snapshot(workspace.root)
    folder = workspace.faces("src")
    assert [line.endswith("\n") for line in log_lines(workspace)] == [True] * 4 + [False] * (moment == "half a line")
    assert (folder / "000004.jpg").is_file() and not (folder / "manifest.jsonl").exists()
    assert any("partial" in name for name in before) == (moment == "picture")
    report = extract_faces(blurred_clip, workspace, "src", SEARCHES_NOTHING, config=SAVING)
    assert (report.crops, report.written, report.dropped) == (16, 12, {"blurred": 4})
    assert contents(workspace.root) == undisturbed
    after = snapshot(workspace.root)
    for index in range(4):
        assert after[f"face_src/{index:06d}.jpg"] == before[f"face_src/{index:06d}.jpg"]


def test_a_kill_before_the_manifest_costs_nothing_but_the_cutting(workspace_copy, portrait_clips):
    """The manifest is written last, so a folder without one is unfinished."""
    before = contents(workspace_copy.root)
    folder = workspace_copy.faces("src")
    (folder / "manifest.jsonl").unlink()
    (folder / "stray.jpg").write_bytes(b"somebody's")
    report = extract_faces(portrait_clips[0], workspace_copy, "src", SEARCHES_NOTHING, config=EXTRACT)
    assert report.crops == report.written == report.tracks.found == 38
    assert contents(workspace_copy.root) == before | {"face_src/stray.jpg": b"somebody's"}


def test_a_kill_right_after_the_manifest_leaves_no_log(blurred_clip, workspace, undisturbed, monkeypatch):
    def break_off(log: ExtractionLog) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ExtractionLog, "remove", break_off)
    with pytest.raises(KeyboardInterrupt):
        extract_faces(blurred_clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=SAVING)
    monkeypatch.undo()
    assert len(log_lines(workspace)) == 20 and (workspace.faces("src") / "manifest.jsonl").is_file()
    assert extract_faces(blurred_clip, workspace, "src", SEARCHES_NOTHING, config=SAVING).written == 0
    assert contents(workspace.root) == undisturbed


def test_an_unfinished_extraction_gives_way_to_another(blurred_clip, workspace, undisturbed, monkeypatch):
    monkeypatch.setattr(extraction, "open_landmark_detector", lambda backend: FailingFinder(9))
    with pytest.raises(RuntimeError, match="the finder broke"):
        other = dataclasses.replace(SAVING, min_size=41)
        extract_faces(blurred_clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=other)
    monkeypatch.undo()
    report = extract_faces(blurred_clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=SAVING)
    assert report.written == 16
    assert contents(workspace.root) == undisturbed


@pytest.mark.parametrize("removed", [0, 1, 4, 9])
def test_a_kill_while_an_older_extraction_is_removed_spoils_nothing(
    blurred_clip, workspace, undisturbed, monkeypatch, removed
):
    """Whatever of it is gone already, nothing that is gone is taken for done."""
    monkeypatch.setattr(extraction, "open_landmark_detector", lambda backend: FailingFinder(9))
    with pytest.raises(RuntimeError, match="the finder broke"):
        extract_faces(blurred_clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=SAVING)
    monkeypatch.undo()
    numbers, unlink = itertools.count(), pathlib.Path.unlink

    def unlink_until_killed(path: pathlib.Path, missing_ok: bool = False) -> None:
        if path.exists() and next(numbers) == removed:
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    monkeypatch.setattr(pathlib.Path, "unlink", unlink_until_killed)
    with pytest.raises(KeyboardInterrupt):
        other = dataclasses.replace(SAVING, min_size=41)
        extract_faces(blurred_clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=other, overwrite=True)
    monkeypatch.undo()
    report = extract_faces(blurred_clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=SAVING)
    assert report.crops == 16
    assert contents(workspace.root) == undisturbed


def test_faces_can_be_saved_later_and_eye_masks_stay(blurred_clip, workspace, undisturbed):
    extract_faces(blurred_clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=EXTRACT)
    mask = workspace.eye_masks("src") / "000003.png"
    mask.parent.mkdir(parents=True)
    mask.write_bytes(b"painted by hand")
    report = extract_faces(blurred_clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=SAVING)
    assert report.written == 16 and mask.read_bytes() == b"painted by hand"
    assert {name: data for name, data in contents(workspace.root).items() if "_eyes/0" not in name} == {
        name: data for name, data in undisturbed.items() if "_eyes/0" not in name
    }
    before = snapshot(workspace.root)
    assert extract_faces(blurred_clip, workspace, "src", SEARCHES_NOTHING, config=EXTRACT).written == 0
    assert snapshot(workspace.root) == before


def test_other_options_are_refused_even_where_faces_are_to_be_saved(blurred_clip, workspace):
    extract_faces(blurred_clip, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=EXTRACT)
    before = snapshot(workspace.root)
    other = dataclasses.replace(SAVING, min_size=41)
    with pytest.raises(WorkspaceError, match="other options"):
        extract_faces(blurred_clip, workspace, "src", SEARCHES_NOTHING, config=other)
    assert snapshot(workspace.root) == before
