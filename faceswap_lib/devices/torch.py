"""Devices of PyTorch; implements the functions of `faceswap_lib.devices`."""

import typing

import keras
import numpy as np
import torch

from faceswap_lib.devices import Device


def list_devices() -> list[Device]:
    """Lists the devices of PyTorch; see `faceswap_lib.devices.list_devices`."""
    if torch.cuda.is_available():
        return [_describe(index) for index in range(torch.cuda.device_count())]
    return [Device(name="mps:0")] if torch.backends.mps.is_available() else [Device(name="cpu:0")]


def to_device(array: np.ndarray):
    """Transfers an array to the device; see `faceswap_lib.devices.to_device`."""
    device, tensor = list_devices()[0], torch.from_numpy(array)
    return tensor if device.is_cpu else tensor.to(device.name.replace("gpu", "cuda"))


def open_predictor(model) -> typing.Callable[[np.ndarray], list[np.ndarray]]:
    """Prepares a model for prediction; see `faceswap_lib.devices.open_predictor`."""
    return lambda batch: [np.asarray(output) for output in keras.tree.flatten(model.predict_on_batch(batch))]


def peak_device_memory() -> int | None:
    """Returns the peak device memory; see `faceswap_lib.devices.peak_device_memory`."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None


def _describe(index: int) -> Device:
    """Converts a CUDA or ROCm device to a `Device`."""
    properties = torch.cuda.get_device_properties(index)
    return Device(
        name=f"gpu:{index}",
        description=properties.name,
        # AMD GPUs also report these numbers, but with another meaning.
        compute_capability=None if torch.version.hip else (properties.major, properties.minor),
        memory=properties.total_memory,
    )
