"""What finds faces, behind one protocol, and the options of finding."""

import dataclasses
import typing
from typing import Annotated

import numpy as np

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.faces.types import Face


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectConfig:
    """How faces are found."""

    min_face_size: Annotated[float, Doc("smallest face looked for, as a share of the frame's shorter side")] = 0.1
    min_face_area: Annotated[int, Doc("faces with fewer pixels than this are passed over")] = 35**2
    threshold: Annotated[float, Doc("confidence below which a detection is no face, 0 to 1")] = 0.8
    auto_downscaling: Annotated[
        bool, Doc("search a picture shrunk until the smallest wanted face just fills the first network; off: slow")
    ] = True
    detect_every: Annotated[
        int, Doc("search every n-th frame while nothing unexpected happens, and only follow in between; 1: every frame")
    ] = 8
    detect_rotated: Annotated[
        bool, Doc("also find faces that lie on their side or upside down; four times the work")
    ] = False

    def __post_init__(self):
        check_range("min_face_size", self.min_face_size, 0.01, 1)
        check_range("min_face_area", self.min_face_area, 1, 10**8)
        check_range("threshold", self.threshold, 0, 1)
        check_range("detect_every", self.detect_every, 1, 32)


class FaceDetector(typing.Protocol):
    """Anything that finds faces in a batch of frames."""

    def detect(self, frames: typing.Sequence[np.ndarray]) -> list[tuple[Face, ...]]:
        """Finds the faces of each frame.

        Args:
            frames: (H, W, 3) uint8 RGB pictures of one size.

        Returns:
            One tuple per frame, best score first; empty where there is no face.
        """
        ...


@typing.runtime_checkable
class FaceRefiner(typing.Protocol):
    """A detector that can also look where a face must be, which is much cheaper than searching the whole frame."""

    def refine(
        self, frames: typing.Sequence[np.ndarray], guesses: typing.Sequence[typing.Sequence[Face]]
    ) -> list[tuple[Face | None, ...]]:
        """Reads faces again from about where they are.

        Args:
            frames: (H, W, 3) uint8 RGB pictures of one size.
            guesses: The faces of each frame as they are thought to be.

        Returns:
            For each frame one entry per guess: the face found there, or None.
        """
        ...
