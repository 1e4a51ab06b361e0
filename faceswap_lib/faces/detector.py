"""The protocols of face detectors, and the options of face detection."""

import dataclasses
import typing
from typing import Annotated

import numpy as np

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.faces.types import Face


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectConfig:
    """Options of face detection."""

    min_face_size: Annotated[
        float, Doc("smallest face that is detected, as a fraction of the frame's shorter side, 0.01 to 1")
    ] = 0.1
    min_face_area: Annotated[int, Doc("faces whose box has fewer pixels than this are ignored")] = 35**2
    threshold: Annotated[float, Doc("detections with a lower score than this are discarded, 0 to 1")] = 0.8
    auto_downscaling: Annotated[
        bool,
        Doc("search a frame that is shrunk until the smallest face just fills the first network's window; off: slow"),
    ] = True
    detect_every: Annotated[
        int,
        Doc(
            "search only every n-th frame, 1 (every frame) to 32, and track faces in between, unless a face appears or "
            "is lost"
        ),
    ] = 8
    detect_rotated: Annotated[
        bool, Doc("also detect faces that are on their side or upside down; takes four times as long")
    ] = False

    def __post_init__(self):
        check_range("min_face_size", self.min_face_size, 0.01, 1)
        check_range("min_face_area", self.min_face_area, 1, 10**8)
        check_range("threshold", self.threshold, 0, 1)
        check_range("detect_every", self.detect_every, 1, 32)


class FaceDetector(typing.Protocol):
    """Protocol of a face detector that processes batches of frames."""

    def detect(self, frames: typing.Sequence[np.ndarray]) -> list[tuple[Face, ...]]:
        """Detects the faces of each frame.

        Args:
            frames: (H, W, 3) uint8 RGB images of one size.

        Returns:
            One tuple per frame, best score first; empty where there is no face.
        """
        ...


@typing.runtime_checkable
class FaceRefiner(typing.Protocol):
    """Protocol of a detector that can also refine approximate faces, which is much cheaper than a full search."""

    def refine(
        self, frames: typing.Sequence[np.ndarray], guesses: typing.Sequence[typing.Sequence[Face]]
    ) -> list[tuple[Face | None, ...]]:
        """Refines faces, starting from approximate boxes.

        Args:
            frames: (H, W, 3) uint8 RGB images of one size.
            guesses: For each frame the approximate faces.

        Returns:
            For each frame one entry per guess: the face that was detected there, or None.
        """
        ...
