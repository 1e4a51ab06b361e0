"""The guard: what makes it go back, and what does not; and a training that is driven to ruin."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest

from faceswap_lib.errors import TrainingError
from faceswap_lib.facesets import Workspace
from faceswap_lib.training import LoopConfig, read_history, train
from faceswap_lib.training.checkpoint import list_checkpoints
from faceswap_lib.training.divergence import (
    EMPTY_FROM,
    EMPTY_STEPS,
    FAST,
    RISE_STEPS,
    DivergenceDetector,
    describe_dead_output,
    find_broken,
    new_memory,
)
from faceswap_lib.training.train_step import TrainStepper
from tests.conftest import TinyRun, read_arrays


def first_trouble(name: str, values) -> tuple[int, str] | None:
    """The step, counted from 1, at which a guard that sees one term speaks up, and what it says."""
    guard = DivergenceDetector(new_memory())
    for step, value in enumerate(values, 1):
        if trouble := guard.update({name: value}):
            return step, trouble
    return None


def healthy(steps: int, seed: int = 0) -> np.ndarray:
    """A reconstruction that falls from 1.3 to 0.13 with the noise of small batches, 20 % from step to step."""
    noise = np.random.default_rng(seed).normal(1, 0.2, steps)
    return (0.13 + 1.17 * np.exp(-np.arange(steps) / 300)) * noise


# Series ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_term_that_is_no_number_is_named_at_once(value):
    guard = DivergenceDetector(new_memory())
    assert guard.update({"reconstruction_a": 1.0, "edges_b": 0.5}) is None
    assert guard.update({"reconstruction_a": 1.0, "edges_b": value}) == "edges_b is NaN or infinite"
    assert find_broken({"a": 1.0, "b": value}) == ["b"]


@pytest.mark.parametrize("seed", range(5))
def test_healthy_reconstruction_lets_the_guard_sleep(seed):
    assert first_trouble("reconstruction_a", healthy(6000, seed)) is None


def test_a_reconstruction_that_stays_high_is_noticed_after_its_steps():
    calm, high = [0.2] * 300, [1.0] * 200
    step, trouble = first_trouble("reconstruction_b", calm + high)
    # The average over 20 steps is above 0.4 once 0.95 ** n < 0.75, at the 6th high step; then 50 steps are borne.
    assert step == 300 + 6 + RISE_STEPS - 1
    assert trouble.startswith("reconstruction_b has risen to") and "0.200" in trouble


def test_a_peak_that_passes_is_borne():
    values = [0.2] * 300 + [1.0] * 20 + [0.2] * 300
    assert first_trouble("reconstruction_a", values) is None


def test_what_is_lost_slowly_is_noticed_too():
    values = np.concatenate([np.full(300, 0.2), np.linspace(0.2, 0.8, 3000)])
    step, _ = first_trouble("reconstruction_a", values)
    assert 300 + 1000 < step < 300 + 1200  # twice the lowest is reached 1,000 steps on


def test_decoders_that_trade_places_begin_anew():
    guard = DivergenceDetector(new_memory())
    for _ in range(300):
        assert guard.update({"reconstruction_a": 0.1}) is None
    for _ in range(300):
        assert guard.update({"reconstruction_a": 0.9}, phase=0.5, swapped=True) is None
    assert guard.calm
    troubles = [guard.update({"reconstruction_a": 3.0}, phase=0.7, swapped=True) for _ in range(100)]
    assert any(troubles)  # another phase alone changes nothing


def test_a_mask_may_fall_as_a_phase_begins():
    guard = DivergenceDetector(new_memory())
    for _ in range(EMPTY_FROM + 200):
        assert guard.update({"mask_mean_b": 0.9}) is None
    for _ in range(3000):
        assert guard.update({"mask_mean_b": 0.0}, phase=0.85) is None


def test_the_guard_is_not_calm_while_something_may_be_wrong():
    guard = DivergenceDetector(new_memory())
    for value in [0.2] * 100 + [2.0] * 4:
        guard.update({"reconstruction_a": value})
    assert not guard.calm
    for value in [0.2] * 40:
        guard.update({"reconstruction_a": value})
    assert guard.calm


def test_a_mask_that_falls_empty_is_noticed_and_one_that_always_was_is_not():
    full, empty = [0.88] * (EMPTY_FROM + 200), [0.0] * 400
    step, trouble = first_trouble("mask_mean_a", full + empty)
    # 0.88 * 0.95 ** n falls below 0.02 at n = 74.
    assert step == EMPTY_FROM + 200 + 74 + EMPTY_STEPS - 1
    assert "the mask is empty" in trouble
    assert first_trouble("mask_mean_a", [0.5] + [0.0] * 5000) is None
    assert first_trouble("mask_mean_a", np.geomspace(0.5, 1e-4, 800).tolist() + [0.0] * 4000) is None
    assert first_trouble("mask_mean_a", [1.0] * 4000) is None


def test_the_memory_goes_on_where_it_was_cut():
    values = healthy(200).tolist() + [3.0] * 80
    whole = first_trouble("reconstruction_a", values)
    memory = new_memory()
    guard = DivergenceDetector(memory)
    for value in values[:230]:
        guard.update({"reconstruction_a": value})
    guard = DivergenceDetector(memory.copy())
    rest = [guard.update({"reconstruction_a": value}) for value in values[230:]]
    assert 230 + 1 + next(i for i, trouble in enumerate(rest) if trouble) == whole[0]


def test_terms_that_an_objective_does_not_have_are_passed_over():
    guard = DivergenceDetector(new_memory())
    assert [guard.update({"other": 5.0 * step}) for step in range(3 * FAST)] == [None] * 3 * FAST


def test_dead_outputs_are_told_from_young_ones():
    numbers = np.random.default_rng(0)
    inputs = numbers.uniform(-1, 1, (4, 8, 8, 3))
    faces = np.repeat(numbers.uniform(-1, 1, (1, 8, 8, 3)), 4, axis=0)
    assert describe_dead_output(np.ones((4, 8, 8, 3)), inputs) == "the networks output a single color"
    extremes = np.sign(faces) + numbers.normal(0, 1e-5, faces.shape)
    assert describe_dead_output(np.clip(extremes, -1, 1), inputs) == "the networks output only extreme values"
    assert describe_dead_output(faces, inputs) == "the networks output the same image for every input"
    assert describe_dead_output(faces + numbers.normal(0, 0.003, faces.shape), inputs) is None
    assert describe_dead_output(faces, np.repeat(inputs[:1], 4, axis=0)) is None  # a faceset of one picture


# Trainings ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def run_copy(tiny_run: TinyRun, tmp_path) -> TinyRun:
    return tiny_run._replace(workspace=Workspace(shutil.copytree(tiny_run.workspace.root, tmp_path / "workspace")))


def read_rollbacks(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "rollbacks.jsonl").read_text().splitlines()]


def test_a_huge_learning_rate_is_noticed_and_given_up_after_three_rollbacks(run_copy, caplog):
    """Every step of such a size saturates the networks; half, a quarter and an eighth of it do so too."""
    before = read_arrays(run_copy.folder, 20)
    config = dataclasses.replace(run_copy.train_config, steps=200, learning_rate=1.0)
    with pytest.raises(TrainingError, match=r"again after 3 rollbacks; .*--learning-rate below 0.12") as error:
        train(run_copy.workspace, config=config, run_config=LoopConfig(checkpoint_every=10))
    assert error.value.exit_code == 1
    rollbacks = read_rollbacks(run_copy.folder)
    assert [line["learning_rate_factor"] for line in rollbacks] == [0.5, 0.25, 0.125]
    assert [line["back_to"] for line in rollbacks] == [40, 20, 20]
    assert all(20 < line["step"] <= 40 + 2 * RISE_STEPS for line in rollbacks)
    assert sum("other batches" in record.message for record in caplog.records) == 3
    # What is left is good: the checkpoint from before.
    (left,) = list_checkpoints(run_copy.folder / "checkpoints")
    arrays = read_arrays(run_copy.folder, 20)
    assert left.name == "step-00000020.npz" and np.array_equal(arrays["encoder/000"], before["encoder/000"])


@pytest.fixture
def one_accident(monkeypatch):
    """Something destroys a decoder before step 33, as long as the run has never gone back."""
    take = TrainStepper.step

    def take_badly(self: TrainStepper) -> dict[str, float]:
        if self.state.step == 32 and self.state.rollbacks == 0:
            weight = self.state.networks.decoder_b.weights[0]
            weight.assign(keras.ops.full(weight.shape, np.nan))
        return take(self)

    monkeypatch.setattr(TrainStepper, "step", take_badly)


def test_after_an_accident_training_goes_back_and_to_the_end(one_accident, workspace_copy, tiny_run, tmp_path):
    options = {"network_config": tiny_run.network_config, "config": tiny_run.train_config}
    often = dataclasses.replace(tiny_run.run_config, checkpoint_every=8)
    twin = Workspace(shutil.copytree(workspace_copy.root, tmp_path / "twin"))
    logged = []
    report = train(workspace_copy, **options, run_config=often, on_log=lambda step, terms: logged.append(step))
    folder = workspace_copy.run("default")
    assert (report.step, report.rollbacks) == (40, 1)
    assert logged == [*range(1, 33), *range(33, 41)]
    (line,) = read_rollbacks(folder)
    assert (line["step"], line["back_to"], line["learning_rate_factor"]) == (33, 32, 0.5)
    assert "_b" in line["reason"] and "is NaN or infinite" in line["reason"]
    history = read_history(folder / "history.jsonl")
    assert [entry["step"] for entry in history] == list(range(1, 41))
    assert np.isfinite([value for entry in history for value in entry.values()]).all()
    arrays = read_arrays(folder, 40)
    assert arrays["generator_optimizer/001"] == pytest.approx(
        tiny_run.final_arrays()["generator_optimizer/001"] * 0.5
    )  # the learning rate
    assert not np.array_equal(arrays["encoder/000"], tiny_run.final_arrays()["encoder/000"])

    # Stopped after the rollback and resumed, it ends in the same place.
    class Stopped(Exception):
        pass

    def stop(step: int, terms: dict[str, float]) -> None:
        if step == 37:
            raise Stopped

    with pytest.raises(Stopped):
        train(twin, **options, run_config=often, on_log=stop)
    report = train(twin, **options, run_config=often)
    assert (report.resumed_at, report.rollbacks) == (32, 1)
    again = read_arrays(twin.run("default"), 40)
    assert all(np.array_equal(again[name], arrays[name]) for name in arrays.keys() - {"seconds"})
    assert (twin.run("default") / "rollbacks.jsonl").read_bytes() == (folder / "rollbacks.jsonl").read_bytes()
    assert (twin.run("default") / "history.jsonl").read_bytes() == (folder / "history.jsonl").read_bytes()
