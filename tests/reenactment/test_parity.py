"""The reenactment systems train alike on TensorFlow, JAX and PyTorch."""

import functools
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

import keras
import numpy as np
import pytest

from faceswap_lib.reenactment.system import MODULES
from tests import reenactment_values
from tests.conftest import ROOT

OTHERS = [name for name in ("jax", "torch") if name != keras.backend.backend()]

SMOOTH = ("landmark-gan", "one-shot")
"""Systems whose weight changes are compared, too. The avatar's first flow hits pixels exactly; there, the derivative of
bilinear sampling jumps, and rounding decides which side it takes, also on one backend."""


@functools.cache
def values_here() -> dict[str, np.ndarray]:
    return reenactment_values.all_values()


LONGEST = 300
"""Seconds after which the process of a backend is stopped; it takes 30 to 110."""


@functools.cache
def values_of(backend: str) -> dict[str, np.ndarray]:
    """The numbers of another backend, from a process of its own."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "values.npz"
        command = [sys.executable, "-m", "tests.reenactment_values", str(path)]
        environment = {**os.environ, "KERAS_BACKEND": backend, "OMP_WAIT_POLICY": "PASSIVE"}
        result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONGEST)
        assert result.returncode == 0, result.stderr[-2000:]
        with np.load(path) as stored:
            return dict(stored)


@pytest.mark.parity
@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize("system", list(MODULES))
def test_two_steps_are_the_same(system, backend):
    mine, other = values_here(), values_of(backend)
    names = [name for name in mine if name.startswith(f"{system}/")]
    assert len(names) > 8 and set(names) == {name for name in other if name.startswith(f"{system}/")}
    for name in names:
        if "/term/" in name:
            np.testing.assert_allclose(other[name], mine[name], rtol=5e-3, atol=1e-4, err_msg=name)
            continue
        error = np.linalg.norm(other[name] - mine[name]) / max(np.linalg.norm(mine[name]), 1e-9)
        assert error < 0.02 or system not in SMOOTH, name
