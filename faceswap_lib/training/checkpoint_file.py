"""File format of a checkpoint: named arrays, the counters of the training, and one digest of all content.

The file is a plain `.npz`, which is read without pickle. The digest is the SHA-256 of the names, dtypes, shapes and
bytes of all arrays, so any damage is detected. This module does not need the networks.
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
"""Version of the file format. Version 1 and older files without a schema have other names for some arrays, see
`upgrades.upgrade_array_name`. Files without a schema and a digest are read with the checks that are possible."""

COUNTERS: tuple[str, ...] = ("step", "history_bytes", "rollbacks", "strikes", "trouble", "swapped")
"""Numbers in the array `position`, in this order. In files without a schema the array may be shorter; the rest is 0."""

MOST_STEPS = 100_000_000
"""Largest number of steps of a training."""

MOST = {
    "step": MOST_STEPS,
    "history_bytes": 100_000_000_000,
    "rollbacks": 1000,  # after more halvings the learning rate is 0
    "strikes": TRIES,
    "trouble": MOST_STEPS,
    "swapped": 1,
}
"""Largest accepted value of each counter; the smallest is 0."""

GROUPS = (
    *("encoder", "decoder_a", "decoder_b", "averaged_encoder", "averaged_decoder_a", "averaged_decoder_b"),
    *("discriminator_a", "discriminator_b", "generator_optimizer", "discriminator_optimizer"),
)
"""Groups of arrays in every checkpoint."""


class DamageError(ValueError):
    """Error for a checkpoint file that is damaged or has an unsupported format."""


@dataclasses.dataclass(frozen=True, eq=False)
class StoredCheckpoint:
    """Content of a checkpoint file.

    Attributes:
        arrays: All arrays by name: the variables as `group/000` and so on, `position`, `seconds` and `watched`.
        counters: The counters of `COUNTERS` by name.
        seconds: Duration in seconds of all steps so far.
        watched: State of the divergence guard.
        has_digest: Whether the file has a digest, which was verified.
    """

    arrays: dict[str, np.ndarray]
    counters: dict[str, int]
    seconds: float
    watched: np.ndarray
    has_digest: bool


def digest_arrays(arrays: typing.Mapping[str, np.ndarray]) -> bytes:
    """Computes the SHA-256 of the names, dtypes, shapes and bytes of arrays; their order does not matter."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asanyarray(arrays[name])
        head = json.dumps([name, array.dtype.str, array.shape]).encode()
        digest.update(len(head).to_bytes(8, "big") + head)
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.digest()


def write_file(path: pathlib.Path, arrays: typing.Mapping[str, np.ndarray]) -> None:
    """Writes arrays, the schema version and the digest to a file, atomically."""
    # The schema is the first entry and the digest is the last: if entries at one end of the directory are lost, the
    # other end shows that the file once had both.
    stored = {"schema": np.int64(SCHEMA), **arrays}
    stored["digest"] = np.frombuffer(digest_arrays(stored), np.uint8)
    with replacing(path) as temporary:
        np.savez(temporary, **stored)


def read_file(path: pathlib.Path) -> StoredCheckpoint:
    """Reads and verifies a checkpoint file.

    Raises:
        DamageError: If the file is damaged, or this version does not support its schema.
        OSError: If the file cannot be read.
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
        seconds=_read_seconds(arrays.get("seconds", np.array(0.0))),
        watched=_read_watched(arrays.get("watched")),
        arrays=arrays,
        has_digest=has_digest,
    )


def read_counters(path: pathlib.Path) -> dict[str, int]:
    """Reads only the counters of a checkpoint file.

    Raises:
        DamageError: If this part of the file is damaged.
        OSError: If the file cannot be read.
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
        raise DamageError("its digest does not match its content")


def _check_groups(arrays: dict[str, np.ndarray]) -> None:
    """Checks a file without a digest: no group is missing, and the numbers of the arrays in a group have no gaps."""
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
    if position is None or position.ndim != 1 or position.dtype != np.int64:
        raise DamageError("its position is missing or has another format")
    if not least <= len(position) <= len(COUNTERS):
        raise DamageError("its position is missing or has another format")
    counters = dict.fromkeys(COUNTERS, 0) | dict(zip(COUNTERS, position.tolist(), strict=False))
    for name, value in counters.items():
        if not 0 <= value <= MOST[name]:
            raise DamageError(f"its {name} is {value}, expected 0 to {MOST[name]}")
    if counters["strikes"] > counters["rollbacks"]:
        raise DamageError(f"it has {counters['strikes']} strikes, more than {counters['rollbacks']} rollbacks")
    return counters


def _read_seconds(seconds: np.ndarray) -> float:
    if np.shape(seconds) != () or seconds.dtype != np.float64 or not 0 <= seconds < np.inf:
        raise DamageError("its seconds are not a valid duration")
    return float(seconds)


def _read_watched(watched: np.ndarray | None) -> np.ndarray:
    fresh = new_memory()
    if watched is None:
        return fresh
    if watched.shape != fresh.shape or watched.dtype != fresh.dtype or np.isnan(watched).any():
        raise DamageError("its state of the divergence guard has another format")
    return watched
