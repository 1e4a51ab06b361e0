"""How a video is converted."""

import dataclasses
from typing import Annotated, Literal

from faceswap_lib.options import Doc, check_range


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConvertConfig:
    """How a video is converted."""

    direction: Annotated[Literal["a2b", "b2a"], Doc("a2b: A's video gets B's face; b2a: the other way round")] = "a2b"
    colour: Annotated[
        Literal["none", "mean", "histogram"],
        Doc("how the new face takes on the colours of the old one: not, mean and spread, whole histogram"),
    ] = "mean"
    code_shift: Annotated[
        float | None,
        Doc(
            "how far codes move from the original's average to the wanted person's, 0 to 1: more identity, less "
            "expression; unless given, as little as makes it a swap (needs the extra dlib, else 0)"
        ),
    ] = None
    feather: Annotated[float, Doc("width of the soft border of the new face, in eye distances")] = 0.15
    sharpen: Annotated[float, Doc("how much detail is lifted in the new face, 0 for not at all")] = 3.0
    texture: Annotated[
        float,
        Doc("how much of the original's finest detail, smaller than a pixel of the networks', the new face takes on"),
    ] = 1.0
    swap_batch: Annotated[int, Doc("faces swapped at a time")] = 8

    def __post_init__(self):
        if self.code_shift is not None:
            check_range("code_shift", self.code_shift, 0, 1)
        check_range("feather", self.feather, 0.01, 1)
        check_range("sharpen", self.sharpen, 0, 5)
        check_range("texture", self.texture, 0, 1)
        check_range("swap_batch", self.swap_batch, 1, 1024)
