"""Repairing a faceset: crops of missed and wrong faces, as an extraction would have made them."""

import dataclasses
import itertools
import pathlib
import shutil
import typing

import numpy as np
import pytest

from faceswap_lib.errors import InputError, VideoError, WorkspaceError
from faceswap_lib.faces import MTCNN, Face, FaceCrop, FaceTrack, VideoTracks
from faceswap_lib.facesets import (
    ExtractConfig,
    Faceset,
    Workspace,
    exclude_crops,
    extract_faces,
    list_excluded,
    read_manifest,
    repair,
    write_eye_masks,
    write_manifest,
)
from faceswap_lib.facesets.extraction_log import LOG
from faceswap_lib.facesets.frame_cursor import FrameCursor
from faceswap_lib.facesets.manifest import CropRecord
from faceswap_lib.facesets.missed_faces import MissedFace, find_missed
from faceswap_lib.facesets.pack import pack_faceset, remove_packed
from faceswap_lib.facesets.repair import FacesetRepair, repair_crop
from faceswap_lib.facesets.track_io import read_tracks, write_tracks
from faceswap_lib.media import read_image, read_mask
from tests.conftest import EXTRACT, contents
from tests.kills import Killed, kill_at_change

Clips = tuple[pathlib.Path, pathlib.Path]


@pytest.fixture
def workspace(workspace_copy: Workspace) -> Workspace:
    return workspace_copy


@pytest.fixture
def repairer(workspace: Workspace, portrait_clips: Clips) -> FacesetRepair:
    return FacesetRepair(workspace, "src", portrait_clips[0], landmarks="five")


def forget(workspace: Workspace, index: int) -> tuple[CropRecord, bytes, bytes]:
    """Takes a crop out of a faceset, as if it had been missed; what its record and files were."""
    folder = workspace.faces("src")
    records = read_manifest(folder)
    record = records.pop(index)
    paths = folder / record.crop, workspace.eye_masks("src") / record.mask
    crop, mask = (path.read_bytes() for path in paths)
    write_manifest(folder, records)
    for path in paths:
        path.unlink()
    return record, crop, mask


def test_a_missed_face_gets_the_crop_that_the_extraction_would_have_made(
    workspace: Workspace, repairer: FacesetRepair, portrait_clips: Clips
):
    before = contents(workspace.root)
    record, crop, mask = forget(workspace, 11)
    [track] = read_tracks(workspace.faces("src")).tracks
    face = typing.cast(Face, track.faces[11])  # its points are not rounded
    report = repairer.take(record.frame, face.landmarks)
    assert (report.record.crop, report.replaced, report.is_detected) == (record.crop, None, False)
    folder = workspace.faces("src")
    assert (folder / record.crop).read_bytes() == crop
    assert (workspace.eye_masks("src") / record.mask).read_bytes() == mask
    [again] = [each for each in read_manifest(folder) if each.crop == record.crop]
    assert again.score == 1  # a person is sure
    assert dataclasses.replace(again, box_xyxy=record.box_xyxy, score=record.score) == record
    assert contents(workspace.root).keys() == before.keys()


def test_a_wrong_crop_is_replaced_and_comes_back(workspace: Workspace, repairer: FacesetRepair):
    before = contents(workspace.root)
    old = read_manifest(workspace.faces("src"))[5]
    shifted = np.array(old.landmarks) + [3, -2]
    report = repairer.take(old.frame, shifted, replace=old.crop)
    assert report.record.crop == "000005_1.jpg" and report.replaced == old.crop
    assert report.record.track == old.track and report.record.time == old.time
    faceset = Faceset.open(workspace, "src")
    names = [record.crop for record in faceset.records]
    assert names == sorted(names) and len(names) == 38
    assert old.crop not in names and names[5] == "000005_1.jpg"
    assert [record.crop for record in list_excluded(workspace, "src")] == [old.crop]
    aside = workspace.faces("src") / "set_aside" / old.crop
    assert aside.read_bytes() == before[f"face_src/{old.crop}"]
    np.testing.assert_allclose(report.record.landmarks, shifted, atol=1e-3)
    second = repairer.take(old.frame, shifted, replace="000005_1.jpg")
    assert second.record.crop == "000005_2.jpg"
    repairer.undo(second)
    repairer.undo(report)
    assert contents(workspace.root) == before


def test_a_box_is_enough(workspace: Workspace, portrait_clips: Clips, detector: MTCNN):
    record, _, _ = forget(workspace, 20)
    box = np.array(record.box_xyxy) + [-6, 5, 8, 4]
    report = repair_crop(
        workspace, "src", portrait_clips[0], 20, box_xyxy=box, refiner=detector, landmark_backend="five"
    )
    eyes = np.linalg.norm(np.subtract(*record.landmarks[:2]))
    distances = np.linalg.norm(np.subtract(report.record.landmarks, record.landmarks), axis=1)
    assert report.is_detected and distances.max() / eyes < 0.1
    record, _, _ = forget(workspace, 21)
    report = repair_crop(workspace, "src", portrait_clips[0], record.frame, box_xyxy=box, landmark_backend="five")
    assert not report.is_detected
    assert report.record.box_xyxy == tuple(np.round(box, 4))


def test_crops_have_the_size_of_the_others(portrait_clips: Clips, detector: MTCNN, tmp_path: pathlib.Path):
    workspace = Workspace(tmp_path / "workspace")
    config = ExtractConfig(landmarks="five", crop_size=320, max_crops=8)
    extract_faces(portrait_clips[0], workspace, "src", detector, config=config)
    write_eye_masks(workspace, "src")
    [record] = read_manifest(workspace.faces("src"))[2:3]
    report = repair_crop(
        workspace, "src", portrait_clips[0], record.frame + 1, record.landmarks, landmark_backend="five"
    )
    assert read_image(workspace.faces("src") / report.record.crop).shape == (320, 320, 3)
    assert read_mask(workspace.eye_masks("src") / report.record.mask).shape == (256, 256)


class Network:
    """Gives 68 points whose five are those of the crop, moved by some pixels."""

    name = "network"

    def __init__(self, shift: float):
        self._shift = shift

    def detect(self, crops: typing.Sequence[FaceCrop]) -> list[np.ndarray]:
        return [self._points(crop.landmarks) for crop in crops]

    def _points(self, five: np.ndarray) -> np.ndarray:
        points = np.random.default_rng(0).uniform(60, 200, (68, 2))
        for begin, eye in ((36, five[0]), (42, five[1])):
            points[begin : begin + 6] += eye - points[begin : begin + 6].mean(axis=0)
        points[[30, 48, 54]] = five[2:]
        return points + self._shift


@pytest.mark.parametrize("shift, count", [(3.0, 68), (30.0, 5)])
def test_68_landmarks_are_kept_where_they_agree_with_the_drawn_ones(
    workspace: Workspace, portrait_clips: Clips, monkeypatch: pytest.MonkeyPatch, shift: float, count: int
):
    monkeypatch.setattr(repair, "open_landmark_detector", lambda backend: Network(shift))
    record, _, _ = forget(workspace, 3)
    made = repair_crop(workspace, "src", portrait_clips[0], record.frame, record.landmarks).record
    assert len(made.landmarks_in_crop()) == count


def test_a_kill_at_any_moment_leaves_a_faceset_and_the_next_repair_clears_up(
    small_workspace: Workspace, portrait_clips: Clips, tmp_path: pathlib.Path
):
    old, number = read_manifest(small_workspace.faces("src"))[4], 0
    for number in itertools.count():
        workspace = Workspace(shutil.copytree(small_workspace.root, tmp_path / str(number)))
        with pytest.MonkeyPatch.context() as patch:
            kill_at_change(patch, number)
            try:
                FacesetRepair(workspace, "src", portrait_clips[0], landmarks="five").take(
                    old.frame, np.array(old.landmarks) + 2, replace=old.crop
                )
            except Killed:
                pass
            else:
                break
        faceset = Faceset.open(workspace, "src")
        assert len(faceset) in (38, 39) and len(faceset.read_crops()) == len(faceset)
        there = {record.crop for record in [*faceset.records, *list_excluded(workspace, "src")]}
        assert old.crop in there
        repairer = FacesetRepair(workspace, "src", portrait_clips[0], landmarks="five")
        made = repairer.take(9, np.array(old.landmarks) + 2).record
        repairer.undo(repair.RepairReport(record=made, replaced=None, is_detected=False))
        known = {record.crop for record in [*read_manifest(workspace.faces("src")), *list_excluded(workspace, "src")]}
        files = {path.name for path in workspace.faces("src").rglob("*.jpg") if not path.name.startswith(".")}
        assert files == known
        masks = {path.stem for path in workspace.eye_masks("src").rglob("*.png") if not path.name.startswith(".")}
        assert masks == {pathlib.Path(name).stem for name in known}
        assert not (workspace.faces("src") / LOG).exists()
        shutil.rmtree(workspace.root)
    assert number > 8


def test_what_cannot_be_repaired_is_refused_and_changes_nothing(
    workspace: Workspace, repairer: FacesetRepair, portrait_clips: Clips, tmp_path: pathlib.Path
):
    before, record = contents(workspace.root), read_manifest(workspace.faces("src"))[0]
    points = record.landmarks
    with pytest.raises(InputError, match="either five landmarks or a box, got neither"):
        repairer.take(3)
    with pytest.raises(InputError, match="got both"):
        repairer.take(3, points, box_xyxy=record.box_xyxy)
    with pytest.raises(InputError, match="mirrored"):
        repairer.take(3, np.array(points)[[1, 0, 2, 4, 3]])
    with pytest.raises(InputError, match="38, which is after its end"):
        repairer.take(38, points)
    with pytest.raises(InputError, match="0 or more, got -1"):
        repairer.take(-1, points)
    with pytest.raises(WorkspaceError, match=r"replace: expected a crop of .*face_src, got '1\.jpg'"):
        repairer.take(3, points, replace="1.jpg")
    with pytest.raises(InputError, match=r"collins\.mp4: expected the video of .*face_src, which is hopper\.mp4"):
        FacesetRepair(workspace, "src", portrait_clips[1])
    with pytest.raises(VideoError):
        FacesetRepair(workspace, "src", tmp_path / "none.mp4")
    with pytest.raises(WorkspaceError, match="no faces in"):
        FacesetRepair(Workspace(tmp_path / "none"), "src", portrait_clips[0])
    assert contents(workspace.root) == before


def test_a_repair_that_is_gone_cannot_be_undone(workspace: Workspace, repairer: FacesetRepair):
    record = read_manifest(workspace.faces("src"))[0]
    report = repairer.take(0, record.landmarks)
    exclude_crops(workspace, "src", [report.record.crop])
    with pytest.raises(WorkspaceError, match=r"expected 000000_1\.jpg in .*; it was set aside or removed"):
        repairer.undo(report)


def hide_track(workspace: Workspace, frames: typing.Collection[int], *, start: int = 0) -> None:
    """Takes the face out of the tracks, in these frames and before `start`."""
    folder = workspace.faces("src")
    tracks = read_tracks(folder)
    [track] = tracks.tracks
    faces = [None if index in frames else face for index, face in enumerate(track.faces)]
    shorter = FaceTrack(start=start, faces=tuple(faces[start:]))
    write_tracks(folder, VideoTracks(length=tracks.length, tracks=(shorter,), cuts=tracks.cuts))


def forget_frames(workspace: Workspace, frames: typing.Collection[int]) -> None:
    folder = workspace.faces("src")
    write_manifest(folder, [record for record in read_manifest(folder) if record.frame not in frames])


def test_gaps_and_frames_without_a_track_are_found_with_a_guess(workspace: Workspace):
    assert find_missed(workspace, "src") == []
    [track] = read_tracks(workspace.faces("src")).tracks
    faces = typing.cast(tuple[Face, ...], track.faces)
    hide_track(workspace, {10, 11, 12}, start=2)
    forget_frames(workspace, {0, 1, 10, 11, 12})
    missed = find_missed(workspace, "src")
    assert [(face.frame, face.track, face.reason) for face in missed] == [
        *((0, 0, "no track"), (1, 0, "no track")),
        *((10, 0, "gap"), (11, 0, "gap"), (12, 0, "gap")),
    ]
    guesses = [typing.cast(Face, face.guess) for face in missed]
    np.testing.assert_allclose(guesses[0].landmarks, faces[2].landmarks)
    for index, weight in ((2, 0.25), (3, 0.5), (4, 0.75)):
        between = (1 - weight) * faces[9].landmarks + weight * faces[13].landmarks
        np.testing.assert_allclose(guesses[index].landmarks, between)
    assert find_missed(workspace, "src", reasons=["gap"])[0].frame == 10


def test_repaired_and_excluded_faces_are_not_missed(workspace: Workspace, repairer: FacesetRepair):
    hide_track(workspace, {10, 11})
    forget_frames(workspace, {10, 11})
    missed = find_missed(workspace, "src")
    assert [face.frame for face in missed] == [10, 11]
    repaired = [repairer.take(face.frame, typing.cast(Face, face.guess).landmarks) for face in missed]
    assert find_missed(workspace, "src") == []
    exclude_crops(workspace, "src", [repaired[0].record.crop])
    assert find_missed(workspace, "src") == []
    repairer.undo(repaired[1])
    assert [face.frame for face in find_missed(workspace, "src")] == [11]


def test_dropped_faces_are_missed_and_frames_between_steps_are_not(
    blurred_clip: pathlib.Path, detector: MTCNN, tmp_path: pathlib.Path
):
    workspace = Workspace(tmp_path / "workspace")
    config = ExtractConfig(landmarks="five", frame_stride=2)
    extract_faces(blurred_clip, workspace, "src", detector, config=config)
    write_eye_masks(workspace, "src")
    missed = find_missed(workspace, "src")
    assert [(face.frame, face.reason) for face in missed] == [(6, "blurred"), (8, "blurred")]

    def take(face: MissedFace) -> CropRecord:
        points = typing.cast(Face, face.guess).landmarks
        return repair_crop(workspace, "src", blurred_clip, face.frame, points, landmark_backend="five").record

    assert take(missed[0]).sharpness < 40
    assert [face.frame for face in find_missed(workspace, "src")] == [8]


def test_a_faceset_without_tracks_says_so(workspace: Workspace):
    (workspace.faces("src") / "tracks.npz").unlink()
    with pytest.raises(WorkspaceError, match="expected the tracks of a video"):
        find_missed(workspace, "src")


def test_frames_are_read_in_any_order(portrait_clips: Clips, clip_frames: list[np.ndarray]):
    cursor = FrameCursor(portrait_clips[0])
    for index in (0, 5, 5, 6, 2, 37, 36):
        time, frame = cursor.read(index)
        assert np.array_equal(frame, clip_frames[index]) and time == pytest.approx(index / 25)
    with pytest.raises(InputError, match="after its end"):
        cursor.read(38)
    assert np.array_equal(cursor.read(1)[1], clip_frames[1])


def test_a_packed_faceset_must_be_unpacked_first(workspace: Workspace, repairer: FacesetRepair):
    pack_faceset(workspace, "src")
    remove_packed(workspace, "src", workspace.pack("src"))
    before = contents(workspace.root)
    points = read_manifest(workspace.faces("src"))[0].landmarks
    with pytest.raises(WorkspaceError, match="unpack it first"):
        repairer.take(0, points)
    assert contents(workspace.root) == before


def test_an_extraction_clears_up_after_a_killed_repair(
    workspace: Workspace, repairer: FacesetRepair, portrait_clips: Clips, detector: MTCNN
):
    before, record = contents(workspace.root), read_manifest(workspace.faces("src"))[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repair, "replace_crops", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            repairer.take(0, record.landmarks)
    assert (workspace.faces("src") / "000000_1.jpg").is_file()
    extract_faces(portrait_clips[0], workspace, "src", detector, config=EXTRACT)
    assert contents(workspace.root) == before


def test_a_log_from_elsewhere_removes_no_other_files(workspace: Workspace, repairer: FacesetRepair):
    folder, record = workspace.faces("src"), read_manifest(workspace.faces("src"))[0]
    (folder / "holiday.jpg").write_bytes(b"mine")
    lines = [dataclasses.replace(record, crop=name).to_line() for name in ("holiday.jpg", "000001.jpg")]
    (folder / LOG).write_text("".join(f'{{"crop": {line.strip()}}}\n' for line in lines))
    repairer.take(0, record.landmarks)
    assert (folder / "holiday.jpg").read_bytes() == b"mine" and (folder / "000001.jpg").is_file()
    assert not (folder / LOG).exists()
