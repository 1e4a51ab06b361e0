"""The file of a checkpoint: named arrays, where the training was, and one digest over all of it.

It is a plain `.npz`, read without pickle. The digest is SHA-256 over the names, types, shapes and bytes of all arrays,
so a file is whole or it is not; nothing here needs a network.
"""

import dataclasses
import hashlib
import itertools
import json
import pathlib
import typing

import numpy as np

from faceswap_lib.arrays import ArrayFileError, read_arrays
from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import InputError
from faceswap_lib.training.divergence import TRIES, new_memory
from faceswap_lib.upgrades import upgrade_array_name

SCHEMA = 2
"""Version 1 and files without a digest had other names for some arrays; see `upgrades.upgrade_array_name`."""
"""Files without a schema and a digest are of versions before; they are read with the checks that are possible."""

COUNTERS = ("step", "history_bytes", "rollbacks", "strikes", "trouble", "swapped")
"""What stands in a file's `position`, in this order; in one without a schema it may end early, then the rest is 0."""

MOST_STEPS = 100_000_000
"""As many as a training may be asked for."""

MOST = {
    "step": MOST_STEPS,
    "history_bytes": 100_000_000_000,
    "rollbacks": 1000,  # more halvings leave no learning rate
    "strikes": TRIES,
    "trouble": MOST_STEPS,
    "swapped": 1,
}
"""What no counter goes beyond; below 0 none is."""

GROUPS = (
    *("encoder", "decoder_a", "decoder_b", "averaged_encoder", "averaged_decoder_a", "averaged_decoder_b"),
    *("discriminator_a", "discriminator_b", "generator_optimizer", "discriminator_optimizer"),
)
"""The groups of arrays that every training has."""


class DamageError(ValueError):
    """A checkpoint's file is damaged, or none that this version reads."""


@dataclasses.dataclass(frozen=True, eq=False)
class StoredCheckpoint:
    """What a file holds.

    Attributes:
        arrays: By name: the variables as `group/000` and so on, `position`, `seconds` and `watched`.
        counters: What `COUNTERS` names, by name.
        seconds: How long all steps so far took.
        watched: What the guard remembers.
        has_digest: Whether a digest proves that it is what was written.
    """

    arrays: dict[str, np.ndarray]
    counters: dict[str, int]
    seconds: float
    watched: np.ndarray
    has_digest: bool


def digest_arrays(arrays: typing.Mapping[str, np.ndarray]) -> bytes:
    """Computes the SHA-256 over the names, types, shapes and bytes of arrays, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asanyarray(arrays[name])
        head = json.dumps([name, array.dtype.str, array.shape]).encode()
        digest.update(len(head).to_bytes(8, "big") + head)
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    return digest.digest()


def write_file(path: pathlib.Path, arrays: typing.Mapping[str, np.ndarray]) -> None:
    """Writes arrays, the schema's number and the digest, whole or not at all."""
    # The schema comes first and the digest last: where a directory loses entries, one of the two stays and tells.
    stored = {"schema": np.int64(SCHEMA), **arrays}
    stored["digest"] = np.frombuffer(digest_arrays(stored), np.uint8)
    with replacing(path) as temporary:
        np.savez(temporary, **stored)


def read_file(path: pathlib.Path) -> StoredCheckpoint:
    """Reads a checkpoint's file and makes sure that it is what was written.

    Raises:
        DamageError: If it is not, or if it is of a schema that this version does not know.
        OSError: If it cannot be read.
    """
    try:
        arrays = read_arrays(path)
    except (ArrayFileError, InputError) as error:
        raise DamageError(str(error)) from error
    schema, digest = arrays.pop("schema", None), arrays.pop("digest", None)
    has_digest = schema is not None or digest is not None
    if has_digest:
        _check_digest(arrays, schema, digest)
    arrays = {upgrade_array_name(name): array for name, array in arrays.items()}
    if not has_digest:
        _check_groups(arrays)
    return StoredCheckpoint(
        counters=_read_counters(arrays.get("position"), may_end_early=not has_digest),
        seconds=_read_seconds(arrays.get("seconds", np.float64(0))),
        watched=_read_watched(arrays.get("watched")),
        arrays=arrays,
        has_digest=has_digest,
    )


def read_counters(path: pathlib.Path) -> dict[str, int]:
    """Reads where a checkpoint's training was, and nothing else of the file.

    Raises:
        DamageError: If that is damaged.
        OSError: If it cannot be read.
    """
    try:
        return _read_counters(read_arrays(path, ["position"])["position"], may_end_early=True)
    except (ArrayFileError, InputError) as error:
        raise DamageError(str(error)) from error


def _check_digest(arrays: dict[str, np.ndarray], schema: np.ndarray | None, digest: np.ndarray | None) -> None:
    if schema is None or digest is None:
        raise DamageError(f"its {'schema' if schema is None else 'digest'} is missing")
    if schema.shape != () or schema.dtype.kind != "i" or not 1 <= schema <= SCHEMA:
        raise DamageError(f"its schema is {str(schema):.20}, this version reads 1 to {SCHEMA}")
    if digest.tobytes() != digest_arrays({"schema": schema, **arrays}):
        raise DamageError("its digest is not that of its contents")


def _check_groups(arrays: dict[str, np.ndarray]) -> None:
    """What can be told of a file without a digest: no group of arrays and none of its middle is missing."""
    by_group = itertools.groupby(sorted(name for name in arrays if "/" in name), lambda name: name.split("/")[0])
    counts = {}
    for group, names in by_group:
        found = list(names)
        counts[group] = len(found)
        if found != [f"{group}/{index:03d}" for index in range(len(found))]:
            raise DamageError(f"arrays of {group!r:.40} are missing")
    if missing := [group for group in GROUPS if group not in counts]:
        raise DamageError(f"{missing[0]} is missing")


def _read_counters(position: np.ndarray | None, *, may_end_early: bool) -> dict[str, int]:
    least = 2 if may_end_early else len(COUNTERS)
    is_list = position is not None and position.ndim == 1 and position.dtype == np.int64
    if not is_list or not least <= len(position) <= len(COUNTERS):
        raise DamageError("its position is missing or of another kind")
    counters = dict.fromkeys(COUNTERS, 0) | dict(zip(COUNTERS, position.tolist(), strict=False))
    for name, value in counters.items():
        if not 0 <= value <= MOST[name]:
            raise DamageError(f"its {name} is {value}, expected 0 to {MOST[name]}")
    if counters["strikes"] > counters["rollbacks"]:
        raise DamageError(f"it knows of {counters['strikes']} strikes and {counters['rollbacks']} rollbacks")
    return counters


def _read_seconds(seconds: np.ndarray) -> float:
    if np.shape(seconds) != () or seconds.dtype != np.float64 or not 0 <= seconds < np.inf:
        raise DamageError("the seconds it took are no time")
    return float(seconds)


def _read_watched(watched: np.ndarray | None) -> np.ndarray:
    fresh = new_memory()
    if watched is None:
        return fresh
    if watched.shape != fresh.shape or watched.dtype != fresh.dtype or np.isnan(watched).any():
        raise DamageError("what the guard remembers is of another kind")
    return watched
