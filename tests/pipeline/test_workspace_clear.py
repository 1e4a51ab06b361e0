"""Clearing a workspace takes what this program wrote, and nothing else; its description says what is there."""

import dataclasses
import os
import pathlib
import shutil

import numpy as np
import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import Workspace, pack_faceset, read_consent
from faceswap_lib.facesets.consent import record_consent
from faceswap_lib.locks import hold
from faceswap_lib.media import write_image
from faceswap_lib.pipeline.report import PAGE, SIDE_BY_SIDE
from faceswap_lib.pipeline.workspace_clear import clear_workspace
from faceswap_lib.pipeline.workspace_files import REPORTS, RUN_FILES, list_workspace_files
from faceswap_lib.pipeline.workspace_init import init_workspace
from faceswap_lib.pipeline.workspace_status import describe_workspace
from faceswap_lib.provenance import ProvenanceClaims, write_provenance
from faceswap_lib.reenactment.head_masks import HEADS
from faceswap_lib.reenactment.shape_cache import SHAPES
from faceswap_lib.training.periodic_export import EXPORTS
from tests.conftest import contents
from tests.links import require_symlinks
from tests.videos import make_video


@pytest.fixture
def workspace(workspace_copy) -> Workspace:
    """Facesets, masks, a pack, a run that was made up, a result, and files of the user among them."""
    root = workspace_copy.root
    for name in ("000000.png", "000001.png"):
        write_image(workspace_copy.occlusion_masks("src") / name, np.full((256, 256), 255, np.uint8))
    pack_faceset(workspace_copy, "b")
    run = workspace_copy.run("default")
    for name in (
        *(
            "config.json",
            "history.jsonl",
            "plan.png",
            "checkpoints/step-00000020.npz",
            "checkpoints/backups/step-00000010.npz",
        ),
        *("previews/step-00000020.png", "exports/model_20.dfm", "crop_cache/face_dst.rows", "crop_cache/face_dst.npz"),
    ):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text('{"training": {"steps": 20}}')
    make_result(root / "swap.mp4")
    (root / "report.html").write_text("<html>")
    record_consent(workspace_copy, "both agreed")
    return workspace_copy


def make_result(path: pathlib.Path) -> pathlib.Path:
    make_video(path, width=64, height=64, frames=3)
    facts = {"run": "default", "run_id": "ab" * 16, "steps": 20, "direction": "a2b"}
    write_provenance(path, ProvenanceClaims(inputs=(), options={}, consent=(), **facts))
    return path


MINE = (
    *("holiday.mp4", "notes.txt", "videos/A.mp4", "face_src/mine.jpg", "face_src/set_aside/x.txt", "models/paper.pdf"),
    *("models/default/notes.txt", "models/default/checkpoints/best.npz", "binary_masks/face_src_eyes/mine.png"),
    *("occlusion_masks/face_src/mine.png", "models/other/weights.bin", "sorted/list.txt", "face_src.fspack.txt"),
)


def add_mine(workspace: Workspace) -> dict[str, bytes]:
    make_video(workspace.root / "holiday.mp4", width=64, height=64, frames=2)
    for name in MINE[1:]:
        (workspace.root / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.root / name).write_bytes(b"mine")
    found = contents(workspace.root)
    return {name: found[name] for name in MINE}


@pytest.mark.parametrize("keep_backup", [True, False])
def test_files_of_the_user_stay_where_they_are(workspace, keep_backup):
    ours, mine = contents(workspace.root), add_mine(workspace)
    consents = ours.pop("consent.yaml")
    report = clear_workspace(workspace, keep_backup=keep_backup)
    left = {name: data for name, data in contents(workspace.root).items() if not name.startswith("backups/")}
    assert left == mine | {"consent.yaml": consents}
    assert report.files == len(ours) and report.bytes == sum(map(len, ours.values()))
    assert {"holiday.mp4", "notes.txt", "face_src", "models"} <= set(report.stayed)
    if keep_backup:
        assert report.backup is not None and contents(report.backup) == ours | {"consent.yaml": consents}
    else:
        assert report.backup is None and not (workspace.root / "backups").exists()


def test_empty_folders_go_and_the_workspace_can_be_used_again(workspace):
    clear_workspace(workspace, keep_backup=False)
    assert [path.name for path in workspace.root.iterdir() if not path.name.startswith(".")] == ["consent.yaml"]
    assert [path.name for path in init_workspace(workspace.root)] == ["videos", "models", "face_src", "face_dst"]
    assert describe_workspace(workspace).next.startswith("faceswap extract")


def test_two_backups_in_a_row_do_not_meet(workspace):
    first = clear_workspace(workspace).backup
    assert first is not None
    shutil.copytree(first / "face_src", workspace.faces("src"), dirs_exist_ok=True)
    second = clear_workspace(workspace).backup
    assert second is not None and second != first and contents(second / "face_src") == contents(first / "face_src")
    assert clear_workspace(workspace).files == 0 and len(list((workspace.root / "backups").iterdir())) == 2


@pytest.mark.parametrize("keep_backup", [True, False])
@pytest.mark.parametrize(
    "place",
    ["face_src", "face_src/set_aside", "binary_masks", "binary_masks/face_dst_eyes", "models", "models/default"],
)
def test_nothing_behind_a_link_is_touched(workspace, tmp_path, place, keep_backup):
    require_symlinks(tmp_path)
    outside = tmp_path / "outside"
    folder = workspace.root / place
    if folder.is_dir():
        shutil.move(folder, outside)
    else:
        shutil.copytree(workspace.faces("src"), outside)
    folder.symlink_to(outside)
    before = contents(outside)
    clear_workspace(workspace, keep_backup=keep_backup)
    assert contents(outside) == before and folder.is_symlink()


def test_a_link_in_place_of_a_file_goes_and_its_target_stays(workspace, tmp_path):
    require_symlinks(tmp_path)
    (tmp_path / "target.jpg").write_bytes(b"target")
    crop = workspace.faces("src") / "000001.jpg"
    crop.unlink()
    crop.symlink_to(tmp_path / "target.jpg")
    clear_workspace(workspace, keep_backup=False)
    assert not os.path.lexists(crop) and (tmp_path / "target.jpg").read_bytes() == b"target"


def test_a_manifest_of_a_stranger_names_no_file_elsewhere(workspace, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    lines = (workspace.faces("src") / "manifest.jsonl").read_text()
    hostile = '{"crop": "../../secret.jpg"}\n{"crop": "/etc/passwd"}\n{"crop": "../consent.yaml"}\n'
    (workspace.faces("src") / "manifest.jsonl").write_text(hostile + lines)
    (workspace.occlusion_masks("src") / "masks.jsonl").write_text('{"crop": "../../../secret.jpg"}\n{\n[]\n')
    listed = list_workspace_files(workspace)
    assert all(path.resolve().is_relative_to(workspace.root.resolve()) for path in listed)
    clear_workspace(workspace, keep_backup=False)
    assert (tmp_path / "secret.jpg").is_file() and read_consent(workspace)


@pytest.mark.parametrize("place", ["models/default", "face_src"])
def test_what_is_in_use_is_not_cleared(workspace, place):
    before = contents(workspace.root)
    with hold(workspace.root / place, what="a test"), pytest.raises(WorkspaceError, match="is in use by"):
        clear_workspace(workspace)
    after = {name: data for name, data in contents(workspace.root).items() if not name.endswith(".lock")}
    assert after == {name: data for name, data in before.items() if not name.endswith(".lock")}


def test_a_video_with_a_sidecar_of_another_file_is_no_result(workspace):
    make_video(workspace.root / "mine.mp4", width=64, height=64, frames=4)
    (workspace.root / "mine.mp4.provenance.json").write_text("{}")
    assert not {"mine.mp4", "mine.mp4.provenance.json"} & {path.name for path in list_workspace_files(workspace)}


def test_names_are_those_that_the_program_writes():
    assert {PAGE, SIDE_BY_SIDE} <= set(REPORTS) and EXPORTS in RUN_FILES


# Status --------------------------------------------------------------------------------------------------------------


def test_a_workspace_is_described(workspace):
    status = describe_workspace(workspace)
    a, b = status.facesets
    assert (a.crops, a.set_aside, a.eye_masks, a.occlusion_masks, a.is_packed) == (38, 0, 38, 2, False)
    assert (b.crops, b.eye_masks, b.occlusion_masks) == (38, 38, 0)
    assert b.bytes > a.bytes  # with its pack
    assert [(run.name, run.step) for run in status.runs] == [("default", 20)]
    assert [name for name, _ in status.results] == ["swap.mp4"] and status.reports == ("report.html",)
    assert status.consents == 1
    text = status.to_text()
    assert "38 crops from" in text and "run default: step 20" in text and "swap.mp4; 0.0 MB" in text


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        (["face_src"], "extract VIDEO --workspace {root} --person a"),
        (["face_dst"], "faceswap unpack {root}/face_dst.fspack --workspace {root} --person b"),
        (["face_dst", "face_dst.fspack"], "extract VIDEO --workspace {root} --person b"),
        (["binary_masks/face_src_eyes/000003.png"], "faceswap masks --workspace {root}"),
        (["models"], "faceswap train --workspace {root} --preset lite"),
        (["swap.mp4", "swap.mp4.provenance.json"], "faceswap convert VIDEO --workspace {root} --out {root}/swap.mp4"),
        ([], "look at the results"),
    ],
)
def test_the_next_command_is_that_of_the_first_missing_part(workspace, removed, said):
    for name in removed:
        path = workspace.root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    assert said.format(root=workspace.root) in describe_workspace(workspace).next


def test_damaged_parts_are_described_and_raise_nothing(workspace):
    (workspace.faces("src") / "manifest.jsonl").write_text("{")
    (workspace.root / "consent.yaml").write_text("[")
    (workspace.faces("dst") / "000004.jpg").unlink()
    (workspace.pack("dst")).write_bytes(b"x")
    status = describe_workspace(workspace)
    assert status.consents is None and status.facesets[0].problem.startswith("damaged:")
    assert "face_dst.fspack" in status.facesets[1].problem
    assert "consent.yaml is damaged" in status.to_text()
    (workspace.pack("dst")).unlink()
    assert describe_workspace(workspace).facesets[1].problem.startswith("1 of 38 crops are missing")


def test_a_packed_faceset_is_described_as_a_whole_one(workspace):
    whole = describe_workspace(workspace).facesets[1]
    for path in (*workspace.faces("dst").glob("*.jpg"), *workspace.eye_masks("dst").glob("*.png")):
        path.unlink()
    packed = describe_workspace(workspace).facesets[1]
    assert dataclasses.replace(packed, bytes=whole.bytes, is_packed=False) == whole and packed.is_packed
    assert "images in the pack" in packed.to_text()


def test_aligned_people_and_shapes_belong_to_the_workspace_and_other_files_do_not(workspace):
    people = workspace.root / "identities" / "VOX"
    people.mkdir(parents=True)
    ours = [people / "id1.rows", people / "id1.npz", *(workspace.faces("src") / name for name in (SHAPES, HEADS))]
    foreign = [people / "notes.txt", people / "other.npz"]
    for path in (*ours, *foreign):
        path.write_bytes(b"x")
    with hold(people, what="a test"), pytest.raises(WorkspaceError, match="is in use by"):
        clear_workspace(workspace)
    assert all(path.is_file() for path in ours)
    clear_workspace(workspace, keep_backup=False)
    assert not any(path.exists() for path in ours) and all(path.is_file() for path in foreign)
