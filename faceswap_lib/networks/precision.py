"""Which numbers networks compute with. Weights are float32 always; bfloat16 is for what happens between them."""

import contextlib
import pathlib
import typing

import keras

Precision = typing.Literal["float32", "bfloat16"]

FAST_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""What /proc/cpuinfo lists for processors that multiply bfloat16 about twice as fast as float32."""

CPU_INFO = pathlib.Path("/proc/cpuinfo")


def resolve_precision(asked: str, devices: typing.Sequence[str]) -> Precision:
    """Says what "auto" means on this machine; anything else is what was asked for.

    bfloat16 on accelerators, and on processors made for it where Keras runs on TensorFlow, whose kernels use that.

    Args:
        asked: "auto", "float32" or "bfloat16".
        devices: What Keras can use here, as in `cpu:0` or `gpu:0`.
    """
    if asked != "auto":
        return asked
    if any(not device.startswith("cpu") for device in devices):
        return "bfloat16"
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
