"""Locations of the published VGGFace weights on this machine, and their download.

Nothing is downloaded unless the caller requests it. The weights are from the University of Oxford, converted by
keras-vggface. For the terms of use see https://www.robots.ox.ac.uk/~vgg/data/vgg_face2/.
"""

import logging
import pathlib
import typing

from faceswap_lib.errors import InputError
from faceswap_lib.faces.weight_sums import check_sum
from faceswap_lib.networks.pretrained import vggface_release
from faceswap_lib.networks.pretrained.vggface_release import FILES, Architecture, keras_homes, usual_places
from faceswap_lib.networks.pretrained.weights_catalog import find_entry
from faceswap_lib.networks.pretrained.weights_fetching import fetch_weights

LOG = logging.getLogger(__name__)


def find_weights(
    architecture: Architecture, path: pathlib.Path | None = None, fetch: bool = False
) -> pathlib.Path | None:
    """Finds the weight file of an architecture.

    Args:
        architecture: `resnet50` or `vgg16`.
        path: The file, if it is known; None searches the folders of keras-vggface and Keras.
        fetch: Whether to download a missing file to the Keras folder.

    Returns:
        The path of the file, or None if it is missing.

    Raises:
        InputError: If `path` is not a file, or the file cannot be downloaded.
        CheckpointError: If the checksum of a file that was found or downloaded is wrong; see `faces.weight_sums`.
            A file passed as `path` is not checked.
    """
    if path is not None:
        path = pathlib.Path(path)
        if not path.is_file():
            raise InputError(f"{path}: expected {FILES[architecture]}, got no file there")
        return path
    places = usual_places(architecture)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        return _fetch(architecture) if fetch else None
    check_sum(found)  # not done for a file that the user names, which may be any file
    return found


def explain_missing(architecture: Architecture) -> str:
    """Formats a message with instructions for a missing weight file."""
    name = FILES[architecture]
    folders = " or ".join(str(home / "models" / "vggface") for home in keras_homes())
    return (
        f"{name} is not in {folders}; fetch it: faceswap weights fetch vggface-{architecture}; or download "
        f"{vggface_release.RELEASE}/{name} and put it there"
    )


def _fetch(architecture: Architecture) -> pathlib.Path:
    """Downloads a weight file; an incomplete or wrong file is not kept."""
    entry = find_entry(f"vggface-{architecture}")
    LOG.info("downloading %s", entry.url)
    return typing.cast(pathlib.Path, fetch_weights(entry).path)  # never None for a file that was downloaded
