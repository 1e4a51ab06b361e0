"""The face landmark and iris landmark networks, run by LiteRT's interpreter."""

import threading

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.mesh_weights import ADVICE, missing_reason, read_mesh_file
from faceswap_lib.tensorflow_messages import hide_notices

FACE_SIDE = 192
"""Side in pixels of the image that the face network reads."""

EYE_SIDE = 64
"""Side in pixels of the image that the iris network reads."""

FACE_POINTS = 468
EYE_POINTS = 71
IRIS_POINTS = 5


def unavailable_reason() -> str | None:
    """Returns what the networks need on this machine and how to install it; None if they work."""
    try:
        import ai_edge_litert.interpreter  # noqa: F401
    except (ImportError, OSError) as error:
        return f"ai-edge-litert cannot be imported ({error}); {ADVICE}"
    return missing_reason()


class MeshNetworks:
    """The face landmark and the iris landmark network, run on one processor core.

    Raises:
        InputError: If LiteRT or the weight files are not installed.
        CheckpointError: If a weight file is not the known one.
    """

    def __init__(self):
        if reason := unavailable_reason():
            raise InputError(reason)
        from ai_edge_litert.interpreter import Interpreter

        self._lock = threading.Lock()  # the process crashes if two threads use one interpreter at the same time
        with hide_notices():
            self._face = _Network(Interpreter, "face_landmark", (3 * FACE_POINTS, 1))
            self._iris = _Network(Interpreter, "iris_landmark", (3 * EYE_POINTS, 3 * IRIS_POINTS))

    def read_face(self, picture: np.ndarray) -> tuple[np.ndarray, float]:
        """Computes the mesh of one upright face.

        Args:
            picture: (192, 192, 3) uint8 RGB.

        Returns:
            (468, 3) float64 x, y in pixels of the image and z in the same unit, smaller toward the camera; and the
            probability that the image shows a face, 0 to 1.
        """
        with self._lock:
            points, logit = self._face.run(picture)
        return points.reshape(FACE_POINTS, 3), float(1 / (1 + np.exp(-logit[0])))

    def read_eye(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Computes the landmarks of lids, brow and iris of an eye on the left of an image.

        Args:
            picture: (64, 64, 3) uint8 RGB, rotated so that the eye is level; an eye on the right must be mirrored.

        Returns:
            (71, 2) float64 x, y of lids, surroundings and brow, and (5, 2) of the iris, in pixels of the image.
        """
        with self._lock:
            eye, iris = self._iris.run(picture)
        return eye.reshape(EYE_POINTS, 3)[:, :2], iris.reshape(IRIS_POINTS, 3)[:, :2]


class _Network:
    """One interpreter, whose outputs are identified by their lengths."""

    def __init__(self, interpreter: type, network: str, lengths: tuple[int, ...]):
        self._interpreter = interpreter(model_content=read_mesh_file(network), num_threads=1)
        self._interpreter.allocate_tensors()
        (entry,) = self._interpreter.get_input_details()
        outputs = {int(np.prod(output["shape"])): output["index"] for output in self._interpreter.get_output_details()}
        self._input, self._outputs = entry["index"], [outputs[length] for length in lengths]

    def run(self, picture: np.ndarray) -> list[np.ndarray]:
        """Runs the network on (S, S, 3) uint8; returns each output flattened, float64."""
        self._interpreter.set_tensor(self._input, np.float32(picture[np.newaxis]) / np.float32(255))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index).ravel().astype(np.float64) for index in self._outputs]
