"""Checkpoint files: whole, the newest two, and only into the networks they are of."""

import dataclasses
import logging
import os

import keras
import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError
from faceswap_lib.networks import NetworkConfig, build_networks
from faceswap_lib.networks.config import WIDTHS
from faceswap_lib.training import checkpoint
from faceswap_lib.training.checkpoint import (
    BACKUPS,
    KEPT,
    TrainingState,
    broken_weights,
    checkpoint_progress,
    list_checkpoints,
    load_ema,
    read_checkpoint,
    write_backup,
    write_checkpoint,
)
from tests.conftest import read_arrays

NARROW = dataclasses.replace(
    WIDTHS["tiny", 64], encoder=(8, 8, 8, 16), code=16, decoder=(16, 8, 8), discriminator=(4, 4, 4)
)
CONFIG = NetworkConfig(capacity="tiny", resolution=64, attention="none", norm="none")


def make_state(seed: int, config: NetworkConfig = CONFIG) -> TrainingState:
    """Networks and optimizers with random numbers in every variable."""
    keras.utils.set_random_seed(seed)
    networks, averaged = build_networks(config), build_networks(config)
    state = TrainingState(
        networks=networks,
        averaged=averaged,
        generator_optimizer=keras.optimizers.Adam(1e-3),
        discriminator_optimizer=keras.optimizers.Adam(1e-3),
        step=seed,
        history_bytes=1000 + seed,
    )
    state.generator_optimizer.build([w for n in networks.generators for w in n.trainable_variables])
    state.discriminator_optimizer.build([w for n in networks.discriminators for w in n.trainable_variables])
    rng = np.random.default_rng(seed)
    for optimizer in (state.generator_optimizer, state.discriminator_optimizer):
        for variable in optimizer.variables:
            if "float" in str(variable.dtype):
                variable.assign(rng.normal(size=tuple(variable.shape)).astype(np.float32))
    state.generator_optimizer.iterations.assign(17)
    return state


def values(state: TrainingState) -> dict[str, np.ndarray]:
    return {
        f"{group}/{index}": variable.numpy()
        for group, variables in state.groups().items()
        for index, variable in enumerate(variables)
    }


def equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module", autouse=True)
def narrow_networks():
    """Files of some hundred kilobytes say as much about checkpoints as files of a hundred megabytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(WIDTHS, ("tiny", 64), NARROW)
        yield


@pytest.fixture(scope="module")
def state() -> TrainingState:
    return make_state(5)


@pytest.fixture
def folder(state, tmp_path):
    """Two checkpoints, of steps 3 and 5."""
    for step in (3, 5):
        state.step = step
        write_checkpoint(tmp_path / "checkpoints", state)
    return tmp_path / "checkpoints"


def test_everything_comes_back_into_other_networks(folder, state):
    other = make_state(9)
    assert not equal(values(other), values(state))
    assert read_checkpoint(folder, other)
    assert equal(values(other), values(state))
    assert (other.step, other.history_bytes) == (5, 1005)
    assert int(other.generator_optimizer.iterations.numpy()) == 17


def test_every_variable_of_the_training_is_in_the_file(folder, state):
    names = set(read_arrays(folder.parent, 5))
    groups = {name.split("/")[0] for name in names}
    assert groups == {
        *("encoder", "decoder_a", "decoder_b", "discriminator_a", "discriminator_b"),
        *("averaged_encoder", "averaged_decoder_a", "averaged_decoder_b"),
        *("generator_optimizer", "discriminator_optimizer", "position", "seconds", "watched"),
    }
    # Adam keeps two moments per weight.
    weights = sum(len(n.trainable_variables) for n in state.networks.generators)
    assert sum(name.startswith("generator_optimizer/") for name in names) >= 2 * weights


def test_no_checkpoint_is_no_error_and_changes_nothing(tmp_path, state):
    before = values(state)
    assert read_checkpoint(tmp_path / "none", state) is False
    assert equal(values(state), before)


def test_only_the_newest_stay(state, tmp_path):
    folder = tmp_path / "checkpoints"
    for step in (1, 2, 10, 11):
        state.step = step
        write_checkpoint(folder, state)
    (folder / ".step-00000099.partial.npz").write_bytes(b"left by a kill")
    (folder / "step-notes.npz").write_bytes(b"not ours")
    assert [path.name for path in list_checkpoints(folder)] == [f"step-{s:08d}.npz" for s in (11, 10)[:KEPT]]


def damage_by_cutting(path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def damage_by_flipping(path) -> None:
    """Changes one byte in the middle of the numbers; only a checksum can tell."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0x10]))


def damage_by_emptying(path) -> None:
    path.write_bytes(b"")


def damage_by_replacing(path) -> None:
    path.write_bytes(b"\x80\x04K\x01." * 100)


DAMAGES = (damage_by_cutting, damage_by_flipping, damage_by_emptying, damage_by_replacing)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(folder, damage, caplog):
    damage(folder / "step-00000005.npz")
    other = make_state(9)
    with caplog.at_level(logging.WARNING):
        assert read_checkpoint(folder, other)
    assert other.step == 3
    assert "step-00000005.npz is damaged" in caplog.text


def test_with_no_whole_checkpoint_nothing_is_changed(folder, state):
    for path, damage in zip(list_checkpoints(folder), (damage_by_cutting, damage_by_flipping), strict=True):
        damage(path)
    other = make_state(9)
    before = values(other)
    with pytest.raises(CheckpointError, match="none of step-00000005.npz, step-00000003.npz is intact"):
        read_checkpoint(folder, other)
    assert equal(values(other), before) and other.step == 9
    with pytest.raises(CheckpointError, match="is intact"):
        load_ema(folder, CONFIG)


@pytest.mark.parametrize("change", [{"norm": "instance"}, {"attention": "self"}, {"resolution": 128}])
def test_a_checkpoint_of_other_networks_is_refused(folder, change):
    config = NetworkConfig(**({"capacity": "tiny", "resolution": 64, "attention": "none", "norm": "none"} | change))
    other = make_state(9, config)
    with pytest.raises(CheckpointError, match="do not fit these networks"):
        read_checkpoint(folder, other)
    with pytest.raises(CheckpointError, match="do not fit these networks"):
        load_ema(folder, config)


def test_conversion_gets_the_averaged_weights(folder, state):
    networks, step = load_ema(folder, CONFIG)
    assert step == 5
    for network, average, trained in zip(
        networks.generators, state.averaged.generators, state.networks.generators, strict=True
    ):
        got = network.get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(got, average.get_weights(), strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(got, trained.get_weights(), strict=True))


def test_without_a_checkpoint_conversion_says_what_to_do(tmp_path):
    with pytest.raises(CheckpointError, match="run 'faceswap train' first"):
        load_ema(tmp_path, CONFIG)


def test_a_failed_write_leaves_the_older_checkpoints(folder, state, monkeypatch):
    before = sorted(os.listdir(folder))

    def fill_the_disk(path, **arrays):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fill_the_disk)
    state.step = 7
    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(folder, state)
    assert sorted(os.listdir(folder)) == before


# Backups, rollbacks ------------------------------------------------------------------------------------------------


def test_the_facts_of_the_run_come_back(tmp_path, state):
    facts = {"rollbacks": 2, "strikes": 1, "trouble": 17, "swapped": True, "seconds": 12.5}
    before = {name: getattr(state, name) for name in facts}
    for name, value in facts.items():
        setattr(state, name, value)
    state.watched[1, 2] = 0.75
    write_checkpoint(tmp_path, state)
    other = make_state(9)
    assert read_checkpoint(tmp_path, other)
    assert {name: getattr(other, name) for name in facts} == facts
    assert other.learning_rate_factor == 0.25 and np.array_equal(other.watched, state.watched)
    for name, value in before.items():
        setattr(state, name, value)


def test_a_checkpoint_from_before_there_was_a_guard_is_read(tmp_path, state):
    path = write_checkpoint(tmp_path, state)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["position"] = arrays["position"][:2]
    for name in ("seconds", "watched", "schema", "digest"):
        del arrays[name]
    np.savez(path, **arrays)
    other = make_state(9)
    assert read_checkpoint(tmp_path, other)
    assert (other.step, other.rollbacks, other.seconds) == (state.step, 0, 0.0)


def test_the_newest_backups_stay_and_help_when_no_checkpoint_is_whole(tmp_path, state):
    for step in (1, 2, 3, 4):
        state.step = step
        write_backup(tmp_path, state, 2)
        write_checkpoint(tmp_path, state)
    assert [path.name for path in list_checkpoints(tmp_path / BACKUPS)] == ["step-00000004.npz", "step-00000003.npz"]
    for path in [*list_checkpoints(tmp_path), tmp_path / BACKUPS / "step-00000004.npz"]:
        damage_by_cutting(path)
    other = make_state(9)
    assert read_checkpoint(tmp_path, other) and other.step == 3


def test_going_back_passes_over_the_newest_but_not_over_the_last(folder):
    other = make_state(9)
    for skip, step in ((0, 5), (1, 3), (2, 3)):
        assert read_checkpoint(folder, other, skip=skip) and other.step == step


def test_a_checkpoint_written_after_going_back_removes_the_later_ones(folder, state):
    state.step = 3
    write_checkpoint(folder, state)
    assert [path.name for path in list_checkpoints(folder)] == ["step-00000003.npz"]


@pytest.fixture
def open_file(folder, monkeypatch):
    """The newest checkpoint is being copied, on a system that does not remove open files; gives its path."""
    path, unlink = folder / "step-00000005.npz", type(folder).unlink

    def refuse(other, missing_ok=False):
        if other == path:
            raise PermissionError(13, "it is being used by another process")
        unlink(other, missing_ok=missing_ok)

    monkeypatch.setattr(type(folder), "unlink", refuse)
    return path


def test_an_old_checkpoint_that_is_open_goes_with_the_next_one_where_windows_refuses(
    folder, state, open_file, monkeypatch
):
    monkeypatch.setattr(checkpoint, "OPEN_FILES_STAY", True)
    for state.step in (6, 7):
        write_checkpoint(folder, state)
    assert [path.name[10:13] for path in list_checkpoints(folder)] == ["007", "006", "005"]
    monkeypatch.undo()
    state.step = 8
    write_checkpoint(folder, state)
    assert [path.name[10:13] for path in list_checkpoints(folder)] == ["008", "007"]


def test_a_later_checkpoint_that_is_open_is_not_gone_on_from(folder, state, open_file, monkeypatch):
    monkeypatch.setattr(checkpoint, "OPEN_FILES_STAY", True)
    state.step = 4
    write_checkpoint(folder, state)
    other = make_state(9)
    assert read_checkpoint(folder, other) and other.step == 4


def test_a_checkpoint_that_may_not_be_removed_is_an_error_elsewhere(folder, state, open_file, monkeypatch):
    monkeypatch.setattr(checkpoint, "OPEN_FILES_STAY", False)
    state.step = 6
    write_checkpoint(folder, state)
    state.step = 7
    with pytest.raises(PermissionError):
        write_checkpoint(folder, state)


def test_progress_counts_rollbacks_first_and_whole_files_only(folder, state):
    assert checkpoint_progress(folder) == (0, 5) and checkpoint_progress(folder / "none") == (-1, 0)
    damage_by_flipping(folder / "step-00000005.npz")
    assert checkpoint_progress(folder) == (0, 3)
    state.step, state.rollbacks = 2, 1
    write_checkpoint(folder, state)
    state.rollbacks = 0
    assert checkpoint_progress(folder) == checkpoint_progress(folder, thorough=False) == (1, 2)


def test_weights_that_are_no_numbers_are_found(state):
    assert broken_weights(state) == []
    weight = state.networks.decoder_b.weights[1]
    before = weight.numpy()
    weight.assign(np.full(before.shape, np.inf, np.float32))
    assert broken_weights(state) == ["decoder_b"]
    weight.assign(before)
