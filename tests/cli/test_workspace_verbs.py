"""`faceswap workspace`, `pack` and `unpack` on the command line."""

import pathlib
import re
import shlex
import shutil

import pytest

from faceswap_lib.cli import main, workspace_commands
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import Faceset, Workspace, exclude_crops, read_consent
from faceswap_lib.facesets.consent import faceset_videos
from faceswap_lib.facesets.manifest import read_manifest
from tests.conftest import contents


class Terminal:
    """Standard input that is a terminal, or none, with one answer."""

    def __init__(self, answer: str = "", *, is_terminal: bool = True):
        self._answer, self._is_terminal = answer, is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def readline(self) -> str:
        return f"{self._answer}\n"


@pytest.fixture
def answering(monkeypatch):
    def answering(answer: str = "", *, is_terminal: bool = True) -> None:
        terminal = Terminal(answer, is_terminal=is_terminal)
        monkeypatch.setattr(workspace_commands.sys, "stdin", terminal)

    return answering


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


# workspace -----------------------------------------------------------------------------------------------------------


def test_a_new_workspace_says_what_to_do_next(tmp_path, capsys):
    root = tmp_path / "w"
    assert run("workspace", "init", "--workspace", root) == 0
    said = capsys.readouterr().out
    assert f"created {root / 'consent.yaml'}" in said and "consents: none recorded" in said
    assert "faceswap extract VIDEO" in said and "--person a" in said
    assert read_consent(Workspace(root)) == ()
    assert (root / "videos").is_dir()


def test_an_existing_workspace_is_only_completed(workspace_copy, capsys):
    (workspace_copy.root / "consent.yaml").write_text("statement: both agreed\n")
    before = contents(workspace_copy.root)
    assert run("workspace", "init", "--workspace", workspace_copy.root) == 0
    assert contents(workspace_copy.root) == before
    said = capsys.readouterr().out
    assert "consent.yaml" not in said and "1 recorded" in said and "faceswap train" in said


def test_status_counts_what_is_there(workspace_copy, capsys):
    exclude_crops(workspace_copy, "src", ["000003.jpg"])
    (workspace_copy.eye_masks("dst") / "000001.png").unlink()
    before = contents(workspace_copy.root)
    assert run("workspace", "status", "--workspace", workspace_copy.root) == 0
    said = capsys.readouterr().out
    assert "37 crops" in said and "1 set aside" in said and "38 crops" in said and "37 eye masks, 0 occlusion" in said
    assert "faceswap masks" in said
    assert contents(workspace_copy.root) == before


def test_a_folder_that_is_missing_is_no_workspace(tmp_path, capsys):
    for action in ("status", "clear"):
        assert run("workspace", action, "--workspace", tmp_path / "none") == 2
        assert "create it: faceswap workspace init" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_without_a_terminal_and_without_yes_nothing_is_cleared(workspace_copy, answering, capsys):
    answering(is_terminal=False)
    before = contents(workspace_copy.root)
    assert run("workspace", "clear", "--workspace", workspace_copy.root) == 2
    assert "There is no terminal to ask on; pass --yes" in capsys.readouterr().err
    assert contents(workspace_copy.root) == before


@pytest.mark.parametrize("answer", ["", "n", "no", "Yes please"])
def test_on_a_terminal_only_yes_clears(workspace_copy, answering, capsys, answer):
    answering(answer)
    before = contents(workspace_copy.root)
    assert run("workspace", "clear", "--workspace", workspace_copy.root) == 2
    assert "move them to a backup?" in capsys.readouterr().out
    assert contents(workspace_copy.root) == before


@pytest.mark.parametrize("how", ["y", "--yes"])
def test_a_cleared_workspace_is_complete_in_its_backup(workspace_copy, answering, capsys, how):
    answering("y" if how == "y" else "n")
    (workspace_copy.root / "consent.yaml").write_text("statement: both agreed\n")
    before = contents(workspace_copy.root)
    arguments = ["--yes"] if how == "--yes" else []
    assert run("workspace", "clear", "--workspace", workspace_copy.root, *arguments) == 0
    (backup,) = (workspace_copy.root / "backups").iterdir()
    assert contents(backup) == before
    left = {name for name in contents(workspace_copy.root) if not name.startswith("backups/")}
    assert left == {"consent.yaml"}
    assert len(Faceset.open(Workspace(backup), "dst")) == 38
    assert "moved to" in capsys.readouterr().out


def test_options_of_clear_are_refused_elsewhere(tmp_path, capsys):
    assert run("workspace", "status", "--workspace", tmp_path, "--no-backup") == 2
    assert "--yes and --no-backup belong to clear" in capsys.readouterr().err


# pack, unpack --------------------------------------------------------------------------------------------------------


def test_a_faceset_goes_to_another_workspace_and_the_original_stays(workspace_copy, tmp_path, capsys):
    before, pack, other = contents(workspace_copy.root), tmp_path / "anna.fspack", Workspace(tmp_path / "other")
    assert run("pack", "--workspace", workspace_copy.root, "--person", "a", "--out", pack) == 0
    assert "38 crops" in capsys.readouterr().out and contents(workspace_copy.root) == before
    words = ["--consent", "Anna agreed"]
    assert run("unpack", pack, "--workspace", other.root, "--person", "b", *words) == 0
    assert contents(other.faces("dst")) == contents(workspace_copy.faces("src")) and pack.is_file()
    (consent,) = read_consent(other)
    assert consent.statement == "Anna agreed" and consent.videos == (faceset_videos(other)[1],)


def test_originals_are_removed_on_demand_and_brought_back(workspace_copy, capsys):
    before = contents(workspace_copy.faces("src"))
    place = ["--workspace", workspace_copy.root, "--person", "a"]
    assert run("pack", *place, "--remove-originals") == 0
    assert not list(workspace_copy.faces("src").glob("*.jpg")) and len(Faceset.open(workspace_copy, "src")) == 38
    assert run("workspace", "status", "--workspace", workspace_copy.root) == 0
    assert "images in the pack" in capsys.readouterr().out
    assert run("unpack", workspace_copy.pack("src"), *place, "--remove-originals") == 0
    assert contents(workspace_copy.faces("src")) == before and not workspace_copy.pack("src").exists()


def test_a_pack_that_is_in_use_is_not_removed(workspace_copy, tmp_path, capsys):
    place = ["--workspace", workspace_copy.root, "--person", "a"]
    assert run("pack", *place, "--remove-originals") == 0
    pack = workspace_copy.pack("src")
    assert run("unpack", pack, *place, "--keep-packed", "--remove-originals") == 2
    assert "it stays" in capsys.readouterr().err and pack.is_file()


def test_a_faceset_for_deepfacelab_is_no_reason_to_remove_the_original(workspace_copy, tmp_path, capsys):
    before = contents(workspace_copy.root)
    place = ["--workspace", workspace_copy.root, "--person", "a", "--format", "deepfacelab"]
    assert run("pack", *place, "--out", tmp_path / "faceset.pak", "--remove-originals") == 2
    assert run("pack", *place) == 2
    said = capsys.readouterr().err
    assert "use --format faceswap for it" in said and "--out: expected faceset.pak or a folder" in said
    assert contents(workspace_copy.root) == before and not (tmp_path / "faceset.pak").exists()


@pytest.fixture
def with_68(workspace_copy) -> Workspace:
    """The workspace with 68 landmarks of A, which DeepFaceLab needs: made up around the five."""
    import dataclasses

    import numpy as np

    from faceswap_lib.faces.alignment import invert_affine, map_points
    from faceswap_lib.facesets.manifest import write_manifest
    from tests.faces68 import template_points_68

    records = read_manifest(workspace_copy.faces("src"))
    made = []
    for record in records:
        points = map_points(invert_affine(np.array(record.crop_from_frame)), template_points_68(256))
        made.append(dataclasses.replace(record, landmarks_68=tuple(map(tuple, points.tolist()))))
    write_manifest(workspace_copy.faces("src"), made)
    return workspace_copy


@pytest.mark.parametrize("name", ["faceset.pak", "aligned"])
def test_a_faceset_goes_to_deepfacelab_and_back(with_68, tmp_path, capsys, name):
    out, other = tmp_path / name, Workspace(tmp_path / "other")
    place = ["--workspace", with_68.root, "--person", "a"]
    assert run("pack", *place, "--format", "deepfacelab", "--out", out) == 0
    assert "38 faces of" in capsys.readouterr().out
    assert run("unpack", out, "--workspace", other.root, "--person", "b", "--consent", "Anna agreed") == 0
    assert "38 crops" in capsys.readouterr().out and out.exists()
    assert len(Faceset.open(other, "dst")) == 38 and read_consent(other)[0].statement == "Anna agreed"
    before, after = (read_manifest(place) for place in (with_68.faces("src"), other.faces("dst")))
    assert [record.frame for record in before] == [record.frame for record in after]


def test_options_for_the_other_format_are_refused(workspace_copy, tmp_path, capsys):
    pack = tmp_path / "anna.fspack"
    assert run("pack", "--workspace", workspace_copy.root, "--person", "a", "--out", pack) == 0
    place = ["--workspace", tmp_path / "other", "--person", "b"]
    assert run("unpack", pack, *place, "--person-name", "Anna") == 2
    folder = pathlib.Path(shutil.copytree(workspace_copy.faces("src"), tmp_path / "aligned"))
    assert run("unpack", folder, *place, "--remove-originals") == 2
    assert folder.is_dir() and not (tmp_path / "other").exists()
    said = capsys.readouterr().err
    assert "--person-name and --skip-damaged are not for it" in said and "are for packs with the suffix" in said


def test_whoever_misses_the_files_of_a_packed_faceset_is_told_how_to_unpack_it(workspace_copy, tmp_path, capsys):
    root, pack = workspace_copy.root, workspace_copy.pack("src")
    place = ["--workspace", root, "--person", "a"]
    assert run("pack", *place, "--remove-originals") == 0
    command = f"faceswap unpack {pack} --workspace {root} --person a"
    assert f"'{command}' brings them back" in capsys.readouterr().out
    assert run("pack", *place, "--out", tmp_path / "again.fspack") == 2
    assert f"unpack the faceset first: {command}" in capsys.readouterr().err
    with pytest.raises(WorkspaceError, match=re.escape(command)):
        Faceset.open(workspace_copy, "src").require_files()
    shutil.rmtree(workspace_copy.faces("src"))
    for words in (["sort", *place, "--by", "yaw"], ["audit", *place, "--restore"]):
        assert run(*words) == 2
        assert f"they are packed in face_src.fspack: run '{command}' first" in capsys.readouterr().err
    assert run("workspace", "status", "--workspace", root) == 0
    said = capsys.readouterr().out
    assert "only in face_src.fspack" in said and command in said
    assert run(*shlex.split(command)[1:]) == 0 and run("sort", *place, "--by", "yaw") == 0


def test_a_file_that_is_no_pack_is_refused(tmp_path, capsys):
    (tmp_path / "x.fspack").write_bytes(b"nothing")
    place = ["--workspace", tmp_path / "other", "--person", "b"]
    assert run("unpack", tmp_path / "x.fspack", *place) == 2 and run("unpack", tmp_path / "y.fspack", *place) == 2
    said = capsys.readouterr().err
    assert "x.fspack: expected a pack" in said and "expected a pack, got nothing there" in said
    assert not (tmp_path / "other").exists()
