"""Devices of JAX; implements the functions of `faceswap_lib.devices`."""

import re
import typing

import jax
import keras
import numpy as np

from faceswap_lib.devices import Device


def list_devices() -> list[Device]:
    """Lists the devices of JAX; see `faceswap_lib.devices.list_devices`."""
    return [_describe(device) for device in jax.devices()]


def to_device(array: np.ndarray):
    """Transfers an array to the device; see `faceswap_lib.devices.to_device`."""
    return jax.device_put(array, may_alias=True)


def open_predictor(model) -> typing.Callable[[np.ndarray], list[np.ndarray]]:
    """Prepares a model for prediction; see `faceswap_lib.devices.open_predictor`."""
    return lambda batch: [np.asarray(output) for output in keras.tree.flatten(model.predict_on_batch(batch))]


def peak_device_memory() -> int | None:
    """Returns the peak device memory; see `faceswap_lib.devices.peak_device_memory`."""
    return _statistics(jax.devices()[0]).get("peak_bytes_in_use")


def _describe(device: jax.Device) -> Device:  # pyright: ignore[reportInvalidTypeForm]  # the C++ class has no stub
    """Converts a device of JAX to a `Device`."""
    capability = re.fullmatch(r"(\d+)\.(\d+)", str(getattr(device, "compute_capability", "")))
    return Device(
        name=f"{device.platform}:{device.id}",
        description="" if device.platform == "cpu" else device.device_kind,
        compute_capability=(int(capability[1]), int(capability[2])) if capability else None,
        memory=_statistics(device).get("bytes_limit"),
    )


def _statistics(device: jax.Device) -> dict[str, int]:  # pyright: ignore[reportInvalidTypeForm]  # as above
    """Returns the counters of the device's allocator; empty on a CPU."""
    return device.memory_stats() or {}
