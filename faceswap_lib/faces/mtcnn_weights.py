"""The weights of MTCNN's three networks, read from the `mtcnn` package without importing it.

Importing the package would import TensorFlow, and its own loader prefers a file of the same name in the current folder.
The files are pickles, which can run any code. So each file is read only from inside the package, and its SHA-256 digest
is checked before any of it is unpickled.
"""

import io
import pathlib

import numpy as np

from faceswap_lib.errors import CheckpointError
from faceswap_lib.faces.package_files import package_folders
from faceswap_lib.faces.weight_sums import read_known

PACKAGE = "mtcnn"

DIGESTS = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
"""SHA-256 digest of each network's file in mtcnn 1.0.0."""

REMEDY = "reinstall it: pip install --force-reinstall --no-deps 'mtcnn==1.0.0'"


def weights_folder() -> pathlib.Path:
    """Returns the folder of the weights inside the installed package.

    Raises:
        CheckpointError: If the package is not installed.
    """
    folders = package_folders(PACKAGE)
    if not folders:
        raise CheckpointError(f"MTCNN's weights: expected the package '{PACKAGE}', which is not installed; {REMEDY}")
    return folders[0] / "assets" / "weights"


def load_weights(network: str) -> list[np.ndarray]:
    """Loads the weights of a network in the order of its layers.

    Args:
        network: `pnet`, `rnet` or `onet`.

    Returns:
        float32 arrays: kernel and bias of each convolution and dense layer, slopes of each PReLU.

    Raises:
        CheckpointError: If the file is missing or is not the version for which this library was made.
    """
    import joblib
    import lz4.frame

    path = weights_folder() / f"{network}.lz4"
    not_done = "it was not opened, since such a file can run any code"
    data = read_known(path, DIGESTS[network], not_done=not_done, remedy=REMEDY)
    return joblib.load(io.BytesIO(lz4.frame.decompress(data)))
