"""What Keras computes on: the devices of its backend, what they are able to do, and how arrays get there.

Each backend answers in a file of its own, `tensorflow.py`, `jax.py` and `torch.py`; only the one that Keras runs on is
imported.
"""

import dataclasses
import importlib
import types
import typing

import numpy as np

BFLOAT16_CAPABILITY = (8, 0)
"""CUDA compute capability from which on NVIDIA's processors multiply bfloat16: Ampere and newer, not the T4 (7.5)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Device:
    """A device that Keras can use.

    Attributes:
        name: As Keras names it, `cpu:0`, `gpu:0`, `tpu:0` or `mps:0`.
        description: What its maker calls it; empty if nobody says.
        compute_capability: Major and minor number of an NVIDIA GPU; None for any other device.
        memory: Bytes of its own memory that can be used; None for a CPU and where the backend does not say.
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
        """Whether it is the processor itself."""
        return self.name.startswith("cpu")

    @property
    def has_bfloat16(self) -> bool:
        """Whether it multiplies bfloat16 faster than float32: NVIDIA's from capability 8.0 on, and TPUs."""
        if self.compute_capability is not None:
            return self.compute_capability >= BFLOAT16_CAPABILITY
        return self.name.startswith("tpu")


def list_devices() -> list[Device]:
    """Lists the devices of Keras's backend, accelerators alone where there are any."""
    return _backend().list_devices()


def has_accelerator() -> bool:
    """Whether Keras computes on anything but the processor."""
    return any(not device.is_cpu for device in list_devices())


def compiles_with_xla() -> bool:
    """Whether XLA compiles what Keras predicts with, anew for every shape: with JAX, with TensorFlow on a GPU."""
    import keras

    name = keras.backend.backend()
    return name == "jax" or (name == "tensorflow" and has_accelerator())


def to_device(array: np.ndarray):
    """Puts an array on the device.

    Args:
        array: Must not be changed afterwards: on a CPU the tensor is the same memory, if that begins at a multiple of
            `ALIGNMENT` bytes (see `empty_aligned`).

    Returns:
        A tensor of the backend.
    """
    return _backend().to_device(array)


def open_predictor(model) -> typing.Callable[[np.ndarray], list[np.ndarray]]:
    """Compiles a Keras model of one input and several outputs for prediction.

    TensorFlow compiles it once for all shapes; `Model.predict_on_batch` would do so anew for every shape it meets, as
    it must with JAX. PyTorch compiles nothing.

    Args:
        model: The model; with JAX it must have been compiled by `model.compile`.

    Returns:
        A function from a batch, float32, to the outputs.
    """
    return _backend().open_predictor(model)


ALIGNMENT = 64
"""Bytes at a multiple of which memory must begin that a backend is to take over without a copy."""


def empty_aligned(shape: tuple[int, ...], dtype: type = np.uint8) -> np.ndarray:
    """Allocates an array, like `numpy.empty`, whose memory a backend on the CPU can take over without a copy."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def peak_device_memory() -> int | None:
    """The most memory this process has had on the first device, in bytes; None on a CPU and where nobody counts."""
    return _backend().peak_device_memory()


def _backend() -> types.ModuleType:
    import keras

    return importlib.import_module(f"{__name__}.{keras.backend.backend()}")
