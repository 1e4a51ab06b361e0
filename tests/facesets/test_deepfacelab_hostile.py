"""Facesets of DeepFaceLab that want to run code, fill the memory, or write elsewhere: each is refused, with a message.

The files are those of `tests/trust/corpus_deepfacelab.py`, which `tests/trust` also reads with a watch on the process,
together with random damage.
"""

import os
import pathlib
import pickle
import subprocess
import sys

import pytest

from faceswap_lib.errors import FaceswapError, InputError
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.deepfacelab import import_faceset
from faceswap_lib.facesets.deepfacelab.jpeg_metadata import decode_mask, read_metadata
from faceswap_lib.facesets.deepfacelab.pickle_objects import RestrictedPickleError
from faceswap_lib.facesets.deepfacelab.restricted_pickle import load_restricted
from tests.conftest import ROOT, contents
from tests.trust import corpus_deepfacelab as corpus
from tests.trust.cases import REFUSED, Case

NAMES = {"packed faceset": "faceset.pak", "aligned face": "aligned/00017_0.jpg"}


@pytest.fixture
def place(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The current folder, in which evil pickles would leave a file, and beside it somebody's files."""
    (tmp_path / "here").mkdir()
    (tmp_path / "victim.txt").write_text("4711")
    (tmp_path / "x.jpg").write_text("4711")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def read_all(path: pathlib.Path, place: pathlib.Path) -> None:
    """Reads all that is read of a file; the mask is not needed for an import."""
    source = path if path.suffix == ".pak" else path.parent
    import_faceset(source, Workspace(place / "here" / "workspace"), "src")
    if path.suffix == ".jpg":
        metadata = read_metadata(path.read_bytes(), path)
        assert metadata is not None
        decode_mask(metadata, path)


@pytest.mark.parametrize("name", NAMES)
def test_hostile_files_are_refused_and_nothing_else_happens(name, place):
    listed = [case for case in corpus.cases(name) if case.verdict == REFUSED and not callable(case.content)]
    assert len(listed) > 100
    wrong = []
    for case in listed:
        said = refuse(case, place / "here" / NAMES[name], place)
        if not (10 < len(said) < 2000 and said.isprintable() and ("faceset.pak" in said or "aligned" in said)):
            wrong.append(f"{case.name}: {said}")
    assert not wrong, "\n".join(wrong)


def refuse(case: Case, path: pathlib.Path, place: pathlib.Path) -> str:
    """Reads a hostile file; gives the message of the error, or what happened instead of one."""
    path.parent.mkdir(exist_ok=True)
    case.make(path)
    before = contents(place)
    try:
        read_all(path, place)
        return "was read"
    except FaceswapError as error:
        after = {name: data for name, data in contents(place).items() if not name.startswith("here/workspace/")}
        assert corpus.SENTINEL not in os.listdir(), case.name
        assert after == before, case.name
        for left in sorted((place / "here" / "workspace").rglob("*"), reverse=True):
            left.rmdir() if left.is_dir() else left.unlink()
        return str(error)


@pytest.mark.parametrize("name", ["os.system", "eval", "exec", "open", "os.system, old opcodes", "os.system, INST"])
def test_these_pickles_run_code_if_they_are_read_as_usual(name, place):
    """So that the tests here can fail."""
    data = corpus.evil_objects()[name]
    with pytest.raises(RestrictedPickleError):
        load_restricted(data)
    assert corpus.SENTINEL not in os.listdir()
    value = pickle.loads(data)
    if hasattr(value, "close"):
        value.close()
    assert corpus.SENTINEL in os.listdir()


@pytest.mark.parametrize("name, named", [("os.system", f"{os.system.__module__}.system"), ("eval", "builtins.eval")])
def test_the_message_names_what_the_pickle_wants_to_use(name, named, place):
    case = next(case for case in corpus.cases("packed faceset") if case.name == f"index: {name}")
    case.make(place / "here" / "faceset.pak")
    with pytest.raises(InputError, match=f"faceset.pak.*'{named}'.*may be an attack"):
        read_all(place / "here" / "faceset.pak", place)


PROGRAM = """
import resource, sys
from faceswap_lib.facesets.deepfacelab.pickle_objects import RestrictedPickleError
from faceswap_lib.facesets.deepfacelab.restricted_pickle import load_restricted
from tests.trust import corpus_deepfacelab as corpus

pickles = corpus.bombs() | corpus.evil_objects()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 400_000_000,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
for name, data in pickles.items():
    try:
        load_restricted(data)
    except RestrictedPickleError:
        continue
    print(name)
print("all", len(pickles) > 50)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="how much memory a process may take is limited as on Linux")
def test_bombs_are_refused_in_little_memory(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["all", "True"], done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_mask_that_is_a_bomb_is_refused_before_it_is_decoded(tmp_path):
    import tracemalloc

    files = {case.name: case.content for case in corpus.cases("aligned face")}
    for name in ("a mask of 400 million pixels", "a mask that claims 4 billion pixels"):
        content = files[name]
        assert isinstance(content, bytes)
        face = read_metadata(content, "a.jpg")
        assert face is not None
        tracemalloc.start()
        try:
            with pytest.raises(InputError, match="a.jpg, its mask.*FACESWAP_MAX_FACE_PIXELS"):
                decode_mask(face, "a.jpg")
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()
