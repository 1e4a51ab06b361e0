"""JAX's devices."""

import re
import typing

import jax
import numpy as np

from faceswap_lib.devices import Device


def list_devices() -> list[Device]:
    """See `faceswap_lib.devices`."""
    return [_describe(device) for device in jax.devices()]


def to_device(array: np.ndarray):
    """See `faceswap_lib.devices`."""
    return jax.device_put(array, may_alias=True)


def open_predictor(model) -> typing.Callable[[np.ndarray], list[np.ndarray]]:
    """See `faceswap_lib.devices`."""
    return lambda batch: [np.asarray(output) for output in model.predict_on_batch(batch)]


def peak_device_memory() -> int | None:
    """See `faceswap_lib.devices`."""
    return _statistics(jax.devices()[0]).get("peak_bytes_in_use")


def _describe(device: jax.Device) -> Device:
    capability = re.fullmatch(r"(\d+)\.(\d+)", str(getattr(device, "compute_capability", "")))
    return Device(
        name=f"{device.platform}:{device.id}",
        description="" if device.platform == "cpu" else device.device_kind,
        compute_capability=(int(capability[1]), int(capability[2])) if capability else None,
        memory=_statistics(device).get("bytes_limit"),
    )


def _statistics(device: jax.Device) -> dict[str, int]:
    """What the device's allocator counts; nothing on a CPU."""
    return device.memory_stats() or {}
