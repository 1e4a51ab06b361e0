"""Extraction: which faces of a video become crops, which are dropped and why, and what is written about them."""

import collections
import dataclasses
import json
import os
import pathlib
import shutil

import cv2
import numpy as np
import pytest

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import CROP_SIZE, DetectConfig, TrackConfig, VideoTracks, align_face, eye_mask
from faceswap_lib.faces.landmarks_dlib import DlibLandmarkDetector
from faceswap_lib.facesets import (
    ExtractConfig,
    Workspace,
    extract_faces,
    read_manifest,
    write_eye_masks,
)
from faceswap_lib.facesets.crop_writer import measure_sharpness
from faceswap_lib.facesets.faceset import Faceset
from faceswap_lib.media import read_frames, read_image, read_mask
from tests.conftest import EXTRACT, HOPPER, contents, snapshot
from tests.fakes import ListedDetector, encode_like, make_face
from tests.videos import make_video, psnr

SEARCHES_NOTHING = ListedDetector([])
"""Fails when it is asked for a face."""


def dropped_lines(folder: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "dropped.jsonl").read_text(encoding="utf-8").splitlines()]


def with_options(**options: object) -> ExtractConfig:
    return dataclasses.replace(EXTRACT, **options)


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path / "w")


@pytest.fixture
def bars(tmp_path) -> pathlib.Path:
    """Twenty frames of bars, 160 x 120; what a detector says is in them is all that is known."""
    return make_video(tmp_path / "bars.mp4", width=160, height=120, frames=20)


# Once, again, and instead of another -----------------------------------------------------------------------------


def test_the_same_extraction_again_does_nothing(workspace_copy, portrait_clips, tmp_path):
    before = snapshot(workspace_copy.root)
    # A copy under another name is the same video, too.
    elsewhere = shutil.copy(portrait_clips[0], tmp_path / "renamed.mp4")
    for video in (portrait_clips[0], pathlib.Path(elsewhere)):
        report = extract_faces(video, workspace_copy, "src", SEARCHES_NOTHING, config=EXTRACT)
        assert (report.crops, report.written, report.dropped) == (38, 0, {})
        assert report.tracks.found == report.tracks.length == 38
    assert write_eye_masks(workspace_copy, "src") == 0
    assert snapshot(workspace_copy.root) == before


def test_another_video_or_other_options_need_overwrite(workspace_copy, portrait_clips, detector):
    before = snapshot(workspace_copy.root)
    every_third = with_options(frame_stride=3)
    with pytest.raises(WorkspaceError, match=r"faces of another video \(hopper.mp4\).*--overwrite"):
        extract_faces(portrait_clips[1], workspace_copy, "src", detector, config=EXTRACT)
    for other in (
        {"config": every_third},
        {"config": EXTRACT, "detect_config": DetectConfig(threshold=0.99)},
        {"config": EXTRACT, "track_config": TrackConfig(subject="center")},
    ):
        with pytest.raises(WorkspaceError, match="other options"):
            extract_faces(portrait_clips[0], workspace_copy, "src", detector, **other)
    assert snapshot(workspace_copy.root) == before
    report = extract_faces(portrait_clips[1], workspace_copy, "src", detector, config=every_third, overwrite=True)
    assert report.tracks.found == 38 and report.crops == report.written == 13
    assert [record.frame for record in read_manifest(workspace_copy.faces("src"))] == list(range(0, 38, 3))
    assert len(list(workspace_copy.faces("src").glob("*.jpg"))) == 13
    assert not workspace_copy.eye_masks("src").exists()  # those were of the other faces
    kept = {name: value for name, value in before.items() if "dst" in name}
    assert {name: value for name, value in snapshot(workspace_copy.root).items() if "dst" in name} == kept


def test_files_of_others_are_not_touched(portrait_clips, workspace):
    photo = workspace.faces("src") / "myphoto.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"mine")
    with pytest.raises(WorkspaceError, match="files that no extraction wrote"):
        extract_faces(portrait_clips[0], workspace, "src", SEARCHES_NOTHING)
    assert contents(workspace.root) == {"face_src/myphoto.jpg": b"mine"}


def test_options_out_of_range_are_refused():
    for wrong in (
        *({"frame_stride": 0}, {"frame_stride": 10_001}, {"max_crops": -1}, {"min_crops": 0}),
        *({"min_size": 0}, {"min_size": 10_001}, {"min_sharpness": -1.0}, {"min_sharpness": float("nan")}),
    ):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} must be between"):
            ExtractConfig(**wrong)


def test_a_landmark_network_that_is_not_there_is_said_before_the_search(bars, workspace):
    with pytest.raises(InputError, match="unknown landmark backend 'dlb'; did you mean 'dlib'"):
        extract_faces(bars, workspace, "src", SEARCHES_NOTHING, config=with_options(landmarks="dlb"))
    assert not workspace.root.exists()


# Which faces are kept ----------------------------------------------------------------------------------------------


def test_a_video_without_a_face_leaves_nothing_behind(bars, workspace, detector, workspace_copy):
    message = "a face in 0 of 20 frames, 0 good enough to keep, at least 8 are needed; choose a longer clip"
    with pytest.raises(InputError, match=message):
        extract_faces(bars, workspace, "src", detector, config=EXTRACT)
    assert not workspace.root.exists()
    before = snapshot(workspace_copy.root)
    with pytest.raises(InputError, match=message):
        extract_faces(bars, workspace_copy, "src", detector, config=EXTRACT, overwrite=True)
    assert snapshot(workspace_copy.root) == before


def test_frames_without_a_face_have_no_crop(bars, workspace):
    seen = [(make_face(80, 50, 30),)] * 6
    extract_faces(bars, workspace, "dst", ListedDetector([*seen, *[()] * 8, *seen]), config=EXTRACT)
    frames = [record.frame for record in read_manifest(workspace.faces("dst"))]
    assert frames == [0, 1, 2, 3, 4, 5, 14, 15, 16, 17, 18, 19]


def test_a_filled_gap_is_marked_by_its_score(bars, workspace):
    faces = [(make_face(80, 50, 30),)] * 20
    faces[5] = ()
    extract_faces(bars, workspace, "dst", ListedDetector(faces), config=EXTRACT)
    scores = [record.score for record in read_manifest(workspace.faces("dst"))]
    assert scores == [0.9] * 5 + [0.0] + [0.9] * 14


def test_sharpness_ranks_a_blurred_face_below_a_sharp_one(blurred_clip, workspace):
    faces = [(HOPPER,)] * 20
    extract_faces(blurred_clip, workspace, "src", ListedDetector(faces), config=with_options(min_sharpness=0))
    records = read_manifest(workspace.faces("src"))
    blurred, sharp = (
        [r.sharpness for r in records if (6 <= r.frame < 10) == is_blurred] for is_blurred in (True, False)
    )
    assert (len(blurred), len(sharp)) == (4, 16)
    assert min(sharp) > 10 * max(blurred)


def test_small_and_blurred_faces_are_dropped_counted_and_named(blurred_clip, workspace):
    """Two people: one out of focus for four frames, the other too far away; every second frame is looked at."""
    far = make_face(190, 30, 15)
    detector = ListedDetector([(HOPPER, far)] * 20)
    config, everybody = with_options(frame_stride=2, min_size=34), TrackConfig(subject="all", smoothing="none")
    report = extract_faces(blurred_clip, workspace, "src", detector, config=config, track_config=everybody)
    assert report.dropped == {"blurred": 2, "tiny": 10} and report.crops == report.written == 8
    folder = workspace.faces("src")
    kept = [(record.frame, record.track) for record in read_manifest(folder)]
    assert kept == [(index, 0) for index in range(0, 20, 2) if index not in (6, 8)]
    assert [record.crop for record in read_manifest(folder)] == [f"{index:06d}.jpg" for index, _ in kept]
    lines = dropped_lines(folder)
    assert [line for line in lines if line["reason"] == "tiny"] == [
        {"frame": index, "track": 1, "reason": "tiny", "value": 33.0} for index in range(0, 20, 2)
    ]
    frames = list(read_frames(blurred_clip))
    blurred = [line for line in lines if line["reason"] == "blurred"]
    assert [(line["frame"], line["track"]) for line in blurred] == [(6, 0), (8, 0)]
    for line in blurred:
        sharpness = measure_sharpness(align_face(frames[line["frame"]], HOPPER).image)
        assert line["value"] == pytest.approx(sharpness, abs=1e-3) and sharpness < config.min_sharpness
    # What it says of a finished extraction is read back.
    again = extract_faces(blurred_clip, workspace, "src", detector, config=config, track_config=everybody)
    assert (again.crops, again.written, again.dropped) == (8, 0, report.dropped)


@pytest.mark.parametrize("sharp", [0, 7])
def test_too_few_faces_in_focus_leave_nothing_behind(portrait_clips, clip_frames, tmp_path, workspace, sharp):
    frames = [cv2.GaussianBlur(frame, (0, 0), 6) for frame in clip_frames[sharp:20]]
    video = encode_like(portrait_clips[0], tmp_path / "blurred.mp4", [*clip_frames[:sharp], *frames])
    message = f"a face in 20 of 20 frames, {sharp} good enough to keep, at least 8 are needed"
    with pytest.raises(InputError, match=message):
        extract_faces(video, workspace, "src", ListedDetector([(HOPPER,)] * 20), config=with_options(save_faces=True))
    assert contents(workspace.root) == {} and not workspace.faces("src").exists()


@pytest.mark.parametrize(
    ("frame_stride", "max_crops", "expected"), [(1, 10, 10), (1, 38, 38), (1, 99, 38), (3, 5, 5), (4, 0, 10)]
)
def test_a_target_is_spread_evenly_over_the_clip(portrait_clips, workspace, frame_stride, max_crops, expected):
    config = with_options(frame_stride=frame_stride, max_crops=max_crops, min_crops=5)
    report = extract_faces(portrait_clips[0], workspace, "src", ListedDetector([(HOPPER,)] * 38), config=config)
    frames = [record.frame for record in read_manifest(workspace.faces("src"))]
    assert len(frames) == report.crops == report.written == expected
    assert (
        frames[0] == 0
        and frames[-1] == 37 // frame_stride * frame_stride
        and all(frame % frame_stride == 0 for frame in frames)
    )
    steps = np.diff(frames)
    assert steps.max() - steps.min() <= frame_stride
    assert report.tracks.found == 38 and report.dropped == {}


# Several faces at once ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(pair_clip, detector, tmp_path_factory) -> tuple[Workspace, VideoTracks]:
    """Everybody in the clip of both people, with pictures to look at."""
    workspace = Workspace(tmp_path_factory.mktemp("pair"))
    config, everybody = with_options(save_faces=True), TrackConfig(subject="all")
    report = extract_faces(pair_clip, workspace, "src", detector, config=config, track_config=everybody)
    assert report.crops == report.written == 76
    return workspace, report.tracks


def test_two_faces_in_a_frame_give_two_crops(pair, pair_clip, small_workspace):
    workspace, tracks = pair
    folder = workspace.faces("src")
    records = read_manifest(folder)
    names = [name for index in range(38) for name in (f"{index:06d}.jpg", f"{index:06d}_1.jpg")]
    assert [record.crop for record in records] == sorted(names) == sorted(path.name for path in folder.glob("*.jpg"))
    assert collections.Counter((record.frame, record.track) for record in records) == {
        (index, number): 1 for index in range(38) for number in (0, 1)
    }
    for record in records:
        face = tracks.faces[record.frame][record.track]
        assert record.crop == f"{record.frame:06d}{'_1' if record.track else ''}.jpg"
        assert np.array(record.landmarks) == pytest.approx(face.landmarks, abs=1e-4)
        assert np.array(record.box_xyxy) == pytest.approx(face.box_xyxy, abs=1e-4)
    # Each crop shows whom its landmarks name: the person on the left or the one on the right.
    alone = {side: {r.frame: r for r in read_manifest(small_workspace.faces(side))} for side in ("src", "dst")}
    for record in records[::10]:
        is_right = record.landmarks[2][0] > 224
        pictures = [read_image(small_workspace.faces(side) / alone[side][record.frame].crop) for side in ("src", "dst")]
        likeness = [psnr(read_image(folder / record.crop), picture) for picture in pictures]
        assert likeness[is_right] > 24 > 15 > likeness[not is_right]


def test_a_faceset_of_two_people_is_read_back_whole(pair):
    workspace, _ = pair
    assert write_eye_masks(workspace, "src") == 76
    faceset = Faceset.open(workspace, "src")
    assert len(faceset) == 76 and faceset.load(64).images.shape == (76, 64, 64, 3)


def test_saved_faces_have_the_stems_of_the_crops(pair):
    workspace, _ = pair
    records = read_manifest(workspace.faces("src"))
    saved = {kind: sorted(os.listdir(workspace.root / "faces" / kind)) for kind in os.listdir(workspace.root / "faces")}
    assert saved == {
        "raw_faces": [record.crop for record in records],
        "aligned_faces": [record.crop for record in records],
        "binary_masks_eyes": [record.mask for record in records],
    }
    for record in records:
        aligned = workspace.single_video("aligned_faces") / record.crop
        assert aligned.read_bytes() == (workspace.faces("src") / record.crop).read_bytes()
        mask = read_mask(workspace.single_video("binary_masks_eyes") / record.mask)
        assert np.array_equal(mask, eye_mask(record.points_in_crop(), CROP_SIZE)) and mask.max() > 240


def test_a_raw_face_is_the_box_with_a_margin_of_a_quarter(pair, pair_clip):
    workspace, _ = pair
    frames = list(read_frames(pair_clip))
    for record in read_manifest(workspace.faces("src"))[::5]:
        left, top, right, bottom = record.box_xyxy
        x, y = 0.25 * (right - left), 0.25 * (bottom - top)
        rows, columns = slice(int(top - y), int(np.ceil(bottom + y))), slice(int(left - x), int(np.ceil(right + x)))
        raw = read_image(workspace.single_video("raw_faces") / record.crop)
        assert raw.shape == frames[record.frame][rows, columns].shape
        assert psnr(raw, frames[record.frame][rows, columns]) > 38


def test_a_raw_face_ends_where_the_frame_does(bars, workspace):
    face = make_face(140, 30, 30)  # its box reaches from x 107 to 173, y 0 to 84
    config = with_options(save_faces=True)
    extract_faces(bars, workspace, "src", ListedDetector([(face,)] * 20), config=config)
    frame = next(iter(read_frames(bars)))
    raw = read_image(workspace.single_video("raw_faces") / "000000.jpg")
    assert raw.shape == (105, 70, 3)
    assert psnr(raw, frame[:105, 90:]) > 30 > 20 > psnr(raw, frame[15:, 90:])


def test_saved_faces_of_another_video_do_not_stay(portrait_clips, workspace):
    config = with_options(save_faces=True)
    for side, every in (("src", 1), ("dst", 4)):
        detector = ListedDetector([(HOPPER,)] * 38)
        options = dataclasses.replace(config, frame_stride=every)
        extract_faces(portrait_clips[0], workspace, side, detector, config=options)
    for kind in ("raw_faces", "aligned_faces", "binary_masks_eyes"):
        stems = sorted(path.stem for path in workspace.single_video(kind).iterdir())
        assert stems == [f"{index:06d}" for index in range(0, 38, 4)]
    assert len(read_manifest(workspace.faces("src"))) == 38


# Landmarks ---------------------------------------------------------------------------------------------------------


def test_without_a_landmark_network_none_are_recorded(small_workspace):
    assert {record.landmarks_68 for record in read_manifest(small_workspace.faces("src"))} == {None}


@pytest.mark.skipif(DlibLandmarkDetector.unavailable_reason() is not None, reason="dlib is not installed")
def test_with_dlib_68_landmarks_are_recorded_and_the_eyes_drawn_from_them(portrait_clips, workspace, detector):
    config = with_options(landmarks="dlib", frame_stride=4, save_faces=True)
    extract_faces(portrait_clips[1], workspace, "dst", detector, config=config)
    records = read_manifest(workspace.faces("dst"))
    assert len(records) == write_eye_masks(workspace, "dst") == 10
    for record in records:
        points = np.array(record.landmarks_68)
        assert points.shape == (68, 2)
        five = np.array(record.landmarks)
        eye_distance = np.linalg.norm(five[1] - five[0])
        eyes = np.array([points[36:42].mean(axis=0), points[42:48].mean(axis=0)])
        assert np.linalg.norm(eyes - five[:2], axis=1).max() < 0.12 * eye_distance
        mask = read_mask(workspace.eye_masks("dst") / record.mask)
        assert np.array_equal(mask, eye_mask(record.landmarks_in_crop(), CROP_SIZE))
        ellipses = eye_mask(record.points_in_crop(), CROP_SIZE)
        assert np.abs(mask.astype(int) - ellipses).mean() > 0.5
        saved = read_mask(workspace.single_video("binary_masks_eyes") / record.mask)
        assert np.array_equal(saved, mask)
