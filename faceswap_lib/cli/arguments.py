"""Options and helper functions that several subcommands share."""

import dataclasses
import logging
import os
import pathlib
import sys
import tempfile
from typing import Annotated

import tyro

from faceswap_lib.config_fields import Doc
from faceswap_lib.errors import InputError
from faceswap_lib.faces.region import RegionChoice
from faceswap_lib.networks.config import PRESETS, NetworkConfig, Preset

Flat = tyro.conf.OmitArgPrefixes
Video = Annotated[tyro.conf.Positional[pathlib.Path], Doc("the video file"), tyro.conf.arg(metavar="VIDEO")]
Folder = Annotated[pathlib.Path, Doc("the workspace: the folder of the project; created if it does not exist")]
Project = Annotated[pathlib.Path, Doc("the workspace: the folder of the project, with the extracted faces")]
PresetName = Annotated[Preset | None, Doc("which networks to use; by default those of the run, or lite for a new run")]
Coverage = Annotated[
    float | None,
    Doc("side of the square that new networks see, as a fraction of the crop's side; default 0.8; see docs/faces.md"),
]
Region = Annotated[
    RegionChoice | None,
    Doc(
        "face region of new networks: the outline of the face up to the hair, an ellipse, or "
        "auto: the outline if it can be detected on this machine, else the ellipse; see docs/faces.md"
    ),
]
RunName = Annotated[str, Doc("name of the training run")]
InitFrom = Annotated[
    str | None,
    Doc("start a new run with the networks of another run: the folder of a run, a workspace, or the name of a run"),
    tyro.conf.arg(metavar="RUN"),
]
Overwrite = Annotated[bool, Doc("replace existing output"), tyro.conf.arg(name="overwrite")]


Consent = Annotated[
    str | None,
    Doc(
        "who consented to the swap, in your own words; saved in the workspace's consent.yaml and stated in the outputs "
        "that it covers"
    ),
]


def networks_of(
    folder: pathlib.Path, preset: Preset | None, coverage: float | None, face_region: RegionChoice | None
) -> NetworkConfig | None:
    """Builds the network configuration from the options of a subcommand.

    Args:
        folder: Folder of the run. Without a preset, values that are not given are those of this run.
        preset: The option `--preset`; None if it was not given.
        coverage: The option `--coverage`; None if it was not given.
        face_region: The option `--face-region`; None if it was not given.

    Returns:
        The configuration; None if none of the three options was given.

    Raises:
        InputError: If the coverage is out of range.
        WorkspaceError: If the run is not a face swap, or its options cannot be read.
    """
    options = {"coverage": coverage, "face_region": face_region}
    given = {name: value for name, value in options.items() if value is not None}
    if not given:
        return PRESETS[preset] if preset else None
    from faceswap_lib.training.run_metadata import resolve_network_config

    networks = PRESETS[preset] if preset else resolve_network_config(folder, None)
    return dataclasses.replace(networks, **given)


BACKENDS = ("tensorflow", "jax", "torch")
"""Backends of Keras, by the names that KERAS_BACKEND accepts."""

KERAS_TROUBLES = (ImportError, ValueError, TypeError, AttributeError, KeyError, OSError, RuntimeError, Warning)
"""Exceptions that importing Keras can raise, for example because of a missing or unknown backend or a damaged
keras.json; and warnings, if Python is configured to raise them."""


def load_keras() -> None:
    """Imports Keras and initializes its devices without the log lines that TensorFlow's C++ code always writes.

    If this fails, the log lines are shown. The image data format and the float type in `keras.json` are meant for the
    user's own networks; they are replaced by "channels_last" and "float32" here.

    Raises:
        InputError: If Keras cannot start; the message says how to fix it.
    """
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            import keras

            keras.config.set_image_data_format("channels_last")
            keras.config.set_floatx("float32")
            keras.ops.zeros(())
            logging.getLogger("tensorflow").addFilter(is_no_retracing_advice)
            log.truncate(0)
        except KERAS_TROUBLES as error:
            raise InputError(_explain_keras(error)) from error
        finally:
            os.dup2(shown, 2)
            log.seek(0)
            os.write(shown, log.read())
            os.close(shown)


def is_no_retracing_advice(record: logging.LogRecord) -> bool:
    """Returns False for TensorFlow's advice about retracing, and True for every other log record.

    The advice is a false alarm: Keras compiles many networks once each, and TensorFlow takes this for one function that
    is compiled repeatedly.
    """
    return "triggered tf.function retracing" not in record.getMessage()


def _explain_keras(error: Exception) -> str:
    """Explains why Keras cannot start and how to fix it."""
    name = os.environ.get("KERAS_BACKEND", "")
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    if name and name not in BACKENDS:
        return f"KERAS_BACKEND: expected {', '.join(BACKENDS)}, got {name!r:.60}; set it to one of them, or unset it"
    folder = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    config = pathlib.Path(os.path.expanduser(os.path.join(folder, "keras.json")))
    if isinstance(error, ImportError) or not config.exists():
        return f"Keras cannot run on '{name or 'tensorflow'}' ({reason}); install it or set KERAS_BACKEND"
    return f"Keras cannot start ({reason}); check {config}, or remove it: Keras creates a new one"
