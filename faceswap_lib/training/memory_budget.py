"""Checks before loading whether the crops of a training fit into memory."""

import typing

from faceswap_lib.devices import Device, list_devices
from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Faceset
from faceswap_lib.memory import available_memory

BYTES_PER_PIXEL = 6
"""Red, green, blue, and the masks of eyes, mouth and face."""


def check_memory(facesets: typing.Sequence[Faceset], size: int) -> typing.Sequence[Faceset]:
    """Checks that facesets fit into memory; otherwise the operating system would kill this process without a message.

    On a CPU all facesets are in main memory at the same time. With a GPU main memory contains one faceset at a time,
    and the device contains all of them.

    Args:
        facesets: The facesets of A and of B.
        size: Side in pixels of the loaded crops.

    Returns:
        The facesets.

    Raises:
        InputError: If there is too little main memory or device memory.
    """
    device, sizes = list_devices()[0], [len(faceset) * size * size * BYTES_PER_PIXEL for faceset in facesets]
    needed = sum(sizes) if device.is_cpu else max(sizes)
    names = " and ".join(f"{len(faceset)} crops in {faceset.folder.name}" for faceset in facesets)
    _check(names, size, needed, available_memory(), "main memory")
    if not device.is_cpu and device.memory is not None:
        _check(names, size, sum(sizes), device.memory, f"memory of {_name(device)}")
    return facesets


def _check(names: str, size: int, needed: int, available: int, where: str) -> None:
    if needed > available:
        raise InputError(
            f"{names} need {needed / 1e9:.1f} GB at {size} pixels, and {available / 1e9:.1f} GB of {where} are "
            "available; extract fewer of them (--max-crops), or train networks of a lower resolution"
        )


def _name(device: Device) -> str:
    return device.description or device.name
