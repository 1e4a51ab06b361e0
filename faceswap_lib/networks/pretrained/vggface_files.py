"""Where the published weights of VGGFace lie on a machine, and fetching them.

Nothing is fetched unless asked for. The weights are Oxford's, converted by keras-vggface; Oxford's page says what they
may be used for: https://www.robots.ox.ac.uk/~vgg/data/vgg_face2/.
"""

import contextlib
import logging
import os
import pathlib
import tempfile
import typing

from faceswap_lib.errors import InputError
from faceswap_lib.faces.weight_sums import check_sum

LOG = logging.getLogger(__name__)

Architecture = typing.Literal["resnet50", "vgg16"]

FILES: dict[str, str] = {
    "resnet50": "rcmalli_vggface_tf_notop_resnet50.h5",
    "vgg16": "rcmalli_vggface_tf_notop_vgg16.h5",
}
"""The weight files of keras-vggface 0.6 without the layers that name people."""

RELEASE = "https://github.com/rcmalli/keras-vggface/releases/download/v2.0"


def keras_homes() -> list[pathlib.Path]:
    """The folders in which Keras keeps what it fetched: the usual one, then that of `KERAS_HOME`.

    A user without a home has the folder that Keras then takes, among the temporary files.
    """
    homes = []
    for text in ("~/.keras", os.environ.get("KERAS_HOME")):
        with contextlib.suppress(RuntimeError):  # a user whom the system does not know, as in some containers
            homes += [pathlib.Path(text).expanduser()] if text else []
    return homes or [pathlib.Path(tempfile.gettempdir()) / ".keras"]


def usual_places(architecture: Architecture) -> list[pathlib.Path]:
    """The places where a weight file is looked for; it is fetched to the last one."""
    return [home / "models" / "vggface" / FILES[architecture] for home in keras_homes()]


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
        CheckpointError: If the file is another one than that which was first used; see `faces.weight_sums`.
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
    check_sum(found)  # of a file that the user names, nobody else knows what it is
    return found


def explain_missing(architecture: Architecture) -> str:
    """What to do about a weight file that is not there."""
    name = FILES[architecture]
    folders = " or ".join(str(home / "models" / "vggface") for home in keras_homes())
    return (
        f"{name} is not in {folders}; fetch it: faceswap weights fetch vggface-{architecture}; or download "
        f"{RELEASE}/{name} and put it there"
    )


def _fetch(architecture: Architecture) -> pathlib.Path:
    """Fetches a weight file; what arrives incomplete or is something else does not stay."""
    from faceswap_lib.networks.pretrained.weights_catalog import find_entry
    from faceswap_lib.networks.pretrained.weights_fetching import fetch_weights

    entry = find_entry(f"vggface-{architecture}")
    LOG.info("fetching %s", entry.url)
    return fetch_weights(entry).path
