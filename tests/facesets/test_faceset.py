"""Facesets: what extraction leaves on disk, and how it is read back."""

import dataclasses
import json
import os

import numpy as np
import pytest

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import CROP_SIZE, Face, FaceTrack, VideoTracks, eye_mask, warp_frame
from faceswap_lib.faces.alignment import five_points
from faceswap_lib.facesets import Faceset, Workspace, extract_faces, read_manifest, write_eye_masks, write_manifest
from faceswap_lib.facesets.faceset import measure_rarity
from faceswap_lib.facesets.track_io import read_tracks, write_tracks
from faceswap_lib.media import read_image, read_mask
from tests.conftest import EXTRACT
from tests.fakes import ListedDetector
from tests.videos import psnr

NOTES = ["manifest.jsonl", "source.json", "tracks.npz", "dropped.jsonl"]
"""What lies beside the crops of a finished extraction."""


def test_extraction_writes_one_crop_and_mask_per_frame_in_the_agreed_places(small_workspace):
    for side in ("src", "dst"):
        stems = [f"{index:06d}" for index in range(38)]
        crops = small_workspace.root / f"face_{side}"
        assert sorted(os.listdir(crops)) == sorted([f"{s}.jpg" for s in stems] + NOTES)
        masks = small_workspace.root / "binary_masks" / f"face_{side}_eyes"
        assert sorted(os.listdir(masks)) == [f"{s}.png" for s in stems]
        assert read_image(crops / "000007.jpg").shape == (CROP_SIZE, CROP_SIZE, 3)
        assert read_mask(masks / "000007.png").shape == (CROP_SIZE, CROP_SIZE)


def test_the_manifest_says_where_each_crop_came_from(small_workspace, clip_frames):
    """Its matrix cuts the very crop out of the frame it names."""
    records = read_manifest(small_workspace.faces("src"))
    assert [record.frame for record in records] == list(range(38))
    for record in records[::9]:
        assert record.time == pytest.approx(record.frame / 25)
        stored = read_image(small_workspace.faces("src") / record.crop)
        again = warp_frame(clip_frames[record.frame], np.array(record.crop_from_frame), CROP_SIZE)
        other = warp_frame(clip_frames[(record.frame + 9) % 38], np.array(record.crop_from_frame), CROP_SIZE)
        assert psnr(stored, again) > 36 > psnr(stored, other)
        left, top, right, bottom = record.box_xyxy
        points = np.array(record.landmarks)
        assert np.all(points > [left, top]) and np.all(points < [right, bottom])
        assert 0.9 < record.score <= 1


def test_landmarks_in_the_crop_lie_on_the_eyes(small_workspace):
    for side in ("src", "dst"):
        for record in read_manifest(small_workspace.faces(side))[::12]:
            crop = read_image(small_workspace.faces(side) / record.crop).mean(axis=-1)
            for x, y in np.round(record.points_in_crop()[:2]).astype(int):
                assert crop[y - 5 : y + 6, x - 5 : x + 6].min() < 0.6 * crop[y + 24 : y + 30, x - 3 : x + 4].mean()


def test_a_lost_crop_is_counted(workspace_copy):
    (workspace_copy.faces("src") / "000003.jpg").unlink()
    with pytest.raises(WorkspaceError, match="1 of 38 crops are not in"):
        Faceset.open(workspace_copy, "src")


@pytest.mark.parametrize("size", [80, 160, CROP_SIZE])
def test_arrays_hold_every_crop_with_masks_that_fit_it(small_workspace, size):
    faceset = Faceset.open(small_workspace, "dst")
    arrays = faceset.load(size)
    assert len(faceset) == 38
    assert arrays.images.shape == (38, size, size, 3)
    for masks in (arrays.eyes, arrays.mouth, arrays.face):
        assert masks.shape == (38, size, size) and masks.dtype == np.uint8
    for index in (0, 19, 37):
        record = faceset.records[index]
        points = (record.points_in_crop() + 0.5) * size / CROP_SIZE - 0.5
        stored = read_image(faceset.folder / record.crop)
        assert arrays.images[index].mean(axis=(0, 1)) == pytest.approx(stored.mean(axis=(0, 1)), abs=0.6)
        (left, right, nose, *mouth) = np.round(points).astype(int)
        for x, y in (left, right):
            assert arrays.eyes[index, y, x] > 220 and arrays.mouth[index, y, x] == 0
        for x, y in mouth:
            assert arrays.mouth[index, y, x] > 90 and arrays.eyes[index, y, x] == 0
        assert arrays.face[index, nose[1], nose[0]] == 255 > arrays.face[index, 2, 2]


def test_rare_poses_and_expressions_are_told_from_common_ones():
    """Four in five look ahead, nearly alike; one in five turns, each a little further."""
    random, face = np.random.default_rng(0), np.array([[80, 100], [176, 100], [128, 140], [90, 190], [166, 190.0]])
    points = face + random.normal(0, 0.5, (100, 5, 2))
    points[80:, :, 0] += np.arange(1, 21)[:, None] * 6
    rarity = measure_rarity(points)
    assert rarity.mean() == pytest.approx(1) and rarity[80:].min() > 3 * np.median(rarity[:80])
    assert rarity[99] == rarity[80:].max()
    assert np.array_equal(measure_rarity(np.repeat(face[None], 5, axis=0)), np.ones(5))
    assert measure_rarity(points[:3]).shape == (3,)


def test_masks_are_written_once_and_only_where_one_is_missing(workspace_copy):
    folder = workspace_copy.eye_masks("src")
    (folder / "000003.png").unlink()
    kept = (folder / "000004.png").stat().st_mtime_ns
    with pytest.raises(WorkspaceError, match="1 of 38 eye masks are not in .*run 'faceswap masks'"):
        Faceset.open(workspace_copy, "src")
    assert write_eye_masks(workspace_copy, "src") == 1
    assert (folder / "000004.png").stat().st_mtime_ns == kept
    record = Faceset.open(workspace_copy, "src").records[3]
    assert np.array_equal(read_mask(folder / "000003.png"), eye_mask(record.points_in_crop(), CROP_SIZE))


def test_an_empty_workspace_says_what_to_do(tmp_path):
    workspace = Workspace(tmp_path)
    for attempt in (lambda: Faceset.open(workspace, "src"), lambda: write_eye_masks(workspace, "src")):
        with pytest.raises(WorkspaceError, match="run 'faceswap extract' first"):
            attempt()
    write_manifest(workspace.faces("src"), [])
    with pytest.raises(WorkspaceError, match="its manifest is empty"):
        Faceset.open(workspace, "src")
    assert not (tmp_path / "binary_masks").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{half a line", r"manifest.jsonl:3 is not a record"),
        ('{"crop": "a.jpg"}', r"manifest.jsonl:3 is not a record"),
        ("[1, 2]", r"manifest.jsonl:3"),
        ("null", r"manifest.jsonl:3"),
    ],
)
def test_a_damaged_line_of_the_manifest_is_named(workspace_copy, line, message):
    path = workspace_copy.faces("src") / "manifest.jsonl"
    lines = path.read_text().splitlines()
    lines[2] = line
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=message):
        read_manifest(path.parent)


def test_an_unknown_key_in_the_manifest_names_the_nearest(workspace_copy):
    path = workspace_copy.faces("src") / "manifest.jsonl"
    record = json.loads(path.read_text().splitlines()[0])
    record["sharpnes"] = record.pop("sharpness")
    path.write_text(json.dumps(record) + "\n")
    with pytest.raises(InputError, match="did you mean 'sharpness'"):
        read_manifest(path.parent)


def test_the_manifest_comes_back_as_it_was(small_workspace, tmp_path):
    records = read_manifest(small_workspace.faces("dst"))
    write_manifest(tmp_path, records)
    assert read_manifest(tmp_path) == records
    assert records[3].mask == "000003.png"


def test_a_workspace_is_a_folder_and_a_run_a_plain_name(tmp_path):
    workspace = Workspace(tmp_path / "not yet there")
    assert workspace.run("second") == tmp_path / "not yet there" / "models" / "second"
    for name in ("", "..", ".", "a/b", "/a", "../a"):
        with pytest.raises(WorkspaceError, match="expected a plain folder name"):
            workspace.run(name)
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="got the file"):
        Workspace(tmp_path / "file")


def random_face(rng: np.random.Generator) -> Face:
    """A face with nothing round about its numbers."""
    points = rng.uniform(20, 90, (5, 2))
    return Face(box_xyxy=[*points.min(axis=0), *points.max(axis=0)], score=rng.uniform(), landmarks=points)


def tracks_with_gaps() -> VideoTracks:
    """Three people: one with gaps, one for a single frame, two at once after a cut."""
    rng = np.random.default_rng(3)

    def track(start: int, seen: str) -> FaceTrack:
        return FaceTrack(start=start, faces=tuple(random_face(rng) if mark == "x" else None for mark in seen))

    return VideoTracks(
        length=40, tracks=(track(2, "xx..x...xx"), track(5, "x"), track(20, "xxxxx.x"), track(22, "xx")), cuts=(18, 31)
    )


@pytest.mark.parametrize(
    "tracks",
    [
        tracks_with_gaps(),
        VideoTracks(length=7, tracks=(), seen=(0, 0)),
        VideoTracks(length=9, tracks=(), cuts=(4,), seen=(2, 5)),
    ],
)
def test_tracks_come_back_exactly_as_they_were(tracks, tmp_path):
    write_tracks(tmp_path, tracks)
    again = read_tracks(tmp_path)
    assert (again.length, again.cuts, len(again.tracks)) == (tracks.length, tracks.cuts, len(tracks.tracks))
    assert again.seen == tracks.seen
    for before, after in zip(tracks.tracks, again.tracks, strict=True):
        assert (after.start, after.stop) == (before.start, before.stop)
        assert [face is None for face in after.faces] == [face is None for face in before.faces]
        for (index, face), (index_again, face_again) in zip(before.items(), after.items(), strict=True):
            assert index == index_again and face.score == face_again.score
            assert np.array_equal(face.box_xyxy, face_again.box_xyxy)
            assert np.array_equal(face.landmarks, face_again.landmarks)


def test_tracks_of_a_version_that_did_not_count_people_are_read(tmp_path):
    write_tracks(tmp_path, dataclasses.replace(tracks_with_gaps(), seen=(1, 2)))
    with np.load(tmp_path / "tracks.npz") as file:
        arrays = {name: file[name] for name in file.files if name != "seen"}
    np.savez(tmp_path / "tracks.npz", **arrays)
    assert read_tracks(tmp_path).seen is None and len(read_tracks(tmp_path).tracks) == 4


@pytest.mark.parametrize("seen", [[1], [2, 1], [-1, 1], [1, 2, 3], [1, 2 * 10**9], [[1, 2]], [0.5, 1.0]])
def test_a_number_of_people_that_is_none_is_refused(seen, tmp_path):
    write_tracks(tmp_path, tracks_with_gaps())
    with np.load(tmp_path / "tracks.npz") as file:
        arrays = {name: file[name] for name in file.files} | {"seen": np.array(seen)}
    np.savez(tmp_path / "tracks.npz", **arrays)
    with pytest.raises(WorkspaceError, match="seen: expected"):
        read_tracks(tmp_path)


def test_tracks_with_all_68_landmarks_are_kept_as_the_five_that_align(tmp_path):
    rng = np.random.default_rng(4)
    face = Face(box_xyxy=[0, 0, 90, 90], score=0.5, landmarks=rng.uniform(20, 90, (68, 2)))
    write_tracks(tmp_path, VideoTracks(length=1, tracks=(FaceTrack(start=0, faces=(face,)),)))
    (again,) = read_tracks(tmp_path).tracks[0].faces
    assert np.array_equal(again.landmarks, five_points(face.landmarks))


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "cut off", "one byte", "no cuts"])
def test_damaged_tracks_say_what_to_do(workspace_copy, portrait_clips, detector, damage):
    folder = workspace_copy.faces("src")
    path = folder / "tracks.npz"
    data = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage in ("empty", "text", "cut off"):
        path.write_bytes({"empty": b"", "text": b"no tracks\n" * 99, "cut off": bytes(data[: len(data) // 2])}[damage])
    elif damage == "one byte":
        data[len(data) // 2] ^= 255
        path.write_bytes(data)
    else:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files if name != "cuts"}
        np.savez(path, **arrays)
    with pytest.raises(WorkspaceError, match=r"tracks.npz: expected the tracks of a video .*extract with --overwrite"):
        read_tracks(folder)
    with pytest.raises(WorkspaceError, match="extract with --overwrite"):
        extract_faces(portrait_clips[0], workspace_copy, "src", ListedDetector([]), config=EXTRACT)
    report = extract_faces(portrait_clips[0], workspace_copy, "src", detector, config=EXTRACT, overwrite=True)
    assert report.written == report.tracks.found == 38
