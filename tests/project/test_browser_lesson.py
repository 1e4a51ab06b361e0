"""The lesson in the browser: its code runs in plain Python too, its checks know wrong answers, its Python is pinned."""

import builtins
import hashlib
import importlib.util
import pathlib
import re
import subprocess
import types

import pytest

from tests.conftest import ROOT
from tools.website import browser

LESSON = (ROOT / "browser" / "lesson.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```python\n(?P<code>.*?)^```$", re.M | re.S)


@pytest.fixture
def tools() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("lesson_tools", ROOT / "browser" / "lesson_tools.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(tools: types.ModuleType, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys):
    """Runs the cells in a folder with the pictures; returns what they print."""
    monkeypatch.setitem(__import__("sys").modules, "lesson_tools", tools)
    browser.write_pictures(ROOT, tmp_path)
    monkeypatch.chdir(tmp_path)

    def run_cells(*, solved: bool) -> str:
        names: dict = {"__builtins__": builtins}
        for found in FENCE.finditer(LESSON):
            if solved or not is_solution(found):
                exec(compile(found["code"], "cell", "exec"), names)
        return capsys.readouterr().out

    return run_cells


def is_solution(found: re.Match[str]) -> bool:
    return LESSON[: found.start()].rstrip().endswith("</summary>")


def test_the_cells_run_without_numpy_and_print_what_the_text_says(run, tools: types.ModuleType):
    said = run(solved=False)
    assert "jitter of the detector  0.0170\n" in said and "jitter  0.0044\n" in said
    assert "position only 0.0085, with velocity 0.0059\n" in said
    assert said.count("nothing came back yet") == 2 and said.count("of the solution") == 2
    assert sum("<svg" in piece for piece in tools.shown) == 3
    assert "numpy" not in vars(tools) and not re.search(r"import numpy", LESSON)


def test_the_solutions_are_right(run):
    said = run(solved=True)
    assert said.count("right\n") == 2 and "your update\n" in said and "your transfer\n" in said


def test_a_larger_process_noise_takes_the_lag_away_and_brings_the_jitter_back(tools: types.ModuleType):
    names = vars(tools) | {"__builtins__": builtins}
    [code] = [found["code"] for found in FENCE.finditer(LESSON) if "def filter_position" in found["code"]]
    names["truth"], names["measured"] = tools.make_track()
    exec(compile(code, "cell", "exec"), names)
    quick = names["filter_position"](names["measured"], q=1e-3, noise=1e-4)
    assert tools.measure_error(quick, names["truth"]) < 0.9 * tools.measure_error(names["smooth"], names["truth"])
    assert tools.measure_jitter(quick) > 0.8 * tools.measure_jitter(names["measured"])


def test_wrong_updates_get_their_own_line(tools: types.ModuleType):
    def answer(sign=1.0, swapped=False, velocity=True, shrinks=True, same_gain=False):
        def update(state, z, noise):
            gain, gain_v = state.pp / (state.pp + noise), state.pv / (state.pp + noise)
            gain_p = 1 - gain if swapped else gain
            residual = sign * (z - state.position)
            return tools.State(
                state.position + gain_p * residual,
                state.velocity + (gain_p if same_gain else gain_v) * residual * velocity,
                (1 - gain_p * shrinks) * state.pp,
                (1 - gain_p * shrinks) * state.pv,
                state.vv - gain_v * state.pv * shrinks,
            )

        return update

    assert tools.check_update(answer()) == tools.RIGHT
    for wrong, line in {
        answer(sign=-1.0): "residual is the measurement minus",
        answer(swapped=True): "wrong way round",
        answer(velocity=False): "velocity is not corrected",
        answer(shrinks=False): "variances do not shrink",
        answer(same_gain=True): "gain of its own",
        lambda state, z, noise: state: "position is off",
        lambda state, z, noise: None: "nothing came back",
        lambda state, z, noise: (0.1, 0.2): "five numbers",
        lambda state, z, noise: 1 / 0: "ZeroDivisionError",
    }.items():
        assert line in tools.check_update(wrong)


def test_wrong_transfers_get_their_own_line(tools: types.ModuleType):
    from statistics import fmean, pstdev

    assert tools.check_transfer(tools.transfer_channel) == tools.RIGHT
    for wrong, line in {
        lambda new, old: [v - fmean(new) + fmean(old) for v in new]: "the spread does not",
        lambda new, old: [(v - fmean(new)) * pstdev(new) / pstdev(old) + fmean(old) for v in new]: "upside down",
        lambda new, old: [v * pstdev(old) / pstdev(new) - fmean(new) + fmean(old) for v in new]: "before you scale",
        lambda new, old: [(v - fmean(new)) * pstdev(old) / pstdev(new) for v in new]: "still missing",
        lambda new, old: old: "returns old itself",
        lambda new, old: [0.0] * 4: "expected [",
        lambda new, old: [1.0]: "a list of 4",
        lambda new, old: ...: "nothing came back",
        lambda new, old: new - old: "TypeError",
    }.items():
        assert line in tools.check_transfer(wrong)


def test_without_npm_the_lesson_is_left_out_and_the_build_says_so(tmp_path: pathlib.Path, monkeypatch, capsys):
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    page = browser.stage(ROOT, tmp_path / "page", tmp_path / "kept", wanted="auto")
    assert "Python is not part of this build" in page and not list((tmp_path / "page").iterdir())
    assert "left out: npm is missing" in capsys.readouterr().err
    with pytest.raises(browser.DownloadError, match="npm is missing"):
        browser.stage(ROOT, tmp_path / "page2", tmp_path / "kept", wanted="require")


def test_a_registry_that_does_not_answer_is_said(tmp_path: pathlib.Path, monkeypatch):
    monkeypatch.setattr(browser.shutil, "which", lambda name: "npm")
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr="npm notice x\nnpm error code ENOTFOUND\n")
    monkeypatch.setattr(browser.subprocess, "run", lambda *given, **options: failed)
    with pytest.raises(browser.DownloadError, match=r"npm pack pyodide@\S+ failed: npm error code ENOTFOUND"):
        browser.fetch(browser.PYODIDE, tmp_path)


def test_another_file_than_the_pinned_one_is_refused_and_deleted(tmp_path: pathlib.Path):
    file = tmp_path / f"pyodide-{browser.PYODIDE.version}.tgz"
    file.write_bytes(b"something else")
    with pytest.raises(browser.DownloadError, match="expected SHA-256 66b7949e.*got " + _sha(b"something else")):
        browser.fetch(browser.PYODIDE, tmp_path)
    assert not file.exists()


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
