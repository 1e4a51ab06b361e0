"""68 landmarks of an aligned crop behind one protocol, from any landmark network that is available on this machine.

The 68 landmarks are those of the iBUG 300-W challenge, numbered from 0. Left and right are those of the image:

    0-16   outline, from the left temple down around the chin and up to the right temple
    17-26  brows, left to right, five points each
    27-35  nose, down the ridge to the tip (30), then along its lower edge
    36-47  eyes, six points each, clockwise from the left corner
    48-67  mouth, outer lips from the left corner (48) over the right one (54) and back, then inner lips

Source: Sagonas et al., "300 Faces in-the-Wild Challenge: The first facial landmark localization Challenge", 2013.
"""

import functools
import logging
import typing
from collections.abc import Sequence
from typing import Literal

import numpy as np

from faceswap_lib.config_fields import nearest
from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.faces.landmarks_dlib import DlibLandmarkDetector
from faceswap_lib.faces.landmarks_fan import FanDetector
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.faces.types import FaceCrop

logger = logging.getLogger(__name__)

LandmarkBackend = Literal["auto", "face-alignment", "dlib", "mesh", "five"]
"""Name of a landmark backend; `auto` is the first of the others that works."""


class LandmarkDetector(typing.Protocol):
    """Protocol of a landmark detector for aligned crops.

    Attributes:
        name: The backend's name, one of `LandmarkBackend`.
    """

    name: str

    def detect(self, crops: Sequence[FaceCrop]) -> list[np.ndarray]:
        """Detects the landmarks of each crop.

        Args:
            crops: Aligned faces, of any size.

        Returns:
            Per crop (68, 2) or (5, 2) float64 x, y in pixels of the crop. The chin below a wide open mouth may be
            slightly outside the crop.
        """
        ...


class FivePointDetector:
    """Detector that returns the five landmarks by which a crop was aligned, for machines without a landmark network."""

    name = "five"

    @staticmethod
    def unavailable_reason() -> str | None:
        """Returns None, because this backend works on every machine."""
        return None

    def detect(self, crops: Sequence[FaceCrop]) -> list[np.ndarray]:
        """Returns a copy of each crop's own (5, 2) landmarks; see `LandmarkDetector.detect`."""
        return [crop.landmarks.copy() for crop in crops]


LANDMARK_DETECTORS = {
    finder.name: finder for finder in (FanDetector, DlibLandmarkDetector, MeshLandmarkDetector, FivePointDetector)
}
"""The backends by name, best first."""


def open_landmark_detector(backend: LandmarkBackend = "auto") -> LandmarkDetector:
    """Opens a landmark detector; face-alignment works only where its weight file is present.

    Args:
        backend: Name of the backend. `auto` takes the first one that is installed and logs its name once. A backend
            whose weight file is damaged is not passed over, because the landmarks of the next one are different.

    Returns:
        The detector.

    Raises:
        InputError: If the requested backend is unknown or does not work here; the message says what to do.
        CheckpointError: If the weight file of the backend is damaged; the message says what to do.
    """
    if backend != "auto":
        if backend not in LANDMARK_DETECTORS:
            raise InputError(f"unknown landmark backend '{backend}'{nearest(backend, ['auto', *LANDMARK_DETECTORS])}")
        return LANDMARK_DETECTORS[backend]()
    opened: LandmarkDetector = FivePointDetector()
    for finder in LANDMARK_DETECTORS.values():
        try:
            opened = finder()
        except CheckpointError:
            raise
        except InputError as error:
            logger.debug("landmarks: skipped %s: %s", finder.name, error)
            continue
        break
    _tell_choice(opened.name)
    return opened


@functools.cache
def _tell_choice(name: str) -> None:
    """Logs once per process which backend detects the landmarks; `faceswap doctor` lists what the others need."""
    if name == FivePointDetector.name:
        reason = MeshLandmarkDetector.unavailable_reason()
        logger.info("masks are drawn from five landmarks per face; for 68 landmarks, a package is missing: %s", reason)
    else:
        logger.info("eyes, nose, mouth and outline of each face are found by %s (68 points)", name)


def available_landmarks() -> dict[str, str | None]:
    """Lists for each backend, best first, why it does not work on this machine; None if it works. Downloads nothing.

    Example:
        >>> available_landmarks()["five"] is None  # nothing is missing
        True
    """
    return {name: finder.unavailable_reason() for name, finder in LANDMARK_DETECTORS.items()}
