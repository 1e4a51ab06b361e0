"""Audits: rejects of a poisoned faceset, the one blurred crop of its angle, what is applied, stored and shown."""

import dataclasses
import json
import re

import cv2
import numpy as np
import pytest

from benchmarks.poison import poison
from faceswap_lib.curation import (
    FacesetAudit,
    RejectLimits,
    apply_rejects,
    audit_faceset,
    audit_page,
    copy_sorted,
    draw_contact_sheet,
    draw_pose_map,
    propose_rejects,
    sort_faceset,
    write_audit_page,
    write_contact_sheets,
)
from faceswap_lib.curation.columns import COLUMNS
from faceswap_lib.curation.rejects import KINDS
from faceswap_lib.curation.scores import SCORES, read_scores
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces.recognition import DlibEmbedder
from faceswap_lib.facesets import Faceset, Workspace, extract_faces, list_excluded, restore_crops, write_eye_masks
from faceswap_lib.facesets.crop_files import CropFiles
from faceswap_lib.facesets.pack import pack_faceset, remove_packed
from faceswap_lib.facesets.pose_measures import measure_poses
from faceswap_lib.media import read_image
from tests.conftest import EXTRACT, contents
from tests.curation.facesets import open_faceset

NO_COPIES = np.full(8, -1)


def columns(**values) -> dict[str, np.ndarray]:
    return {name: np.array(value, float) for name, value in values.items()}


def propose(copies=NO_COPIES, **values) -> list[str]:
    return propose_rejects(columns(**values), np.array(copies), 0.6, RejectLimits()).tolist()


def test_each_limit_rejects_its_kind_and_the_first_kind_counts():
    assert propose(
        copies=[-1, -1, -1, -1, -1, -1, -1, 0],
        cut_off=[0, 0.11, 0.11, 0, 0, 0, 0, 0],
        occluded=[0, 0, 0.9, 0.13, 0, 0, np.nan, 0],
        embedding_distance=[0.3, 0.3, 0.9, 0.3, 0.58, 0.3, 0.56, 0.3],
        misalignment=[3, 3, 3, 3, 3, 15, np.nan, 3],
    ) == ["", "cut off", "cut off", "covered", "other person", "misaligned", "", "duplicate"]
    assert (
        propose(
            dark=[0.6, 0, 0, 0, 0, 0, 0, 0],
            bright=[0, 0.3, 0, 0, 0, 0, 0, 0],
            contrast=[90, 90, 20, 90, 90, 90, 90, 90],
        )
        == ["exposure"] * 3 + [""] * 5
    )
    assert propose() == [""] * 8  # nothing measured, nothing rejected


def test_a_blurred_crop_stays_where_it_is_the_only_one_of_its_angle():
    sharpness = [12, 12.02, 12.01, 11.5, 11.5, 12, 11.99, 12]
    flat = np.zeros(8)
    assert propose(motion_blur=sharpness, yaw=flat, pitch=flat) == ["", "", "", "blurred", "blurred", "", "", ""]
    yaw = [0, 0, 0, 40, 3, 0, 0, 0]
    assert propose(motion_blur=sharpness, yaw=yaw, pitch=flat) == ["", "", "", "", "blurred", "", "", ""]


def test_a_faceset_that_varies_more_is_judged_by_its_own_spread():
    sharpness = [11.0, 11.6, 11.2, 11.8, 11.4, 12.0, 11.1, 11.7]
    assert propose(motion_blur=sharpness) == [""] * 8


@pytest.mark.clips
@pytest.mark.skipif(DlibEmbedder.unavailable_reason() is not None, reason="dlib is not installed")
@pytest.mark.parametrize(("name", "other"), [("d9", "s32")])
def test_rejects_of_a_poisoned_faceset_are_found(name, other, real_clips, detector, tmp_path):
    facesets = []
    for clip, stride in ((name, 4), (other, 12)):
        workspace = Workspace(tmp_path / clip)
        config = dataclasses.replace(EXTRACT, frame_stride=stride)
        extract_faces(real_clips / f"{clip}.mp4", workspace, "src", detector, config=config)
        write_eye_masks(workspace, "src")
        facesets.append(open_faceset(workspace))
    poisoned, truth = poison(*facesets, tmp_path / "poisoned")
    audit = audit_faceset(poisoned, embedder=DlibEmbedder())
    found = dict(zip([record.crop for record in poisoned.records], audit.kinds, strict=True))
    for kind in ("blurred", "cut off", "other person", "duplicate"):
        proposed = [crop for crop in found if found[crop] == kind]
        wanted = sum(value == kind for value in truth.values()) / (2 if kind == "duplicate" else 1)
        right = sum(truth[crop] == kind for crop in proposed)
        assert wanted >= 4
        assert right / len(proposed) >= 0.9, (kind, [crop for crop in proposed if truth[crop] != kind])
        assert right / wanted >= 0.9, (kind, [crop for crop in truth if truth[crop] == kind and found[crop] != kind])


@pytest.fixture
def audit(workspace_copy: Workspace) -> FacesetAudit:
    """An audit in which two crops are blurred and one is a copy."""
    faceset = open_faceset(workspace_copy)
    for record in faceset.records[4:6]:
        path = str(faceset.folder / record.crop)
        cv2.imwrite(path, cv2.GaussianBlur(cv2.imread(path), (0, 0), 4))
    (faceset.folder / faceset.records[8].crop).write_bytes((faceset.folder / faceset.records[20].crop).read_bytes())
    return audit_faceset(faceset, other=Faceset.open(workspace_copy, "dst"), limits=RejectLimits(duplicate=0.01))


def test_rejects_are_set_aside_and_come_back(audit: FacesetAudit):
    workspace, names = Workspace(audit.faceset.folder.parent), [record.crop for record in audit.faceset.records]
    before = contents(workspace.root)
    assert audit.rejects("blurred") == names[4:6] and len(audit.rejects("duplicate")) == 1
    assert audit.counts()["blurred"] == 2 and len(audit.rejects()) == 3
    assert apply_rejects(workspace, "src", audit, "blurred") == 2
    assert [record.crop for record in list_excluded(workspace, "src")] == names[4:6]
    assert restore_crops(workspace, "src") == 2 and contents(workspace.root) == before
    assert apply_rejects(workspace, "src", audit, "cut off") == 0
    with pytest.raises(WorkspaceError, match="no crop 000004.jpg in"):
        apply_rejects(workspace, "src", audit)
        apply_rejects(workspace, "src", audit)


def test_what_was_not_measured_is_said(audit: FacesetAudit):
    assert set(audit.skipped) == {"embedding_distance", "occluded", "eyes_open", "mouth_open", "misalignment"}
    assert all(np.isfinite(audit.columns[name]).all() for name in set(COLUMNS) - set(audit.skipped) - {"blur"})


def test_the_table_has_every_column_and_spares_the_next_sort_the_pixels(audit: FacesetAudit, monkeypatch):
    faceset = audit.faceset
    table = read_scores(faceset.folder)
    assert set(table) == {record.crop for record in faceset.records}
    assert {"blur", "yaw", "histogram_difference", "duplicate_distance"} <= set(table[faceset.records[0].crop])
    fresh = sort_faceset(faceset, "brightness").order
    changed = faceset.folder / faceset.records[2].crop
    image = read_image(changed)
    read = []
    read_crop = CropFiles.read_image
    monkeypatch.setattr(CropFiles, "read_image", lambda self, name: read.append(name) or read_crop(self, name))
    assert sort_faceset(faceset, "brightness").order.tolist() == fresh.tolist() and read == []
    cv2.imwrite(str(changed), np.full_like(image, 255))
    assert sort_faceset(faceset, "brightness").names[0] == changed.name and read == [changed.name]


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[" * 100_000,
        '{"crop": 3, "blur": 1}',
        '{"crop": "000003.jpg", "blur": NaN}',
        '{"crop": "000003.jpg", "blur": "sharp", "file": true, "colour": 3}',
    ],
)
def test_a_damaged_table_is_computed_again(audit: FacesetAudit, line):
    folder = audit.faceset.folder
    before = sort_faceset(audit.faceset, "blur")
    kept = (folder / SCORES).read_text().splitlines()
    (folder / SCORES).write_text("\n".join([line, *kept[10:]]))
    assert "blur" not in read_scores(folder).get("000003.jpg", {})
    assert sort_faceset(audit.faceset, "blur").order.tolist() == before.order.tolist()
    lines = [json.loads(text) for text in (folder / SCORES).read_text().splitlines()]
    assert len(lines) == len(audit.faceset) and all("blur" in values for values in lines)


def test_the_page_shows_kinds_poses_and_columns_without_other_files(audit: FacesetAudit, tmp_path):
    write_audit_page(audit, tmp_path / "audit.html")
    text = (tmp_path / "audit.html").read_text()
    assert all(f"{kind.name}" in text and kind.color in text for kind in KINDS.values())
    assert "Proposed to be set aside: 3 (8%)" in text and "Cells in red" in text
    assert all(f"histogram of {name}" in text for name in audit.columns if name not in audit.skipped)
    assert all(reason.split(";")[0] in text for reason in audit.skipped.values())
    assert not re.findall(r'(?:src|href)="(?!data:)', text)


def test_the_page_says_how_many_of_a_kind_it_shows(audit: FacesetAudit, tmp_path, monkeypatch):
    monkeypatch.setattr(audit_page, "SHOWN", 2)
    kinds, copies = audit.kinds.copy(), audit.copies.copy()
    kinds[[10, 11]], copies[[10, 11]] = "duplicate", 12
    write_audit_page(dataclasses.replace(audit, kinds=kinds, copies=copies), tmp_path / "audit.html")
    text = (tmp_path / "audit.html").read_text()
    assert "(3 crops, the first 1 of them)" in text and "(2 crops)" in text  # duplicates in pairs, blurred


def test_a_cell_that_only_the_other_person_has_is_red(small_workspace):
    faceset = open_faceset(small_workspace)
    poses = np.zeros((len(faceset), 2))
    image = draw_pose_map(faceset, poses, np.arange(len(faceset)), other_poses=np.array([[10.0, 0.0], [0.0, 0.0]]))
    alone = draw_pose_map(faceset, poses, np.arange(len(faceset)))
    red = (image == (0xD6, 0x45, 0x41)).all(axis=2)
    assert image.shape[1] - alone.shape[1] == 88 and 80**2 < red.sum() < 88**2
    assert not (alone == (0xD6, 0x45, 0x41)).all(axis=2).any()


def test_sheets_and_copies_are_in_the_sort_order(workspace_copy, tmp_path):
    faceset = open_faceset(workspace_copy)
    ordered = sort_faceset(faceset, "best-fast", target=12)
    (sheet,) = write_contact_sheets(ordered, tmp_path / "sheets")
    assert read_image(sheet).shape == (2 * 110, 20 * 96, 3)
    (tmp_path / "sheets" / "sheet_009.jpg").write_bytes(b"old")
    assert write_contact_sheets(ordered, tmp_path / "sheets") == [sheet] and len(list(sheet.parent.iterdir())) == 1
    assert copy_sorted(ordered, tmp_path / "copies") == 12
    names = sorted(path.name for path in (tmp_path / "copies").iterdir())
    assert names == [f"{place:05d}_{name}" for place, name in enumerate(ordered.names[:12], 1)]
    first = (tmp_path / "copies" / names[0]).read_bytes()
    assert first == (faceset.folder / ordered.names[0]).read_bytes()
    with pytest.raises(InputError, match="expected an empty or new folder"):
        copy_sorted(ordered, tmp_path / "copies")


def test_a_sheet_has_its_images_in_rows_with_borders_of_their_colors():
    images = [np.full((50, 50, 3), level, np.uint8) for level in (10, 90, 170)]
    sheet = draw_contact_sheet(images, columns=2, colors=["", "#ff0000", "#00ff00"])
    assert sheet.shape == (192, 192, 3)
    assert sheet[0, 0].tolist() == [10, 10, 10] and sheet[0, 96].tolist() == [255, 0, 0]
    assert sheet[100, 0].tolist() == [0, 255, 0] and sheet[144, 48].tolist() == [170] * 3
    assert sheet[144, 144].tolist() == [255] * 3


def test_a_packed_faceset_is_sorted_audited_and_copied_like_its_files(workspace_copy, tmp_path):
    loose = sort_faceset(open_faceset(workspace_copy), "blur")
    audited = audit_faceset(open_faceset(workspace_copy))
    remove_packed(workspace_copy, "src", pack_faceset(workspace_copy, "src").path)
    faceset = open_faceset(workspace_copy)
    assert faceset.pack is not None and not (faceset.folder / loose.names[0]).exists()
    packed = sort_faceset(faceset, "blur")
    assert packed.names == loose.names and np.array_equal(packed.values, loose.values, equal_nan=True)
    assert audit_faceset(faceset).kinds.tolist() == audited.kinds.tolist()
    assert len(write_contact_sheets(packed, tmp_path / "sheets")) == 1
    assert copy_sorted(packed, tmp_path / "copies") == len(faceset)


def test_poses_are_comparable_between_people(audit: FacesetAudit):
    """A person whose measured pitch is always a few degrees too low lacks no pose that others have."""
    points = np.stack([record.points_in_crop() for record in audit.faceset.records])
    assert audit.poses == pytest.approx(measure_poses(points)[:, :2])
    assert abs(np.median(audit.poses[:, 1])) <= abs(np.median(audit.columns["pitch"]))
    assert audit.other_poses is not None and audit.other_poses.shape[1] == 2
