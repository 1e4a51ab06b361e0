"""Weight files of Keras 2, the format in which keras.applications and keras-vggface publish their networks.

The format is HDF5 with one group per layer, even for layers without weights. Layers are identified by name:

    /                                     attribute layer_names
    /conv1/7x7_s2                         attribute weight_names, in the order of the layer's weights
    /conv1/7x7_s2/conv1/7x7_s2/kernel:0   the array

The file of a complete model has the same structure below `model_weights`. A list of names that is too long for one
attribute is split into attributes with the suffixes 0, 1, and so on. Keras 3 does not allow `/` in layer names; here it
is replaced by `_`.

The reader of Keras itself assigns weights by the order of the layers, and its error messages for a wrong file do not
help the user.
"""

import json
import pathlib
import tempfile
import typing

import numpy as np

from faceswap_lib.arrays import read_arrays
from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.limits import MODEL_BYTES
from faceswap_lib.networks.child_process import run_child
from faceswap_lib.networks.pretrained.hdf5_reading import ARRAYS, ENVIRONMENT, INDEX, read_into

if typing.TYPE_CHECKING:
    import keras

ADVICE = "remove it and download it again"

ROLES = frozenset({"kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"})
"""Names of weights in Keras 2. Keras 1 had other names; weights of such files are assigned by order."""

StoredWeights = dict[str, list[tuple[str, np.ndarray]]]
"""Weights of each layer in order, each with its name and array."""


def read_weights(path: pathlib.Path) -> StoredWeights:
    """Reads a weight file of Keras 2 in a child process, because the HDF5 library can crash on a damaged file.

    Args:
        path: The file.

    Returns:
        The layers that have weights; `/` in their names is replaced by `_`.

    Raises:
        InputError: If the file does not exist.
        CheckpointError: If the file is truncated, damaged, has another format, or needs other files or plugins.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise InputError(f"{path}: expected a file of network weights, got none there")
    MODEL_BYTES.check(path.stat().st_size, path, CheckpointError)
    index, arrays = _receive(run_child(read_into, path, ENVIRONMENT, ADVICE), path)
    if not index:
        raise CheckpointError(f"{path}: expected the weights of a Keras network, got an HDF5 file without layers")
    stored: StoredWeights = {}
    for number, (layer, weight) in enumerate(index):
        stored.setdefault(layer.replace("/", "_"), []).append((weight, arrays[f"a{number}"]))
    return stored


def _receive(handed: dict[str, bytes], path: pathlib.Path) -> tuple[list[list[str]], dict[str, np.ndarray]]:
    """Checks the output of the child process: the layer and the name of each array, and the arrays."""
    try:
        index = json.loads(handed[INDEX])
        with tempfile.TemporaryDirectory(prefix="faceswap-") as folder:
            file = pathlib.Path(folder) / ARRAYS
            file.write_bytes(handed[ARRAYS])
            arrays = read_arrays(file, [f"a{number}" for number in range(len(index))])
        is_right = all(isinstance(layer, str) and isinstance(weight, str) for layer, weight in index)
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{path}: its content is damaged ({error}); {ADVICE}") from error
    if not is_right or any(array.dtype.kind != "f" for array in arrays.values()):
        raise CheckpointError(f"{path}: its content is not network weights; {ADVICE}")
    return index, arrays


def load_weights(model: "keras.Model", path: pathlib.Path) -> None:
    """Loads the weights of a file into a network, after a check of all weights.

    Args:
        model: The network. The file must contain exactly the layers of the network that have weights.
        path: The file.

    Raises:
        InputError: If the file does not exist.
        CheckpointError: If the file is damaged or belongs to another network; the network is then unchanged.
    """
    stored = read_weights(path)
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    if missing := [name for name in layers if name not in stored]:
        raise CheckpointError(f"{path}: expected the weights of {model.name}; the layers {_list(missing)} are missing")
    if unknown := [name for name in stored if name not in layers]:
        raise CheckpointError(f"{path}: expected only the weights of {model.name}, also got {_list(unknown)}")
    for name, layer in layers.items():
        if complaint := _compare(layer, stored[name]):
            raise CheckpointError(f"{path}: layer {name}: {complaint}; it belongs to another network or is damaged")
    for name, layer in layers.items():
        layer.set_weights([array for _, array in stored[name]])


def _compare(layer: "keras.Layer", stored: list[tuple[str, np.ndarray]]) -> str | None:
    """Describes why the stored weights do not fit a layer; None if they fit."""
    if len(stored) != len(layer.weights):
        return f"expected {_list([w.name for w in layer.weights])}, got {_list([name for name, _ in stored])}"
    for weight, (name, array) in zip(layer.weights, stored, strict=True):
        role = name.rpartition("/")[2].partition(":")[0]
        if role in ROLES and role != weight.name:
            return f"expected {weight.name}, got {role}"
        if array.shape != tuple(weight.shape):
            return f"{weight.name}: expected shape {tuple(weight.shape)}, got {array.shape}"
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            return f"{weight.name}: expected finite numbers, got NaN or infinity, or no floats ({array.dtype})"
    return None


def _list(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
