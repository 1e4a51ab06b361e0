"""Weight files of Keras 2, in which keras.applications and keras-vggface publish their networks.

HDF5 with one group per layer, also for layers without weights. Layers are found by their names:

    /                                     attribute layer_names
    /conv1/7x7_s2                         attribute weight_names, in the order of the layer's weights
    /conv1/7x7_s2/conv1/7x7_s2/kernel:0   the numbers

The file of a whole model has the same below `model_weights`. A list of names that is too long for one attribute lies in
attributes that end in 0, 1, and so on. Keras 3 allows no `/` in a layer's name; here it is a `_` instead.

Keras's own reader goes by the order of the layers, and what it says of a file that does not fit helps nobody.
"""

import itertools
import pathlib
import typing

import numpy as np

from faceswap_lib.errors import CheckpointError, InputError

if typing.TYPE_CHECKING:
    import h5py
    import keras

ROLES = frozenset({"kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"})
"""What Keras 2 calls weights; Keras 1 had other names, and such files go by order alone."""

StoredWeights = dict[str, list[tuple[str, np.ndarray]]]
"""Per layer its weights in order, each a name and an array."""


def read_weights(path: pathlib.Path) -> StoredWeights:
    """Reads a weight file of Keras 2.

    Args:
        path: The file.

    Returns:
        The layers that have weights, `/` in their names replaced by `_`.

    Raises:
        InputError: If there is no such file.
        CheckpointError: If it is cut short, damaged, or something else.
    """
    import h5py

    path = pathlib.Path(path)
    if not path.is_file():
        raise InputError(f"{path}: expected a file of network weights, got none there")
    if not h5py.is_hdf5(path):
        raise CheckpointError(f"{path}: expected network weights in HDF5, got another kind of file; fetch it anew")
    try:
        with h5py.File(path, "r") as file:
            root = file["model_weights"] if "layer_names" not in file.attrs and "model_weights" in file else file
            groups = {name: root[name] for name in _read_names(root, "layer_names")}
            stored = {
                name.replace("/", "_"): [(weight, np.asarray(group[weight])) for weight in weights]
                for name, group in groups.items()
                if (weights := _read_names(group, "weight_names"))
            }
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path}: cut short or damaged ({error}); remove it and fetch it anew") from error
    if not stored:
        raise CheckpointError(f"{path}: expected the weights of a Keras network, got an HDF5 file without layers")
    return stored


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


def _read_names(group: "h5py.Group", attribute: str) -> list[str]:
    """Reads a list of names, which may be split over several attributes."""
    if attribute in group.attrs:
        parts = [group.attrs[attribute]]
    else:
        numbered = (f"{attribute}{number}" for number in itertools.count())
        parts = [group.attrs[name] for name in itertools.takewhile(group.attrs.__contains__, numbered)]
    if not parts:
        raise ValueError(f"{group.name} has no attribute {attribute}")
    return [name.decode() if isinstance(name, bytes) else str(name) for part in parts for name in part]


def _list(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
