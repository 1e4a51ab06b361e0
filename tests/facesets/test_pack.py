"""A pack is a whole faceset in one file: it comes back byte for byte, and is used where it is."""

import hashlib
import json
import os
import shutil
import zipfile

import numpy as np
import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import Faceset, Workspace, exclude_crops, pack_faceset, read_consent, unpack_faceset
from faceswap_lib.facesets.consent import cover_videos, record_consent
from faceswap_lib.facesets.consent_file import ConsentVideo
from faceswap_lib.facesets.exclusion import restore_crops
from faceswap_lib.facesets.manifest import read_manifest
from faceswap_lib.facesets.pack import remove_packed
from faceswap_lib.media import write_image
from tests.conftest import contents
from tests.links import require_symlinks

FOLDERS = ("face_{}", "binary_masks/face_{}_eyes", "occlusion_masks/face_{}")


@pytest.fixture
def workspace(workspace_copy) -> Workspace:
    """Both facesets; of A, three crops are set aside, and two have occlusion masks with notes and scores."""
    exclude_crops(workspace_copy, "src", ["000003.jpg", "000004.jpg", "000009.jpg"])
    masks = workspace_copy.occlusion_masks("src")
    for name in ("000000.png", "000001.png"):
        write_image(masks / name, np.full((256, 256), 255, np.uint8))
    (workspace_copy.faces("src") / "scores.jsonl").write_text('{"crop": "000000.jpg"}\n')
    return workspace_copy


def files_of(workspace: Workspace, side: str) -> dict[str, dict[str, bytes]]:
    return {folder: contents(workspace.root / folder.format(side)) for folder in FOLDERS}


@pytest.mark.parametrize(("person", "side"), [("a", "src"), ("b", "dst")])
def test_a_pack_comes_back_byte_for_byte_as_either_person(workspace, tmp_path, person, side):
    before = files_of(workspace, "src")
    report = pack_faceset(workspace, "a", tmp_path / "anna.fspack")
    assert files_of(workspace, "src") == before
    other = Workspace(tmp_path / "other")
    unpacked = unpack_faceset(report.path, other, person)
    assert files_of(other, side) == before
    assert (report.crops, report.set_aside) == (unpacked.crops, unpacked.set_aside) == (35, 3)
    assert report.files == unpacked.files == sum(map(len, before.values())) == 2 * 38 + 2 + 2 + 4
    assert len(Faceset.open(other, side)) == 35 and restore_crops(other, side) == 3


def test_any_zip_program_reads_a_pack_and_its_index_gives_place_and_digest(workspace, tmp_path):
    path = pack_faceset(workspace, "a", tmp_path / "anna.fspack").path
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        index = archive.read("pack/index.jsonl")
        assert archive.read("pack/digest.txt").decode().strip() == hashlib.sha256(index).hexdigest()
        assert json.loads(archive.read("pack/header.json")) == {
            **{"format": "faceswap-pack", "version": 1, "crops": 35, "set_aside": 3}
        }
    assert names[0] == "pack/header.json" and names[-2:] == ["pack/index.jsonl", "pack/digest.txt"]
    assert names.index("faces/manifest.jsonl") < names.index("faces/000000.jpg")
    lines = [json.loads(line) for line in index.decode().splitlines()]
    assert [line["name"] for line in lines] == names[:-2]
    for line in lines:
        piece = data[line["offset"] : line["offset"] + line["size"]]
        assert hashlib.sha256(piece).hexdigest() == line["sha256"], line["name"]
        if line["name"].startswith("faces/"):
            assert piece == (workspace.faces("src") / line["name"].removeprefix("faces/")).read_bytes()


def test_the_same_faceset_gives_the_same_bytes(workspace, tmp_path):
    one, other = (pack_faceset(workspace, "a", tmp_path / name).path for name in ("1.fspack", "2.fspack"))
    assert one.read_bytes() == other.read_bytes()


def test_an_existing_file_is_replaced_on_demand_only(workspace):
    place = workspace.pack("src")
    place.write_bytes(b"mine")
    with pytest.raises(WorkspaceError, match=r"face_src.fspack is already there; pass --overwrite"):
        pack_faceset(workspace, "a")
    assert place.read_bytes() == b"mine"
    assert pack_faceset(workspace, "a", overwrite=True).path == place
    assert zipfile.is_zipfile(place)


def test_a_faceset_with_lost_crops_is_not_packed(workspace):
    (workspace.faces("src") / "000007.jpg").unlink()
    with pytest.raises(WorkspaceError, match="1 of 35 crops are not in"):
        pack_faceset(workspace, "a")
    assert not workspace.pack("src").exists()


def test_a_link_out_of_the_workspace_is_not_packed(workspace, tmp_path):
    require_symlinks(tmp_path)
    (tmp_path / "secret.txt").write_text("secret")
    (workspace.faces("src") / "notes.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(WorkspaceError, match="notes.txt"):
        pack_faceset(workspace, "a", tmp_path / "anna.fspack")
    assert not (tmp_path / "anna.fspack").exists()


@pytest.mark.skipif(os.name == "nt", reason="permissions of Unix")
def test_a_pack_can_be_read_by_nobody_who_may_not_read_the_crops(workspace, tmp_path):
    (workspace.faces("src") / "000005.jpg").chmod(0o600)
    path = pack_faceset(workspace, "a", tmp_path / "anna.fspack").path
    assert path.stat().st_mode & 0o077 == 0
    other = Workspace(tmp_path / "other")
    unpack_faceset(path, other, "a")
    assert (other.faces("src") / "000005.jpg").stat().st_mode & 0o077 == 0


# Consents ------------------------------------------------------------------------------------------------------------


def test_consents_come_along_for_this_faceset_alone(workspace, tmp_path):
    video = ConsentVideo(
        name="x.mp4", sha256=json.loads((workspace.faces("src") / "source.json").read_text())["sha256"]
    )
    foreign = ConsentVideo(name="other.mp4", sha256="ab" * 32)
    record_consent(workspace, "Anna agreed", [video, foreign])
    record_consent(workspace, "somebody else agreed", [foreign])
    record_consent(workspace, "both agreed")
    report = pack_faceset(workspace, "a", tmp_path / "anna.fspack")
    assert report.consents == ("Anna agreed", "both agreed")
    other = Workspace(tmp_path / "other")
    record_consent(other, "Ben agreed", [ConsentVideo(name="ben.mp4", sha256="cd" * 32)])
    assert unpack_faceset(report.path, other, "b").consents == ("Anna agreed", "both agreed")
    found = {consent.statement: [each.sha256 for each in consent.videos] for consent in read_consent(other)}
    assert found == {"Ben agreed": ["cd" * 32], "Anna agreed": [video.sha256], "both agreed": [video.sha256]}
    assert cover_videos(other, [video]).uncovered == () and cover_videos(other, [foreign]).uncovered == (foreign,)


def test_a_pack_brings_no_consent_for_other_people(workspace, tmp_path):
    record_consent(workspace, "Anna agreed")
    path = pack_faceset(workspace, "a", tmp_path / "anna.fspack").path
    forged = (
        b"statement: everybody agreed\n---\nstatement: Ben agreed\nvideos:\n- {name: b, sha256: " + b"cd" * 32 + b"}\n"
    )
    hostile = rebuild(path, tmp_path / "hostile.fspack", {"pack/consent.yaml": forged})
    other = Workspace(tmp_path / "other")
    assert unpack_faceset(hostile, other, "a").consents == () and read_consent(other) == ()


def rebuild(path, target, changes: dict[str, bytes]):
    """Writes a pack anew with other contents of some files, with a matching index, from the format's description."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()[:-2]} | changes
    lines = []
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
            offset = archive.getinfo(name).header_offset + 30 + len(name.encode())
            digest = hashlib.sha256(data).hexdigest()
            lines.append(json.dumps({"name": name, "offset": offset, "size": len(data), "sha256": digest}) + "\n")
        index = "".join(lines).encode()
        archive.writestr(zipfile.ZipInfo("pack/index.jsonl"), index)
        archive.writestr(zipfile.ZipInfo("pack/digest.txt"), hashlib.sha256(index).hexdigest() + "\n")
    return target


# Other files in the way ----------------------------------------------------------------------------------------------


def test_another_faceset_is_renamed_on_demand_only(workspace, tmp_path):
    path = pack_faceset(workspace, "a", tmp_path / "anna.fspack").path
    before, mine = files_of(workspace, "src"), files_of(workspace, "dst")
    with pytest.raises(WorkspaceError, match="belongs to another faceset, which is in the way"):
        unpack_faceset(path, workspace, "b")
    assert files_of(workspace, "dst") == mine
    report = unpack_faceset(path, workspace, "b", overwrite=True)
    assert files_of(workspace, "dst") == before
    renamed = {folder.name.partition(".earlier-")[0]: contents(folder) for folder in report.renamed}
    assert renamed == {"face_dst": mine["face_{}"], "face_dst_eyes": mine["binary_masks/face_{}_eyes"]}


def test_what_is_there_already_stays_and_what_is_missing_comes_back(workspace, tmp_path):
    path, before = pack_faceset(workspace, "a", tmp_path / "anna.fspack").path, files_of(workspace, "src")
    stayed = (workspace.faces("src") / "000001.jpg").stat().st_mtime_ns
    for name in ("000000.jpg", "manifest.jsonl", "set_aside/000003.jpg"):
        (workspace.faces("src") / name).unlink()
    assert unpack_faceset(path, workspace, "a").files == 3
    assert files_of(workspace, "src") == before
    assert (workspace.faces("src") / "000001.jpg").stat().st_mtime_ns == stayed


def test_a_changed_mask_is_another_faceset(workspace, tmp_path):
    path = pack_faceset(workspace, "a", tmp_path / "anna.fspack").path
    mask = workspace.eye_masks("src") / "000001.png"
    write_image(mask, np.zeros((256, 256), np.uint8))
    drawn = mask.read_bytes()
    with pytest.raises(WorkspaceError, match=r"000001.png belongs to another faceset"):
        unpack_faceset(path, workspace, "a")
    assert mask.read_bytes() == drawn


def test_no_folder_that_is_a_link_out_of_the_workspace_is_written_to(workspace, tmp_path):
    require_symlinks(tmp_path)
    path = pack_faceset(workspace, "a", tmp_path / "anna.fspack").path
    (tmp_path / "elsewhere").mkdir()
    other = Workspace(tmp_path / "other")
    other.root.mkdir()
    other.faces("src").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorkspaceError, match="got a link to"):
        unpack_faceset(path, other, "a")
    assert not list((tmp_path / "elsewhere").iterdir())


# A faceset that stays in its pack ------------------------------------------------------------------------------------


def packed_in_place(workspace: Workspace) -> Workspace:
    remove_packed(workspace, "a", pack_faceset(workspace, "a").path)
    return workspace


def test_crops_and_masks_are_read_from_the_pack(workspace):
    whole = Faceset.open(workspace, "src")
    arrays, crops = whole.load(80), whole.read_crops()
    packed_in_place(workspace)
    left = [path.name for folder in FOLDERS for path in (workspace.root / folder.format("src")).rglob("*")]
    assert sorted(name for name in left if "." in name) == sorted(
        ["dropped.jsonl", "manifest.jsonl", "manifest.jsonl", "scores.jsonl", "source.json", "tracks.npz"]
    )
    faceset = Faceset.open(workspace, "src")
    assert faceset.records == whole.records and faceset.has_occlusion_masks
    again = faceset.load(80)
    for name in ("images", "eyes", "mouth", "face", "rarity", "visible"):
        assert np.array_equal(getattr(again, name), getattr(arrays, name)), name
    assert all(np.array_equal(a.image, b.image) for a, b in zip(faceset.read_crops(), crops, strict=True))


def test_a_packed_faceset_is_unpacked_in_its_workspace(workspace):
    before = files_of(workspace, "src")
    packed_in_place(workspace)
    report = unpack_faceset(workspace.pack("src"), workspace, "a")
    assert files_of(workspace, "src") == before and report.renamed == ()


def test_what_was_measured_and_drawn_meanwhile_stays_when_a_pack_is_unpacked_in_its_place(workspace):
    before = files_of(workspace, "src")
    packed_in_place(workspace)
    scores, mask = workspace.faces("src") / "scores.jsonl", workspace.eye_masks("src") / "000001.png"
    scores.write_text("new")
    write_image(mask, np.full((256, 256), 9, np.uint8))
    drawn = mask.read_bytes()
    unpack_faceset(workspace.pack("src"), workspace, "a")
    before["face_{}"]["scores.jsonl"], before["binary_masks/face_{}_eyes"]["000001.png"] = b"new", drawn
    assert files_of(workspace, "src") == before


def test_a_pack_is_used_from_another_workspace_without_unpacking_its_images(workspace, tmp_path):
    path = pack_faceset(workspace, "a", tmp_path / "anna.fspack").path
    other = Workspace(tmp_path / "other")
    assert unpack_faceset(path, other, "b", keep_packed=True).files == 6
    assert other.pack("dst").read_bytes() == path.read_bytes()
    assert not list(other.root.rglob("*.jpg"))
    expected, found = Faceset.open(workspace, "src").load(80), Faceset.open(other, "dst").load(80)
    assert np.array_equal(found.images, expected.images) and np.array_equal(found.face, expected.face)


def test_crops_that_are_only_in_a_pack_are_not_set_aside(workspace):
    packed_in_place(workspace)
    before = contents(workspace.root)
    for change in (lambda: exclude_crops(workspace, "src", ["000001.jpg"]), lambda: restore_crops(workspace, "src")):
        with pytest.raises(WorkspaceError, match=r"are only in face_src.fspack; unpack it first: faceswap unpack"):
            change()
    assert contents(workspace.root) == before


def test_a_pack_of_other_crops_is_not_taken_for_the_faceset(workspace):
    pack_faceset(workspace, "a")
    exclude_crops(workspace, "src", ["000001.jpg"])
    (workspace.faces("src") / "000002.jpg").unlink()
    with pytest.raises(WorkspaceError, match=r"face_src.fspack has another manifest than"):
        Faceset.open(workspace, "src")


def test_a_file_in_the_folder_goes_before_the_one_in_the_pack(workspace):
    packed_in_place(workspace)
    record = read_manifest(workspace.faces("src"))[0]
    write_image(workspace.eye_masks("src") / record.mask, np.full((256, 256), 255, np.uint8))
    assert Faceset.open(workspace, "src").load(80).eyes[0].min() == 255


# Removing what is packed ---------------------------------------------------------------------------------------------


def test_all_files_are_removed_if_the_pack_is_elsewhere(workspace, tmp_path):
    report = pack_faceset(workspace, "a", tmp_path / "anna.fspack")
    others = files_of(workspace, "dst")
    assert remove_packed(workspace, "a", report.path) == report.files
    assert not workspace.faces("src").exists() and not workspace.eye_masks("src").exists()
    assert files_of(workspace, "dst") == others


@pytest.mark.parametrize("what", ["a new file", "a changed file", "a damaged pack"])
def test_nothing_is_removed_that_is_not_in_the_pack(workspace, tmp_path, what):
    path = pack_faceset(workspace, "a", tmp_path / "anna.fspack").path
    if what == "a new file":
        (workspace.faces("src") / "mine.txt").write_text("x")
    elif what == "a changed file":
        shutil.copyfile(workspace.faces("src") / "000000.jpg", workspace.faces("src") / "000008.jpg")
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    before = contents(workspace.root)
    with pytest.raises(WorkspaceError):
        remove_packed(workspace, "a", path)
    assert contents(workspace.root) == before


def test_a_removal_that_was_killed_goes_on(workspace, tmp_path):
    report = pack_faceset(workspace, "a", tmp_path / "anna.fspack")
    for name in ("000000.jpg", "000001.jpg"):
        (workspace.faces("src") / name).unlink()
    assert remove_packed(workspace, "a", report.path) == report.files - 2


# Elsewhere -----------------------------------------------------------------------------------------------------------


def test_a_backup_of_a_packed_faceset_has_its_pack(workspace, tmp_path):
    from faceswap_lib.pipeline.backup import backup_workspace, restore_workspace

    expected = Faceset.open(workspace, "src").load(80)
    packed_in_place(workspace)
    (tmp_path / "drive").mkdir()
    assert not backup_workspace(workspace, tmp_path / "drive" / "kept").failed
    other = Workspace(tmp_path / "other")
    assert not restore_workspace(tmp_path / "drive" / "kept", other).failed
    found = Faceset.open(other, "src").load(80)
    assert np.array_equal(found.images, expected.images) and np.array_equal(found.eyes, expected.eyes)


def test_a_backup_has_the_occlusion_masks(workspace, tmp_path):
    from faceswap_lib.facesets.backup import fetch_facesets, keep_facesets

    assert not keep_facesets(workspace, tmp_path / "kept").failed
    assert not fetch_facesets(tmp_path / "kept", Workspace(tmp_path / "other")).failed
    assert files_of(Workspace(tmp_path / "other"), "src") == files_of(workspace, "src")
