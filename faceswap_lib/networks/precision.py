"""Floating-point precision of the networks.

Weights are always float32. With bfloat16 only the computations use the lower precision (mixed precision).
"""

import contextlib
import typing

import keras

from faceswap_lib.devices import Device
from faceswap_lib.environment import CPU_INFO

Precision = typing.Literal["float32", "bfloat16"]

FAST_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Flags in /proc/cpuinfo of processors that multiply bfloat16 about twice as fast as float32."""


def resolve_precision(asked: str, devices: typing.Sequence[Device]) -> Precision:
    """Chooses the precision for this machine if "auto" is requested; returns any other request unchanged.

    "auto" means bfloat16 on accelerators that support it: TPUs, and NVIDIA GPUs with compute capability 8.0 or higher,
    so not a T4. It also means bfloat16 on processors with bfloat16 instructions if Keras runs on TensorFlow, whose
    kernels use these instructions. Otherwise it means float32.

    Args:
        asked: "auto", "float32" or "bfloat16".
        devices: The devices that Keras can use, from `devices.list_devices`.
    """
    if asked != "auto":
        return typing.cast(Precision, asked)
    accelerators = [device for device in devices if not device.is_cpu]
    if accelerators:
        return "bfloat16" if all(device.has_bfloat16 for device in accelerators) else "float32"
    return "bfloat16" if keras.backend.backend() == "tensorflow" and _cpu_flags() & FAST_FLAGS else "float32"


@contextlib.contextmanager
def compute_in(precision: Precision) -> typing.Iterator[None]:
    """Sets the precision of all networks that are built inside the context."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _cpu_flags() -> frozenset[str]:
    """Reads the flags of the processor from /proc/cpuinfo; empty on systems without this file."""
    if not CPU_INFO.is_file():
        return frozenset()
    lines = (line for line in CPU_INFO.read_text(encoding="utf-8").splitlines() if line.startswith("flags"))
    return frozenset(next(lines, "").partition(":")[2].split())
