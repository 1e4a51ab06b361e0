"""The same weights and input give the same numbers on TensorFlow, JAX and PyTorch."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests import layer_values
from tests.conftest import ROOT

# Keras turns tensors into arrays, and saves them, in a way that NumPy 2.4 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

OTHERS = [backend for backend in layer_values.BACKENDS if backend != keras.backend.backend()]


@pytest.fixture(scope="module")
def here() -> dict[str, np.ndarray]:
    """The numbers of the running backend."""
    return layer_values.all_values()


@pytest.fixture(scope="module", params=OTHERS)
def there(request, tmp_path_factory) -> dict[str, np.ndarray]:
    """The numbers of another backend, from a process of its own."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    path = tmp_path_factory.mktemp("values") / f"{request.param}.npz"
    result = subprocess.run(
        [sys.executable, "-m", "tests.layer_values", str(path)],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": request.param},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    values = dict(np.load(path))
    assert values.pop("backend") == request.param
    return values


@pytest.mark.parity
@pytest.mark.parametrize("name", layer_values.CASES)
def test_another_backend_gives_the_same_numbers(name, here, there):
    assert here[name].dtype == there[name].dtype == np.float32
    assert here[name].std() > 0.05
    np.testing.assert_allclose(there[name], here[name], rtol=0, atol=1e-4)
