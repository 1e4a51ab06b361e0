"""Notebooks on other machines: with the arithmetic of a GPU, and with videos too large to be kept in memory."""

import pathlib

import nbclient
import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import ROOT
from tests.gpu_arithmetic import round_factor
from tests.notebook_runner import SMOKE, run_notebook

FIRST = "\nhide_tensorflow_messages()"
"""A line of the first cell that loads packages, in every notebook."""

ROUNDING = f"{FIRST}\nfrom tests.gpu_arithmetic import round_eager_products\n\nround_eager_products()\n"

COMPARING = {
    "00_faceswap_demo": "lite",
    "03b_networks": "tiny",
    "03c_attention_mask": "tiny",
    "06_video_conversion": "lite",
}
"""Notebooks that ask for less on a GPU, and networks large enough for its rounding to show."""


def test_a_factor_keeps_ten_bits_behind_the_point():
    numbers = np.float32([1 + 2**-10, 1 + 2**-12, 1 + 3 * 2**-12, -(1 + 3 * 2**-12), 255.3, 0.0])
    wanted = np.float32([1 + 2**-10, 1, 1 + 2**-10, -(1 + 2**-10), 255.25, 0.0])
    np.testing.assert_array_equal(round_factor(numbers), wanted)
    assert round_factor(np.arange(3)).dtype == tf.int64


def test_all_notebooks_that_ask_for_less_on_a_gpu_are_tried():
    asking = {path.stem for path in ROOT.glob("notebooks/*.py") if "has_accelerator()" in path.read_text()}
    assert asking - {"07_evaluation"} == set(COMPARING)  # 07 asks dlib, which this does not reach


@pytest.mark.nightly
@pytest.mark.parametrize(("name", "preset"), COMPARING.items())
@pytest.mark.parametrize("is_known", [True, False], ids=["a GPU", "a GPU taken for a processor"])
def test_with_products_of_three_digits_a_notebook_runs_on_if_it_knows_of_the_gpu(
    name: str, preset: str, is_known: bool, kernel: str, tmp_path: pathlib.Path
):
    parameters = {**SMOKE, "WORKSPACE": "workspace", "PRESET": preset, "STEPS": 40}
    replaced = {FIRST: ROUNDING, "has_accelerator()": str(is_known)}
    if is_known:
        run_notebook(name, kernel, tmp_path, parameters, replaced=replaced, timeout=600)
    else:
        with pytest.raises(nbclient.exceptions.CellExecutionError, match="AssertionError"):
            run_notebook(name, kernel, tmp_path, parameters, replaced=replaced, timeout=600)


HELD = 33
"""Frames that a search for faces works on at a time, and the one that is read."""

SHOWN = 14
"""Frames that a notebook may hold to show them: of two videos six each, and the one it looks at closely."""

WATCHING = f"{FIRST}\nfrom tests.frames_alive import watch_frames\n\nwatch_frames()\n"


@pytest.mark.nightly
@pytest.mark.parametrize(
    "name", ["00_faceswap_demo", "01_video_face_detection_alignment", "06_video_conversion", "07_evaluation"]
)
def test_a_notebook_keeps_the_frames_that_it_shows_and_no_others(
    name: str, kernel: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    counted = tmp_path / "most_frames.txt"
    monkeypatch.setenv("MOST_FRAMES_ALIVE", str(counted))
    parameters = {**SMOKE, "WORKSPACE": "workspace", "SECONDS": 4.0}  # 100 frames in each clip
    run_notebook(name, kernel, tmp_path, parameters, replaced={FIRST: WATCHING}, timeout=600)
    assert 0 < int(counted.read_text()) <= HELD + SHOWN
