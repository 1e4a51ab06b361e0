"""Keeping, fetching and mirroring while every file operation fails once, and while the process is killed.

Nothing that was there is lost, what went wrong is said, and the same call made again ends as if undisturbed.
"""

import errno
import os
import pathlib
import random
import shutil
import signal
import sys
import typing
import warnings

import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Workspace, archive
from faceswap_lib.facesets.archive import read_directory
from faceswap_lib.facesets.consent import record_consent
from faceswap_lib.pipeline.backup import backup_workspace, restore_workspace
from faceswap_lib.training.checkpoint import checkpoint_progress
from faceswap_lib.training.remote_sync import CheckpointSync
from tests.conftest import contents
from tests.workspaces import make_project

AUDITED = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"})

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EINTR)

KILLS = 20
"""In all, over keep, fetch and mirror."""

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a fork to be killed")


class Disturber:
    """Counts the file operations below a folder, and disturbs one of them.

    An operation is an open, write, flush, rename, removal, cutting off, or the making or removal of a folder.
    """

    def __init__(self):
        self.folder, self.left, self.disturb, self.said = "", 0, None, ""
        sys.addaudithook(self._watch)  # hooks stay for good; an empty folder turns it off

    def arm(self, folder: pathlib.Path, number: int, disturb: typing.Callable[[], None]) -> None:
        self.folder, self.left, self.disturb = str(folder), number, disturb

    def rest(self) -> int:
        """Turns it off; says how many operations it still let pass, below 0 if it disturbed."""
        self.folder = ""
        return self.left

    def count(self, path: object) -> bool:
        """Counts an operation on a path; says whether it is the one to be disturbed."""
        if not self.folder or not str(path).startswith(self.folder):
            return False
        self.left -= 1
        if self.left == -1:
            self.said = str(path)
        return self.left == -1

    def _watch(self, event: str, arguments: tuple) -> None:
        if self.folder and event in AUDITED:
            if event == "os.mkdir" and os.path.isdir(arguments[0]):
                return  # is there already, whatever the system says
            in_folder = event in ("os.remove", "os.rmdir") and arguments[-1] != -1  # as `rmtree` does it
            if self.count(self.folder if in_folder else arguments[0]):
                self.disturb()


class Half:
    """A new file, whose writing may be disturbed half-way."""

    def __init__(self, file: typing.BinaryIO, path: pathlib.Path, disturber: Disturber):
        self._file, self._path, self._disturber = file, path, disturber

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def __enter__(self) -> "Half":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> int:
        if self._disturber.count(self._path):
            self._file.write(data[: len(data) // 2])
            self._disturber.disturb()
        return self._file.write(data)


@pytest.fixture(scope="session")
def watching() -> Disturber:
    return Disturber()


@pytest.fixture
def disturber(watching: Disturber, monkeypatch: pytest.MonkeyPatch) -> Disturber:
    """Also counts what no audit event tells: writing and flushing, which is left out: no power is cut here."""
    copyfile, write_text, open_new = shutil.copyfile, pathlib.Path.write_text, archive.open_new

    def flush(descriptor: int) -> None:
        if watching.count(os.readlink(f"/proc/self/fd/{descriptor}") if watching.folder else ""):
            watching.disturb()

    def copy(source: object, target: object, **options: object) -> object:
        if watching.count(target):
            data = pathlib.Path(source).read_bytes()
            pathlib.Path(target).write_bytes(data[: len(data) // 2])
            watching.disturb()
        return copyfile(source, target, **options)

    def write(path: pathlib.Path, text: str, **options: object) -> int:
        if watching.count(path):
            write_text(path, text[: len(text) // 2], **options)
            watching.disturb()
        return write_text(path, text, **options)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "sync", lambda: None)
    monkeypatch.setattr(shutil, "copyfile", copy)
    monkeypatch.setattr(pathlib.Path, "write_text", write)
    monkeypatch.setattr(archive, "open_new", lambda path, mode: Half(open_new(path, mode), path, watching))
    return watching


def fail_with(number: int) -> typing.Callable[[], None]:
    def fail() -> None:
        raise OSError(number, os.strerror(number))

    return fail


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A workspace with one of everything that is carried."""
    workspace = make_project(tmp_path_factory.mktemp("project") / "workspace", "a", 10, 20, seed=1)
    for folder in ("videos", "own_videos/a", "own_photos"):
        (workspace.root / folder).mkdir(parents=True)
    for name in (
        "videos/anna.mov",
        "own_videos/a/anna.mp4",
        "own_photos/anna.png",
        "swap.mp4",
        "swap.mp4.provenance.json",
    ):
        (workspace.root / name).write_text(name)
    record_consent(workspace, "Anna agreed", [workspace.root / "videos" / "anna.mov"])
    return workspace.root


class Task(typing.NamedTuple):
    """Something that carries: called in an empty folder, whose files are what it starts from."""

    make: typing.Callable[[pathlib.Path, pathlib.Path], None]
    carry: typing.Callable[[pathlib.Path], list[str]]
    source: str
    target: str
    stride: int = 1
    """Every so many operations are tried by day."""


def make_for_keep(project: pathlib.Path, root: pathlib.Path) -> None:
    """A workspace that has gone on since it was kept, beside another project's work of the same names."""
    shutil.copytree(project, root / "workspace")
    other = make_project(root / "other", "b", 30, seed=2)
    (other.root / "swap.mp4").write_text("another's")
    backup_workspace(other, root / "drive")
    shutil.rmtree(other.root)


def make_for_fetch(project: pathlib.Path, root: pathlib.Path) -> None:
    backup_workspace(Workspace(shutil.copytree(project, root / "first")), root / "drive")
    shutil.rmtree(root / "first")


def make_for_mirror(project: pathlib.Path, root: pathlib.Path) -> None:
    """A run that has gone on since the mirror's last copy."""
    (root / "drive").mkdir()
    shutil.copytree(project / "models" / "default", root / "default")
    shutil.copytree(root / "default", root / "drive" / "default")
    newest = root / "drive" / "default" / "checkpoints" / "step-00000020.npz"
    newest.unlink()
    (root / "drive" / "default" / "history.jsonl").write_text('{"step": 10, "loss": 0.1}\n')


def keep(root: pathlib.Path) -> list[str]:
    return list(backup_workspace(Workspace(root / "workspace"), root / "drive").failed)


def fetch(root: pathlib.Path) -> list[str]:
    return list(restore_workspace(root / "drive", Workspace(root / "workspace")).failed)


def mirror(root: pathlib.Path) -> list[str]:
    copier = CheckpointSync(root / "default", root / "drive")
    copier.update()
    copier._thread.join()
    return ["mirror"] * copier.failures


def take_over(root: pathlib.Path) -> list[str]:
    try:
        CheckpointSync(root / "new" / "models" / "default", root / "drive").fetch()
    except InputError as error:
        return [str(error)]
    return []


TASKS = {
    "keep": Task(make_for_keep, keep, "workspace", "drive", 7),
    "fetch": Task(make_for_fetch, fetch, "drive", "workspace", 5),
    "mirror": Task(make_for_mirror, mirror, "default", "drive"),
    "take over": Task(make_for_mirror, take_over, "drive", "new"),
}


def facts_of(folder: pathlib.Path) -> dict[str, object]:
    """What a folder holds: files by their bytes, archives by what is in them, without the note of what was kept."""
    facts = {name: data for name, data in contents(folder).items() if name != "kept.json"}
    return {name: read_directory(folder / name) if name.endswith(".zip") else data for name, data in facts.items()}


def check_halfway(root: pathlib.Path, task: Task, before: dict[str, object], wanted: dict[str, object]) -> None:
    """After a disturbance: what was there is there, and what is new is whole."""
    assert before[task.source] == {
        name: fact for name, fact in facts_of(root / task.source).items() if not name.startswith(".")
    }
    facts = {name: fact for name, fact in facts_of(root / task.target).items() if "/." not in f"/{name}"}
    known = [*before[task.target].values(), *wanted.values()]
    assert all(fact in known for fact in facts.values()), facts.keys()
    lost = [fact for fact in before[task.target].values() if fact in wanted.values()]
    assert all(fact in facts.values() for fact in lost)


@pytest.fixture(params=TASKS)
def stage(
    request, project: pathlib.Path, tmp_path: pathlib.Path
) -> tuple[Task, typing.Callable[[], pathlib.Path], dict]:
    """A task, what makes a fresh folder for it, and where it ends undisturbed."""
    task, template, numbers = TASKS[request.param], tmp_path / "template", iter(range(10_000))
    template.mkdir()
    task.make(project, template)

    def make() -> pathlib.Path:
        return pathlib.Path(shutil.copytree(template, tmp_path / f"try{next(numbers)}"))

    root = make()
    assert task.carry(root) == []
    return task, make, facts_of(root / task.target)


@pytest.mark.skipif(sys.platform != "linux", reason="asks the system which file is flushed")
@pytest.mark.parametrize("all_of_them", [False, pytest.param(True, marks=pytest.mark.nightly)], ids=["some", "all"])
def test_every_operation_may_fail_once(stage, disturber, caplog, all_of_them):
    task, make, wanted = stage
    number, disturbed = 0, 0
    while True:
        root = make()
        before = {name: facts_of(root / name) for name in (task.source, task.target)}
        caplog.clear()
        disturber.arm(root, number, fail_with(ERRORS[disturbed % len(ERRORS)]))
        failed = task.carry(root)
        if disturber.rest() >= 0:
            break
        disturbed += 1
        is_done = facts_of(root / task.target) == wanted
        assert failed or caplog.records or is_done, f"operation {number} failed and nothing was said: {disturber.said}"
        check_halfway(root, task, before, wanted)
        assert task.carry(root) == []
        assert facts_of(root / task.target) == wanted, number
        shutil.rmtree(root)
        number += 1 if all_of_them else task.stride
    assert disturbed > 20


@posix
@pytest.mark.skipif(sys.platform != "linux", reason="asks the system which file is flushed")
def test_a_kill_at_any_moment_costs_nothing_but_the_copy(stage, disturber):
    task, make, wanted = stage
    root = make()
    disturber.arm(root, 10**6, die)
    task.carry(root)
    operations = 10**6 - disturber.rest()
    moments = random.Random(15)
    for _ in range(KILLS // len(TASKS)):
        root, number = make(), moments.randrange(operations)
        before = {name: facts_of(root / name) for name in (task.source, task.target)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer Pythons warn of a fork beside threads; the child starts no others
            child = os.fork()
        if child == 0:
            disturber.arm(root, number, die)
            try:
                task.carry(root)
            finally:
                os._exit(0)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL, number
        check_halfway(root, task, before, wanted)
        assert task.carry(root) == []
        assert facts_of(root / task.target) == wanted, number
        assert not [path for path in root.rglob(".*") if path.name != ".kept.lock"], number


def test_what_is_not_readable_for_a_moment_is_not_taken_for_damaged(project, tmp_path, monkeypatch):
    """A newer run here, whose newest checkpoint a drive withholds, is not replaced by the older one there."""
    make_for_mirror(project, tmp_path)
    run, before = tmp_path / "default", contents(tmp_path)

    def withhold(path: pathlib.Path, *arguments: object, **options: object) -> object:
        if path.name == "step-00000020.npz":
            raise OSError(errno.EIO, "Input/output error")
        return opened(path, *arguments, **options)

    opened = pathlib.Path.open
    with monkeypatch.context() as patch:
        patch.setattr(pathlib.Path, "open", withhold)
        with pytest.raises(InputError, match="cannot restore .*Input/output error"):
            CheckpointSync(run, tmp_path / "drive").fetch()
    assert contents(tmp_path) == before and checkpoint_progress(run / "checkpoints") == (0, 20)
