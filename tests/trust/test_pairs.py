"""Two of everything on one target at the same moment: nothing is lost, and nothing is a mixture."""

import concurrent.futures
import subprocess
import sys
import threading
import typing

import pytest

from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.consent import record_consent
from faceswap_lib.facesets.consent_file import read_consent
from faceswap_lib.pipeline.backup import backup_workspace, restore_workspace
from faceswap_lib.training.remote_sync import CheckpointSync
from tests.conftest import ROOT, contents
from tests.workspaces import make_project

CONSENTING = """
import pathlib, sys
from faceswap_lib.facesets.consent import record_consent
from faceswap_lib.facesets.workspace import Workspace
workspace = Workspace(pathlib.Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    record_consent(workspace, f"{sys.argv[2]} agreed to {number}")
"""


def at_once(*calls: typing.Callable[[], object]) -> list[object]:
    """Calls functions in threads that begin together; gives what each returned."""
    gate = threading.Barrier(len(calls))

    def run(call: typing.Callable[[], object]) -> object:
        gate.wait()
        return call()

    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_consents_that_are_recorded_at_once_are_all_there(tmp_path):
    (tmp_path / "consent.yaml").write_text("statement: written by hand\n")
    command = [sys.executable, "-c", CONSENTING, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    children = [subprocess.Popen([*command, name], **pipes) for name in ("Anna", "Ben")]
    assert [child.stdout.readline() for child in children] == ["ready\n"] * 2
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    for child in children:
        child.communicate(timeout=60)
        assert child.returncode == 0
    found = [consent.statement for consent in read_consent(Workspace(tmp_path))]
    assert found[0] == "written by hand" and len(found) == 41
    for name in ("Anna", "Ben"):
        assert [text for text in found if text.startswith(name)] == [f"{name} agreed to {n}" for n in range(20)]


def test_threads_that_record_a_consent_wait_for_each_other(tmp_path):
    at_once(*(lambda number=number: record_consent(Workspace(tmp_path), f"agreed {number}") for number in range(6)))
    assert {consent.statement for consent in read_consent(Workspace(tmp_path))} == {f"agreed {n}" for n in range(6)}
    assert [path.name for path in tmp_path.iterdir()] == ["consent.yaml"]


@pytest.mark.parametrize("turn", range(3))
def test_two_mirrors_of_different_runs_are_one_run_whole(tmp_path, turn):
    """Both find the place free; one run is there in the end, and the other one says that it is not."""
    (tmp_path / "drive").mkdir()
    runs = [make_project(tmp_path / letter, letter, 10, 20, seed=ord(letter)).run("default") for letter in "ab"]
    mirrors = [CheckpointSync(run, tmp_path / "drive") for run in runs]
    at_once(*(mirror.update for mirror in mirrors))
    for mirror in mirrors:
        mirror._thread.join()
    copy = contents(tmp_path / "drive" / "default")
    assert any(copy.items() <= contents(run).items() for run in runs)
    assert sorted(mirror.copies for mirror in mirrors) == [0, 1]
    assert all(mirror.failures for mirror in mirrors if not mirror.copies)


def test_two_that_keep_in_one_folder_lose_nothing(tmp_path):
    works = [make_project(tmp_path / letter, letter, 10, seed=ord(letter)) for letter in "ab"]
    at_once(
        *(lambda workspace=workspace: attempt(backup_workspace, workspace, tmp_path / "kept") for workspace in works)
    )
    for workspace in works:  # who came too late comes again
        assert backup_workspace(workspace, tmp_path / "kept").failed == ()
    kept = contents(tmp_path / "kept" / "models").values()
    assert all(data in kept for workspace in works for data in contents(workspace.run("default")).values())


def test_two_that_fetch_into_one_workspace_get_all_of_it(tmp_path):
    work = make_project(tmp_path / "first", "a", 10, 20, seed=1)
    backup_workspace(work, tmp_path / "kept")
    other = Workspace(tmp_path / "second")
    at_once(*(lambda: attempt(restore_workspace, tmp_path / "kept", other) for _ in range(2)))
    assert restore_workspace(tmp_path / "kept", other).failed == ()
    assert contents(other.root) == contents(work.root)
    assert not [path for path in other.root.rglob(".*")]


def attempt(call: typing.Callable, *arguments: object) -> str:
    """Calls what may be refused, because another has the place; gives the reason."""
    from faceswap_lib.errors import WorkspaceError

    try:
        call(*arguments)
    except WorkspaceError as error:
        assert "in use" in str(error) or "another" in str(error)
        return str(error)
    return ""
