"""Options of the evaluation."""

import dataclasses
from typing import Annotated, Literal

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.errors import InputError
from faceswap_lib.faces.landmarks import LandmarkBackend

EmbedderChoice = Literal["auto", "dlib", "vggface", "onnx", "none"]
"""Names of the face recognition networks that an option can select."""

EmbedderFile = Annotated[str, Doc("file of the network, for onnx and vggface; empty: the usual folders")]


def check_embedder_file(name: EmbedderChoice, file: str) -> None:
    """Checks that a file is only given for a network that is read from one.

    Raises:
        InputError: If it is given for another network.
    """
    if file and name not in ("onnx", "vggface"):
        raise InputError(f"embedder_file is for the embedders onnx and vggface, got {name}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Options of the evaluation."""

    embedder: Annotated[
        EmbedderChoice,
        Doc("face recognition network; auto uses the first one that works here, none skips the identity metrics"),
    ] = "auto"
    embedder_file: EmbedderFile = ""
    gallery: Annotated[
        tuple[str, ...],
        Doc("other people for ID retrieval: videos that show one person each, or folders of crops with a manifest"),
    ] = ()
    landmarks: Annotated[LandmarkBackend, Doc("landmark detector; auto uses the first one that works here")] = "auto"
    identity_stride: Annotated[int, Doc("measure identity, likeness and perceptual distance in every n-th frame")] = 5
    baseline_frames: Annotated[
        int, Doc("number of frames from the middle of the video on which the baselines are measured; 0 skips baselines")
    ] = 60

    def __post_init__(self):
        check_embedder_file(self.embedder, self.embedder_file)
        check_range("identity_stride", self.identity_stride, 1, 10_000)
        check_range("baseline_frames", self.baseline_frames, 0, 100_000)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReenactmentEvaluateConfig:
    """Options of the evaluation of a reenactment run."""

    embedder: Annotated[
        EmbedderChoice,
        Doc("face recognition network; auto uses the first one that works here, none skips the identity metrics"),
    ] = "auto"
    embedder_file: EmbedderFile = ""
    max_frames: Annotated[
        int,
        Doc("largest number of driving frames of each person, the last ones of the video; 0 for all held-out frames"),
    ] = 300

    def __post_init__(self):
        check_embedder_file(self.embedder, self.embedder_file)
        check_range("max_frames", self.max_frames, 0, 100_000_000)
