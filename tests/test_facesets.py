"""Facesets: what extraction leaves on disk, and how it is read back."""

import json
import os
import pathlib
import shutil

import numpy as np
import pytest

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import CROP_SIZE, DetectConfig, eye_mask, warp_frame
from faceswap_lib.facesets import (
    ExtractConfig,
    Faceset,
    Workspace,
    extract_faces,
    read_manifest,
    write_eye_masks,
    write_manifest,
)
from faceswap_lib.media import read_frames, read_image, read_mask
from tests.fakes import ListedDetector, make_face
from tests.videos import make_video, psnr


def snapshot(root: pathlib.Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder with its time of writing and its bytes."""
    return {
        path.relative_to(root).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def frames(portrait_clips) -> list[np.ndarray]:
    return list(read_frames(portrait_clips[0]))


def test_extraction_writes_one_crop_and_mask_per_frame_in_the_agreed_places(small_workspace):
    for side in ("src", "dst"):
        stems = [f"{index:06d}" for index in range(38)]
        crops = small_workspace.root / f"face_{side}"
        assert sorted(os.listdir(crops)) == sorted([f"{s}.jpg" for s in stems] + ["manifest.jsonl", "source.json"])
        masks = small_workspace.root / "binary_masks" / f"face_{side}_eyes"
        assert sorted(os.listdir(masks)) == [f"{s}.png" for s in stems]
        assert read_image(crops / "000007.jpg").shape == (CROP_SIZE, CROP_SIZE, 3)
        assert read_mask(masks / "000007.png").shape == (CROP_SIZE, CROP_SIZE)


def test_the_manifest_says_where_each_crop_came_from(small_workspace, frames):
    """Its matrix cuts the very crop out of the frame it names."""
    records = read_manifest(small_workspace.faces("src"))
    assert [record.frame for record in records] == list(range(38))
    for record in records[::9]:
        assert record.time == pytest.approx(record.frame / 25)
        stored = read_image(small_workspace.faces("src") / record.crop)
        again = warp_frame(frames[record.frame], np.array(record.crop_from_frame), CROP_SIZE)
        other = warp_frame(frames[(record.frame + 9) % 38], np.array(record.crop_from_frame), CROP_SIZE)
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


def test_sharpness_ranks_a_blurred_face_below_a_sharp_one(tmp_path, frames):
    import cv2

    from tests.fakes import encode_like

    source = make_video(tmp_path / "size.mp4", width=224, height=224, frames=2)
    pair = [frames[0], cv2.GaussianBlur(frames[0], (0, 0), 2)]
    video = encode_like(source, tmp_path / "pair.mp4", pair)
    face = make_face(110, 105, 45)
    workspace = Workspace(tmp_path / "w")
    extract_faces(video, workspace, "src", ListedDetector([(face,)] * 2), config=ExtractConfig(min_crops=2))
    sharp, blurred = read_manifest(workspace.faces("src"))
    assert sharp.sharpness > 3 * blurred.sharpness


def test_the_same_extraction_again_does_nothing(workspace_copy, portrait_clips, detector, tmp_path):
    before = snapshot(workspace_copy.root)
    assert extract_faces(portrait_clips[0], workspace_copy, "src", detector) is None
    # A copy under another folder is the same video, too.
    elsewhere = shutil.copy(portrait_clips[0], tmp_path / portrait_clips[0].name)
    assert extract_faces(pathlib.Path(elsewhere), workspace_copy, "src", detector) is None
    assert write_eye_masks(workspace_copy, "src") == 0
    assert snapshot(workspace_copy.root) == before


def test_another_video_or_other_options_need_overwrite(workspace_copy, portrait_clips, detector):
    before = snapshot(workspace_copy.root)
    with pytest.raises(WorkspaceError, match=r"faces of another video \(hopper.mp4\).*--overwrite"):
        extract_faces(portrait_clips[1], workspace_copy, "src", detector)
    with pytest.raises(WorkspaceError, match="other options"):
        extract_faces(portrait_clips[0], workspace_copy, "src", detector, config=ExtractConfig(every=3))
    assert snapshot(workspace_copy.root) == before
    track = extract_faces(
        portrait_clips[1], workspace_copy, "src", detector, config=ExtractConfig(every=3), overwrite=True
    )
    assert track.found == 38
    assert [record.frame for record in read_manifest(workspace_copy.faces("src"))] == list(range(0, 38, 3))
    assert len(list(workspace_copy.faces("src").glob("*.jpg"))) == 13
    assert not workspace_copy.eye_masks("src").exists()  # those were of the other faces
    kept = {name: value for name, value in before.items() if "dst" in name}
    assert {name: value for name, value in snapshot(workspace_copy.root).items() if "dst" in name} == kept


def test_files_of_others_are_not_touched(portrait_clips, detector, tmp_path):
    workspace = Workspace(tmp_path / "w")
    photo = workspace.faces("src") / "myphoto.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"mine")
    with pytest.raises(WorkspaceError, match="files that no extraction wrote"):
        extract_faces(portrait_clips[0], workspace, "src", detector)
    assert snapshot(workspace.root).keys() == {"face_src/myphoto.jpg"} and photo.read_bytes() == b"mine"


def test_another_detection_threshold_is_another_extraction(workspace_copy, portrait_clips, detector):
    with pytest.raises(WorkspaceError, match="other options"):
        extract_faces(portrait_clips[0], workspace_copy, "src", detector, detect_config=DetectConfig(threshold=0.99))


def test_a_lost_crop_is_counted(workspace_copy):
    (workspace_copy.faces("src") / "000003.jpg").unlink()
    with pytest.raises(WorkspaceError, match="1 of 38 crops are not in"):
        Faceset.open(workspace_copy, "src")


def test_an_extraction_cut_short_is_done_again(workspace_copy, portrait_clips, detector):
    """The manifest is written last, so a folder without one is unfinished."""
    folder = workspace_copy.faces("src")
    (folder / "manifest.jsonl").unlink()
    (folder / "stray.jpg").write_bytes(b"left by a kill")
    assert extract_faces(portrait_clips[0], workspace_copy, "src", detector).found == 38
    assert not (folder / "stray.jpg").exists() and len(read_manifest(folder)) == 38


def test_a_video_without_a_face_leaves_nothing_behind(tmp_path, detector, workspace_copy):
    video = make_video(tmp_path / "bars.mp4", width=160, height=120, frames=10)
    with pytest.raises(InputError, match="a face in 0 of 10 frames, at least 8 are needed"):
        extract_faces(video, Workspace(tmp_path / "new"), "src", detector)
    assert not (tmp_path / "new").exists()
    before = snapshot(workspace_copy.root)
    with pytest.raises(InputError, match="a face in 0 of 10 frames"):
        extract_faces(video, workspace_copy, "src", detector, overwrite=True)
    assert snapshot(workspace_copy.root) == before


def test_frames_without_a_face_have_no_crop(tmp_path):
    video = make_video(tmp_path / "bars.mp4", width=160, height=120, frames=20)
    seen = [(make_face(80, 50, 30),)] * 6
    workspace = Workspace(tmp_path / "w")
    extract_faces(video, workspace, "dst", ListedDetector([*seen, *[()] * 8, *seen]))
    frames = [record.frame for record in read_manifest(workspace.faces("dst"))]
    assert frames == [0, 1, 2, 3, 4, 5, 14, 15, 16, 17, 18, 19]


def test_a_filled_gap_is_marked_by_its_score(tmp_path):
    video = make_video(tmp_path / "bars.mp4", width=160, height=120, frames=12)
    faces = [(make_face(80, 50, 30),)] * 12
    faces[5] = ()
    workspace = Workspace(tmp_path / "w")
    extract_faces(video, workspace, "dst", ListedDetector(faces))
    scores = [record.score for record in read_manifest(workspace.faces("dst"))]
    assert scores == [0.9] * 5 + [0.0] + [0.9] * 6


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


def test_options_out_of_range_are_refused():
    for wrong in ({"every": 0}, {"min_crops": 0}):
        with pytest.raises(InputError, match="must be between"):
            ExtractConfig(**wrong)
