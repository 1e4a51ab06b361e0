"""What the environment tells the frameworks before they are imported; what the user has set stays.

TensorFlow and JAX read these variables when they start, so they are set when this package is imported:

- `TF_FORCE_GPU_ALLOW_GROWTH`: TensorFlow takes GPU memory as it needs it. By itself it takes all of it at once.
- `MPLBACKEND`: what Jupyter has set for its own process is inherited by every command that is started from a cell, and
  Matplotlib does not start if it names a package that is not installed there. Then it draws to files, as it does here.
- `JAX_COMPILATION_CACHE_DIR` and `JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS`, and `TF_XLA_FLAGS` where there is an
  NVIDIA driver: programs that XLA compiled are kept on disk, and the next process loads them in seconds.
"""

import hashlib
import os
import pathlib
import platform
import shutil
import sys
import typing

CACHE_VARIABLE = "FACESWAP_CACHE_DIR"
"""Names the folder of compiled programs; set to nothing, nothing is kept."""

TENSORFLOW_CACHE_FLAG = "--tf_xla_persistent_cache_directory"

NVIDIA_DRIVER = pathlib.Path("/proc/driver/nvidia")
"""Where Linux's NVIDIA driver says its version and which GPUs it has."""

DRAWING_BACKENDS = frozenset(
    (
        *("agg", "cairo", "pdf", "pgf", "ps", "svg", "template", "macosx", "nbagg", "notebook", "webagg"),
        *("gtk3agg", "gtk3cairo", "gtk4agg", "gtk4cairo", "qt5agg", "qt5cairo", "qtagg", "qtcairo"),
        *("tkagg", "tkcairo", "wx", "wxagg", "wxcairo"),
    )
)
"""Matplotlib's own."""

CPU_INFO = pathlib.Path("/proc/cpuinfo")


def prepare_environment(environment: typing.MutableMapping[str, str] = os.environ) -> None:
    """Sets the variables that are not set.

    Args:
        environment: Read and changed.
    """
    environment.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if not has_drawing_backend(environment.get("MPLBACKEND", "")):
        environment["MPLBACKEND"] = "agg"
    folder = cache_folder(environment)
    if folder is None:
        return
    # By default JAX keeps what took a second; building networks compiles a hundred programs that take less.
    for name, value in (
        ("JAX_COMPILATION_CACHE_DIR", str(folder / "jax")),
        ("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0"),
    ):
        if name not in environment:
            environment[name] = value
            _tell_jax(name.lower(), value)
    flags = environment.get("TF_XLA_FLAGS", "")
    # On a CPU TensorFlow fills the screen with warnings about what it loads, and uses XLA only if it is told to.
    if has_nvidia_driver() and TENSORFLOW_CACHE_FLAG not in flags:
        environment["TF_XLA_FLAGS"] = f"{flags} {TENSORFLOW_CACHE_FLAG}={folder / 'tensorflow'}".strip()


def has_drawing_backend(name: str) -> bool:
    """Whether Matplotlib can be told to draw by a backend: it refuses to be imported with a name that it cannot find.

    Args:
        name: As in `MPLBACKEND`; empty if none is asked for.
    """
    if not name or name.lower() in DRAWING_BACKENDS:
        return True
    import importlib.metadata  # which take longer to import than all else here
    import importlib.util

    module = name.removeprefix("module://")
    if module == name:
        points = importlib.metadata.entry_points(group="matplotlib.backend")
        return any(point.name == name.lower() for point in points)
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):  # a package on the way is missing, or the name is none
        return False


def _tell_jax(option: str, value: str) -> None:
    """Sets an option of a JAX that is imported already, as Keras may have done; it has read the environment before."""
    jax = sys.modules.get("jax")
    if jax is not None and hasattr(jax, "config"):
        jax.config.update(option, float(value) if option.endswith("secs") else value)


def cache_folder(environment: typing.Mapping[str, str] = os.environ) -> pathlib.Path | None:
    """The folder of programs compiled for this machine; made if it is not there, None if there can be none.

    Machines that share a home folder have one each, for a program may use what only one processor can do.
    """
    asked = environment.get(CACHE_VARIABLE)
    if asked == "":
        return None
    try:
        folder = pathlib.Path(asked) if asked else pathlib.Path.home() / ".cache" / "faceswap_lib"
        folder = folder / "compiled" / machine_fingerprint()
        for framework in ("jax", "tensorflow"):
            (folder / framework).mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # a home that nobody may write to, or none at all: nothing is kept
        return None
    return folder


def has_nvidia_driver() -> bool:
    """Whether this machine has a driver for NVIDIA's GPUs."""
    return NVIDIA_DRIVER.is_dir() or shutil.which("nvidia-smi") is not None


def machine_fingerprint() -> str:
    """A short sum over processor, GPUs and driver: machines that differ in it do not share compiled programs."""
    facts = [platform.system(), platform.machine(), platform.processor()]
    if CPU_INFO.is_file():
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
        facts += sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    for path in sorted([NVIDIA_DRIVER / "version", *NVIDIA_DRIVER.glob("gpus/*/information")]):
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            facts += [line for line in lines if line.startswith(("NVRM", "Model"))]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]
