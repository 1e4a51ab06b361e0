"""What comes out of a conversion: its options, beside those of how faces are swapped."""

import dataclasses
import pathlib
from typing import Annotated, Literal

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputConfig:
    """What is written, of which stretch of the input, and by which engine."""

    layout: Annotated[
        Literal["result", "pair", "triple"],
        Doc("the result alone, the input and the result side by side, or these and the mask"),
    ] = "result"
    mask_path: Annotated[
        pathlib.Path | None, Doc("also write where the new face shows, white on black: a video, or a folder for PNG")
    ] = None
    start: Annotated[float, Doc("seconds of the input from which it is converted")] = 0.0
    end: Annotated[float | None, Doc("seconds up to which it is converted; to its end unless given")] = None
    crf: Annotated[int, Doc("of H.264: 0 exact and large, 18 like the original, 28 small")] = 18
    label: Annotated[bool, Doc("write on every picture that it was made by a machine")] = True
    inference_backend: Annotated[
        Literal["auto", "keras", "onnx"],
        Doc("what runs the network; auto measures both and takes the faster one (onnx needs the extra export)"),
    ] = "auto"

    def __post_init__(self):
        check_range("start", self.start, 0, 1e6)
        if self.end is not None and self.end <= self.start:
            raise InputError(f"end: expected more than start ({self.start:g} s), got {self.end:g}")
        check_range("crf", self.crf, 0, 51)
