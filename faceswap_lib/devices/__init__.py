"""Devices of the Keras backend: listing, capabilities, transfer of arrays and prediction.

Each backend has its own module, `tensorflow.py`, `jax.py` and `torch.py`; only the module of the active backend is
imported.
"""

import dataclasses
import importlib
import types
import typing

import numpy as np

BFLOAT16_CAPABILITY = (8, 0)
"""Lowest CUDA compute capability with fast bfloat16 multiplication: Ampere and newer, not the T4 (7.5)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Device:
    """Device that Keras can use.

    Attributes:
        name: Name in Keras: `cpu:0`, `gpu:0`, `tpu:0` or `mps:0`.
        description: Name of the model; empty if it is unknown.
        compute_capability: Major and minor number of an NVIDIA GPU; None for any other device.
        memory: Bytes of device memory that can be used; None for a CPU and if the backend does not report it.
    """

    name: str
    description: str = ""
    compute_capability: tuple[int, int] | None = None
    memory: int | None = None

    def __str__(self) -> str:
        facts = [self.description] if self.description else []
        facts += ["capability {}.{}".format(*self.compute_capability)] if self.compute_capability else []
        facts += [f"{self.memory / 1e9:.0f} GB"] if self.memory else []
        return f"{self.name} ({', '.join(facts)})" if facts else self.name

    @property
    def is_cpu(self) -> bool:
        """Whether the device is the CPU."""
        return self.name.startswith("cpu")

    @property
    def has_bfloat16(self) -> bool:
        """Whether bfloat16 is faster than float32: on NVIDIA GPUs from capability 8.0 on, and on TPUs."""
        if self.compute_capability is not None:
            return self.compute_capability >= BFLOAT16_CAPABILITY
        return self.name.startswith("tpu")


def list_devices() -> list[Device]:
    """Lists the devices of the Keras backend: the accelerators if there are any, else the CPU."""
    return _backend().list_devices()


def has_accelerator() -> bool:
    """Checks whether Keras computes on an accelerator, that is, not on the CPU."""
    return any(not device.is_cpu for device in list_devices())


def compiles_with_xla() -> bool:
    """Checks whether XLA compiles predictions, once for every shape: with JAX, and with TensorFlow on a GPU."""
    import keras

    name = keras.backend.backend()
    return name == "jax" or (name == "tensorflow" and has_accelerator())


def to_device(array: np.ndarray):
    """Transfers an array to the device.

    Args:
        array: Any shape and dtype. It must not be changed afterwards: on a CPU the tensor can share its memory, with
            PyTorch always, with TensorFlow and JAX if it starts at a multiple of `ALIGNMENT` bytes (see
            `empty_aligned`).

    Returns:
        A tensor of the backend.
    """
    return _backend().to_device(array)


def open_predictor(model) -> typing.Callable[[np.ndarray], list[np.ndarray]]:
    """Compiles a Keras model with one input and one or several outputs for prediction.

    With TensorFlow the model is compiled once for all batch sizes; `Model.predict_on_batch` would compile it again for
    every new shape, which cannot be avoided with JAX. With PyTorch nothing is compiled.

    Args:
        model: The model; with JAX `model.compile` must have been called.

    Returns:
        A function from a float32 batch (B, ...) to the list of outputs, each (B, ...).
    """
    return _backend().open_predictor(model)


ALIGNMENT = 64
"""Memory alignment in bytes that a backend needs to use an array without a copy."""


def empty_aligned(shape: tuple[int, ...], dtype: type = np.uint8) -> np.ndarray:
    """Allocates an array, like `numpy.empty`, whose memory a backend on the CPU can use without a copy."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def peak_device_memory() -> int | None:
    """Returns the peak memory of this process on the first device in bytes; None on a CPU or if it is not measured."""
    return _backend().peak_device_memory()


def _backend() -> types.ModuleType:
    """Imports the module of the active backend."""
    import keras

    return importlib.import_module(f"{__name__}.{keras.backend.backend()}")
