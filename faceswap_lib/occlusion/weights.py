"""File of an occlusion network: a plain `.npz` with the weights in half precision, the channels and a digest."""

import pathlib
import typing

import numpy as np

from faceswap_lib.arrays import ArrayFileError, read_arrays
from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.occlusion.network import build_occlusion_network
from faceswap_lib.training.checkpoint_file import digest_arrays

if typing.TYPE_CHECKING:
    import keras

SCHEMA = 1
"""Version of the file format."""

MOST_LEVELS, MOST_CHANNELS = 6, 256
"""Largest accepted number of scales and of channels; a hostile file could ask for a network that fills the memory."""

ADVICE = "train it again with 'faceswap mask --train'"


def write_network(path: pathlib.Path, network: "keras.Model", channels: tuple[int, ...]) -> None:
    """Writes an occlusion network to a file, atomically.

    Args:
        path: The file, `.npz`.
        network: The model of `build_occlusion_network`.
        channels: Its channels.
    """
    arrays: dict[str, np.ndarray] = {"channels": np.array(channels, np.int64)}
    for index, weight in enumerate(network.get_weights()):
        arrays[f"weights/{index:03d}"] = np.asarray(weight, np.float16)
    stored = {"schema": np.int64(SCHEMA), **arrays}
    stored["digest"] = np.frombuffer(digest_arrays(stored), np.uint8)
    with replacing(path) as temporary:
        np.savez(temporary, **stored)


def read_network(path: pathlib.Path) -> "keras.Model":
    """Reads an occlusion network.

    Args:
        path: The file.

    Returns:
        The Keras model, as from `build_occlusion_network`.

    Raises:
        CheckpointError: If the file is missing, damaged, or not an occlusion network of a known version.
    """
    try:
        arrays = read_arrays(path)
        schema, digest = arrays.pop("schema", None), arrays.pop("digest", None)
        if schema is None or digest is None or schema.shape != () or schema.dtype.kind != "i" or schema != SCHEMA:
            raise ArrayFileError(f"expected an occlusion network of schema {SCHEMA}")
        if digest.tobytes() != digest_arrays({"schema": schema, **arrays}):
            raise ArrayFileError("its digest does not match its content")
        channels, weights = _check_arrays(arrays)
    except (ArrayFileError, InputError, OSError) as error:
        raise CheckpointError(f"{path}: the occlusion network cannot be read ({error}); {ADVICE}") from error
    network = build_occlusion_network(channels)
    shapes = [tuple(weight.shape) for weight in network.weights]
    if [weight.shape for weight in weights] != shapes:
        raise CheckpointError(f"{path}: its weights do not have the shapes of its channels {channels}; {ADVICE}")
    network.set_weights(weights)
    return network


def _check_arrays(arrays: dict[str, np.ndarray]) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """Checks types and ranges; returns the channels and the weights as float32."""
    found = arrays.pop("channels", np.array(0))
    if found.ndim != 1 or found.dtype != np.int64 or not 2 <= len(found) <= MOST_LEVELS:
        raise ArrayFileError("expected the channels of 2 to 6 scales")
    channels = tuple(int(count) for count in found)
    if not all(1 <= count <= MOST_CHANNELS for count in channels):
        raise ArrayFileError(f"expected 1 to {MOST_CHANNELS} channels, got {channels}")
    names = [f"weights/{index:03d}" for index in range(len(arrays))]
    if sorted(arrays) != names:
        raise ArrayFileError("weights are missing")
    weights = [arrays[name] for name in names]
    if any(weight.dtype != np.float16 or not np.isfinite(weight).all() for weight in weights):
        raise ArrayFileError("expected finite weights in half precision")
    return channels, [weight.astype(np.float32) for weight in weights]
