"""Environment variables for the frameworks, set before these are imported; variables that the user has set are kept.

TensorFlow and JAX read these variables when they start, so they are set when this package is imported:

- `TF_FORCE_GPU_ALLOW_GROWTH`: TensorFlow allocates GPU memory as it needs it. By default it allocates all at once.
- `MPLBACKEND`: Jupyter sets it for its own process, and every command that is started from a cell inherits it.
  Matplotlib cannot be imported if the variable names a backend whose package is not installed. In this case, and if
  the variable is not set, it is set to `agg`, which draws to files.
- `JAX_COMPILATION_CACHE_DIR` and `JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS`, and `TF_XLA_FLAGS` if there is an NVIDIA
  driver: programs that XLA compiled are stored on disk, and the next process loads them in seconds.
"""

import hashlib
import os
import pathlib
import platform
import shutil
import sys
import typing

CACHE_VARIABLE = "FACESWAP_CACHE_DIR"
"""Environment variable with the folder of compiled programs; if it is empty, no programs are stored."""

TENSORFLOW_CACHE_FLAG = "--tf_xla_persistent_cache_directory"

NVIDIA_DRIVER = pathlib.Path("/proc/driver/nvidia")
"""Folder in which the NVIDIA driver on Linux lists its version and its GPUs."""

DRAWING_BACKENDS = frozenset(
    (
        *("agg", "cairo", "pdf", "pgf", "ps", "svg", "template", "macosx", "nbagg", "notebook", "webagg"),
        *("gtk3agg", "gtk3cairo", "gtk4agg", "gtk4cairo", "qt5agg", "qt5cairo", "qtagg", "qtcairo"),
        *("tkagg", "tkcairo", "wx", "wxagg", "wxcairo"),
    )
)
"""Backends that are part of Matplotlib."""

CPU_INFO = pathlib.Path("/proc/cpuinfo")


def prepare_environment(environment: typing.MutableMapping[str, str] = os.environ) -> None:
    """Sets the variables that are not set, and replaces an `MPLBACKEND` that cannot be found.

    Args:
        environment: Environment variables, changed in place.
    """
    environment.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if not has_drawing_backend(environment.get("MPLBACKEND", "")):
        environment["MPLBACKEND"] = "agg"
    folder = cache_folder(environment)
    if folder is None:
        return
    # By default JAX stores programs that took a second to compile; building networks compiles a hundred faster ones.
    for name, value in (
        ("JAX_COMPILATION_CACHE_DIR", str(folder / "jax")),
        ("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0"),
    ):
        if name not in environment:
            environment[name] = value
            _tell_jax(name.lower(), value)
    flags = environment.get("TF_XLA_FLAGS", "")
    # On a CPU TensorFlow prints many warnings about the programs that it loads, and uses XLA only if asked to.
    if has_nvidia_driver() and TENSORFLOW_CACHE_FLAG not in flags:
        environment["TF_XLA_FLAGS"] = f"{flags} {TENSORFLOW_CACHE_FLAG}={folder / 'tensorflow'}".strip()


def has_drawing_backend(name: str) -> bool:
    """Checks whether Matplotlib can use a backend; with a name that it cannot find, Matplotlib cannot be imported.

    Args:
        name: Name of the backend as in `MPLBACKEND`; empty for the default backend.

    Returns:
        Whether the backend can be found.
    """
    if not name or name.lower() in DRAWING_BACKENDS:
        return True
    import importlib.metadata  # slow to import, so only here
    import importlib.util

    module = name.removeprefix("module://")
    if module == name:
        points = importlib.metadata.entry_points(group="matplotlib.backend")
        return any(point.name == name.lower() for point in points)
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):  # a parent package is missing, or the name is invalid
        return False


def _tell_jax(option: str, value: str) -> None:
    """Sets an option in JAX itself if JAX is already imported, for example by Keras, and has read the environment."""
    jax = sys.modules.get("jax")
    if jax is not None and hasattr(jax, "config"):
        jax.config.update(option, float(value) if option.endswith("secs") else value)


def cache_folder(environment: typing.Mapping[str, str] = os.environ) -> pathlib.Path | None:
    """Returns the folder of programs compiled for this machine, and creates it if it does not exist.

    Machines that share a home folder have different folders, because a program may use instructions that only one
    processor supports.

    Args:
        environment: Environment variables.

    Returns:
        The folder; None if storing is switched off or the folder cannot be created.
    """
    asked = environment.get(CACHE_VARIABLE)
    if asked == "":
        return None
    try:
        folder = pathlib.Path(asked) if asked else pathlib.Path.home() / ".cache" / "faceswap_lib"
        folder = folder / "compiled" / machine_fingerprint()
        for framework in ("jax", "tensorflow"):
            (folder / framework).mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home folder, or no permission to write to it
        return None
    return folder


def has_nvidia_driver() -> bool:
    """Checks whether this machine has an NVIDIA driver."""
    return NVIDIA_DRIVER.is_dir() or shutil.which("nvidia-smi") is not None


def machine_fingerprint() -> str:
    """Computes a short hash of processor, GPUs and driver; machines share compiled programs only if it is equal."""
    facts = [platform.system(), platform.machine(), platform.processor()]
    if CPU_INFO.is_file():
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
        facts += sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    for path in sorted([NVIDIA_DRIVER / "version", *NVIDIA_DRIVER.glob("gpus/*/information")]):
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            facts += [line for line in lines if line.startswith(("NVRM", "Model"))]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]
