"""Detector of 68 landmarks with 2D-FAN, the face alignment network of the `face-alignment` package.

Source: Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D Face Alignment problem?", 2017.

The network reads a square around the face and outputs a heat map of 64 x 64 cells for each landmark. Only the network
itself comes from the package. The package's own code from box to landmarks processes one image at a time and rounds to
quarters of a cell and whole pixels. Here crops are processed in batches, and peaks are located between the cells. The
package's own loader would download the weights from its maker's host. Here the weights are only read from the folder in
which the package stores them; if they are missing, the backend is unavailable.
"""

import pathlib
import pickle
import types
import typing
from collections.abc import Sequence

import numpy as np

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.faces.alignment import invert_affine, map_points, view_matrix, warp_frame
from faceswap_lib.faces.types import FaceCrop
from faceswap_lib.faces.weight_sums import check_sum, note_first_sum, sum_in_name

VIEW_SIZE = 256
"""Side in pixels of the square that the network reads."""

VIEW_OF_CROP = 1.23
"""Side of that square as a fraction of the crop's side; both have the same center.

For a box of width w and height h, the package's square has side 200 / 195 (w + h), and its center is 0.12 h above the
center of the box. This rule is made for the tight box around the 68 landmarks. In crops of four people that box is 2.16
eye distances wide and 2.26 high, and its center is 0.68 below the eyes. The result is a square of 4.53 eye distances,
or 1.23 crops, with its center 0.41 below the eyes. The center of the crop is 0.40 below them."""

NETWORK = "2DFAN-4"
"""The package's name of the network."""

MODULES = 4
"""Number of hourglass modules in the network."""

BATCH = 8
"""Number of crops per batch."""

UNREADABLE = (RuntimeError, EOFError, LookupError, TypeError, ValueError, AttributeError, pickle.UnpicklingError)
"""Errors with which PyTorch reports a damaged file."""


class FanDetector:
    """Detector of 68 landmarks with 2D-FAN.

    Args:
        device: Device of the network: `cpu`, `cuda` or `mps`; None takes the fastest one available.
        flip: Whether the mirrored crop is processed too and the heat maps are added, which takes twice as long; None
            does so on every device except a CPU.

    Raises:
        InputError: If the package is not installed or its weight file is missing; nothing is downloaded.
        CheckpointError: If the weight file is damaged or cannot be read.
    """

    name = "face-alignment"

    def __init__(self, *, device: str | None = None, flip: bool | None = None):
        api = _import_api()
        path = _network_file(api)
        if not path.is_file():
            raise InputError(_format_missing(api))
        self._torch = api.torch  # PyTorch through the package, so that this library does not import it here
        self._mirror = api.flip
        self._device = device or _best_device(api.torch)
        self._flip = self._device != "cpu" if flip is None else flip
        self._network = _open_network(api, path, self._device)

    @staticmethod
    def unavailable_reason() -> str | None:
        """Returns what is missing on this machine and how to get it; None if the backend works. Downloads nothing."""
        try:
            api = _import_api()
        except InputError as error:
            return str(error)
        return None if _network_file(api).is_file() else _format_missing(api)

    def detect(self, crops: Sequence[FaceCrop]) -> list[np.ndarray]:
        """Detects the (68, 2) landmarks of each crop; see `LandmarkDetector.detect`."""
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
        """Computes the heat maps, (N, 68, S / 4, S / 4) float32, of (N, S, S, 3) uint8 RGB images."""
        pixels = np.ascontiguousarray(views.transpose(0, 3, 1, 2), np.float32) / 255
        with self._torch.inference_mode():
            batch = self._torch.from_numpy(pixels).to(self._device)
            heat_maps = self._network(batch)[-1]
            if self._flip:
                heat_maps = heat_maps + self._mirror(self._network(self._mirror(batch))[-1], is_label=True)
        return heat_maps.cpu().numpy()


def read_peaks(heat_maps: np.ndarray) -> np.ndarray:
    """Locates the peak of each heat map with subcell precision: fits a Gaussian to the highest cell and its neighbors.

    Args:
        heat_maps: (N, K, H, W), in any scale.

    Returns:
        (N, K, 2) float64 x, y in cells; whole numbers are the centers of cells.
    """
    n, k, height, width = heat_maps.shape
    highest = np.maximum(heat_maps.max(axis=(2, 3), keepdims=True), 1e-9)
    logs = np.log(np.maximum(heat_maps / highest, 1e-3, dtype=np.float64))  # the logarithm of a Gaussian is a parabola
    y, x = np.unravel_index(logs.reshape(n, k, -1).argmax(axis=-1), (height, width))
    logs = np.pad(logs, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    i, j = np.ogrid[:n, :k]
    across = [logs[i, j, y + 1, x + step] for step in range(3)]
    down = [logs[i, j, y + step, x + 1] for step in range(3)]
    return np.stack([x + _vertex(*across), y + _vertex(*down)], axis=-1)


def _import_api() -> types.ModuleType:
    """Imports the package's `api`; raises `InputError` with the pip command if the import fails."""
    try:
        from face_alignment import api  # pyright: ignore[reportMissingImports]  # an optional dependency
    except (ImportError, OSError) as error:
        raise InputError(
            f"face-alignment cannot be imported ({error}); pip install 'faceswap_lib[landmarks]'"
        ) from error
    return api


def _network_file(api: types.ModuleType) -> pathlib.Path:
    """Returns the path at which the package stores its weights."""
    return pathlib.Path(api.get_dir()) / "checkpoints" / _network_url(api).rpartition("/")[2]


def _network_url(api: types.ModuleType) -> str:
    """Returns the address from which the package downloads its weights."""
    return api.models_urls[NETWORK]


def _format_missing(api: types.ModuleType) -> str:
    """Formats the message that the weight file is missing and how to get it."""
    advice = _format_download_advice(api)
    return f"{_network_file(api)} is missing, and weights are never downloaded automatically; {advice}"


def _format_download_advice(api: types.ModuleType) -> str:
    """Formats the advice on how to download the weight file."""
    return f"run: faceswap weights fetch fan; or download {_network_url(api)} and put it there"


def _best_device(torch: types.ModuleType) -> str:
    """Returns the fastest kind of device that this PyTorch can use: `cuda`, `mps` or `cpu`."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _open_network(api: types.ModuleType, path: pathlib.Path, device: str) -> typing.Callable:
    """Loads the network from its file.

    It does not use the package's loader, which downloads files. No code in the file is executed.
    """
    try:
        check_sum(path, begin=sum_in_name(path.name))
        network = api.FAN(MODULES)
        network.load_state_dict(api.torch.load(path, map_location=device, weights_only=True))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error}); {_format_download_advice(api)}") from error
    except UNREADABLE as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(
            f"{path} cannot be loaded ({reason}); remove it and {_format_download_advice(api)}"
        ) from error
    note_first_sum(path)
    return network.to(device).eval()


def _vertex(before: np.ndarray, middle: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Computes the position of a parabola's vertex.

    The parabola goes through the three values at -1, 0 and 1, of which the middle one is highest. Returns 0 if it is
    flat.
    """
    curvature = 2 * middle - before - after
    return np.divide(after - before, 2 * curvature, out=np.zeros_like(curvature), where=curvature > 0)
