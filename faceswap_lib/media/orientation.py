"""How a stored picture must be turned and mirrored to stand upright.

Convention. A file's display matrix takes a stored pixel x, y to a shown one: x' = a x + c y, y' = b x + d y. Of all
matrices eight turn by quarters and mirror; pictures are shown by the nearest of them. What a matrix does besides (other
angles, scale, shear) is not done, and said.
"""

import dataclasses
import struct

import av
import numpy as np
from av.sidedata.sidedata import Type

_ONE = 65536
_NEAR = 0.02


@dataclasses.dataclass(frozen=True)
class Orientation:
    """One of the eight ways to turn and mirror a picture.

    Attributes:
        swaps_axes: Whether rows become columns, before anything else.
        mirrors_x: Whether left and right are exchanged.
        mirrors_y: Whether top and bottom are exchanged.
        is_exact: Whether the file's matrix does this and nothing else.
    """

    swaps_axes: bool = False
    mirrors_x: bool = False
    mirrors_y: bool = False
    is_exact: bool = True

    @property
    def rotation(self) -> int:
        """Degrees clockwise, 0, 90, 180 or 270, that come after mirroring left and right if `is_mirrored`."""
        if self.swaps_axes:
            return 90 if self.mirrors_x else 270
        return 180 if self.mirrors_y else 0

    @property
    def is_mirrored(self) -> bool:
        """Whether the shown picture is the mirror image of the stored one."""
        return self.swaps_axes ^ self.mirrors_x ^ self.mirrors_y

    @property
    def is_upright(self) -> bool:
        """Whether the stored picture is shown as it is."""
        return not (self.swaps_axes or self.mirrors_x or self.mirrors_y)

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Turns a stored picture (H, W, 3) upright; C-contiguous."""
        upright = image.swapaxes(0, 1) if self.swaps_axes else image
        upright = upright[:: -1 if self.mirrors_y else 1, :: -1 if self.mirrors_x else 1]
        return np.ascontiguousarray(upright)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Reads how a decoded picture must be shown.

    Args:
        frame: A decoded picture with its side data.

    Returns:
        The nearest of the eight orientations; upright if the file says nothing, or nothing that makes sense.
    """
    data = frame.side_data.get(Type.DISPLAYMATRIX)
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
