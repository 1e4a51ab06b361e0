"""The Colab notebooks: what their own cells do on Google's machines, and that one's work is the next one's."""

import ast
import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import types
import typing

import cv2
import nbclient
import nbformat
import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from faceswap_lib.devices import Device
from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.facesets.consent import read_consent
from faceswap_lib.training import LoopConfig, TrainConfig, load_run, train
from tests.colab_stubs import write_stubs
from tests.conftest import ROOT, contents
from tests.notebook_runner import SMOKE, printed, run_notebook
from tools.build_notebooks import COLAB

MADE = {text: name for text, name in COLAB.items() if (ROOT / "notebooks" / f"{text}.py").is_file()}
"""Those whose text is there."""

LATER = ("WORKSPACE", "KEEP", "has_drive", "my_drive", "drive")
"""What the last cells use and their text names, of what the cells before the lesson define."""


def read_notebook(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "colab" / f"{name}.ipynb", as_version=4)


def cell_of(name: str, text: str) -> str:
    """The one code cell of a notebook that says something."""
    [source] = [cell.source for cell in read_notebook(name).cells if cell.cell_type == "code" and text in cell.source]
    return source


class Google:
    """A person's account and browser, and machines that come and go.

    Args:
        folder: Where all of it lies.
        monkeypatch: Sets the environment that a session's kernel gets.
    """

    def __init__(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
        self.drive, self.downloads, self._sessions = folder / "drive", folder / "downloads", folder / "sessions"
        for made in (self.drive, self.downloads, self._sessions):
            made.mkdir()
        self._patch, self._pip = monkeypatch, folder / "pip.jsonl"
        stubs = write_stubs(folder / "stubs")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(stubs), str(ROOT)]))
        monkeypatch.setenv("ASKED_OF_PIP", str(self._pip))
        monkeypatch.setenv("COLAB_DRIVE", str(self.drive))
        monkeypatch.setenv("COLAB_DOWNLOADS", str(self.downloads))

    def run(self, name: str, kernel: str, *, replaced: dict[str, str] | None = None, parameters=None, **environment):
        """Runs a notebook on a new machine; gives the notebook and the machine's folder, /content there."""
        machine = self._sessions / str(len([*self._sessions.iterdir()]))
        machine.mkdir()
        mounted = {'DRIVE = "/content/drive"': f"DRIVE = {str(machine / 'mnt')!r}"}
        source = {
            "/content/faceswap_lib.zip": "file:///faceswap_lib.zip"
        }  # an address is not looked for on the machine
        with self._patch.context() as patch:
            for key, value in environment.items():
                patch.setenv(f"COLAB_{key.upper()}", value if isinstance(value, str) else json.dumps(value))
            given = {**SMOKE, "WORKSPACE": "course", **(parameters or {})}
            notebook = run_notebook(
                f"colab/{name}", kernel, machine, given, replaced={**mounted, **source, **(replaced or {})}
            )
        return notebook, machine

    def asked_of_pip(self) -> list[list[str]]:
        return [json.loads(line) for line in self._pip.read_text().splitlines()]


@pytest.fixture
def google(kernel: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Google:
    (tmp_path / "google").mkdir()
    return Google(tmp_path / "google", monkeypatch)


# What every one of them says ------------------------------------------------------------------------------------------


def test_every_lesson_has_a_colab_notebook_and_the_page_lists_them_all():
    assert sorted(COLAB) == sorted(path.stem for path in ROOT.glob("notebooks/[0-9][0-9]*_*.py"))
    page = (ROOT / "docs" / "colab.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| \[(\w+)\]\(\.\./notebooks/(\w+)\.ipynb\) \|", page, re.MULTILINE)
    assert listed == [(name, text.partition("_")[0], text) for text, name in COLAB.items()]


@pytest.mark.parametrize("name", MADE.values())
def test_a_lesson_leaves_the_names_alone_that_the_last_cells_use(name: str):
    [setup, *others] = [cell for cell in read_notebook(name).cells if cell.cell_type == "code"]
    lesson = [cell.source for cell in others if not {"form", "parameters"} & set(cell.metadata.get("tags", []))]
    assert len(lesson) >= 8
    transformer, assigned = TransformerManager(), set()
    for source in lesson:
        nodes = list(ast.walk(ast.parse(transformer.transform_cell(source))))
        assigned |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        assigned |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        assigned |= {node.asname or node.name for node in nodes if isinstance(node, ast.alias)}
    assert assigned & set(LATER) == set()
    later = "\n".join(cell.source for cell in read_notebook(name).cells[-4:])
    assert all(re.search(rf"\b{one}\b", setup.source + others[1].source + later) for one in LATER)


@pytest.mark.parametrize(("text", "name"), MADE.items())
def test_a_colab_notebook_begins_with_its_title_and_a_picture_that_needs_no_installation(text: str, name: str):
    first = read_notebook(name).cells[0]
    lesson = nbformat.read(ROOT / "notebooks" / f"{text}.ipynb", as_version=4).cells[0].source
    heading, picture, *rest = first.source.split("\n\n")
    assert heading.startswith("# ") and heading == lesson.partition("\n")[0]
    data = re.fullmatch(r"!\[[^\]]{20,}\]\(data:image/jpeg;base64,([A-Za-z0-9+/=]+)\)", picture)[1]
    assert len(data) < 60_000
    image = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[1] >= 400 and rest


@pytest.mark.parametrize(("text", "name"), MADE.items())
def test_a_colab_notebook_says_the_rules_before_its_first_code_and_where_else_it_runs(text: str, name: str):
    notebook = read_notebook(name)
    assert [cell.cell_type for cell in notebook.cells[:3]] == ["markdown", "markdown", "code"]
    first = notebook.cells[1].source
    assert first.startswith("**Rules first.**") and len(first.split()) < 220
    assert "creating deepfakes" in first and "May 2022" in first
    assert "https://research.google.com/colaboratory/faq.html" in first and f"notebooks/{text}.ipynb" in first
    assert notebook.metadata.accelerator == "GPU"
    assert "OWNER" not in str(notebook) and "$" + "{" not in first
    assert not any("local" in cell.metadata.get("tags", []) for cell in notebook.cells)


@pytest.mark.parametrize(("text", "name"), MADE.items())
def test_a_colab_notebook_has_the_cells_that_its_parameters_ask_for(text: str, name: str):
    sources = [cell.source for cell in read_notebook(name).cells if cell.cell_type == "code"]
    [parameters] = [c.source for c in read_notebook(name).cells if "parameters" in c.metadata.get("tags", [])]
    fetching = sources.index(parameters) + 1
    for text, place in (
        ("drive.mount", 0),
        ("list_packages():", 0),
        ("INSTALL_FROM =", 0),
        ("moved = {name", 0),
        ("device.has_bfloat16", 0),
        ("BENCHMARK =", 0),
        ("restore_workspace", fetching),
        ("{backup_workspace(", len(sources) - 2),
        ("DOWNLOAD =", len(sources) - 1),
    ):
        assert [index for index, source in enumerate(sources) if text in source] == [place], text
    folded = [cell for cell in read_notebook(name).cells if "form" in cell.metadata.get("tags", [])]
    assert [cell.source for cell in folded] == [sources[0], sources[fetching], *sources[-2:]]
    for cell in folded:
        assert cell.metadata["cellView"] == "form" and cell.metadata["jupyter"]["source_hidden"]
        assert cell.source.startswith("# @title ") and cell.source.count("@title") == 1
    assert ("USE_DRIVE = False" in sources[0]) == (name == "faceswap_demo")
    asked = {"MIRROR": "MIRROR or KEEP", "VIDEO": " VIDEO, CONSENT =", "VIDEO_A": " VIDEO_A, VIDEO_B, CONSENT ="}
    asked["PHOTOS"] = "PHOTOS, CONSENT ="
    for parameter, sign in asked.items():
        wanted = re.search(rf"^{parameter} = ", parameters, re.MULTILINE) is not None
        assert any(sign in source for source in sources) == wanted, parameter


def test_with_a_public_address_there_is_a_badge_and_pip_installs_from_there(monkeypatch):
    from tools import build_notebooks

    monkeypatch.setattr(build_notebooks, "REPOSITORY", "someone/project")
    monkeypatch.setattr(build_notebooks, "INSTALL_FROM", "git+https://github.com/someone/project")
    built = json.loads(build_notebooks.build_all(ROOT)[ROOT / "colab" / "faceswap_demo.ipynb"])
    title, rules = ("".join(cell["source"]) for cell in built["cells"][:2])
    badge = title.split("\n\n")[1]
    assert "colab.research.google.com/github/someone/project/blob/main/colab/faceswap_demo.ipynb" in badge
    assert rules.startswith("**Rules first")
    assert "git+https://github.com/someone/project" in json.dumps(built)


# Single cells ---------------------------------------------------------------------------------------------------------


def run_cell(source: str, names: dict, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.chdir(folder)
    exec(source, names)
    return names


@pytest.fixture
def stubs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    """The stubs in this process; gone afterwards."""
    monkeypatch.syspath_prepend(str(write_stubs(tmp_path / "stubs", pip=False)))
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "google"}
    (tmp_path / "account").mkdir()
    (tmp_path / "machine").mkdir()
    monkeypatch.setenv("COLAB_DRIVE", str(tmp_path / "account"))
    yield tmp_path / "machine"
    for name in [name for name in sys.modules if name.split(".")[0] == "google"]:
        del sys.modules[name]
    sys.modules.update(kept)


class Setup(typing.NamedTuple):
    """The parts of the setup cell: Drive, functions, the call that installs, the device."""

    drive: str
    functions: str
    call: str
    device: str


def setup_of(name: str) -> Setup:
    """Divides the setup cell of a notebook at lines that it has once."""
    rest, parts = cell_of(name, "drive.mount"), []
    for line in ("\n\n\ndef list_packages", "\n\n\nif globals().get", "\n\nimport logging\n"):
        assert rest.count(line) == 1, line
        part, _, rest = rest.partition(line)
        parts.append(part)
        rest = line.strip("\n") + rest
    return Setup(*parts, rest)


def mount(machine: pathlib.Path, monkeypatch, **names) -> dict:
    source = setup_of("faceswap_train").drive.replace("/content/drive", str(machine / "mnt"))
    for key, value in names.items():
        source = re.sub(rf"^{key} = \w+", f"{key} = {value}", source, flags=re.MULTILINE)
    return run_cell(source, {}, machine, monkeypatch)


@pytest.mark.parametrize(("does", "has_drive"), [("mounts", True), ("refused", False), ("fails", False)])
def test_a_drive_is_used_when_it_is_there(stubs, monkeypatch, capsys, does, has_drive):
    monkeypatch.setenv("COLAB_MOUNT", does)
    assert mount(stubs, monkeypatch)["has_drive"] == has_drive
    told = capsys.readouterr().out
    assert ("copies go to Google Drive" in told) == has_drive and ("is lost with this machine" in told) != has_drive
    assert (does == "refused") == ("credential propagation" in told) and (does == "fails") == ("mount failed" in told)


def test_a_drive_is_not_asked_for_when_switched_off_or_elsewhere(stubs, monkeypatch, capsys):
    assert not mount(stubs, monkeypatch, USE_DRIVE=False)["has_drive"]
    assert not (stubs / "mnt").exists()


def test_without_colab_nothing_is_mounted(tmp_path, monkeypatch):
    names = mount(tmp_path, monkeypatch)
    assert not names["has_drive"] and not (tmp_path / "mnt").exists()


def functions_of_setup(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, my_drive: pathlib.Path) -> dict:
    """The functions of the setup cell, on a machine where DRIVE is a folder that is not there."""
    setup = setup_of("faceswap_demo")
    source = setup.drive.replace("/content/drive", str(folder / "none")) + "\n\n\n" + setup.functions
    names = run_cell(source, {}, folder, monkeypatch)
    names["my_drive"] = my_drive
    return names


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip is asked for; it succeeds and installs nothing."""
    asked = []

    def run(command, **options):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, stdout="")

    monkeypatch.setattr(subprocess, "run", run)
    return asked


@pytest.mark.parametrize("where", ["here", "drive", "nowhere"])
def test_the_zip_is_found_here_and_in_the_drive(tmp_path, monkeypatch, pip, where):
    here, my_drive = tmp_path / "content", tmp_path / "MyDrive"
    here.mkdir()
    my_drive.mkdir()
    places = {"here": here / "faceswap_lib.zip", "drive": my_drive / "faceswap_lib.zip"}
    if where in places:
        places[where].touch()
    names = functions_of_setup(tmp_path, monkeypatch, my_drive)
    if where == "nowhere":
        with pytest.raises(RuntimeError, match=r"faceswap_lib.zip is not here: drop the zip .* run this cell again"):
            names["install"](str(places["here"]))
        assert not pip
        return
    names["install"](str(places["here"]))
    assert pip == [
        [sys.executable, "-m", "pip", "install", "--constraint", "constraints.txt"]
        + [f"faceswap_lib[colab] @ {places[where].as_uri()}"]
    ]
    fixed = (tmp_path / "constraints.txt").read_text().splitlines()
    assert f"numpy=={np.__version__}" in fixed
    assert not any(line.lower().startswith(("faceswap_lib", "faceswap-lib")) for line in fixed)


def test_what_moved_is_named(monkeypatch, tmp_path, capsys, pip):
    names = functions_of_setup(tmp_path, monkeypatch, tmp_path)
    listed = iter([({"numpy": "1.0", "gone": "2", "six": "1"}, 0), ({"numpy": "2.0", "six": "1", "av": "3"}, 0)])
    names["list_packages"] = lambda: next(listed)
    names["install"]("https://somewhere")
    told = capsys.readouterr().out
    assert "3 packages were here, 2 of them moved\n  ('numpy', ('1.0', '2.0'))\n  ('gone', ('2', None))" in told
    assert "new: av 3" in told


@pytest.mark.parametrize(("code", "is_there"), [(1, True), (0, False)])
def test_a_pip_that_fails_or_installs_nothing_stops_the_setup_cell(monkeypatch, tmp_path, capsys, code, is_there):
    failed = subprocess.CompletedProcess([], code, stdout="ERROR: what pip says")
    monkeypatch.setattr(subprocess, "run", lambda command, **options: failed)
    names = functions_of_setup(tmp_path, monkeypatch, tmp_path)
    found = types.SimpleNamespace(origin="somewhere" if is_there else None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: found)
    with pytest.raises(RuntimeError, match=rf"pip ended with {code}: read the last lines .* and run this cell again"):
        names["install"]("https://somewhere")
    assert "ERROR: what pip says" in capsys.readouterr().out


def test_the_package_is_installed_once_per_session(monkeypatch, tmp_path):
    asked = []
    names = {"INSTALL_FROM": "here", "install": asked.append}
    for source in ("here", "here", "there"):
        names["INSTALL_FROM"] = source
        run_cell(setup_of("faceswap_demo").call, names, tmp_path, monkeypatch)
    assert asked == ["here", "there"]


@pytest.mark.parametrize(("ticked", "asked"), [(False, []), (True, ["faceswap doctor --benchmark"])])
def test_the_machine_is_measured_when_it_is_asked_for(tmp_path, monkeypatch, ticked, asked):
    source = TransformerManager().transform_cell(setup_of("faceswap_demo").device)
    given = []
    shell = types.SimpleNamespace(system=given.append)
    run_cell(source, {"get_ipython": lambda: shell, "os": os, "BENCHMARK": ticked}, tmp_path, monkeypatch)
    assert given == asked


@pytest.mark.parametrize(
    ("device", "told"),
    [
        (Device(name="gpu:0", description="Tesla T4", compute_capability=(7, 5)), "gpu:0 Tesla T4 without bfloat16"),
        (Device(name="gpu:0", description="NVIDIA L4", compute_capability=(8, 9)), "gpu:0 NVIDIA L4 with bfloat16"),
        (Device(name="cpu:0"), "no GPU"),
    ],
)
def test_the_gpu_is_named_and_whether_it_has_bfloat16(tmp_path, monkeypatch, capsys, device, told):
    monkeypatch.setattr("faceswap_lib.devices.list_devices", lambda: [device])
    source = TransformerManager().transform_cell(setup_of("faceswap_demo").device)
    run_cell(source, {"os": os, "BENCHMARK": False}, tmp_path, monkeypatch)
    shown = capsys.readouterr().out
    assert told in shown and ("no GPU" in shown) == device.is_cpu


def run_own(stubs: pathlib.Path, monkeypatch: pytest.MonkeyPatch, name: str, before: dict, **form) -> dict:
    """Runs the cell for earlier results and own files of a notebook as filled in, with a copy next to the workspace."""
    source = cell_of(name, "restore_workspace(")
    for key, value in form.items():
        source, count = re.subn(rf"^{key} = \S+", f"{key} = {value!r}", source, flags=re.MULTILINE)
        assert count == 1, key
    names = {"pathlib": pathlib, "WORKSPACE": "course", "CONSENT": None, "MIRROR": None, "has_drive": False} | before
    return run_cell(source, names, stubs, monkeypatch)


BOTH, ONE = {"VIDEO_A": None, "VIDEO_B": None}, {"VIDEO": None}


@pytest.fixture
def asked(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The dialogs that opened, one per line."""
    monkeypatch.setenv("COLAB_ASKED", str(tmp_path / "asked.txt"))
    (tmp_path / "asked.txt").touch()
    return tmp_path / "asked.txt"


def test_run_all_twice_asks_for_each_video_once_and_says_for_which(
    stubs, monkeypatch, portrait_clips, asked, capsys, tmp_path
):
    monkeypatch.setenv("COLAB_UPLOADS", json.dumps([[str(path)] for path in portrait_clips]))
    form = {"UPLOAD": True, "STATEMENT": "Anna and Ben agreed"}
    first = run_own(stubs, monkeypatch, "faceswap_demo", BOTH, **form)
    told = capsys.readouterr().out
    a, b = (
        told.index(f"Choose {label}") for label in ("the video of A (the video that is", "the video of B (the face)")
    )
    assert a < b and asked.read_text().split() == ["upload", "upload"]
    assert [pathlib.Path(first[key]).name for key in BOTH] == [path.name for path in portrait_clips]
    assert first["VIDEO_A"].startswith("course/own_videos/a/") and first["CONSENT"] == "Anna and Ben agreed"
    second = run_own(stubs, monkeypatch, "faceswap_demo", BOTH, **form)
    assert {key: second[key] for key in BOTH} == {key: first[key] for key in BOTH}
    assert len(asked.read_text().split()) == 2
    assert not [path for path in stubs.iterdir() if path.suffix == ".mp4"]
    # The next notebook finds them, also on another machine, and asks neither for files nor for a statement.
    shutil.rmtree(stubs / "course")
    for name in ("faceswap_video_conversion", "conversion_options", "evaluation"):
        found = run_own(stubs, monkeypatch, name, ONE)
        assert found["VIDEO"] == first["VIDEO_A"] and found["CONSENT"] is None
        assert (stubs / found["VIDEO"]).read_bytes() == portrait_clips[0].read_bytes()
    for side, key in (("src", "VIDEO_A"), ("dst", "VIDEO_B")):
        names = run_own(stubs, monkeypatch, "video_face_detection_alignment", ONE | {"SIDE": side})
        assert names["VIDEO"] == first[key]
    assert len(asked.read_text().split()) == 2


def test_nothing_asks_in_the_demo(stubs, monkeypatch, asked, capsys):
    source = setup_of("faceswap_demo").drive.replace("/content/drive", str(stubs / "mnt"))
    assert not run_cell(source, {}, stubs, monkeypatch)["has_drive"]
    names = run_own(stubs, monkeypatch, "faceswap_demo", BOTH)
    assert names["VIDEO_A"] is None and names["VIDEO_B"] is None
    assert "videos: those of the demo\n" in capsys.readouterr().out
    assert asked.read_text() == ""


def test_an_uploaded_video_lies_in_the_workspace_and_has_its_consent(stubs, monkeypatch, portrait_clips):
    monkeypatch.setenv("COLAB_UPLOADS", json.dumps([[str(portrait_clips[0])]]))
    form = {"UPLOAD": True, "STATEMENT": "Anna agreed"}
    names = run_own(stubs, monkeypatch, "faceswap_video_conversion", ONE, **form)
    assert names["VIDEO"] == f"course/own_videos/a/{portrait_clips[0].name}" and names["CONSENT"] == "Anna agreed"
    assert (stubs / names["VIDEO"]).read_bytes() == portrait_clips[0].read_bytes()
    assert not (stubs / portrait_clips[0].name).exists()
    [consent] = read_consent(Workspace(stubs / "course"))
    assert consent.videos[0].name == portrait_clips[0].name


def test_a_video_of_ones_own_needs_a_consent_which_an_earlier_session_may_have(stubs, monkeypatch, portrait_clips):
    form = {"PATH": str(portrait_clips[0])}
    with pytest.raises(InputError, match="consent"):
        run_own(stubs, monkeypatch, "faceswap_video_conversion", ONE, **form)
    (stubs / "course").mkdir(exist_ok=True)
    (stubs / "course" / "consent.yaml").write_text("statement: Anna agreed\n")
    names = run_own(stubs, monkeypatch, "faceswap_video_conversion", ONE, **form)
    assert names["VIDEO"] == str(portrait_clips[0])


def test_who_agreed_is_asked_before_a_long_upload(stubs, monkeypatch, portrait_clips, asked):
    for name, before in (("faceswap_demo", BOTH), ("photo_expressions", {"PHOTOS": None})):
        with pytest.raises(InputError, match="write in STATEMENT"):
            run_own(stubs, monkeypatch, name, before, UPLOAD=True)
    assert asked.read_text() == ""


def test_nothing_filled_in_or_an_upload_called_off_leaves_the_demo(stubs, monkeypatch, capsys):
    for form in ({}, {"UPLOAD": True, "STATEMENT": "Anna agreed"}):
        names = run_own(stubs, monkeypatch, "faceswap_video_conversion", ONE, **form)
        assert names["VIDEO"] is None and "videos: those of the demo" in capsys.readouterr().out


def test_one_video_of_two_is_not_enough_and_the_missing_one_is_asked_for_alone(
    stubs, monkeypatch, portrait_clips, asked
):
    form = {"UPLOAD": True, "STATEMENT": "Anna and Ben agreed"}
    monkeypatch.setenv("COLAB_UPLOADS", json.dumps([[str(portrait_clips[0])]]))
    with pytest.raises(InputError, match=r"the video of B \(the face\) is missing: tick UPLOAD or enter its path"):
        run_own(stubs, monkeypatch, "faceswap_demo", BOTH, **form)
    sys.modules["google.colab.files"].chosen.append([str(portrait_clips[1])])
    names = run_own(stubs, monkeypatch, "faceswap_demo", BOTH, **form)
    assert [pathlib.Path(names[key]).name for key in BOTH] == [path.name for path in portrait_clips]
    assert len(asked.read_text().split()) == 3


def test_a_wrong_path_and_a_workspace_of_the_demo_are_named(stubs, monkeypatch, portrait_clips, tiny_run):
    form = {"PATH_A": "nowhere.mp4", "PATH_B": str(portrait_clips[1]), "STATEMENT": "Anna and Ben agreed"}
    with pytest.raises(InputError, match=r"there is no file nowhere.mp4; check the path"):
        run_own(stubs, monkeypatch, "faceswap_demo", BOTH, **form)
    shutil.copytree(tiny_run.workspace.root, stubs / "course", dirs_exist_ok=True)
    form["PATH_A"] = str(portrait_clips[0])
    with pytest.raises(InputError, match="course has the faces of the demo's portraits: choose another name"):
        run_own(stubs, monkeypatch, "faceswap_demo", BOTH, **form)
    names = run_own(  # but a run of the demo may convert any video
        stubs, monkeypatch, "faceswap_video_conversion", ONE, PATH=str(portrait_clips[0]), STATEMENT="Anna agreed"
    )
    assert names["VIDEO"] == str(portrait_clips[0])


def test_a_video_that_the_parameters_name_is_used(stubs, monkeypatch, portrait_clips):
    before = {"VIDEO": str(portrait_clips[0]), "CONSENT": "Anna agreed"}
    names = run_own(stubs, monkeypatch, "faceswap_video_conversion", before)
    assert names["VIDEO"] == str(portrait_clips[0]) and names["CONSENT"] == "Anna agreed"


def test_outside_colab_there_is_no_upload(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", None)
    with pytest.raises(InputError, match="UPLOAD works on Colab only; enter the path"):
        run_own(tmp_path, monkeypatch, "faceswap_demo", BOTH, UPLOAD=True, STATEMENT="Anna and Ben agreed")


def test_uploaded_photos_are_asked_for_once_and_have_their_consent(stubs, monkeypatch, asked):
    for name in ("one.png", "two.png"):
        (stubs.parent / name).write_bytes(name.encode())
    monkeypatch.setenv("COLAB_UPLOADS", json.dumps([[str(stubs.parent / name) for name in ("one.png", "two.png")]]))
    before = {"PHOTOS": None, "CONSENT": "the portraits are in the public domain"}
    form = {"UPLOAD": True, "STATEMENT": "Anna and Ben agreed"}
    for _ in range(2):
        names = run_own(stubs, monkeypatch, "photo_expressions", before, **form)
        assert names["PHOTOS"] == ["course/own_photos/one.png", "course/own_photos/two.png"]
        assert names["CONSENT"] == "Anna and Ben agreed" and (stubs / names["PHOTOS"][1]).read_bytes() == b"two.png"
    assert asked.read_text().split() == ["upload"]
    shutil.rmtree(stubs / "course")  # another machine: the copy has them
    names = run_own(stubs, monkeypatch, "photo_expressions", before)
    assert len(names["PHOTOS"]) == 2 and names["CONSENT"] is None
    with pytest.raises(InputError, match="consent"):  # the portraits' own statement does not count for other photos
        names = before | {"PHOTOS": ["course/own_photos/one.png"], "WORKSPACE": "another"}
        run_own(stubs, monkeypatch, "photo_expressions", names)


# Sessions: the notebooks' own cells between machines and Drive, with other work in place of the lesson ---------------


class Session:
    """A machine on which the first and last cells of a Colab notebook run.

    Args:
        folder: The machine's; the working directory from now on.
        monkeypatch: Changes it.
    """

    def __init__(self, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
        folder.mkdir(exist_ok=True)
        self.folder, self._patch = folder, monkeypatch
        self.names = mount(folder, monkeypatch) | {"WORKSPACE": "course", "MIRROR": None}
        self._run(cell_of("faceswap_train", "restore_workspace("))

    def _run(self, source: str) -> None:
        run_cell(source, self.names, self.folder, self._patch)

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.folder / "course")

    def mirror(self) -> pathlib.Path | None:
        """What the notebooks that train take as mirror."""
        return self.names["MIRROR"]

    def end(self, *, download: bool = False) -> None:
        self._run(cell_of("faceswap_train", "{backup_workspace("))
        self._run(cell_of("faceswap_train", "DOWNLOAD = False").replace("DOWNLOAD = False", f"DOWNLOAD = {download}"))


@pytest.fixture
def new_machine(stubs, tmp_path, monkeypatch):
    """Begins a session on another machine."""
    (tmp_path / "downloads").mkdir()
    monkeypatch.setenv("COLAB_DOWNLOADS", str(tmp_path / "downloads"))
    numbers = iter(range(100))
    return lambda: Session(tmp_path / f"machine{next(numbers)}", monkeypatch)


def test_four_sessions_hand_on_faces_masks_training_and_conversion(new_machine, tiny_run, tmp_path, capsys):
    made, first = tiny_run.workspace, new_machine()
    assert "nothing there yet" in capsys.readouterr().out
    shutil.copytree(made.faces("src"), first.workspace.faces("src"))
    (first.workspace.root / "clips").mkdir()
    (first.workspace.root / "clips" / "hopper.mp4").write_bytes(b"clip")
    first.end()
    second = new_machine()
    assert (second.workspace.root / "clips" / "hopper.mp4").is_file()
    shutil.copytree(made.faces("dst"), second.workspace.faces("dst"))
    for side in ("src", "dst"):
        shutil.copytree(made.eye_masks(side), second.workspace.eye_masks(side))
    second.end()
    third = new_machine()
    run_config = LoopConfig(sync_dir=third.mirror(), log_every=1, checkpoint_every=2)
    assert run_config.sync_dir == third.folder / "mnt" / "MyDrive" / "course" / "models"
    shutil.copytree(tiny_run.folder, third.workspace.run("default"))
    train(third.workspace, config=TrainConfig(steps=42, batch_size=2, warmup_steps=4, seed=7), run_config=run_config)
    fourth = new_machine()  # the third was taken back before its last cell
    assert load_run(fourth.workspace)[1] == 42
    assert len(Faceset.open(fourth.workspace, "dst")) == len(Faceset.open(made, "dst"))
    (fourth.workspace.root / "swap.mp4").write_bytes(b"swap")
    fourth.end(download=True)
    assert sorted(contents(tmp_path / "downloads")) == ["swap.mp4"]
    assert (tmp_path / "account" / "course" / "swap.mp4").read_bytes() == b"swap"


def test_without_drive_all_can_be_downloaded_and_taken_up_again(new_machine, tiny_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLAB_MOUNT", "refused")
    first = new_machine()
    assert first.mirror() is None
    shutil.copytree(tiny_run.workspace.root, first.workspace.root, dirs_exist_ok=True)
    first.end(download=True)
    assert sorted(contents(tmp_path / "downloads")) == ["course-kept.zip"]
    assert [*(tmp_path / "account").iterdir()] == []
    machine = tmp_path / "machine1"
    shutil.unpack_archive(tmp_path / "downloads" / "course-kept.zip", machine / "course-kept")
    assert load_run(new_machine().workspace)[1] == 40
    assert "models/default at step 40" in capsys.readouterr().out


@pytest.mark.parametrize("operations", [0, 5, 12])
def test_a_drive_that_vanishes_half_way_stops_nothing(new_machine, tiny_run, tmp_path, monkeypatch, capsys, operations):
    monkeypatch.setenv("COLAB_VANISHES", str(operations))
    first = new_machine()
    shutil.copytree(tiny_run.workspace.root, first.workspace.root, dirs_exist_ok=True)
    before = contents(first.workspace.root)
    first.end(download=True)
    after = contents(first.workspace.root)
    assert {name: after[name] for name in before} == before and set(after) <= {*before, "kept.json"}
    assert "failed: " in capsys.readouterr().out
    monkeypatch.delenv("COLAB_VANISHES")
    first.end()  # nothing comes back by itself: this mount is dead
    assert "failed: " in capsys.readouterr().out
    second = new_machine()
    for side in ("src", "dst"):
        if second.workspace.faces(side).exists():
            Faceset.open(second.workspace, side)
    shutil.copytree(tiny_run.workspace.root, second.workspace.root, dirs_exist_ok=True)
    second.end()
    assert load_run(new_machine().workspace)[1] == 40


# The notebooks themselves ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_demo_runs_is_kept_and_asks_pip_to_leave_all_as_it_is(google: Google, kernel: str):
    notebook, machine = google.run("faceswap_demo", kernel, replaced={"USE_DRIVE = False": "USE_DRIVE = True"})
    assert (machine / "course" / "swap.mp4").is_file()
    kept = contents(google.drive / "course")
    assert {"face_src.zip", "face_dst.zip", "swap.mp4", "models/default/history.jsonl"} <= set(kept)
    assert "carried: face_src, face_dst" in printed(notebook)
    [asked] = google.asked_of_pip()
    assert asked[0] == "install" and asked[-1] == "faceswap_lib[colab] @ file:///faceswap_lib.zip"
    assert asked[asked.index("--constraint") + 1] == "constraints.txt"


@pytest.mark.slow
def test_a_failing_pip_stops_run_all_in_the_setup_cell(google: Google, kernel: str):
    where = {"/content/faceswap_lib.zip": "https://somewhere/faceswap_lib.zip"}
    with pytest.raises(nbclient.exceptions.CellExecutionError) as stopped:
        google.run("faceswap_demo", kernel, replaced=where, pip="1")
    told = str(stopped.value)
    assert "ResolutionImpossible: this is what pip says" in told and "def install(source):" in told
    assert "RuntimeError" in told and "faceswap_lib is not installed, pip ended with 1: read the last lines" in told
    assert len(google.asked_of_pip()) == 1


@pytest.mark.nightly
@pytest.mark.skipif(len(MADE) < len(COLAB), reason="not all texts are there")
def test_each_notebook_goes_on_with_what_the_one_before_left_in_drive(google: Google, kernel: str):
    """Faces in one session, masks in a second, training in a third, conversion in a fourth."""
    kept = google.drive / "course"
    google.run("video_face_detection_alignment", kernel)
    assert "face_src.zip" in contents(kept)
    _, machine = google.run("prep_binary_masks", kernel)
    assert {"face_src.zip", "face_dst.zip"} <= set(contents(kept))
    notebook, machine = google.run("faceswap_train", kernel)
    assert "face_src, face_dst" in re.search(r"carried: .*", printed(notebook))[0]
    assert [*kept.glob("models/default/checkpoints/step-*.npz")]
    trained = (machine / "course/models/default/history.jsonl").read_bytes()
    _, machine = google.run("faceswap_video_conversion", kernel)
    assert (machine / "course/models/default/history.jsonl").read_bytes() == trained
    assert [path for path in contents(kept) if path.endswith(".mp4") and "/" not in path]


@pytest.mark.nightly
def test_lessons_between_those_run_on_the_same_drive(google: Google, kernel: str):
    kept = google.drive / "course"
    google.run("kalman_smoothing", kernel)
    assert "raw_and_smoothed.mp4" in contents(kept)
    faults = {"BROKEN_STEPS": 2, "BROKEN": ("good", "nothing changed")}
    notebook, machine = google.run("training_faults", kernel, parameters=faults)
    assert "a new machine resumed from step" in printed(notebook)
    assert {"face_src.zip", "face_dst.zip"} <= set(contents(kept)) and not (
        machine / "course/models/rehearsal"
    ).exists()
    notebook, _ = google.run("conversion_options", kernel, parameters={"LOOK_AT": 12})
    assert "face_src, face_dst" in re.search(r"carried: .*", printed(notebook))[0]
    assert [*kept.glob("models/default/checkpoints/step-*.npz")]
