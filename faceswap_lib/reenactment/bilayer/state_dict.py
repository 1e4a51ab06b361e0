"""Puts the arrays of PyTorch's files of weights into the networks; every array is accounted for.

PyTorch stores a layer with spectral normalization as its kernel before the division, and two vectors u and v that
estimate the largest singular value. In use, the kernel is divided by u . (W v); here that is done once.
Source: Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018.
"""

import pathlib
import typing

import keras
import numpy as np
from keras import layers

from faceswap_lib.errors import CheckpointError
from faceswap_lib.reenactment.bilayer.layers import LearnedMap, SpatialNorm, Standardize, torch_name
from faceswap_lib.reenactment.bilayer_weights import read_arrays

COUNTER = ".num_batches_tracked"
"""End of the names of counters that normalizations may have, and that are not needed."""


class StateDict:
    """The arrays of one file, each of which must be taken once.

    Args:
        path: The file.

    Raises:
        CheckpointError: If the file is damaged, or is no file of PyTorch's weights.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._left = {name: array for name, array in read_arrays(path).items() if not name.endswith(COUNTER)}

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Returns an array as float64.

        Raises:
            CheckpointError: If it is missing, has another shape, or a number is not finite.
        """
        if name not in self._left:
            raise CheckpointError(f"{self._path}: expected an array {name!r} of shape {shape}, the file has none")
        array = self._left.pop(name)
        if array.shape != shape:
            raise CheckpointError(f"{self._path}: {name}: expected shape {shape}, got {array.shape}")
        if not np.isfinite(array).all():
            raise CheckpointError(f"{self._path}: {name}: expected finite numbers; download the file again")
        return array.astype(np.float64)

    def take_kernel(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Returns the kernel of a layer with spectral normalization, as it is used."""
        kernel = self.take(f"{name}.weight_orig", shape)
        flat = kernel.reshape(len(kernel), -1)
        left, right = (self.take(f"{name}.weight_{side}", (flat.shape[k],)) for k, side in enumerate("uv"))
        norm = left @ flat @ right
        if not norm:
            raise CheckpointError(
                f"{self._path}: {name}: the spectral norm of its kernel is 0; download the file again"
            )
        return kernel / norm

    def finish(self) -> None:
        """Checks that no array is left.

        Raises:
            CheckpointError: If one is.
        """
        if self._left:
            more = f" and {len(self._left) - 1} more" if len(self._left) > 1 else ""
            raise CheckpointError(f"{self._path}: no network here has an array {next(iter(self._left))!r:.100}{more}")


def fill(model: keras.Model, state: StateDict, eps: float) -> None:
    """Gives a network its weights.

    Args:
        model: The network.
        state: The arrays; those of this network are taken.
        eps: Number that is added to variances.

    Raises:
        CheckpointError: If an array is missing or has another shape.
    """
    for layer in model.layers:
        arrays = _read_layer(layer, torch_name(layer), state, eps)
        if arrays:
            typing.cast(typing.Any, layer).set_weights([array.astype(np.float32) for array in arrays])


def _read_layer(layer: layers.Layer, name: str, state: StateDict, eps: float) -> list[np.ndarray]:
    """Returns the weights of a layer in the order of Keras; empty if it has none."""
    own: typing.Any = layer  # Keras declares no types of weights
    if isinstance(layer, layers.Conv2D):
        height, width, inputs, outputs = own.kernel.shape
        kernel = state.take_kernel(name, (outputs, inputs, height, width))
        return [kernel.transpose(2, 3, 1, 0), state.take(f"{name}.bias", (outputs,))]
    if isinstance(layer, layers.Dense):
        inputs, outputs = own.kernel.shape
        return [state.take_kernel(name, (outputs, inputs)).T, state.take(f"{name}.bias", (outputs,))]
    if isinstance(layer, LearnedMap):
        return [_take_map(layer, name, state)]
    if isinstance(layer, SpatialNorm):
        return [
            *_take_statistics(layer, f"{name}.norm_layer", state, eps),
            _take_map(layer, f"{name}.pixel_feats", state),
        ]
    if isinstance(layer, Standardize):
        return _take_statistics(layer, name if layer.has_affine else f"{name}.norm_layer", state, eps)
    return []


def _take_map(layer: typing.Any, name: str, state: StateDict) -> np.ndarray:
    """Returns a learned map, channels last."""
    one, height, width, channels = layer.map.shape
    return state.take(name, (one, channels, height, width)).transpose(0, 2, 3, 1)


def _take_statistics(layer: Standardize, name: str, state: StateDict, eps: float) -> list[np.ndarray]:
    """Returns factor and offset of a normalization with stored statistics."""
    shape = tuple(layer.scale.shape)
    mean, variance = (state.take(f"{name}.running_{word}", shape) for word in ("mean", "var"))
    scale = 1 / np.sqrt(np.maximum(variance, 0) + eps)
    if not layer.has_affine:
        return [scale, -mean * scale]
    scale = state.take(f"{name}.weight", shape) * scale
    return [scale, state.take(f"{name}.bias", shape) - mean * scale]
