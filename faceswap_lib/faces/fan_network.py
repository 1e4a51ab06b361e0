"""Getting the 2D-FAN network of the `face-alignment` package: from its cache, or from where the package fetches it."""

import contextlib
import http.client
import pathlib
import pickle
import socket
import types
import typing

from faceswap_lib.errors import InputError

PATIENCE = 20.0
"""Seconds without an answer after which fetching the network file is given up."""


def import_api() -> types.ModuleType:
    """Imports the package's `api`; `InputError` with the pip line where that fails."""
    try:
        from face_alignment import api
    except (ImportError, OSError) as error:
        raise InputError(
            f"face-alignment cannot be imported ({error}); pip install 'faceswap_lib[landmarks]'"
        ) from error
    return api


def network_file(api: types.ModuleType) -> tuple[pathlib.Path, str]:
    """Where the package keeps its network and where it fetches it from."""
    url = api.models_urls["2DFAN-4"]
    return pathlib.Path(api.get_dir()) / "checkpoints" / url.rpartition("/")[2], url


def best_device(torch: types.ModuleType) -> str:
    """Names the fastest kind of device that this PyTorch can use: `cuda`, `mps` or `cpu`."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def open_network(api: types.ModuleType, device: str) -> typing.Callable:
    """Loads the network, fetching it when need be; a file that arrives damaged is removed again."""
    path, url = network_file(api)
    was_there = path.exists()
    try:
        with _answer_within(PATIENCE):
            # The detector "folder" reads boxes from files: the one that loads no network of its own.
            alignment = api.FaceAlignment(api.LandmarksType.TWO_D, device=device, face_detector="folder", compile=False)
    except (OSError, http.client.HTTPException) as error:
        raise InputError(
            f"{path} cannot be read or fetched ({error}); download {url} elsewhere and put it there"
        ) from error
    except (RuntimeError, EOFError, LookupError, pickle.UnpicklingError) as error:
        if not was_there:
            path.unlink(missing_ok=True)
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path} cannot be loaded ({reason}); remove it, and it is fetched anew from {url}") from error
    return alignment.face_alignment_net


@contextlib.contextmanager
def _answer_within(seconds: float) -> typing.Iterator[None]:
    """Limits how long new connections wait for an answer; the package sets no limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
