"""The step by hand, in parts, in half precision, on several devices, and the same on TensorFlow, JAX and PyTorch."""

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

from faceswap_lib.errors import InputError
from faceswap_lib.training.backends import build_step, device_count, distribute
from faceswap_lib.training.loss_model import Batch
from tests import step_values
from tests.conftest import ROOT

HERE = keras.backend.backend()

WORKED = np.array(
    [
        # loss pull * 2 * made * judged, then both moved by 0.1 of their gradients: pull * 2 * judged and made * 5.
        [0.5 * 2 * 2 * 3, 2 - 0.1 * 3, 3 - 0.1 * 10, 0.75 * 10 + 0.25 * 1.7, 1, 1],
        [0.25 * 2 * 1.7 * 2, 1.7 - 0.1 * 1, 2 - 0.1 * 8.5, 0.75 * 7.925 + 0.25 * 1.6, 2, 2],
        # without discriminators
        [1 * 2 * 1.6 * 1.15, 1.6 - 0.1 * 2.3, 1.15, 0.75 * 6.34375 + 0.25 * 1.37, 3, 3],
    ]
)
"""Loss, generator, discriminator, average, uses of the generator, the averaged network's copy of that."""


@functools.cache
def values_of(backend: str) -> dict[str, np.ndarray]:
    """All numbers of a backend; of another than the running one from a process of its own."""
    if backend == HERE:
        return step_values.all_values()
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    return run_script(backend)


def run_script(backend: str, *arguments: str, **environment: str) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "values.npz"
        result = subprocess.run(
            [sys.executable, "-m", "tests.step_values", str(path), *arguments],
            cwd=ROOT,
            # Threads that spin while they wait make PyTorch many times slower where other processes work as well.
            env={**os.environ, "KERAS_BACKEND": backend, "OMP_WAIT_POLICY": "PASSIVE", **environment},
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr[-2000:]
        values = dict(np.load(path))
    assert values.pop("backend") == backend
    return values


on_every_backend = pytest.mark.parametrize(
    "values",
    [
        pytest.param(backend, marks=[] if backend == HERE else pytest.mark.parity, id=backend)
        for backend in step_values.BACKENDS
    ],
    indirect=True,
)


@pytest.fixture
def values(request) -> dict[str, np.ndarray]:
    return values_of(request.param)


# What a step does --------------------------------------------------------------------------------------------------


@on_every_backend
def test_three_steps_are_those_worked_by_hand(values):
    """Gradients before changes, one player at a time, averages after, statistics followed."""
    np.testing.assert_allclose(values["worked/rows"], WORKED, rtol=1e-6)


@on_every_backend
def test_a_weight_that_no_loss_reads_stays(values):
    assert list(values["worked/idle"]) == [7, 7, 7]


@on_every_backend
def test_random_numbers_go_on_from_step_to_step(values):
    assert len(set(values["worked/drawn"])) == 3


def test_only_a_change_of_the_active_losses_compiles():
    """Three steps with two weights and two active sets; the objective runs only while a program is made of it."""
    assert values_of("tensorflow")["worked/calls"] == 2


@pytest.mark.parity
def test_only_a_change_of_the_active_losses_compiles_on_jax():
    assert values_of("jax")["worked/calls"] == 2


@pytest.mark.skipif(HERE != "tensorflow", reason="JAX always compiles with XLA, PyTorch never")
@pytest.mark.parametrize("micro_batches", [1, 2])
def test_three_steps_compiled_with_xla_are_those_worked_by_hand(micro_batches):
    """At once they are one program for each kind of phase, in parts two."""
    found = step_values.worked_values(micro_batches, xla="on")
    np.testing.assert_allclose(found["rows"], WORKED * [1, 1, 1, 1, micro_batches, micro_batches], rtol=1e-6)
    assert found["calls"] == 2 and list(found["idle"]) == [7, 7, 7]


@on_every_backend
def test_a_coarse_picture_is_compared_with_the_shrunken_one(values):
    """Keras 3.15 cannot pool on JAX unless the strides are said; networks above 64 pixels could take no step there."""
    assert {"likeness/reconstruction", "likeness/dssim", "likeness/edges", "likeness/coarse_64"} < set(values)
    here = values_of(HERE)
    for name in ("reconstruction", "dssim", "edges", "coarse_64"):
        assert values[f"likeness/{name}"] == pytest.approx(here[f"likeness/{name}"], rel=1e-4)
        assert here[f"likeness/{name}"] > 0.1


# In parts ----------------------------------------------------------------------------------------------------------


@on_every_backend
def test_in_two_parts_the_average_moves_once(values):
    """Both parts have the means of the whole; only the networks are used twice as often."""
    np.testing.assert_allclose(values["worked_parts/rows"], WORKED * [1, 1, 1, 1, 2, 2], rtol=1e-6)


@on_every_backend
def test_a_batch_in_parts_moves_the_weights_as_the_whole_does(values):
    names = [name.removeprefix("whole/") for name in values if name.startswith("whole/")]
    assert len(names) == 18
    for name in names:
        whole, parts = values[f"whole/{name}"], values[f"parts/{name}"]
        assert np.linalg.norm(parts - whole) <= 1e-4 * np.linalg.norm(whole), name
        assert np.linalg.norm(whole) > 1e-3 or "_b/" in name, name


def test_a_batch_that_has_no_such_parts_is_refused():
    state = step_values.make_state([keras.optimizers.SGD(0.1) for _ in range(2)])
    step = build_step(step_values.MeanObjective(state), state, micro_batches=3)
    before = step_values.read_weights(state)
    with pytest.raises(InputError, match="a batch of 4 cannot be taken in 3 equal parts"):
        step(Batch(index_a=np.arange(4), index_b=np.arange(4)), {"adversarial": 0.1}, 0.5, active=frozenset())
    assert all(np.array_equal(before[name], weight) for name, weight in step_values.read_weights(state).items())
    with pytest.raises(InputError, match="micro_batches: expected at least 1, got 0"):
        build_step(step_values.MeanObjective(state), state, micro_batches=0)


# The same numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parity
@pytest.mark.parametrize("backend", [backend for backend in step_values.BACKENDS if backend != HERE])
def test_another_backend_trains_the_same(backend):
    """Up to rounding: the backends sum in other orders, and three steps of training amplify what that leaves."""
    here, there = values_of(HERE), values_of(backend)
    names = [name for name in here if name.startswith("float32/")]
    assert here.keys() == there.keys()
    assert {"float32/term/adversarial_a", "float32/change/encoder/0"} < set(names)
    for name in names:
        if name.startswith("float32/term/"):
            np.testing.assert_allclose(there[name], here[name], rtol=1e-3, err_msg=name)
        else:
            np.testing.assert_allclose(there[name], here[name], rtol=0, atol=1e-4, err_msg=name)
            assert np.linalg.norm(there[name] - here[name]) < 0.02 * np.linalg.norm(here[name]), name


@on_every_backend
def test_networks_that_compute_in_bfloat16_have_the_same_terms(values):
    terms = [name for name in values if name.startswith("bfloat16/term/")]
    assert len(terms) > 10
    for name in terms:
        exact = values[name.replace("bfloat16", "float32")][:1]
        np.testing.assert_allclose(values[name], exact, rtol=0.01, err_msg=name)
    assert any(np.any(values[name] != values[name.replace("bfloat16", "float32")][:1]) for name in terms)
    assert values["bfloat16/change/encoder/0"].dtype == np.float32


@pytest.mark.skipif(HERE != "tensorflow", reason="promised on TensorFlow")
def test_two_trainings_give_the_same_bytes():
    first, again = (step_values.training_values() for _ in range(2))
    assert {name: value.tobytes() for name, value in first.items()} == {
        name: value.tobytes() for name, value in again.items()
    }


# Several devices ---------------------------------------------------------------------------------------------------


@pytest.mark.parity
def test_two_devices_train_as_one_does():
    one = values_of("jax")
    two = run_script("jax", "2", XLA_FLAGS="--xla_force_host_platform_device_count=2")
    assert two.pop("holders") == 2
    assert (
        str(two.pop("refusal"))
        == "3 faces of a person cannot be divided among 2 devices; choose a --batch-size that is a multiple of 2"
    )
    for name, value in two.items():
        np.testing.assert_allclose(value, one[name], rtol=1e-4 if "/term/" in name else 0, atol=1e-4, err_msg=name)


def test_several_devices_are_refused_where_a_backend_trains_on_one(monkeypatch):
    for backend in ("tensorflow", "torch"):
        monkeypatch.setattr(keras.backend, "backend", lambda backend=backend: backend)
        assert device_count() == 1
        with pytest.raises(InputError, match=f"2 devices need Keras on jax, it runs on {backend}; set KERAS_BACKEND"):
            distribute(2)


def test_more_devices_than_there_are_or_none_are_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0", "gpu:1"])
    assert device_count() == 2
    with pytest.raises(InputError, match="expected at most 2, which this machine has, got 3"):
        distribute(3)
    with pytest.raises(InputError, match="expected at least 1, got 0"):
        distribute(0)


def test_one_device_undoes_several(monkeypatch):
    forces = []
    monkeypatch.setattr(keras.distribution, "set_distribution", forces.append)
    distribute(1)
    assert forces == [None]


def test_a_backend_without_a_step_is_refused(monkeypatch):
    state = step_values.make_state([keras.optimizers.SGD(0.1) for _ in range(2)])
    monkeypatch.setattr(keras.backend, "backend", lambda: "openvino")
    with pytest.raises(InputError, match="training needs Keras on tensorflow, jax, torch; it runs on openvino"):
        build_step(step_values.MeanObjective(state), state)
