"""Masks of a faceset: written, kept if changed by hand, ignored if of other crops, exported, used when it is loaded."""

import json
import logging
import pathlib

import cv2
import numpy as np
import pytest

from faceswap_lib.cli import main
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.media import read_mask, write_image
from faceswap_lib.occlusion.apply import write_occlusion_masks
from faceswap_lib.occlusion.labeled_crops import export_labels, read_labeled_crops
from faceswap_lib.occlusion.masks import clean_mask, soften_mask
from faceswap_lib.occlusion.network import build_occlusion_network
from faceswap_lib.occlusion.weights import write_network


class LeftHalfCovered:
    """Says that the left half of every crop is covered."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        found = np.full(images.shape[:3], 0.97, np.float32)
        found[:, :, :128] = 0.02
        return found


@pytest.fixture
def masked(workspace_copy: Workspace) -> Workspace:
    write_occlusion_masks(workspace_copy, "src", LeftHalfCovered())
    return workspace_copy


def test_every_crop_gets_a_mask(masked: Workspace):
    faceset = Faceset.open(masked, "src")
    assert faceset.occlusion is not None
    for record in faceset.records:
        mask = read_mask(masked.occlusion_masks("src") / record.mask)
        assert mask.shape == (256, 256) and (mask[:, :128] == 0).all() and (mask[90:170, 130:170] == 255).all()
        assert mask[:6].max() == 0 and mask[:, -6:].max() == 0  # outside of the face
        assert faceset.occlusion.is_of(record)
    report = write_occlusion_masks(masked, "src", LeftHalfCovered())
    assert report.written == len(faceset) and report.kept == 0 and report.covered == pytest.approx(0.5, abs=0.03)


def test_masks_changed_by_hand_are_kept_unless_overwritten(masked: Workspace):
    record = Faceset.open(masked, "src").records[0]
    path = masked.occlusion_masks("src") / record.mask
    write_image(path, np.full((256, 256), 77, np.uint8))
    assert write_occlusion_masks(masked, "src", LeftHalfCovered()).kept == 1
    assert (read_mask(path) == 77).all()
    assert write_occlusion_masks(masked, "src", LeftHalfCovered(), overwrite=True).kept == 0
    assert (read_mask(path)[:, :128] == 0).all()


def test_loading_removes_covered_pixels_from_the_face(masked: Workspace):
    faceset = Faceset.open(masked, "src").sample(4)
    plain = faceset.load(64, use_occlusion_masks=False)
    covered = faceset.load(64)
    assert plain.visible is None and covered.visible is not None
    assert (covered.visible[:, :, :32] == 0).all() and (covered.visible[:, 24:40, 33:42] == 255).all()
    assert (covered.face[:, :, :32] == 0).all()
    change = plain.face[:, :, 32:].astype(int) - covered.face[:, :, 32:]
    assert np.abs(change).max() <= 16 and plain.face[:, :, :32].any()  # the soft border ends within the margin
    assert np.array_equal(covered.images, plain.images)
    assert covered.sample(2).visible is not None
    other = Faceset.open(masked, "dst")
    assert other.sample(2).load(64).visible is None
    with pytest.raises(WorkspaceError, match="faceswap mask"):
        other.load(64, use_occlusion_masks=True)


def test_a_mask_of_another_crop_is_not_used(masked: Workspace, caplog: pytest.LogCaptureFixture):
    faceset = Faceset.open(masked, "src")
    first, second = (faceset.folder / record.crop for record in faceset.records[:2])
    first.write_bytes(second.read_bytes())  # as if another video were extracted
    (masked.occlusion_masks("src") / faceset.records[2].mask).unlink()
    with caplog.at_level(logging.WARNING):
        arrays = Faceset.open(masked, "src").sample(len(faceset)).load(64)
    assert arrays.visible is not None
    assert [bool((mask == 255).all()) for mask in arrays.visible[:4]] == [True, False, True, False]
    assert f"2 of {len(faceset)} crops" in caplog.text


def test_damaged_notes_are_refused(masked: Workspace):
    notes = masked.occlusion_masks("src") / "masks.jsonl"
    for text in ("{", "[]", "null", json.dumps({"crop": "../x.jpg", "crop_sha256": "a" * 64, "mask_sha256": "b" * 64})):
        notes.write_text(text + "\n")
        with pytest.raises(WorkspaceError, match=r"masks\.jsonl"):
            Faceset.open(masked, "src").load(64)


def test_a_folder_of_masks_that_is_a_link_is_refused(workspace_copy: Workspace, tmp_path: pathlib.Path):
    (tmp_path / "elsewhere").mkdir()
    workspace_copy.occlusion_masks("src").parent.mkdir()
    workspace_copy.occlusion_masks("src").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(WorkspaceError, match="link"):
        write_occlusion_masks(workspace_copy, "src", LeftHalfCovered())
    assert not list((tmp_path / "elsewhere").iterdir())


def test_exported_labels_are_read_again(masked: Workspace, tmp_path: pathlib.Path):
    faceset = Faceset.open(masked, "src").sample(3)
    for path in (tmp_path / "labels.json", tmp_path / "labels"):
        report = export_labels(path, {"src": faceset})
        assert (report.images, report.polygons, report.unmasked) == (3, 3, 0)
        examples = read_labeled_crops(path, {"src": faceset}, face_region="ellipse")
        assert len(examples) == 3
        assert (examples[0].visible[:, :126] == 0).all() and (examples[0].visible[90:170, 132:170] == 1).all()
        assert (examples[0].region[90:170, 90:170] == 1).all()


def test_doubtful_pixels_count_as_covered_only_beside_an_object():
    predicted = np.ones((256, 256), np.float32)
    predicted[100:140, 100:140], predicted[100:140, 140:146], predicted[100:140, 190:230] = 0.1, 0.69, 0.85
    mask = clean_mask(predicted)
    assert (mask[100:140, 100:146] == 0).all()
    assert (mask[100:140, 190:230] == 1).all()


def test_specks_are_removed_and_borders_grow_outward():
    predicted = np.ones((256, 256), np.float32)
    predicted[100:104, 100:104], predicted[50:90, 150:190] = 0, 0.05
    mask = clean_mask(predicted)
    assert mask[102, 102] == 1 and (mask[50:90, 150:190] == 0).all()
    soft = soften_mask(mask)
    assert (
        (soft[50:90, 150:190] < 0.02).all()
        and (soft[52:88, 152:188] < 1e-3).all()
        and soft[70, 149] < 0.5
        and soft[70, 140] > 0.999
    )


def test_the_verb_applies_and_exports(workspace_copy: Workspace, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture):
    root = str(workspace_copy.root)
    assert main(["mask", "--workspace", root]) == 2
    assert "--train" in capsys.readouterr().err
    channels = (4, 4)
    write_network(workspace_copy.occlusion_network, build_occlusion_network(channels), channels)
    assert main(["mask", "--workspace", root, "--person", "b"]) == 0
    assert "occlusion masks in" in capsys.readouterr().out
    assert not workspace_copy.occlusion_masks("src").exists()
    labels = tmp_path / "labels.json"
    assert main(["mask", "--workspace", root, "--person", "b", "--export-labels", str(labels)]) == 0
    assert json.loads(labels.read_text())["images"]
    for wrong in (["--labels", str(labels)], ["--train", "--network", "x.onnx"], ["--export-labels", "x", "--train"]):
        assert main(["mask", "--workspace", root, *wrong]) == 2


def test_the_verb_trains(workspace_copy: Workspace, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture):
    faceset = Faceset.open(workspace_copy, "src")
    shapes = [{"label": "occluder", "points": [[0, 0], [99, 0], [99, 99]]}]
    crop = f"face_src/{faceset.records[0].crop}"
    label = {"shapes": shapes, "imagePath": crop, "imageHeight": 256, "imageWidth": 256}
    (tmp_path / "label.json").write_text(json.dumps(label))
    command = ["mask", "--workspace", str(workspace_copy.root), "--train", "--steps", "1", "--batch-size", "1"]
    assert main([*command, "--max-crops", "4", "--labels", str(tmp_path / "label.json"), "--person", "a"]) == 0
    assert "and 1 labeled crops" in capsys.readouterr().out
    assert workspace_copy.occlusion_network.is_file()
    assert len(list(workspace_copy.occlusion_masks("src").glob("*.png"))) == len(faceset)
    assert cv2.imread(str(workspace_copy.occlusion_masks("src") / faceset.records[0].mask)).shape == (256, 256, 3)
