"""How a swap is evaluated."""

import dataclasses
from typing import Annotated, Literal

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.errors import InputError
from faceswap_lib.faces.landmarks import LandmarkBackend


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """How a swap is evaluated."""

    embedder: Annotated[
        Literal["auto", "dlib", "vggface", "onnx", "none"],
        Doc("which network says who a face is; auto takes the first that works here, none leaves identity out"),
    ] = "auto"
    embedder_file: Annotated[str, Doc("the network's file, for onnx and vggface; empty: where it is usually")] = ""
    gallery: Annotated[
        tuple[str, ...],
        Doc("other people for ID retrieval: videos of one person each, or folders of crops with their manifest"),
    ] = ()
    landmarks: Annotated[LandmarkBackend, Doc("who finds the landmarks; auto takes the first that works here")] = "auto"
    identity_stride: Annotated[int, Doc("measure identity, likeness and perceptual distance in every n-th frame")] = 5
    baseline_frames: Annotated[
        int, Doc("frames from the middle of the video on which the baselines are measured too; 0 leaves them out")
    ] = 60

    def __post_init__(self):
        if self.embedder_file and self.embedder not in ("onnx", "vggface"):
            raise InputError(f"embedder_file is for recognition onnx or vggface, got {self.embedder}")
        check_range("identity_stride", self.identity_stride, 1, 10_000)
        check_range("baseline_frames", self.baseline_frames, 0, 100_000)
