"""Published VGGFace weights: file names, URL, and the folders where Keras keeps them."""

import contextlib
import os
import pathlib
import tempfile
import typing

Architecture = typing.Literal["resnet50", "vgg16"]

FILES: dict[str, str] = {
    "resnet50": "rcmalli_vggface_tf_notop_resnet50.h5",
    "vgg16": "rcmalli_vggface_tf_notop_vgg16.h5",
}
"""Weight files of keras-vggface 0.6 without the classification layers, by architecture."""

RELEASE = "https://github.com/rcmalli/keras-vggface/releases/download/v2.0"
"""URL of the folder that contains the weight files."""


def keras_homes() -> list[pathlib.Path]:
    """Returns the folders in which Keras stores downloads: the default folder, then the folder of `KERAS_HOME`.

    If neither is known, returns the folder that Keras then uses, inside the temporary folder.
    """
    homes = []
    for text in ("~/.keras", os.environ.get("KERAS_HOME")):
        with contextlib.suppress(RuntimeError):  # some containers run as a user without an entry in the user database
            homes += [pathlib.Path(text).expanduser()] if text else []
    return homes or [pathlib.Path(tempfile.gettempdir()) / ".keras"]


def usual_places(architecture: Architecture) -> list[pathlib.Path]:
    """Lists the paths where a weight file is searched for; a download goes to the last one."""
    return [home / "models" / "vggface" / FILES[architecture] for home in keras_homes()]
