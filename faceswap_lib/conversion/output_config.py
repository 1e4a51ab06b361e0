"""Options of the output of a conversion."""

import dataclasses
import pathlib
from typing import Annotated, Literal

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputConfig:
    """Options of the output: layout, mask, time range, quality, label and inference backend."""

    layout: Annotated[
        Literal["result", "pair", "triple"],
        Doc("the result alone (result), input and result side by side (pair), or input, result and mask (triple)"),
    ] = "result"
    mask_path: Annotated[
        pathlib.Path | None,
        Doc("also write the mask, white where the new face is shown: a video, an image, or a folder for PNG files"),
    ] = None
    start: Annotated[float, Doc("start of the converted time range, in seconds of the input")] = 0.0
    end: Annotated[
        float | None, Doc("end of the converted time range, in seconds of the input; the end of the video unless given")
    ] = None
    crf: Annotated[int, Doc("constant rate factor of H.264: 0 lossless and large, 18 like the input, 28 small")] = 18
    label: Annotated[bool, Doc("draw a visible label on every image, which says that it was made by a machine")] = True
    inference_backend: Annotated[
        Literal["auto", "keras", "onnx"],
        Doc("runtime of the networks; auto measures both and uses the faster one (onnx needs the extra export)"),
    ] = "auto"

    def __post_init__(self):
        check_range("start", self.start, 0, 1e6)
        if self.end is not None and self.end <= self.start:
            raise InputError(f"end: expected more than start ({self.start:g} s), got {self.end:g}")
        check_range("crf", self.crf, 0, 51)
