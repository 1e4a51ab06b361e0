"""Decides before loading which facesets of a training fit into memory; the crops of the others are read from a file."""

import math
import typing

from faceswap_lib.devices import list_devices
from faceswap_lib.facesets import Faceset
from faceswap_lib.memory import available_memory

BYTES_PER_PIXEL = 6
"""Red, green, blue, and the masks of eyes, mouth and face; one more with occlusion masks."""

SHARE = 0.5
"""Share of the available memory that decoded crops may take; networks and activations need the rest."""


MOST_ON_CPU = 1_500_000_000
"""Number of bytes that decoded crops take at most on a CPU, where reading them from a file takes no more time."""


def choose_streamed(facesets: typing.Sequence[Faceset], size: int, limit: float = 0.0) -> tuple[bool, ...]:
    """Chooses which facesets are read from a file during the training, because they do not fit into memory.

    On a CPU all facesets are in main memory at the same time. With a GPU main memory contains one faceset at a time,
    and the device contains all of them. The largest faceset is moved to a file first.

    Args:
        facesets: The facesets of A and of B.
        size: Side in pixels of the loaded crops.
        limit: Number of bytes that decoded crops may take; 0 for `SHARE` of the memory that is available, on a CPU at
            most `MOST_ON_CPU`.

    Returns:
        For each faceset, whether it is read from a file.
    """
    bytes_per_pixel = BYTES_PER_PIXEL + any(faceset.has_occlusion_masks for faceset in facesets)
    sizes = [len(faceset) * size * size * bytes_per_pixel for faceset in facesets]
    device = list_devices()[0]
    in_one = limit or SHARE * available_memory()
    if device.is_cpu:
        in_all = in_one = limit or min(in_one, MOST_ON_CPU)
    else:
        in_all = limit or (math.inf if device.memory is None else SHARE * device.memory)
    streamed = [False] * len(sizes)
    for index in sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True):
        left = [number for number, is_streamed in zip(sizes, streamed, strict=True) if not is_streamed]
        if sum(left) <= in_all and max(left, default=0) <= in_one:
            break
        streamed[index] = True
    return tuple(streamed)
