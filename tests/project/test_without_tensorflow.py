"""On JAX and PyTorch nothing needs TensorFlow, from extraction to conversion."""

import importlib
import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from faceswap_lib.faces.track_video import track_video
from faceswap_lib.facesets.track_io import read_tracks
from faceswap_lib.media import read_frames
from tests.conftest import ROOT
from tests.without_tensorflow import FORBIDDEN, Refusal

PIXELS = 0.05
"""Largest distance of a coordinate from what TensorFlow gives."""


def test_the_refusal_refuses(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [Refusal(), *sys.meta_path])
    for name in FORBIDDEN:
        monkeypatch.delitem(sys.modules, name, raising=False)
        with pytest.raises(ImportError, match="refused by the test"):
            importlib.import_module(name)
    assert importlib.import_module("colorsys")


@pytest.mark.parity
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_demo_runs_where_tensorflow_cannot_be_imported(backend, detector, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("compared with Keras on TensorFlow")
    environment = {**os.environ, "KERAS_BACKEND": backend, "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-m", "tests.without_tensorflow", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    clips = sorted((tmp_path / "clips").glob("*.mp4"))
    with np.load(tmp_path / "landmarks.npz") as landmarks:
        assert len(clips) == len(landmarks.files) == 2
        for clip in clips:
            ours = np.array([faces[0].landmarks for faces in detector.detect(list(read_frames(clip)))])
            assert ours.shape == landmarks[clip.stem].shape == (15, 5, 2)
            assert landmarks[clip.stem] == pytest.approx(ours, abs=PIXELS)
    tracked = {clip.stem: track_video(clip, detector) for clip in clips}
    for side in ("src", "dst"):
        extracted = read_tracks(tmp_path / f"face_{side}")
        assert extracted.length == 15 and len(extracted.tracks) == 1
        (clip,) = [name for name, tracks in tracked.items() if same_place(tracks, extracted)]
        tracked.pop(clip)


def same_place(tracks, others) -> bool:
    """Whether two clips have one track each, with the same landmarks."""
    one, other = (
        np.array([face.landmarks for _, face in sorted(entry.tracks[0].items())]) for entry in (tracks, others)
    )
    return one.shape == other.shape and bool(np.abs(one - other).max() < PIXELS)
