"""The schedule as data: which phase holds when, what it weighs, which networks it wakes."""

import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.training import SCHEDULES, TRAINING_PRESETS, Phase, TrainConfig, phase_at
from faceswap_lib.training.schedule import begins_phase, check_schedule, learning_rate_factor

THREE = (Phase(start=0.0, name="a"), Phase(start=0.5, name="b"), Phase(start=0.9, name="c"))


def test_phases_scale_with_the_steps():
    assert [THREE.index(phase_at(step, 10, THREE)) for step in range(11)] == [0] * 5 + [1] * 4 + [2] * 2
    assert phase_at(499, 1000, THREE) is THREE[0] and phase_at(500, 1000, THREE) is THREE[1]
    assert phase_at(0, 1, THREE) is THREE[0]


def test_a_phase_begins_once():
    assert [step for step in range(10) if begins_phase(step, 10, THREE)] == [5, 9]


def test_the_learning_rate_rises_first_and_falls_with_the_phases():
    config = TrainConfig(steps=1000, warmup_steps=50)
    factors = [learning_rate_factor(step, config) for step in (0, 24, 49, 599, 600, 850, 950, 999)]
    assert factors == [1 / 50, 25 / 50, 1, 1, 0.5, 0.2, 0.05, 0.05]


def test_weights_are_the_configurations_times_the_phases():
    config = TrainConfig(adversarial_weight=0.2, mask_prior_weight=3.0, cycle_weight=0.0)
    phase = Phase(start=0, name="x", adversarial=0.5, mask_prior=2, cycle=1, mask_level=0.4)
    weights = phase.weights(config)
    assert weights["adversarial"] == pytest.approx(0.1) and weights["mask_prior"] == pytest.approx(6)
    assert weights["cycle"] == 0 and weights["mask_level"] == 0.4 and weights["mask_l1"] == 0


def test_only_what_weighs_something_runs():
    phase = Phase(start=0, name="x", adversarial=1, perceptual=1, cycle=1, landmarks=1)
    config = TrainConfig(perceptual="none", cycle_weight=0.0, landmarks_weight=2.0)
    assert phase.active(config) == {"adversarial", "landmarks"}
    config = TrainConfig(perceptual="onet", perceptual_weight=1.0, cycle_weight=0.1, landmarks_weight=0.0)
    assert phase.active(config) == {"adversarial", "perceptual", "cycle"}
    assert Phase(start=0, name="y").active(config) == frozenset()


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_in_order(name):
    check_schedule(SCHEDULES[name])
    assert len({phase.name for phase in SCHEDULES[name]}) == len(SCHEDULES[name])


@pytest.mark.parametrize("starts", [(), (0.1,), (0, 0.5, 0.5), (0, 0.6, 0.5), (0, 1.0)])
def test_schedules_out_of_order_are_refused(starts):
    with pytest.raises(InputError, match="start at 0"):
        check_schedule(tuple(Phase(start=start, name=str(start)) for start in starts))


def test_the_short_schedule_holds_the_mask_up_before_it_lets_it_go():
    first, *_, last = SCHEDULES["default"]
    assert first.mask_prior > last.mask_prior > 0 and first.composite == 0 < last.composite
    assert first.adversarial == 0 < last.adversarial and last.learning_rate < first.learning_rate


def test_the_faceswap_gan_schedule_is_that_of_the_reference():
    """Of 40,000 steps, each trigger 150 steps before a display."""
    config = TRAINING_PRESETS["faceswap-gan"]
    begun = [step for step in range(config.steps) if begins_phase(step, config.steps, config.phases)]
    assert begun == [7850, 11850, 15850, 19850, 26516, 31850, 35850]

    def at(step: int) -> tuple:
        phase = phase_at(step, config.steps, config.phases)
        weights = phase.weights(config)
        hinge = phase.mask_level if weights["mask_hinge"] else None
        return "perceptual" in phase.active(config), hinge, phase.learning_rate, phase.swap_decoders

    assert at(0) == (False, None, 1, False) and at(8000) == (True, None, 1, False)
    levels = [at(step)[1] for step in (12_000, 16_000, 20_000, 27_000, 32_000, 36_000)]
    assert levels == [0.5, 0.2, 0.4, None, 0.1, None]
    assert [at(step)[2] for step in (20_000, 27_000, 32_000, 36_000)] == [1, 0.3, 0.3, 0.1]
    assert [step for step in begun if at(step)[3]] == [31_850]
    weights = phase_at(12_000, config.steps, config.phases).weights(config)
    assert weights["adversarial"] == 0.1 and weights["mask_hinge"] == 0.1 and weights["mask_l1"] == 0
    assert phase_at(0, config.steps, config.phases).weights(config)["mask_l1"] == 0.01
