"""What the verbs of the command line share."""

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
Folder = Annotated[pathlib.Path, Doc("the project's folder; made if it is not there")]
Project = Annotated[pathlib.Path, Doc("the project's folder, with the extracted faces in it")]
PresetName = Annotated[Preset | None, Doc("which networks; by default the run's own, or lite for a new run")]
Coverage = Annotated[
    float | None, Doc("side of what new networks see as a share of the crop's: 0.8 unless given; see docs/faces.md")
]
Region = Annotated[
    RegionChoice | None,
    Doc(
        "what new networks take for the face: its outline up to the hair (wants the extra mesh), an ellipse, or auto: "
        "the outline where it can be found; see docs/faces.md"
    ),
]
RunName = Annotated[str, Doc("name of the training run")]
InitFrom = Annotated[
    str | None,
    Doc("begin a new run with the networks of another: the folder of a run, a workspace, or a run's name"),
    tyro.conf.arg(metavar="RUN"),
]
Overwrite = Annotated[bool, Doc("replace what is already there"), tyro.conf.arg(name="overwrite")]


Consent = Annotated[
    str | None,
    Doc("who agreed to the swap, in your own words; kept in the workspace's consent.yaml, stated in outputs it covers"),
]


def networks_of(
    folder: pathlib.Path, preset: Preset | None, coverage: float | None, face_region: RegionChoice | None
) -> NetworkConfig | None:
    """The networks asked for, where nothing was said those of the run in `folder`; None if nothing was said at all."""
    said = {"coverage": coverage, "face_region": face_region}
    said = {name: value for name, value in said.items() if value is not None}
    if not said:
        return PRESETS[preset] if preset else None
    from faceswap_lib.training.run_metadata import resolve_network_config

    networks = PRESETS[preset] if preset else resolve_network_config(folder, None)
    return dataclasses.replace(networks, **said)


BACKENDS = ("tensorflow", "jax", "torch")
"""What Keras computes on, by the names that KERAS_BACKEND may have."""

KERAS_TROUBLES = (ImportError, ValueError, TypeError, AttributeError, KeyError, OSError, RuntimeError, Warning)
"""What Keras raises as it is imported: of a backend that is missing or unknown, of a damaged keras.json; and
warnings, where Python was told to raise them."""


def load_keras() -> None:
    """Imports Keras and wakes its devices without the log lines that TensorFlow's C++ writes whatever one asks.

    If that fails, they are shown after all. What the user's `keras.json` says of the order of axes and of the precision
    is for the user's own networks, and does not hold for these.

    Raises:
        InputError: If Keras cannot start; the message says what to look at.
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
    """Tells TensorFlow's messages from its advice about retracing.

    It takes the many networks that Keras compiles once each for one function that is compiled again and again.
    """
    return "triggered tf.function retracing" not in record.getMessage()


def _explain_keras(error: Exception) -> str:
    """Says why Keras cannot start, and what to do about it."""
    name = os.environ.get("KERAS_BACKEND", "")
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    if name and name not in BACKENDS:
        return f"KERAS_BACKEND: expected {', '.join(BACKENDS)}, got {name!r:.60}; set it to one of them, or not at all"
    folder = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    config = pathlib.Path(os.path.expanduser(os.path.join(folder, "keras.json")))
    if isinstance(error, ImportError) or not config.exists():
        return f"Keras cannot run on '{name or 'tensorflow'}' ({reason}); install it or set KERAS_BACKEND"
    return f"Keras cannot start ({reason}); look into {config}, or remove it: Keras makes a new one"
