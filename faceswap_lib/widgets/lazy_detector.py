"""MTCNN that is loaded at the first call, so that a page appears without delay."""

import typing

import numpy as np

from faceswap_lib.faces import MTCNN, Face
from faceswap_lib.faces.drawn_face import PROPOSAL


class LazyDetector:
    """Detector that proposes faces in drawn boxes; see `FaceRefiner`."""

    def __init__(self):
        self._detector: MTCNN | None = None

    def refine(
        self, frames: typing.Sequence[np.ndarray], guesses: typing.Sequence[typing.Sequence[Face]]
    ) -> list[tuple[Face | None, ...]]:
        """Refines faces, starting from approximate boxes; see `FaceRefiner.refine`."""
        if self._detector is None:
            self._detector = MTCNN(PROPOSAL)
        return self._detector.refine(frames, guesses)
