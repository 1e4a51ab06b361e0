"""Fast calls of trained networks in batches of a few fixed sizes, on every backend."""

import typing

import keras
import numpy as np

from faceswap_lib.reenactment.shape_pictures import ShapeBatch

SIZES = (1, 4, 16)
"""Batch sizes for which a call is compiled; a batch is divided into these, and the last part is filled up."""

Arrays = dict[str, typing.Any]


class CallableNetworks(typing.Protocol):
    """Protocol of networks that functions run."""

    @property
    def generators(self) -> tuple[keras.Model, ...]:
        """The networks."""
        ...

    @property
    def calls(self) -> dict[str, typing.Any]:
        """Compiled functions by name."""
        ...


class CompiledCall:
    """Function of networks that Keras compiles, and that is called with batches of any size.

    Args:
        networks: The networks that the function runs; their current weights are used at every call.
        function: Computes a dict of tensors (B, ...) from a dict of tensors. The names `points`, `irises` and `yaw` are
            those of `ShapeBatch`.
    """

    def __init__(self, networks: CallableNetworks, function: typing.Callable[[Arrays], Arrays]):
        self._networks, self._function = networks, function
        self._models: dict[int, _Call] = {}

    def __call__(self, inputs: typing.Mapping[str, np.ndarray], constants: typing.Mapping[str, np.ndarray]) -> Arrays:
        """Runs the function.

        Args:
            inputs: Arrays (B, ...).
            constants: Arrays (1, ...) that are the same for the whole batch, for example of the photo.

        Returns:
            The arrays of the function, (B, ...).
        """
        count, parts, start = len(next(iter(inputs.values()))), [], 0
        while start < count:
            left = count - start
            size = next((size for size in SIZES if size >= left), SIZES[-1])
            taken = min(size, left)
            filled = {name: _fill(array[start : start + taken], size) for name, array in inputs.items()}
            repeated = {name: np.repeat(array, size, axis=0) for name, array in constants.items()}
            if size not in self._models:
                self._models[size] = _Call(self._networks, self._function)
            found = self._models[size].predict_on_batch(filled | repeated)
            parts.append({name: np.asarray(array)[:taken] for name, array in found.items()})
            start += taken
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class _Call(keras.Model):
    """Function as a model, so that Keras compiles it and passes the current weights of the networks."""

    def __init__(self, networks: CallableNetworks, function: typing.Callable[[Arrays], Arrays]):
        super().__init__(name="compiled_call")
        self.generators = list(networks.generators)
        self._function = function

    def call(self, inputs):
        """Runs the function in inference mode."""
        return self._function(inputs)


def compiled_call(networks: CallableNetworks, name: str, function: typing.Callable[[Arrays], Arrays]) -> CompiledCall:
    """Returns the compiled function of some networks; the same one for the same name, so it is compiled once.

    Args:
        networks: The networks.
        name: Name of the function.
        function: See `CompiledCall`; not used if the name is known already.
    """
    if name not in networks.calls:
        networks.calls[name] = CompiledCall(networks, function)
    return networks.calls[name]


def shape_arrays(shapes: ShapeBatch) -> dict[str, np.ndarray]:
    """Returns the arrays of shapes by name."""
    return dict(vars(shapes))


def shapes_of(inputs: Arrays) -> ShapeBatch:
    """Builds the shapes from the inputs of a compiled function."""
    return ShapeBatch(points=inputs["points"], irises=inputs["irises"], yaw=inputs["yaw"])


def to_float(image: np.ndarray) -> np.ndarray:
    """Converts images, uint8 RGB, to float32 in [-1, 1]."""
    return image.astype(np.float32) / 127.5 - 1


def to_uint8(picture: np.ndarray) -> np.ndarray:
    """Converts pictures in [-1, 1] to uint8 RGB."""
    return np.clip(np.round((np.asarray(picture, np.float32) + 1) * 127.5), 0, 255).astype(np.uint8)


def _fill(array: np.ndarray, size: int) -> np.ndarray:
    """Repeats the last row of a batch until it has `size` rows."""
    missing = size - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array
