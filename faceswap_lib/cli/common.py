"""What the verbs of the command line share."""

import dataclasses
import os
import pathlib
import sys
import tempfile
from typing import Annotated

import tyro

from faceswap_lib.errors import InputError
from faceswap_lib.networks.config import PRESETS, NetworkConfig, Preset
from faceswap_lib.options import Doc

Flat = tyro.conf.OmitArgPrefixes
Video = Annotated[tyro.conf.Positional[pathlib.Path], Doc("the video file"), tyro.conf.arg(metavar="VIDEO")]
Folder = Annotated[pathlib.Path, Doc("the project's folder; made if it is not there")]
Project = Annotated[pathlib.Path, Doc("the project's folder, with the extracted faces in it")]
PresetName = Annotated[Preset | None, Doc("which networks; by default the run's own, or lite for a new run")]
Coverage = Annotated[
    float | None, Doc("side of what new networks see as a share of the crop's: 0.8 unless given; see docs/faces.md")
]
RunName = Annotated[str, Doc("name of the training run")]
Overwrite = Annotated[bool, Doc("replace what is already there"), tyro.conf.arg(name="overwrite")]


Consent = Annotated[
    str | None,
    Doc("who agreed to the swap, in your own words; kept in the workspace's consent.yaml, stated in outputs it covers"),
]


def networks_of(folder: pathlib.Path, preset: Preset | None, coverage: float | None) -> NetworkConfig | None:
    """The networks asked for, where nothing was said those of the run in `folder`; None if nothing was said at all."""
    if coverage is None:
        return PRESETS[preset] if preset else None
    from faceswap_lib.training.run_folder import agree_networks

    networks = PRESETS[preset] if preset else agree_networks(folder, None)
    return dataclasses.replace(networks, coverage=coverage)


def load_keras() -> None:
    """Imports Keras and wakes its devices without the log lines that TensorFlow's C++ writes whatever one asks.

    If that fails, they are shown after all.
    """
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            import keras

            keras.ops.zeros(())
            log.truncate(0)
        except ImportError as error:
            name = os.environ.get("KERAS_BACKEND", "tensorflow")
            raise InputError(f"Keras cannot run on '{name}' ({error}); install it or set KERAS_BACKEND") from error
        finally:
            os.dup2(shown, 2)
            log.seek(0)
            os.write(shown, log.read())
            os.close(shown)
