"""Weight files as Keras 2 wrote them, made here: layers by their published names, also those without weights."""

import pathlib
import typing

import h5py
import keras
import numpy as np


def resnet50_layers() -> list[str]:
    """The layers of keras-vggface 0.6's ResNet50 without top, in its order."""
    names = ["input_1", "conv1/7x7_s2", "conv1/7x7_s2/bn", "activation_1", "max_pooling2d_1"]
    activations = 1
    for stage, blocks in ((2, 3), (3, 4), (4, 6), (5, 3)):
        for block in range(1, blocks + 1):
            name = f"conv{stage}_{block}"
            for part in ("1x1_reduce", "3x3"):
                activations += 1
                names += [f"{name}_{part}", f"{name}_{part}/bn", f"activation_{activations}"]
            names.append(f"{name}_1x1_increase")
            names += [f"{name}_1x1_proj"] if block == 1 else []
            names.append(f"{name}_1x1_increase/bn")
            names += [f"{name}_1x1_proj/bn"] if block == 1 else []
            activations += 1
            names += [f"add_{len([n for n in names if n.startswith('add_')]) + 1}", f"activation_{activations}"]
    return [*names, "avg_pool"]


def vgg16_layers() -> list[str]:
    """The layers of keras-vggface 0.6's VGG16 without top, in its order."""
    names = ["input_1"]
    for block, count in enumerate((2, 2, 3, 3, 3), start=1):
        names += [*(f"conv{block}_{index}" for index in range(1, count + 1)), f"pool{block}"]
    return names


def randomize(model: keras.Model, seed: int = 0) -> keras.Model:
    """Gives a network random weights with which its outputs neither vanish nor explode."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        values = []
        for weight in layer.weights:
            shape = tuple(weight.shape)
            if weight.name == "kernel":
                value = rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))
            elif weight.name in ("gamma", "moving_variance"):
                value = rng.uniform(0.5, 1.5, shape)
            else:
                value = rng.normal(size=shape) * 0.1
            values.append(value.astype(np.float32))
        if values:
            layer.set_weights(values)
    return model


def write_weights(
    path: pathlib.Path,
    model: keras.Model,
    layers: typing.Sequence[str],
    rename: typing.Callable[[str, str], str] = "{0}/{1}:0".format,
) -> pathlib.Path:
    """Writes a network's weights as Keras 2 did.

    Args:
        path: The file.
        model: Its layers are called as in the file, but for `_` in place of `/`.
        layers: The layers of the file; those that the network lacks have no weights.
        rename: From layer and weight to the weight's name in the file.
    """
    known = {layer.name: layer for layer in model.layers}
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in layers])
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.2.4"
        for name in layers:
            layer = known.get(name.replace("/", "_"))
            weights = list(zip(layer.weights, layer.get_weights(), strict=True)) if layer else []
            group = file.require_group(name)
            group.attrs["weight_names"] = np.array([rename(name, weight.name).encode() for weight, _ in weights], "S")
            for weight, array in weights:
                group[rename(name, weight.name)] = array
    return path
