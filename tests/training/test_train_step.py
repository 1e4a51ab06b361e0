"""What a step takes from its number: phases that trade decoders, precision."""

import numpy as np
import pytest

from faceswap_lib.training import TRAINING_PRESETS, TrainConfig
from faceswap_lib.training.train_step import average_decay, build_state, has_swapped, reset_state, swap_decoders


def test_a_young_average_forgets_faster():
    decays = [average_decay(step, TrainConfig(ema_decay=0.99)) for step in (0, 8, 100, 889, 890, 5000)]
    assert decays == pytest.approx([0.1, 0.5, 101 / 110, 890 / 899, 0.99, 0.99])
    assert average_decay(0, TrainConfig(ema_decay=0)) == 0


def test_decoders_have_traded_places_from_their_phase_on():
    config = TRAINING_PRESETS["faceswap-gan"]
    assert [has_swapped(step, config) for step in (0, 31_849, 31_850, 39_999)] == [False, False, True, True]
    assert not has_swapped(1499, TrainConfig())


@pytest.fixture(scope="module")
def state(tiny_run):
    """A fresh state in whose variables every number is another."""
    state = build_state(tiny_run.network_config, tiny_run.train_config)
    return state


def values(state) -> dict[str, np.ndarray]:
    return {
        f"{group}/{index:03d}": variable.numpy()
        for group, variables in state.groups().items()
        for index, variable in enumerate(variables)
    }


def test_trading_places_takes_weights_averages_and_moments_along_and_twice_is_nothing(state):
    numbers = np.random.default_rng(0)
    for variables in state.groups().values():
        for variable in variables:
            if "float" in str(variable.dtype):
                variable.assign(numbers.normal(size=tuple(variable.shape)).astype(np.float32))
    before = values(state)
    swap_decoders(state)
    after = values(state)
    assert state.swapped
    for prefix in ("", "averaged_"):
        count = len(state.networks.decoder_a.weights)
        for index in range(count):
            a, b = (f"{prefix}decoder_{person}/{index:03d}" for person in "ab")
            assert np.array_equal(after[a], before[b]) and np.array_equal(after[b], before[a])
    # Adam's variables: the step, the learning rate, and for every weight two moments, the encoder's first.
    encoder, decoder = (2 * len(n.trainable_variables) for n in state.networks.generators[:2])
    for index in range(decoder):
        a, b = (f"generator_optimizer/{2 + encoder + offset + index:03d}" for offset in (0, decoder))
        assert np.array_equal(after[a], before[b]) and np.array_equal(after[b], before[a])
    changed = {name.split("/")[0] for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {"decoder_a", "decoder_b", "averaged_decoder_a", "averaged_decoder_b", "generator_optimizer"}
    assert all(
        np.array_equal(before[f"generator_optimizer/{i:03d}"], after[f"generator_optimizer/{i:03d}"])
        for i in range(2 + encoder)
    )
    swap_decoders(state)
    assert not state.swapped and all(np.array_equal(value, before[name]) for name, value in values(state).items())


def test_a_state_put_back_is_as_it_was_before_the_first_step(state, tiny_run):
    state.step, state.swapped, state.rollbacks = 7, True, 2
    reset_state(state, tiny_run.train_config)
    fresh = values(build_state(tiny_run.network_config, tiny_run.train_config))
    assert all(np.array_equal(value, fresh[name]) for name, value in values(state).items())
    assert (state.step, state.swapped, state.rollbacks) == (0, False, 2)
