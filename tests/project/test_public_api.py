"""`import faceswap_lib as fs`: what a user types first."""

import ast
import importlib.metadata
import subprocess
import sys

import numpy as np
import pytest

import faceswap_lib as fs
from faceswap_lib.errors import InputError
from tests.conftest import ROOT

STUB = ROOT / "faceswap_lib" / "__init__.pyi"


def test_a_run_swaps_one_frame(tiny_run, portrait_clips):
    frame = next(fs.read_frames(str(portrait_clips[0])))
    face = fs.MTCNN().detect(frame)[0]
    swapper = fs.FaceSwapper.from_run(tiny_run.workspace, config=fs.ConvertConfig(latent_map="none"))
    swapped = swapper.swap(frame, face)
    assert swapped.shape == frame.shape and swapped.dtype == np.uint8 and (swapped != frame).any()
    left, top, right, bottom = np.array(face.box_xyxy).round().astype(int)
    outside = np.ones(frame.shape[:2], bool)
    grown = right - left
    outside[max(0, top - grown) : bottom + grown, max(0, left - grown) : right + grown] = False
    np.testing.assert_array_equal(swapped[outside], frame[outside])
    other = fs.FaceSwapper.from_run(
        tiny_run.workspace, direction="b2a", config=fs.ConvertConfig(latent_map="none", detail_transfer="none")
    )
    assert (other.swap(frame, face) != swapped).any()


def test_every_public_name_is_there_and_nothing_else_is_promised():
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    promised = {alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert promised == set(fs.__all__) and {"MTCNN", "FaceSwapper", "train"} <= promised
    for name in promised:
        assert getattr(fs, name) is not None
    with pytest.raises(AttributeError):
        fs.no_such_name  # noqa: B018


def test_importing_the_package_loads_no_room():
    code = "import sys, faceswap_lib as fs; fs.Workspace; print('keras' in sys.modules, 'tensorflow' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout.split() == ["False", "False"]


def test_types_and_stub_are_installed_with_the_package():
    found = importlib.metadata.distributions(name="faceswap_lib")
    records = [
        record for record in (one.read_text("RECORD") for one in found) if record and "__editable__" not in record
    ]
    if not records:
        pytest.skip("the package is installed as a link to its sources")
    for record in records:
        assert "faceswap_lib/py.typed" in record and "faceswap_lib/__init__.pyi" in record


def test_one_frame_is_detected_as_a_sequence_of_frames_is(portrait_clips):
    frame = next(fs.read_frames(str(portrait_clips[0])))
    small = np.ascontiguousarray(frame[: frame.shape[0] // 2 * 2 : 1, :-2])
    detector = fs.MTCNN()
    alone = detector.detect(frame)
    together = detector.detect([frame, small, frame])
    assert len(alone) == 1 and len(together) == 3
    np.testing.assert_allclose(alone[0].landmarks, together[0][0].landmarks, atol=0.01)
    np.testing.assert_allclose(together[0][0].landmarks, together[2][0].landmarks, atol=0.01)
    assert len(together[1]) == 1 and detector.detect([]) == []


def test_a_person_is_a_or_b(tmp_path):
    with pytest.raises(InputError, match="person a .* or b .* got 'c'"):
        fs.extract("none.mp4", fs.Workspace(tmp_path), person="c")


def test_a_preset_is_networks_and_options_together(tmp_path):
    with pytest.raises(ValueError, match="preset lite or network_config and config, got both"):
        fs.train(fs.Workspace(tmp_path), preset="lite", config=fs.TrainConfig())
    with pytest.raises(InputError, match="unknown preset 'light'"):
        fs.train(fs.Workspace(tmp_path), preset="light")
