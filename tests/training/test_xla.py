"""Every program of a training compiled with XLA, as TensorFlow does on a GPU; here on the CPU."""

import dataclasses
import logging
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats

from faceswap_lib import devices
from faceswap_lib.cli import main
from faceswap_lib.devices import empty_aligned
from faceswap_lib.errors import InputError
from faceswap_lib.networks import PRESETS
from faceswap_lib.training import read_history
from faceswap_lib.training.augmentation import DeviceFaceset, draw_beta, sample, to_device
from faceswap_lib.training.backends import resolve_xla
from faceswap_lib.training.config import TRAINING_PRESETS
from faceswap_lib.training.cost_estimate import make_arrays, time_phases
from faceswap_lib.training.train_step import TrainStepper, build_state
from tests.conftest import ROOT
from tests.step_values import fixed_draws

HERE = keras.backend.backend()


def build_stepper(preset: str, *, xla: str, **options) -> TrainStepper:
    networks = PRESETS[preset]
    config = dataclasses.replace(TRAINING_PRESETS[preset], batch_size=2, precision="float32", **options)
    people = [to_device(make_arrays(networks.stored_size, seed, 4)) for seed in (0, 1)]
    return TrainStepper.build(build_state(networks, config), people, config, xla=xla)


@pytest.mark.skipif(HERE != "tensorflow", reason="the other backends compile in one way only")
def test_a_training_compiled_with_xla_runs_through_both_kinds_of_phases(small_workspace, caplog):
    """The command itself; it says once for each kind that it compiles."""
    command = ["train", "--workspace", str(small_workspace.root), "--run", "xla", "--preset", "tiny", "--steps", "12"]
    with caplog.at_level(logging.INFO, "faceswap_lib"):
        assert main([*command, "--batch-size", "2", "--xla", "on"]) == 0
    said = [record.getMessage() for record in caplog.records if "compiling the step" in record.getMessage()]
    assert [line.partition(";")[0] for line in said] == [
        "compiling the step with perceptual",
        "compiling the step with adversarial and perceptual",
    ]
    last = read_history(small_workspace.run("xla") / "history.jsonl")[-1]
    assert last["step"] == 12 and "discriminator_a" in last and np.isfinite(list(last.values())).all()


@pytest.mark.nightly
@pytest.mark.skipif(HERE != "tensorflow", reason="the other backends compile in one way only")
@pytest.mark.parametrize("preset", ["tiny", "lite", "standard", "faceswap-gan"])
def test_every_phase_of_a_preset_compiles_with_xla_and_takes_two_steps(preset):
    stepper = build_stepper(preset, xla="on")
    before = [weight.numpy() for weight in stepper.state.networks.encoder.trainable_weights]
    timings = time_phases(stepper, timed=1)
    kinds = {phase.active(stepper.config) for phase in stepper.config.phases}
    assert {timing.active for timing in timings} == kinds and len(kinds) > 1
    after = [weight.numpy() for weight in stepper.state.networks.encoder.trainable_weights]
    assert all(np.isfinite(weight).all() for weight in after)
    assert any((one != other).any() for one, other in zip(before, after, strict=True))


@pytest.mark.nightly
@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("preset", ["tiny", "lite", "standard", "faceswap-gan"])
def test_every_phase_of_a_preset_takes_two_steps_on_another_backend(backend, preset):
    pytest.importorskip(backend)
    program = (
        "from tests.training.test_xla import build_stepper; "
        "from faceswap_lib.training.cost_estimate import time_phases; "
        f"print(len(time_phases(build_stepper({preset!r}, xla='auto'), timed=1)))"
    )
    environment = os.environ | {"KERAS_BACKEND": backend, "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    config = TRAINING_PRESETS[preset]
    assert int(done.stdout.split()[-1]) == len({phase.active(config) for phase in config.phases})


@pytest.mark.skipif(HERE != "tensorflow", reason="the other backends compile in one way only")
def test_a_step_is_the_same_with_xla_and_without():
    """The first step's terms, up to rounding, from the same draws: XLA has random numbers of its own."""
    with fixed_draws():
        terms = [build_stepper("tiny", xla=xla, perceptual="none").step() for xla in ("off", "on")]
    assert terms[0].keys() == terms[1].keys() and len(terms[0]) > 10
    for name, value in terms[0].items():
        assert terms[1][name] == pytest.approx(value, rel=1e-3, abs=1e-5), name


@pytest.mark.parametrize(
    ("backend", "asked", "accelerator", "expected"),
    [
        ("tensorflow", "auto", False, False),
        ("tensorflow", "auto", True, True),
        ("tensorflow", "on", False, True),
        ("tensorflow", "off", True, False),
        ("jax", "auto", False, True),
        ("jax", "on", True, True),
        ("torch", "auto", True, False),
        ("torch", "off", False, False),
    ],
)
def test_what_auto_means(monkeypatch, backend, asked, accelerator, expected):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr("faceswap_lib.devices.has_accelerator", lambda: accelerator)
    assert resolve_xla(asked) is expected


@pytest.mark.parametrize(("backend", "asked"), [("jax", "off"), ("torch", "on")])
def test_what_a_backend_cannot_do_is_refused(monkeypatch, backend, asked):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    with pytest.raises(InputError, match=f"xla: .*got {asked}; leave it at auto or set KERAS_BACKEND"):
        resolve_xla(asked)


def test_shares_of_mixtures_are_beta_distributed():
    """Against the distribution itself; `keras.random.beta` is what XLA cannot compile.

    Near 0, where float32 is exact; near 1 it rounds 2 of 100 numbers to 1, and so would any other way of drawing.
    """
    drawn = keras.ops.convert_to_numpy(draw_beta((40_000,), keras.random.SeedGenerator(3)))
    assert drawn.dtype == np.float32 and drawn.min() >= 0 and drawn.max() <= 1
    low, high = drawn[drawn < 0.5], 1 - drawn[drawn >= 0.5]
    assert len(low) / len(drawn) == pytest.approx(0.5, abs=0.01)
    assert scipy.stats.kstest(low, lambda x: 2 * scipy.stats.beta(0.2, 0.2).cdf(x)).pvalue > 0.01
    for limit in (0.3, 0.1, 0.01, 0.001):
        assert np.mean(high < limit) == pytest.approx(np.mean(low < limit), abs=0.02)


@pytest.mark.skipif(sys.platform == "win32", reason="memory that is never touched counts there")
def test_pixels_beyond_the_two_thousand_millionth_are_read_where_they_are():
    """A faceset of more than 2^31 pixels: within a batch they are numbered from 0, so that no number wraps."""
    size, count = 160, 2**31 // 160**2 + 2
    images, mask = empty_aligned((count, size, size, 3)), empty_aligned((count, size, size))
    assert count * size * size > 2**31
    images[-1], mask[-1] = 0, 0
    images[-1, 5, 7], mask[-1, 5, 7] = (10, 20, 30), 40
    faces = DeviceFaceset(
        images=devices.to_device(images),
        masks=(devices.to_device(mask),) * 3,
        tones=None,
        rarity=np.ones(count),
        size=size,
        count=count,
    )
    at = np.array([[[[7.0, 5.0]]]], np.float32)
    got = keras.ops.convert_to_numpy(sample(faces, np.array([count - 1], "int32"), at))
    assert got[0, 0, 0].tolist() == [10, 20, 30, 40, 40, 40]
