"""68 landmarks of aligned crops by 2D-FAN, the face alignment network of the `face-alignment` package.

Source: Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D Face Alignment problem?", 2017.

The network reads a square around the face and draws a heat map of 64 x 64 cells for each landmark. Only the network is
the package's: its own way from a box to points takes one picture at a time and rounds to quarters of a cell and whole
pixels. Here crops go through in batches, and a peak is read between the cells. Its own way of loading the network would
fetch the file from its maker's host; here the file is read where the package keeps it, or the backend is unavailable.
"""

import pathlib
import pickle
import types
import typing
from collections.abc import Sequence

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import invert_affine, map_points, view_matrix, warp_frame
from faceswap_lib.faces.types import FaceCrop
from faceswap_lib.faces.weight_sums import check_sum, sum_in_name

VIEW_SIZE = 256
"""Side in pixels of the square that the network reads."""

VIEW_OF_CROP = 1.23
"""Side of that square as a share of the crop's side; both have one center.

The package shows the network a square of side 200 / 195 (w + h), its center 0.12 h above the middle of a box of
width w and height h, made for the tight box around the 68 points. In crops of four people that box is 2.16 eye
distances wide, 2.26 high, and has its middle 0.68 below the eyes. That makes a square of 4.53 eye distances, or 1.23
crops, around a point 0.41 below the eyes; the crop's center is 0.40 below them.
"""

NETWORK = "2DFAN-4"
"""The package's name of the network."""

MODULES = 4
"""Hourglass modules of that network."""

BATCH = 8
"""Crops that go through the network at a time."""


class FanDetector:
    """68 landmarks by 2D-FAN.

    Args:
        device: Where it runs: `cpu`, `cuda` or `mps`; None takes the best there is.
        flip: Whether the mirrored crop is read, too, and the heat maps are added, which takes twice as long; None does
            so everywhere but on a CPU.

    Raises:
        InputError: If the package is not installed, or its network file is not there; nothing is fetched.
    """

    name = "face-alignment"

    def __init__(self, *, device: str | None = None, flip: bool | None = None):
        api = _import_api()
        path = _network_file(api)
        if not path.is_file():
            raise InputError(_say_missing(api))
        self._torch = api.torch  # the package's own; the library itself names no framework here
        self._mirror = api.flip
        self._device = device or _best_device(api.torch)
        self._flip = self._device != "cpu" if flip is None else flip
        self._network = _open_network(api, path, self._device)

    @staticmethod
    def unavailable_reason() -> str | None:
        """What it lacks on this machine, and what to do about it; None where it works. Fetches nothing."""
        try:
            api = _import_api()
        except InputError as error:
            return str(error)
        return None if _network_file(api).is_file() else _say_missing(api)

    def detect(self, crops: Sequence[FaceCrop]) -> list[np.ndarray]:
        """Finds (68, 2) landmarks of each crop; see `LandmarkDetector.find`."""
        landmarks = []
        for start in range(0, len(crops), BATCH):
            batch = crops[start : start + BATCH]
            matrices = [view_matrix(np.eye(2, 3), len(crop.image), VIEW_SIZE, VIEW_OF_CROP) for crop in batch]
            views = [warp_frame(crop.image, matrix, VIEW_SIZE) for crop, matrix in zip(batch, matrices, strict=True)]
            heat_maps = self._heat_maps(np.stack(views))
            cells = heat_maps.shape[-1]
            points = (read_peaks(heat_maps) + 0.5) * (VIEW_SIZE / cells) - 0.5
            landmarks += [map_points(invert_affine(matrix), p) for matrix, p in zip(matrices, points, strict=True)]
        return landmarks

    def _heat_maps(self, views: np.ndarray) -> np.ndarray:
        """Takes (N, S, S, 3) uint8 to (N, 68, S / 4, S / 4) float32."""
        pixels = np.ascontiguousarray(views.transpose(0, 3, 1, 2), np.float32) / 255
        with self._torch.inference_mode():
            batch = self._torch.from_numpy(pixels).to(self._device)
            heat_maps = self._network(batch)[-1]
            if self._flip:
                heat_maps = heat_maps + self._mirror(self._network(self._mirror(batch))[-1], is_label=True)
        return heat_maps.cpu().numpy()


def read_peaks(heat_maps: np.ndarray) -> np.ndarray:
    """Finds the highest cell of each heat map and, between it and its neighbors, the peak of a Gaussian.

    Args:
        heat_maps: (N, K, H, W), in any scale.

    Returns:
        (N, K, 2) float64 x, y in cells, whole numbers at the centers of cells.
    """
    n, k, height, width = heat_maps.shape
    highest = np.maximum(heat_maps.max(axis=(2, 3), keepdims=True), 1e-9)
    logs = np.log(np.maximum(heat_maps / highest, 1e-3, dtype=np.float64))  # of a Gaussian: a parabola
    y, x = np.unravel_index(logs.reshape(n, k, -1).argmax(axis=-1), (height, width))
    logs = np.pad(logs, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    i, j = np.ogrid[:n, :k]
    across = [logs[i, j, y + 1, x + step] for step in range(3)]
    down = [logs[i, j, y + step, x + 1] for step in range(3)]
    return np.stack([x + _vertex(*across), y + _vertex(*down)], axis=-1)


def _import_api() -> types.ModuleType:
    """Imports the package's `api`; `InputError` with the pip line where that fails."""
    try:
        from face_alignment import api
    except (ImportError, OSError) as error:
        raise InputError(
            f"face-alignment cannot be imported ({error}); pip install 'faceswap_lib[landmarks]'"
        ) from error
    return api


def _network_file(api: types.ModuleType) -> pathlib.Path:
    """Where the package keeps its network."""
    return pathlib.Path(api.get_dir()) / "checkpoints" / _network_url(api).rpartition("/")[2]


def _network_url(api: types.ModuleType) -> str:
    return api.models_urls[NETWORK]


def _say_missing(api: types.ModuleType) -> str:
    """Says that the network file is missing and how to get it."""
    return f"{_network_file(api)} is not there, and nothing is fetched unasked; {_say_how(api)}"


def _say_how(api: types.ModuleType) -> str:
    return f"fetch it: faceswap weights fetch fan; or download {_network_url(api)} and put it there"


def _best_device(torch: types.ModuleType) -> str:
    """Names the fastest kind of device that this PyTorch can use: `cuda`, `mps` or `cpu`."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _open_network(api: types.ModuleType, path: pathlib.Path, device: str) -> typing.Callable:
    """Loads the network from its file, without the package's loader, which fetches; no code in the file is run."""
    try:
        check_sum(path, begin=sum_in_name(path.name))
        network = api.FAN(MODULES)
        network.load_state_dict(api.torch.load(path, map_location=device, weights_only=True))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}); {_say_how(api)}") from error
    except (RuntimeError, EOFError, LookupError, TypeError, AttributeError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path} cannot be loaded ({reason}); remove it and {_say_how(api)}") from error
    return network.to(device).eval()


def _vertex(before: np.ndarray, middle: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where the parabola through three values at -1, 0 and 1, the middle one the highest, is highest; 0 if flat."""
    bend = 2 * middle - before - after
    return np.divide(after - before, 2 * bend, out=np.zeros_like(bend), where=bend > 0)
