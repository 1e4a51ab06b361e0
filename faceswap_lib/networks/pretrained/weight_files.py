"""Weight files of Keras 2, in which keras.applications and keras-vggface publish their networks.

HDF5 with one group per layer, also for layers without weights. Layers are found by their names:

    /                                     attribute layer_names
    /conv1/7x7_s2                         attribute weight_names, in the order of the layer's weights
    /conv1/7x7_s2/conv1/7x7_s2/kernel:0   the numbers

The file of a whole model has the same below `model_weights`. A list of names that is too long for one attribute lies in
attributes that end in 0, 1, and so on. Keras 3 allows no `/` in a layer's name; here it is a `_` instead.

Keras's own reader goes by the order of the layers, and what it says of a file that does not fit helps nobody.
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

ADVICE = "remove it and fetch it anew"

ROLES = frozenset({"kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"})
"""What Keras 2 calls weights; Keras 1 had other names, and such files go by order alone."""

StoredWeights = dict[str, list[tuple[str, np.ndarray]]]
"""Per layer its weights in order, each a name and an array."""


def read_weights(path: pathlib.Path) -> StoredWeights:
    """Reads a weight file of Keras 2, in a process of its own: HDF5's library can crash on a damaged file.

    Args:
        path: The file.

    Returns:
        The layers that have weights, `/` in their names replaced by `_`.

    Raises:
        InputError: If there is no such file.
        CheckpointError: If it is cut short, damaged, something else, or needs other files or plugins to be read.
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
    """Checks what the other process handed over: layer and name of every array, and the arrays."""
    try:
        index = json.loads(handed[INDEX])
        with tempfile.TemporaryDirectory(prefix="faceswap-") as folder:
            file = pathlib.Path(folder) / ARRAYS
            file.write_bytes(handed[ARRAYS])
            arrays = read_arrays(file, [f"a{number}" for number in range(len(index))])
        is_right = all(isinstance(layer, str) and isinstance(weight, str) for layer, weight in index)
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{path}: what was read of it is damaged ({error}); {ADVICE}") from error
    if not is_right or any(array.dtype.kind != "f" for array in arrays.values()):
        raise CheckpointError(f"{path}: what was read of it are no weights; {ADVICE}")
    return index, arrays


def load_weights(model: "keras.Model", path: pathlib.Path) -> None:
    """Gives a network the weights of a file, after all of them have been checked.

    Args:
        model: The network; every layer with weights must be in the file, and the file may have no other ones.
        path: The file.

    Raises:
        InputError: If there is no such file.
        CheckpointError: If it is damaged or of another network; the network is then as it was.
    """
    stored = read_weights(path)
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    if missing := [name for name in layers if name not in stored]:
        raise CheckpointError(f"{path}: expected the weights of {model.name}; it lacks the layers {_list(missing)}")
    if unknown := [name for name in stored if name not in layers]:
        raise CheckpointError(f"{path}: expected the weights of {model.name} alone, got also {_list(unknown)}")
    for name, layer in layers.items():
        if complaint := _compare(layer, stored[name]):
            raise CheckpointError(f"{path}: layer {name}: {complaint}; it belongs to another network or is damaged")
    for name, layer in layers.items():
        layer.set_weights([array for _, array in stored[name]])


def _compare(layer: "keras.Layer", stored: list[tuple[str, np.ndarray]]) -> str | None:
    """What is wrong with the weights stored for a layer, if anything."""
    if len(stored) != len(layer.weights):
        return f"expected {_list([w.name for w in layer.weights])}, got {_list([name for name, _ in stored])}"
    for weight, (name, array) in zip(layer.weights, stored, strict=True):
        role = name.rpartition("/")[2].partition(":")[0]
        if role in ROLES and role != weight.name:
            return f"expected {weight.name}, got {role}"
        if array.shape != tuple(weight.shape):
            return f"{weight.name}: expected shape {tuple(weight.shape)}, got {array.shape}"
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            return f"{weight.name}: expected finite numbers, got {array.dtype} with others among them"
    return None


def _list(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
