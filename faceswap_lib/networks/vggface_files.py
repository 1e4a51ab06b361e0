"""Where the published weights of VGGFace lie on a machine, and fetching them.

Nothing is fetched unless asked for. The weights are Oxford's, converted by keras-vggface; Oxford's page says what they
may be used for: https://www.robots.ox.ac.uk/~vgg/data/vgg_face2/.
"""

import http.client
import logging
import os
import pathlib
import shutil
import typing
import urllib.request

from faceswap_lib.errors import InputError
from faceswap_lib.files import replacing
from faceswap_lib.networks.weight_files import read_weights

LOG = logging.getLogger(__name__)

Architecture = typing.Literal["resnet50", "vgg16"]

FILES: dict[str, str] = {
    "resnet50": "rcmalli_vggface_tf_notop_resnet50.h5",
    "vgg16": "rcmalli_vggface_tf_notop_vgg16.h5",
}
"""The weight files of keras-vggface 0.6 without the layers that name people."""

RELEASE = "https://github.com/rcmalli/keras-vggface/releases/download/v2.0"

PATIENCE = 20.0
"""Seconds without an answer after which fetching is given up."""


def keras_homes() -> list[pathlib.Path]:
    """The folders in which Keras keeps what it fetched: the usual one, then that of `KERAS_HOME`."""
    homes = [pathlib.Path.home() / ".keras"]
    if home := os.environ.get("KERAS_HOME"):
        homes.append(pathlib.Path(home).expanduser())
    return homes


def find_weights(
    architecture: Architecture, path: pathlib.Path | None = None, fetch: bool = False
) -> pathlib.Path | None:
    """Finds the weight file of an architecture.

    Args:
        architecture: Which network.
        path: The file, where it is known; otherwise it is looked for where keras-vggface and Keras keep such files.
        fetch: Whether to fetch the file when it is nowhere; it goes to Keras's folder.

    Returns:
        The file, None where there is none.

    Raises:
        InputError: If `path` is no file, or the file cannot be fetched.
    """
    if path is not None:
        path = pathlib.Path(path)
        if not path.is_file():
            raise InputError(f"{path}: expected {FILES[architecture]}, got no file there")
        return path
    places = [home / "models" / "vggface" / FILES[architecture] for home in keras_homes()]
    found = next((place for place in places if place.is_file()), None)
    if found is None and fetch:
        _fetch(architecture, places[-1])
        return places[-1]
    return found


def explain_missing(architecture: Architecture) -> str:
    """What to do about a weight file that is not there."""
    name = FILES[architecture]
    folders = " or ".join(str(home / "models" / "vggface") for home in keras_homes())
    return f"{name} is not in {folders}; download {RELEASE}/{name} and put it there"


def _fetch(architecture: Architecture, path: pathlib.Path) -> None:
    """Fetches a weight file; what arrives incomplete or is something else does not stay."""
    url = f"{RELEASE}/{FILES[architecture]}"
    LOG.info("fetching %s to %s", url, path.parent)
    # Not `keras.utils.get_file`: it waits for an answer for ever, and what it raises is a plain `Exception`.
    try:
        with replacing(path) as temporary:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer, temporary.open("wb") as file:
                shutil.copyfileobj(answer, file)
                expected = int(answer.headers.get("Content-Length", file.tell()))
                if file.tell() != expected:
                    raise OSError(f"expected {expected} bytes, got {file.tell()}")
            read_weights(temporary)
    except (OSError, http.client.HTTPException, InputError) as error:
        raise InputError(
            f"{path.name} cannot be fetched ({error}); download {url} elsewhere and put it into {path.parent}"
        ) from error
