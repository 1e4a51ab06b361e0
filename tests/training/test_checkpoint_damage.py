"""Damaged checkpoints: whatever happened to a file, it is what was written, or the one before it is used.

No network takes part: the files are small, and made and read by the functions that trainings use.
"""

import collections
import itertools
import os
import random
import zipfile

import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError
from faceswap_lib.training.checkpoint_choice import checkpoint_progress, choose_checkpoint
from faceswap_lib.training.checkpoint_file import (
    COUNTERS,
    GROUPS,
    MOST,
    DamageError,
    digest_arrays,
    read_file,
    write_file,
)
from faceswap_lib.training.divergence import new_memory

SHAPES = {"encoder": [(2, 3), (3,)], "generator_optimizer": [(), (2,)]}


def make_arrays(seed: int, *, shapes=SHAPES, **changes) -> dict[str, np.ndarray]:
    """Arrays as a training's, but few and small."""
    numbers = np.random.default_rng(seed)
    arrays = {
        "position": np.array([seed, 100 + seed, 0, 0, 0, 0], np.int64),
        "seconds": np.float64(1.5),
        "watched": new_memory(),
    }
    for group, sizes in shapes.items():
        for index, size in enumerate(sizes):
            arrays[f"{group}/{index:03d}"] = numbers.normal(size=size).astype(np.float32)
    arrays["generator_optimizer/000"] = np.int32(seed)
    return {name: np.asarray(array) for name, array in (arrays | changes).items() if array is not None}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return digest_arrays(one) == digest_arrays(other)


@pytest.fixture
def folder(tmp_path):
    """Two checkpoints, of steps 3 and 5."""
    for seed in (3, 5):
        write_file(tmp_path / "checkpoints" / f"step-{seed:08d}.npz", make_arrays(seed))
    return tmp_path / "checkpoints"


@pytest.fixture
def newest(folder):
    return folder / "step-00000005.npz"


def test_every_flipped_bit_is_noticed_or_changes_nothing(newest):
    """Both happen: an archive has bytes that nobody reads, such as the times of its entries."""
    wanted = make_arrays(5, shapes={"encoder": [(2,)]}, seconds=None, watched=None)
    write_file(newest, wanted)
    whole, verdicts = newest.read_bytes(), collections.Counter()
    with newest.open("r+b", buffering=0) as file:
        for place, bit in itertools.product(range(len(whole)), range(8)):
            file.seek(place)
            file.write(bytes([whole[place] ^ 1 << bit]))
            try:
                stored = read_file(newest)
            except DamageError:
                verdicts["the file before"] += 1
            else:
                assert stored.has_digest and same(stored.arrays, wanted), f"bit {bit} of byte {place}"
                verdicts["same"] += 1
            file.seek(place)
            file.write(whole[place : place + 1])
    print(dict(verdicts))
    assert sum(verdicts.values()) == 8 * len(whole) > 10_000
    assert min(verdicts["the file before"], verdicts["same"]) > 0.1 * 8 * len(whole)


def test_the_one_before_is_used_and_that_is_said(folder, newest, caplog):
    whole, moments = newest.read_bytes(), random.Random(0)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(moments.randint(1, 3)):
            damaged[moments.randrange(len(whole))] ^= moments.randrange(1, 256)
        newest.write_bytes(damaged[: moments.choice([None, None, moments.randrange(len(whole))])])
        caplog.clear()
        stored = choose_checkpoint(folder, SHAPES)
        step = stored.counters["step"]
        assert step in (3, 5) and same(stored.arrays, make_arrays(step))
        assert ("step-00000005.npz is damaged" in caplog.text) == (step == 3)


def seal(path, arrays: dict[str, np.ndarray], *, schema: object = 1) -> None:
    """Writes a file whose digest holds, whatever is in it: as another program could."""
    stored = {"schema": np.asarray(schema), **arrays}
    np.savez(path, **stored, digest=np.frombuffer(digest_arrays(stored), np.uint8))


def position(**counters: int) -> np.ndarray:
    return np.array([({"step": 5} | counters).get(name, 0) for name in COUNTERS], np.int64)


IMPLAUSIBLE = {
    **{f"{name} beyond what it can be": {"position": position(**{name: most + 1})} for name, most in MOST.items()},
    **{f"{name} below 0": {"position": position(**{name: -1})} for name in MOST},
    "more strikes than rollbacks": {"position": position(rollbacks=1, strikes=2)},
    "no position": {"position": None},
    "position of another type": {"position": position().astype(np.float64)},
    "position of another shape": {"position": position()[None]},
    "position too short": {"position": position()[:4]},
    "position too long": {"position": np.zeros(9, np.int64)},
    "time that is no number": {"seconds": np.float64("nan")},
    "time below 0": {"seconds": np.float64(-1)},
    "times": {"seconds": np.zeros(3)},
    "guard of another shape": {"watched": np.zeros((4, 5))},
    "guard of no numbers": {"watched": np.full((4, 6), np.nan)},
}


@pytest.mark.parametrize("changes", IMPLAUSIBLE.values(), ids=IMPLAUSIBLE)
def test_what_cannot_be_is_damage_even_under_a_digest(folder, newest, changes, caplog):
    seal(newest, make_arrays(5, **changes))
    assert choose_checkpoint(folder, SHAPES).counters["step"] == 3
    assert "step-00000005.npz is damaged" in caplog.text
    assert checkpoint_progress(folder) == (0, 3)


@pytest.mark.parametrize("schema", [0, 3, 10**9, 1.0, [1]])
def test_a_schema_that_is_not_known_is_not_read(folder, newest, schema, caplog):
    seal(newest, make_arrays(5), schema=schema)
    assert choose_checkpoint(folder, SHAPES).counters["step"] == 3
    assert "its schema is" in caplog.text and "this version reads 1 to 2" in caplog.text


@pytest.mark.parametrize("name", ["schema", "digest", "encoder/001", "position", "watched"])
def test_an_array_that_is_lost_is_damage(folder, newest, name, caplog):
    with np.load(newest) as file:
        np.savez(newest.with_suffix(".other"), **{other: file[other] for other in file.files if other != name})
    newest.with_suffix(".other.npz").replace(newest)
    assert choose_checkpoint(folder, SHAPES).counters["step"] == 3
    assert "is damaged" in caplog.text


def test_other_networks_are_said_when_the_file_is_whole(folder):
    with pytest.raises(CheckpointError, match="encoder has 2 arrays that do not fit these networks' 1"):
        choose_checkpoint(folder, {"encoder": [(7, 7)]})


def test_objects_are_never_unpickled(folder, newest):
    seal(newest, make_arrays(5))
    with zipfile.ZipFile(newest, "a") as archive, archive.open("more.npy", "w") as stream:
        np.lib.format.write_array(stream, np.array([print], object), allow_pickle=True)
    assert choose_checkpoint(folder, SHAPES).counters["step"] == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_what_is_no_file_is_passed_over(folder):
    """Opening a named pipe would wait for a writer for ever."""
    os.mkfifo(folder / "step-00000009.npz")
    (folder / "step-00000008.npz").mkdir()
    assert choose_checkpoint(folder, SHAPES).counters["step"] == 5 and checkpoint_progress(folder) == (0, 5)


# History -----------------------------------------------------------------------------------------------------------


def test_one_that_knows_of_more_history_than_there_is_comes_after_those_that_do_not(folder, caplog):
    assert choose_checkpoint(folder, SHAPES, history_bytes=105).counters["step"] == 5
    assert choose_checkpoint(folder, SHAPES, history_bytes=104).counters["step"] == 3
    assert "expects 105 bytes of history, there are 104" in caplog.text
    assert choose_checkpoint(folder, SHAPES, history_bytes=0).counters["step"] == 5  # better than nothing
    assert choose_checkpoint(folder, SHAPES).counters["step"] == 5


# Files of versions before ------------------------------------------------------------------------------------------

OLD_SHAPES = {group: [(2,), (3,)] for group in GROUPS}


def make_old(seed: int, **changes) -> dict[str, np.ndarray]:
    return make_arrays(seed, shapes=OLD_SHAPES, **({"generator_optimizer/000": np.zeros(2, np.float32)} | changes))


@pytest.fixture
def old(tmp_path):
    """A folder of two checkpoints without schema and digest."""
    for seed in (3, 5):
        np.savez(tmp_path / f"step-{seed:08d}.npz", **make_old(seed))
    return tmp_path


def test_files_of_versions_before_are_read(old):
    stored = choose_checkpoint(old, OLD_SHAPES)
    assert not stored.has_digest and same(stored.arrays, make_old(5)) and checkpoint_progress(old) == (0, 5)
    first = {"position": position()[:2], "seconds": None, "watched": None}  # before there was a guard
    np.savez(old / "step-00000005.npz", **make_old(5, **first))
    stored = choose_checkpoint(old, OLD_SHAPES)
    assert stored.counters["step"] == 5 and stored.seconds == 0 and np.array_equal(stored.watched, new_memory())


@pytest.mark.parametrize("name", ["encoder/000", "encoder/001", "position", "discriminator_b/*"])
def test_of_a_version_before_one_that_lost_an_array_is_passed_over(old, name, caplog):
    kept = {n: array for n, array in make_old(5).items() if n != name and not n.startswith(name.rstrip("*") + "/")}
    kept = {n: array for n, array in kept.items() if not (name.endswith("*") and n.startswith(name[:-1]))}
    np.savez(old / "step-00000005.npz", **kept)
    assert choose_checkpoint(old, OLD_SHAPES).counters["step"] == 3
    assert "step-00000005.npz" in caplog.text and "using the one before it" in caplog.text


def test_of_a_version_before_other_networks_are_said_when_no_file_fits(old):
    with pytest.raises(CheckpointError, match="do not fit these networks"):
        choose_checkpoint(old, OLD_SHAPES | {"encoder": [(7,)]})


def test_a_digest_depends_on_names_types_shapes_and_bytes():
    one = {"a": np.zeros((2, 3), np.float32), "b": np.zeros(0, np.int8)}
    others = (
        {"a": one["a"], "c": one["b"]},
        {"a": one["a"].astype(">f4"), "b": one["b"]},
        {"a": one["a"].reshape(3, 2), "b": one["b"]},
        {"a": one["a"] + 1, "b": one["b"]},
        {"a": one["a"]},
    )
    digests = {digest_arrays(arrays) for arrays in (one, *others)}
    assert len(digests) == 6 and digest_arrays(dict(reversed(one.items()))) == digest_arrays(one)
    assert digest_arrays({"a": np.asfortranarray(np.arange(6).reshape(2, 3))}) == digest_arrays(
        {"a": np.arange(6).reshape(2, 3)}
    )
