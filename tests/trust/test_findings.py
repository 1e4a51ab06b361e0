"""What the suite has found, where no reader of its own is: each was a traceback, or took all memory."""

import sys

import pytest

from faceswap_lib.atomic_io import read_json
from faceswap_lib.errors import CheckpointError, WorkspaceError
from faceswap_lib.facesets import Workspace, write_manifest
from faceswap_lib.facesets.part_swap import _check_foreign
from faceswap_lib.facesets.removal import _read_names
from faceswap_lib.networks.child_process import run_child
from tests import child_functions
from tests.facesets.test_hostile_manifests import make_record


@pytest.mark.parametrize("crop", ["[]", "{}", "3", "null", "[[1]]"])
def test_an_origin_whose_crop_is_no_name_names_nothing(tmp_path, crop):
    """A list there was a TypeError."""
    folder = Workspace(tmp_path).faces("src")
    folder.mkdir(parents=True)
    (folder / "origins.jsonl").write_text(f'{{"crop": "000000.jpg"}}\n{{"crop": {crop}}}\n')
    (folder / "000000.jpg").touch()
    _check_foreign(Workspace(tmp_path), "src", ["000000.jpg", "000001.jpg"])
    (folder / "000001.jpg").touch()
    with pytest.raises(WorkspaceError, match="000001.jpg is there already"):
        _check_foreign(Workspace(tmp_path), "src", ["000000.jpg", "000001.jpg"])


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_a_manifest_of_empty_lines_is_looked_through_for_names_in_little_memory(tmp_path):
    write_manifest(tmp_path, [make_record(0)])
    with (tmp_path / "manifest.jsonl").open("ab") as file:
        file.write(b"\n" * 20_000_000)
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "000000.jpg" in _read_names(tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 120_000  # kilobytes


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither pipes nor devices with a name")
def test_json_in_a_device_is_not_read_for_ever(tmp_path):
    (tmp_path / "a.json").symlink_to("/dev/zero")
    with pytest.raises(WorkspaceError, match="a folder, a pipe or a device"):
        read_json(tmp_path / "a.json")


def test_what_a_library_says_of_a_file_does_not_steer_the_terminal(tmp_path):
    (tmp_path / "a.h5").touch()
    with pytest.raises(CheckpointError) as caught:
        run_child(child_functions.say_escapes, tmp_path / "a.h5", {}, "do this")
    assert "red" in str(caught.value) and str(caught.value).isprintable()
