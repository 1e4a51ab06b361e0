"""Orientation of frames: the rotation and mirroring that make a stored frame upright.

Convention. The display matrix of a file maps a stored pixel (x, y) to a displayed one: x' = a x + c y, y' = b x + d y.
Eight matrices are combinations of rotations by multiples of 90 degrees and mirroring; the nearest of them is used.
Other transforms (other angles, scale, shear) are ignored with a warning.
"""

import dataclasses
import struct
import typing

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type

_ONE = 65536
_NEAR = 0.02


@dataclasses.dataclass(frozen=True)
class Orientation:
    """One of the eight combinations of rotation by multiples of 90 degrees and mirroring.

    Attributes:
        swaps_axes: Whether the frame is transposed, before the mirroring.
        mirrors_x: Whether left and right are exchanged.
        mirrors_y: Whether top and bottom are exchanged.
        is_exact: Whether the display matrix is exactly this transform.
    """

    swaps_axes: bool = False
    mirrors_x: bool = False
    mirrors_y: bool = False
    is_exact: bool = True

    @property
    def rotation(self) -> int:
        """Clockwise rotation in degrees (0, 90, 180 or 270), applied after horizontal mirroring if `is_mirrored`."""
        if self.swaps_axes:
            return 90 if self.mirrors_x else 270
        return 180 if self.mirrors_y else 0

    @property
    def is_mirrored(self) -> bool:
        """Whether the displayed frame is a mirror image of the stored one."""
        return self.swaps_axes ^ self.mirrors_x ^ self.mirrors_y

    @property
    def is_upright(self) -> bool:
        """Whether the stored frame is displayed unchanged."""
        return not (self.swaps_axes or self.mirrors_x or self.mirrors_y)

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Rotates and mirrors a stored frame (H, W, 3); the result is upright and C-contiguous."""
        upright = image.swapaxes(0, 1) if self.swaps_axes else image
        upright = upright[:: -1 if self.mirrors_y else 1, :: -1 if self.mirrors_x else 1]
        return np.ascontiguousarray(upright)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Reads the orientation of a decoded frame.

    Args:
        frame: A decoded frame with its side data.

    Returns:
        The nearest of the eight orientations; upright if the file states none or an invalid one.
    """
    data = typing.cast(SideDataContainer, frame.side_data).get(Type.DISPLAYMATRIX)  # its stub is a TypedDict
    if data is None or len(bytes(data)) < 36:
        return Orientation()
    a, b, _, c, d, *_ = (value / _ONE for value in struct.unpack("=9i", bytes(data)[:36]))
    straight, crossed = abs(a) + abs(d), abs(b) + abs(c)
    if straight + crossed < _NEAR:
        return Orientation(is_exact=False)
    if straight >= crossed:
        is_exact = abs(abs(a) - 1) < _NEAR and abs(abs(d) - 1) < _NEAR and crossed < _NEAR
        return Orientation(mirrors_x=a < 0, mirrors_y=d < 0, is_exact=is_exact)
    is_exact = abs(abs(b) - 1) < _NEAR and abs(abs(c) - 1) < _NEAR and straight < _NEAR
    return Orientation(swaps_axes=True, mirrors_x=c < 0, mirrors_y=b < 0, is_exact=is_exact)
