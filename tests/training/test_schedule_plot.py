"""The plan of a training, and what it is estimated to cost."""

import os

import numpy as np
import pytest

from faceswap_lib.cli import main
from faceswap_lib.facesets import Workspace
from faceswap_lib.media import read_image
from faceswap_lib.networks import PRESETS
from faceswap_lib.training import TRAINING_PRESETS, LoopConfig, TrainConfig, phase_at
from faceswap_lib.training.cost_estimate import TIMED, estimate_training, make_arrays
from faceswap_lib.training.schedule_plot import draw_plan, plan_table, plan_training
from faceswap_lib.training.train_step import TrainStepper
from tests.conftest import snapshot


@pytest.mark.parametrize("config", [TrainConfig(steps=1500), TrainConfig(steps=7), TRAINING_PRESETS["faceswap-gan"]])
def test_the_plan_says_of_every_step_what_the_training_does(config):
    planned = plan_training(config)
    assert planned[0].first == 1 and planned[-1].last == config.steps
    assert all(after.first == before.last + 1 for before, after in zip(planned, planned[1:], strict=False))
    for phase in planned:
        for step in {phase.first, phase.last}:
            real = phase_at(step - 1, config.steps, config.phases)
            assert phase.name == real.name and phase.active == real.active(config)
            assert phase.numbers["learning_rate"] == pytest.approx(config.learning_rate * real.learning_rate)
            assert phase.numbers["mask_level"] == real.mask_level


def test_the_table_has_a_line_for_each_phase_and_a_column_for_what_is_used():
    lines = plan_table(plan_training(TRAINING_PRESETS["faceswap-gan"])).splitlines()
    assert len(lines) == 9 and "cycle" not in lines[0] and "mask l1" in lines[0]
    assert lines[1].split()[:3] == ["1-7850", "0.0001", "0.1"]
    assert [line.endswith("(swap)") for line in lines] == [False] * 7 + [True, False]


def test_losses_whose_networks_are_left_out_do_not_stand_in_the_plan():
    assert "perceptual" not in plan_table(plan_training(TrainConfig(perceptual="none")))
    assert "perceptual" in plan_table(plan_training(TrainConfig()))


def test_the_chart_shows_where_a_weight_begins(tmp_path):
    draw_plan(plan_training(TrainConfig(steps=1000)), tmp_path / "plan.png")
    picture = read_image(tmp_path / "plan.png").astype(int)
    blue = (picture[..., 2] - picture[..., 0] > 20).sum(axis=0)
    columns = np.flatnonzero(blue)
    left, right = columns.min(), columns.max()
    early, late = (blue[round(left + share * (right - left))] for share in (0.25, 0.55))
    assert late > early  # the adversarial loss begins at half


def test_the_command_shows_the_plan_without_facesets(tmp_path, capsys):
    root, picture = tmp_path / "w", tmp_path / "p.png"
    assert (
        main(["train", "--workspace", str(root), "--preset", "faceswap-gan", "--schedule-picture", str(picture)]) == 0
    )
    out = capsys.readouterr().out
    assert "31851-35850" in out and f"chart: {picture}" in out and picture.is_file() and not root.exists()
    assert main(["train", "--workspace", str(root), "--steps", "100", "--show-schedule"]) == 0
    assert "51-60" in capsys.readouterr().out and os.listdir(root / "models" / "default") == ["plan.png"]


@pytest.fixture
def timed(monkeypatch):
    """Steps that take 1 s without discriminators, 3 s with, and 10 s more at the first of a kind; gives them."""
    steps = []

    def take(self: TrainStepper) -> dict[str, float]:
        active = self.phase().active(self.config)
        first = active not in [kind for _, kind in steps]
        steps.append((self.state.step, active))
        self.state.seconds += (3 if "adversarial" in active else 1) + 10 * first
        return {}

    monkeypatch.setattr(TrainStepper, "step", take)
    return steps


@pytest.mark.parametrize("real", [True, False])
def test_an_estimate_adds_up_the_kinds_of_steps_and_writes_nothing(timed, small_workspace, tmp_path, real):
    workspace = small_workspace if real else Workspace(tmp_path / "none")
    before = snapshot(workspace.root) if real else {}
    keeping = LoopConfig(checkpoint_every=100, backup_every=300, backups=2)
    config = TrainConfig(steps=1000, batch_size=2)
    estimate = estimate_training(workspace, PRESETS["tiny"], config, keeping)
    assert estimate.real is real
    assert estimate.seconds_per_step == ((500, 1.0), (500, 3.0)) and estimate.compile_seconds == 20
    assert estimate.seconds == 500 + 1500 + 20
    assert len(timed) == 2 * (1 + TIMED)
    assert estimate.disk == estimate.checkpoint * 4 and estimate.checkpoint > 4e6 and estimate.memory > 1e8
    text = estimate.to_text()
    assert "33 min 40 s in total" in text and ("artificial" in text) is not real
    assert (snapshot(workspace.root) if real else {}) == before and workspace.root.exists() == real


def test_the_estimated_size_of_a_checkpoint_is_that_of_a_real_one(timed, tiny_run):
    estimate = estimate_training(tiny_run.workspace, tiny_run.network_config, tiny_run.train_config, LoopConfig())
    size = (tiny_run.folder / "checkpoints" / "step-00000040.npz").stat().st_size
    assert estimate.checkpoint == pytest.approx(size, rel=0.02)


def test_made_up_crops_have_a_face_with_eyes_and_mouth():
    arrays = make_arrays(80, 0)
    assert arrays.images.shape == (64, 80, 80, 3) and arrays.face[0, 40, 40] == 255 and arrays.face[0, 0, 0] == 0
    assert arrays.eyes[0, 32, 40] == 255 and arrays.mouth[0, 56, 40] == 255 and arrays.eyes[0, 56, 40] == 0
