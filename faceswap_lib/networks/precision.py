"""Which numbers networks compute with. Weights are float32 always; bfloat16 is for what happens between them."""

import contextlib
import typing

import keras

from faceswap_lib.devices import Device
from faceswap_lib.environment import CPU_INFO

Precision = typing.Literal["float32", "bfloat16"]

FAST_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""What /proc/cpuinfo lists for processors that multiply bfloat16 about twice as fast as float32."""


def resolve_precision(asked: str, devices: typing.Sequence[Device]) -> Precision:
    """Says what "auto" means on this machine; anything else is what was asked for.

    bfloat16 on accelerators that multiply it (NVIDIA's from compute capability 8.0 on, so not on a T4), and on
    processors made for it where Keras runs on TensorFlow, whose kernels use that.

    Args:
        asked: "auto", "float32" or "bfloat16".
        devices: What Keras can use here, as `devices.list_devices` gives.
    """
    if asked != "auto":
        return asked
    accelerators = [device for device in devices if not device.is_cpu]
    if accelerators:
        return "bfloat16" if all(device.has_bfloat16 for device in accelerators) else "float32"
    return "bfloat16" if keras.backend.backend() == "tensorflow" and _cpu_flags() & FAST_FLAGS else "float32"


@contextlib.contextmanager
def compute_in(precision: Precision) -> typing.Iterator[None]:
    """Networks built inside compute in this precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _cpu_flags() -> frozenset[str]:
    """The abilities of the processor, as Linux lists them; none known elsewhere."""
    if not CPU_INFO.is_file():
        return frozenset()
    lines = (line for line in CPU_INFO.read_text(encoding="utf-8").splitlines() if line.startswith("flags"))
    return frozenset(next(lines, "").partition(":")[2].split())
