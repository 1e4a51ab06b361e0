"""Facesets from and to DeepFaceLab: geometry, counts, what is refused, and what a kill leaves behind."""

import json
import pathlib
import struct
import typing

import cv2
import numpy as np
import pytest

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import Face, align_face
from faceswap_lib.faces.alignment import five_points
from faceswap_lib.facesets import (
    CropRecord,
    Faceset,
    Workspace,
    exclude_crops,
    pack_faceset,
    read_manifest,
    write_eye_masks,
    write_manifest,
)
from faceswap_lib.facesets.consent import read_consent, require_swap_consent
from faceswap_lib.facesets.deepfacelab import FaceType, export_faceset, import_faceset, import_target
from faceswap_lib.facesets.deepfacelab.placement import chain
from faceswap_lib.facesets.pack import remove_packed
from faceswap_lib.media import read_image, write_image
from tests import deepfacelab_files as dfl
from tests.conftest import contents
from tests.faces68 import MEAN_FACE_68

WHOLE_FACE = [(0.3534, 0.3929), (0.6280, 0.3929), (0.4866, 0.5402), (0.3884, 0.6875), (0.5982, 0.6875)]
"""Eyes, nose tip and mouth corners in a crop of DeepFaceLab, in sides of the crop."""


def smooth_picture(height: int, width: int, seed: int) -> np.ndarray:
    """A picture without fine detail, in which every place looks different."""
    small = np.random.default_rng(seed).integers(0, 256, (height // 24, width // 24, 3), dtype=np.uint8)
    return cv2.GaussianBlur(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), (0, 0), 4)


def landmarks_68(x: float, y: float, eyes: float, degrees: float) -> np.ndarray:
    """Landmarks of an average face by the middle between its eyes, their distance, and its roll."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return MEAN_FACE_68 @ np.array([[cos, sin], [-sin, cos]]) * eyes + [x, y]


def make_faceset(
    workspace: Workspace, *, count: int = 4, with_68: bool = True, crop_size: int = 256
) -> list[np.ndarray]:
    """Writes a faceset whose five landmarks differ from those in the 68, as those of another network do."""
    records, frames = [], []
    for index in range(count):
        frame, points = smooth_picture(360, 480, index), landmarks_68(240 + 9 * index, 150, 70 + index, 6 * index - 8)
        five = five_points(points) + np.random.default_rng(index).normal(0, 2, (5, 2))
        face = Face(box_xyxy=np.array([*points.min(0), *points.max(0)]), score=0.9, landmarks=five)
        write_image(workspace.faces("src") / f"{10 * index:06d}.jpg", align_face(frame, face, crop_size).image)
        records.append(
            CropRecord(
                crop=f"{10 * index:06d}.jpg",
                frame=10 * index,
                time=index / 3,
                box_xyxy=face.box_xyxy.tolist(),
                landmarks=five.tolist(),
                crop_from_frame=align_face(frame, face).crop_from_frame.tolist(),
                score=0.9,
                sharpness=100.0,
                landmarks_68=points.tolist() if with_68 or index else None,
            )
        )
        frames.append(frame)
    write_manifest(workspace.faces("src"), records)
    write_eye_masks(workspace, "src")
    return frames


def write_face(
    path: pathlib.Path, frame: np.ndarray, points: np.ndarray, matrix: np.ndarray, size: int = 256, **values: object
) -> None:
    """Cuts a face out of a frame, and writes it as DeepFaceLab does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = cv2.warpAffine(frame, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC)
    jpeg = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    made = dfl.make_values(points @ matrix[:, :2].T + matrix[:, 2], source_landmarks=points.tolist())
    made = {
        name: value
        for name, value in (made | {"image_to_face_mat": matrix} | values).items()
        if value is not None and name != "source_rect"
    }
    path.write_bytes(dfl.add_segment(jpeg, dfl.dump(made)))


def enlarging(scale: float, x: float, y: float, degrees: float = 0.0) -> np.ndarray:
    """A similarity that moves (x, y) to (128, 100)."""
    cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([linear, np.array([128, 100]) - linear @ [x, y]])


def central_psnr(image: np.ndarray, other: np.ndarray) -> float:
    """PSNR of the part that networks read."""
    margin = len(image) // 10
    inner = slice(margin, len(image) - margin)
    return cv2.PSNR(image[inner, inner], other[inner, inner])


@pytest.mark.parametrize("name", ["aligned", "faceset.pak"])
@pytest.mark.parametrize("crop_size", [256, 384])
def test_a_faceset_comes_back_as_it_went(name, crop_size, tmp_path):
    ours, back = Workspace(tmp_path / "ours"), Workspace(tmp_path / "back")
    make_faceset(ours, crop_size=crop_size)
    report = export_faceset(ours, "a", tmp_path / name)
    assert (report.faces, report.without_landmarks) == (4, ()) and report.size % 16 == 0
    imported = import_faceset(tmp_path / name, back, "dst", crop_size=crop_size)
    assert (imported.crops, imported.written, imported.skipped) == (4, 4, {})
    assert imported.face_types == {"whole_face": 4} and imported.without_frame == 0
    for before, after in zip(read_manifest(ours.faces("src")), read_manifest(back.faces("dst")), strict=True):
        assert (after.crop, after.frame) == (before.crop, before.frame)
        assert np.abs(after.landmarks_in_crop() - before.landmarks_in_crop()).max() < 0.01
        assert np.abs(after.points_in_crop() - before.points_in_crop()).max() < 0.01
        images = [read_image(place / before.crop) for place in (ours.faces("src"), back.faces("dst"))]
        assert central_psnr(*images) > 38
    assert len(Faceset.open(back, "dst").read_crops()) == 4


def test_what_was_exported_is_what_deepfacelab_reads(tmp_path):
    ours = Workspace(tmp_path / "ours")
    frames = make_faceset(ours)
    export_faceset(ours, "src", tmp_path / "aligned", size=320)
    export_faceset(ours, "src", tmp_path / "faceset.pak", size=320, person_name="anna")
    loose = {path.name: path.read_bytes() for path in (tmp_path / "aligned").iterdir()}
    configs, packed = dfl.unpack((tmp_path / "faceset.pak").read_bytes())
    assert sorted(loose) == [config["filename"] for config in configs]
    assert sorted(loose) == ["00000_0.jpg", "00010_0.jpg", "00020_0.jpg", "00030_0.jpg"]
    assert packed == [loose[name] for name in sorted(loose)]
    for record, config, jpeg, frame in zip(read_manifest(ours.faces("src")), configs, packed, frames, strict=True):
        values = dfl.read_segment(jpeg)
        source, matrix = np.array(values["source_landmarks"]), values["image_to_face_mat"]
        assert (
            np.array_equal(source, np.array(record.landmarks_68))
            and values["source_filename"] == f"{record.frame:05d}.png"
        )
        assert np.allclose(source @ matrix[:, :2].T + matrix[:, 2], values["landmarks"])
        assert config["landmarks"] == values["landmarks"] and config["shape"] == (320, 320, 3)
        assert (config["face_type"], config["sample_type"], config["person_name"]) == (4, 2, "anna")
        direct = cv2.warpAffine(frame, matrix, (320, 320), borderMode=cv2.BORDER_REPLICATE)
        decoded = np.array(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))[..., ::-1]
        assert central_psnr(direct, np.ascontiguousarray(decoded)) > 35


@pytest.mark.parametrize(
    "face_type, coverage, shift", [("whole_face", 2.1314, 0.0), ("full_face", 1.5966, -0.07), ("half_face", 1.0, -0.07)]
)
def test_exported_faces_are_aligned_as_deepfacelab_does(face_type, coverage, shift, tmp_path):
    ours = Workspace(tmp_path / "ours")
    make_faceset(ours)
    export_faceset(ours, "src", tmp_path / "aligned", face_type=face_type, size=256)
    wanted = ((np.array(WHOLE_FACE) - 0.5) * 2.1314 + [0, shift]) / coverage + 0.5
    for path in (tmp_path / "aligned").iterdir():
        values = dfl.read_segment(path.read_bytes())
        points = np.array(values["landmarks"]) / 256
        five = np.array([points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]])
        assert values["face_type"] == face_type
        assert np.abs(five.mean(0) - wanted.mean(0)).max() < 0.001  # least squares keep the mean
        assert np.abs(five - wanted).max() < 0.03 * 2.1314 / coverage
        eyes = five[1] - five[0]
        assert abs(eyes[1] / eyes[0]) < 0.02  # level


def test_faces_of_deepfacelab_are_aligned_again_as_if_from_their_frame(tmp_path):
    frame, points = smooth_picture(360, 480, 5), landmarks_68(250, 140, 60, 7)
    matrix = enlarging(1.1, 250, 140, -12)
    write_face(tmp_path / "aligned" / "00017_0.jpg", frame, points, matrix, source_rect=(1, 2, 3, 4))
    back = Workspace(tmp_path / "back")
    import_faceset(tmp_path / "aligned", back, "a", crop_size=256, fps=10)
    (record,) = read_manifest(back.faces("src"))
    wanted = align_face(frame, Face(box_xyxy=np.array([0, 0, 1, 1]), score=1, landmarks=points))
    assert np.abs(np.array(record.crop_from_frame) - wanted.crop_from_frame).max() < 1e-6
    assert np.abs(np.array(record.landmarks) - five_points(points)).max() < 1e-3
    assert np.abs(np.array(record.landmarks_68) - points).max() < 1e-3
    assert (record.frame, record.time, record.score) == (17, 1.7, 1.0)
    assert central_psnr(read_image(back.faces("src") / record.crop), wanted.image) > 35


def write_many(folder: pathlib.Path, sources: typing.Mapping[str, str | None]) -> None:
    """Writes a face for each name, with the name of its frame."""
    for number, (name, source) in enumerate(sources.items()):
        frame, points = smooth_picture(360, 480, number), landmarks_68(250, 140, 60, 3 * number)
        write_face(folder / name, frame, points, enlarging(1.1, 250, 140), source_filename=source)


def frames_of(workspace: Workspace) -> dict[str, int]:
    return {record.crop: record.frame for record in read_manifest(workspace.faces("src"))}


def test_crops_are_named_by_the_numbers_of_their_frames(tmp_path):
    names = {"a.jpg": "00003.png", "b.jpg": "shot2_00003.png", "c.jpg": "anna.png", "d.jpg": "20240203101112.png"}
    write_many(tmp_path / "aligned", names | {"e.jpg": None})
    import_faceset(tmp_path / "aligned", Workspace(tmp_path / "back"), "src")
    assert frames_of(Workspace(tmp_path / "back")) == {
        "000003.jpg": 3,
        "000003_1.jpg": 3,
        "000004.jpg": 4,
        "000005.jpg": 5,
        "000006.jpg": 6,
    }


@pytest.mark.parametrize("kind", ["no landmarks in the frame", "landmarks of another frame"])
def test_a_face_whose_frame_is_not_known_is_placed_in_its_own_picture(kind, tmp_path):
    frame, points, matrix = smooth_picture(360, 480, 5), landmarks_68(250, 140, 60, 7), enlarging(1.1, 250, 140)
    other = points * [1, 1.5] + np.random.default_rng(0).normal(0, 30, (68, 2))
    source = None if kind == "no landmarks in the frame" else other.tolist()
    write_face(tmp_path / "aligned" / "a.jpg", frame, points, matrix, source_landmarks=source)
    report = import_faceset(tmp_path / "aligned", Workspace(tmp_path / "back"), "src")
    (record,) = read_manifest(Workspace(tmp_path / "back").faces("src"))
    assert report.without_frame == 1
    assert np.abs(np.array(record.landmarks_68) - (points @ matrix[:, :2].T + matrix[:, 2])).max() < 1e-3


def test_a_matrix_that_contradicts_the_landmarks_is_fitted_again(tmp_path):
    frame, points, matrix = smooth_picture(360, 480, 5), landmarks_68(250, 140, 60, 7), enlarging(1.1, 250, 140)
    wrong = np.array([[-1.0, 0, 256], [0, 1, 0]])
    write_face(tmp_path / "aligned" / "a.jpg", frame, points, matrix)
    write_face(tmp_path / "again" / "a.jpg", frame, points, matrix, image_to_face_mat=wrong)
    for name in ("aligned", "again"):
        import_faceset(tmp_path / name, Workspace(tmp_path / f"{name} imported"), "src")
    right, fitted = (
        read_manifest(Workspace(tmp_path / f"{name} imported").faces("src"))[0] for name in ("aligned", "again")
    )
    assert np.abs(np.array(right.crop_from_frame) - fitted.crop_from_frame).max() < 1e-6


def test_narrow_faces_are_counted(tmp_path):
    ours = Workspace(tmp_path / "ours")
    make_faceset(ours)
    kinds: dict[FaceType, int] = {"whole_face": 0, "half_face": 4}
    for face_type, narrow in kinds.items():
        export_faceset(ours, "src", tmp_path / face_type, face_type=face_type)
        report = import_faceset(tmp_path / face_type, Workspace(tmp_path / f"{face_type} imported"), "src")
        assert report.narrow == narrow and report.face_types == {face_type: 4}


def test_what_is_skipped_is_counted_and_what_is_damaged_is_refused_unless_asked(tmp_path):
    folder = tmp_path / "aligned"
    write_many(folder, {f"{n}.jpg": f"{n}.png" for n in range(4)})
    (folder / "plain.jpg").write_bytes(dfl.make_jpeg())
    (folder / "picture.png").write_bytes(b"png")
    whole = (folder / "2.jpg").read_bytes()
    (folder / "2.jpg").write_bytes(whole[: len(whole) - 3000])
    (folder / "3.jpg").write_bytes(dfl.add_segment(dfl.make_jpeg(), b"\x80\x04cos\nsystem\n."))
    with pytest.raises(InputError, match=r"3\.jpg.*os\.system"):
        import_faceset(folder, Workspace(tmp_path / "back"), "src")
    assert not (tmp_path / "back").exists()
    (folder / "3.jpg").unlink()
    with pytest.raises(InputError, match=r"2\.jpg"):
        import_faceset(folder, Workspace(tmp_path / "back"), "src")
    assert not (tmp_path / "back").exists()
    report = import_faceset(folder, Workspace(tmp_path / "back"), "src", skip_damaged=True)
    assert report.skipped == {"damaged": 1, "without metadata": 1, "other files": 1} and report.crops == 2


def test_one_person_of_several_is_chosen_by_name(tmp_path):
    for number, person in enumerate(("anna", "ben")):
        write_many(tmp_path / "aligned" / person, {f"{number}.jpg": f"{number}.png"})
    with pytest.raises(InputError, match="'anna', 'ben'.*no name"):
        import_faceset(tmp_path / "aligned", Workspace(tmp_path / "back"), "src")
    with pytest.raises(InputError, match="got 'carl'"):
        import_faceset(tmp_path / "aligned", Workspace(tmp_path / "back"), "src", person_name="carl")
    import_faceset(tmp_path / "aligned", Workspace(tmp_path / "back"), "src", person_name="ben")
    assert frames_of(Workspace(tmp_path / "back")) == {"000001.jpg": 1}


def test_a_folder_may_contain_the_pack_but_not_both(tmp_path):
    make_faceset(ours := Workspace(tmp_path / "ours"))
    export_faceset(ours, "src", tmp_path / "aligned" / "faceset.pak")
    assert import_faceset(tmp_path / "aligned", Workspace(tmp_path / "back"), "src").crops == 4
    (tmp_path / "aligned" / "a.jpg").write_bytes(dfl.make_jpeg())
    with pytest.raises(InputError, match=r"faceset\.pak and 1 \.jpg"):
        import_faceset(tmp_path / "aligned", Workspace(tmp_path / "other"), "src")
    with pytest.raises(InputError, match="got neither"):
        (tmp_path / "empty").mkdir()
        import_faceset(tmp_path / "empty", Workspace(tmp_path / "other"), "src")
    with pytest.raises(InputError, match="got nothing"):
        import_faceset(tmp_path / "gone.pak", Workspace(tmp_path / "other"), "src")


def test_another_faceset_is_replaced_only_if_asked_and_the_same_one_is_not_written_again(tmp_path):
    write_many(tmp_path / "one", {"1.jpg": "1.png"})
    write_many(tmp_path / "two", {"2.jpg": "2.png", "3.jpg": "3.png"})
    back = Workspace(tmp_path / "back")
    import_faceset(tmp_path / "one", back, "src")
    before = contents(back.root)
    again = import_faceset(tmp_path / "one", back, "src")
    assert (again.crops, again.written) == (1, 0) and contents(back.root) == before
    with pytest.raises(WorkspaceError, match="overwrite"):
        import_faceset(tmp_path / "two", back, "src")
    assert contents(back.root) == before
    (back.faces("src") / "notes.txt").write_text("mine")
    assert import_faceset(tmp_path / "two", back, "src", overwrite=True).crops == 2
    assert {path.name for path in back.faces("src").iterdir()} == {
        *("000002.jpg", "000003.jpg", "manifest.jsonl", "source.json", "notes.txt")
    }
    assert {path.name for path in back.eye_masks("src").iterdir()} == {"000002.png", "000003.png"}


def test_an_extracted_faceset_is_not_replaced(workspace_copy, tmp_path):
    write_many(tmp_path / "one", {"1.jpg": "1.png"})
    before = contents(workspace_copy.root)
    with pytest.raises(WorkspaceError, match="something else"):
        import_faceset(tmp_path / "one", workspace_copy, "src")
    assert contents(workspace_copy.root) == before


def test_an_import_that_was_killed_goes_on(tmp_path, monkeypatch):
    write_many(tmp_path / "aligned", {f"{n}.jpg": f"{n}.png" for n in range(5)})
    import_faceset(tmp_path / "aligned", Workspace(tmp_path / "whole"), "src")
    written = []

    def write_two(path: pathlib.Path, image: np.ndarray) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path.name)
        write_image(path, image)

    back = Workspace(tmp_path / "back")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(import_target, "write_image", write_two)
        import_faceset(tmp_path / "aligned", back, "src")
    assert not (back.faces("src") / "manifest.jsonl").exists()
    assert import_faceset(tmp_path / "aligned", back, "src").written == 3
    assert contents(back.root) == contents(tmp_path / "whole")


def test_a_consent_belongs_to_the_source_and_stays_when_crops_are_excluded(tmp_path):
    write_many(tmp_path / "aligned", {f"{n}.jpg": f"{n}.png" for n in range(3)})
    make_faceset(ours := Workspace(tmp_path / "ours"))
    export_faceset(ours, "src", tmp_path / "faceset.pak")
    back = Workspace(tmp_path / "back")
    with pytest.raises(InputError, match="consent statement"):
        import_faceset(tmp_path / "aligned", back, "src", consent=" ")
    one = import_faceset(tmp_path / "aligned", back, "src", consent="Anna agreed")
    with pytest.raises(InputError, match="no record of it"):
        require_swap_consent(back, None, ())
    two = import_faceset(tmp_path / "faceset.pak", back, "dst", consent="Ben agreed")
    assert [consent.videos for consent in read_consent(back)] == [(one.source,), (two.source,)]
    exclude_crops(back, "src", ["000001.jpg"])
    require_swap_consent(back, None, ())
    with pytest.raises(InputError, match="no record of it for other"):
        write_many(tmp_path / "other", {"9.jpg": "9.png"})
        import_faceset(tmp_path / "other", back, "dst", overwrite=True)
        require_swap_consent(back, None, ())


def test_crops_without_68_landmarks_are_named(tmp_path):
    make_faceset(ours := Workspace(tmp_path / "ours"), with_68=False)
    report = export_faceset(ours, "src", tmp_path / "aligned")
    assert (report.faces, report.without_landmarks) == (3, ("000000.jpg",))
    make_faceset(few := Workspace(tmp_path / "few"), with_68=False, count=1)
    with pytest.raises(WorkspaceError, match="none of the 1 crops.*68 landmarks"):
        export_faceset(few, "src", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_an_export_replaces_nothing_unasked(tmp_path):
    make_faceset(ours := Workspace(tmp_path / "ours"))
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("mine")
    (tmp_path / "old.pak").write_bytes(b"old")
    before = contents(tmp_path)
    for name in ("used", "old.pak", "used/mine.txt", "ours/face_src/deeper"):
        with pytest.raises(WorkspaceError):
            export_faceset(ours, "src", tmp_path / name)
    with pytest.raises(InputError, match="face_type"):
        export_faceset(ours, "src", tmp_path / "new", face_type="head")  # pyright: ignore[reportArgumentType]
    for person in ("../up", "a/b", "con", ""):
        with pytest.raises(InputError, match="person_name"):
            export_faceset(ours, "src", tmp_path / "new", person_name=person)
    assert contents(tmp_path) == before
    export_faceset(ours, "src", tmp_path / "used", overwrite=True, person_name="anna")
    assert (tmp_path / "used" / "mine.txt").read_text() == "mine"
    assert len(list((tmp_path / "used" / "anna").iterdir())) == 4


def test_affine_transforms_are_combined_in_their_order():
    first, second = np.array([[2.0, 1, 3], [0, 1, 5]]), np.array([[1.0, 0, -1], [4, 1, 2]])
    x, y = 7, 11
    once = 2 * x + y + 3, y + 5
    twice = once[0] - 1, 4 * once[0] + once[1] + 2
    assert np.array_equal(chain(second, first) @ [x, y, 1], twice)


def test_options_out_of_range_are_refused(tmp_path):
    with pytest.raises(InputError, match="crop_size"):
        import_faceset(tmp_path, Workspace(tmp_path / "w"), "src", crop_size=64)
    with pytest.raises(InputError, match="fps"):
        import_faceset(tmp_path, Workspace(tmp_path / "w"), "src", fps=0)


def test_names_of_packs_never_become_paths(tmp_path):
    """The crops get own names, whatever a frame or a pack is called."""
    write_many(tmp_path / "aligned", {"a.jpg": "con.png", "b.jpg": "-rf 7.png"})
    import_faceset(tmp_path / "aligned", Workspace(tmp_path / "back"), "src")
    assert set(frames_of(Workspace(tmp_path / "back"))) == {"000007.jpg", "000008.jpg"}
    stored = json.loads((tmp_path / "back" / "face_src" / "source.json").read_text())
    assert stored["video"] == "aligned"


def test_faces_of_a_pack_without_metadata_are_placed_by_its_index(tmp_path):
    make_faceset(ours := Workspace(tmp_path / "ours"))
    export_faceset(ours, "src", tmp_path / "aligned", size=256)
    configs, files = [], []
    for path in sorted((tmp_path / "aligned").iterdir()):
        jpeg = path.read_bytes()
        values, at = dfl.read_segment(jpeg), jpeg.index(b"\xff\xef")
        files.append(jpeg[:at] + jpeg[at + 2 + struct.unpack(">H", jpeg[at + 2 : at + 4])[0] :])
        configs.append(dfl.make_config(path.name, np.array(values["landmarks"]), 256, source_filename="00005.png"))
    (tmp_path / "faceset.pak").write_bytes(dfl.pack(dfl.dump(configs), files))
    report = import_faceset(tmp_path / "faceset.pak", Workspace(tmp_path / "back"), "src")
    assert (report.crops, report.without_frame) == (4, 4)
    assert set(frames_of(Workspace(tmp_path / "back")).values()) == {5}


def draw_masks(workspace: Workspace) -> dict[str, np.ndarray]:
    """Occlusion masks: an ellipse of another place for each crop; the last crop has none."""
    drawn = {}
    for number, record in enumerate(read_manifest(workspace.faces("src"))[:-1]):
        mask = np.zeros((256, 256), np.uint8)
        cv2.ellipse(mask, (120 + 5 * number, 130), (50, 70), 10.0 * number, 0, 360, (255,), -1, cv2.LINE_AA)
        write_image(workspace.occlusion_masks("src") / record.mask, mask)
        drawn[record.crop] = mask
    return drawn


@pytest.mark.parametrize("name", ["aligned", "faceset.pak"])
def test_masks_of_what_is_visible_go_there_and_back(name, tmp_path):
    ours, back = Workspace(tmp_path / "ours"), Workspace(tmp_path / "back")
    make_faceset(ours)
    drawn = draw_masks(ours)
    assert export_faceset(ours, "src", tmp_path / name).masks == 3
    assert import_faceset(tmp_path / name, back, "dst").masks == 3
    faceset = Faceset.open(back, "dst")
    assert faceset.occlusion is not None
    for record in faceset.records:
        assert faceset.occlusion.is_of(record) == (record.crop in drawn)
        if record.crop in drawn:
            found = faceset.occlusion.read(record, 256)
            assert np.abs(found.astype(int) - drawn[record.crop]).mean() < 1
            assert ((found > 127) != (drawn[record.crop] > 127)).mean() < 0.002
    assert export_faceset(ours, "src", tmp_path / "without", masks=False).masks == 0
    assert import_faceset(tmp_path / name, Workspace(tmp_path / "bare"), "src", masks=False).masks == 0
    assert not (tmp_path / "bare" / "occlusion_masks").exists()


@pytest.mark.parametrize("size", [512, 1024])
def test_masks_lie_on_the_same_part_of_the_face_in_deepfacelab(size, tmp_path):
    """The mouth alone is covered, here and there."""
    ours = Workspace(tmp_path / "ours")
    make_faceset(ours, count=1)
    (record,) = read_manifest(ours.faces("src"))
    mask = np.full((256, 256), 255, np.uint8)
    mouth = record.landmarks_in_crop()[48:60]
    cv2.fillConvexPoly(mask, cv2.convexHull(mouth.round().astype(np.int32)), (0,))
    write_image(ours.occlusion_masks("src") / record.mask, mask)
    export_faceset(ours, "src", tmp_path / "aligned", size=size)
    values = dfl.read_segment(next((tmp_path / "aligned").iterdir()).read_bytes())
    found = cv2.imdecode(values["xseg_mask"], cv2.IMREAD_GRAYSCALE)
    assert found is not None and found.shape == (512, 512)
    there = np.zeros((512, 512), np.uint8)
    cv2.fillConvexPoly(
        there, cv2.convexHull((np.array(values["landmarks"][48:60]) * 512 / size).round().astype(np.int32)), (255,)
    )
    inner = cv2.erode(there, np.ones((9, 9), np.uint8)) > 0
    around = (cv2.dilate(there, np.ones((25, 25), np.uint8)) > 0) & (cv2.dilate(there, np.ones((9, 9), np.uint8)) == 0)
    assert found[inner].max() < 10 and found[around].min() > 245


def test_masks_of_an_earlier_faceset_are_put_aside_and_those_of_a_failed_import_removed(tmp_path):
    ours, back = Workspace(tmp_path / "ours"), Workspace(tmp_path / "back")
    make_faceset(ours)
    draw_masks(ours)
    export_faceset(ours, "src", tmp_path / "aligned")
    write_image(back.occlusion_masks("src") / "000000.png", np.full((8, 8), 7, np.uint8))
    mine = (back.occlusion_masks("src") / "000000.png").read_bytes()
    import_faceset(tmp_path / "aligned", back, "src")
    aside = back.root / "occlusion_masks" / "face_src.earlier-1"
    assert contents(aside) == {"000000.png": mine}
    last = sorted((tmp_path / "aligned").iterdir())[-1]
    last.write_bytes(last.read_bytes()[:-2000])
    with pytest.raises(InputError, match=last.name):
        import_faceset(tmp_path / "aligned", Workspace(tmp_path / "failed"), "src")
    assert not (tmp_path / "failed").exists()


@pytest.mark.parametrize("name", ["aligned", "faceset.pak"])
def test_a_faceset_whose_images_are_only_in_its_pack_is_exported_as_from_its_folder(name, tmp_path):
    ours = Workspace(tmp_path / "ours")
    make_faceset(ours)
    mask = np.full((256, 256), 255, np.uint8)
    mask[150:] = 0
    write_image(ours.occlusion_masks("src") / "000010.png", mask)
    whole = export_faceset(ours, "a", tmp_path / "whole" / name)
    remove_packed(ours, "a", pack_faceset(ours, "a").path)
    assert not list(ours.faces("src").glob("*.jpg")) and not ours.occlusion_masks("src").exists()
    packed = export_faceset(ours, "a", tmp_path / "packed" / name)
    assert (whole.faces, whole.masks) == (packed.faces, packed.masks) == (4, 1)
    assert contents(tmp_path / "packed") == contents(tmp_path / "whole")
    ours.pack("src").unlink()
    with pytest.raises(WorkspaceError, match=r"000000\.jpg is missing"):
        export_faceset(ours, "a", tmp_path / "none" / name)
    assert not (tmp_path / "none" / "faceset.pak").exists()


@pytest.mark.clips
def test_a_real_clip_goes_there_and_back(real_clips, tmp_path):
    pytest.importorskip("ai_edge_litert")
    from faceswap_lib.faces import MTCNN
    from faceswap_lib.facesets import ExtractConfig, extract_faces

    ours, back = Workspace(tmp_path / "ours"), Workspace(tmp_path / "back")
    config = ExtractConfig(landmarks="mesh", frame_stride=60)
    extract_faces(real_clips / "d6.mp4", ours, "src", MTCNN(), config=config)
    export_faceset(ours, "src", tmp_path / "faceset.pak")
    side = len(read_image(next(ours.faces("src").glob("*.jpg"))))
    import_faceset(tmp_path / "faceset.pak", back, "src", crop_size=side)
    for before, after in zip(*(read_manifest(each.faces("src")) for each in (ours, back)), strict=True):
        assert np.abs(after.landmarks_in_crop() - before.landmarks_in_crop()).max() < 0.5
        images = [read_image(each.faces("src") / before.crop) for each in (ours, back)]
        assert central_psnr(*images) > 40
