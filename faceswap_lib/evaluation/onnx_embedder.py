"""A face recognition network of the user's own, in ONNX, for example ArcFace.

Source: Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019, for the alignment and the
range of the pixels, which most networks since have kept.
"""

import pathlib
import typing
from collections.abc import Sequence

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.export.onnx_check import check_onnx_file
from faceswap_lib.export.onnx_runtime import import_onnxruntime
from faceswap_lib.faces.alignment import similarity_transform, warp_frame
from faceswap_lib.faces.types import FaceCrop
from faceswap_lib.networks.child_process import run_child, to_line

ARCFACE_SIDE = 112
"""Side in pixels of the pictures that ArcFace reads."""

ARCFACE_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""(5, 2) x, y at which eyes, nose tip and mouth corners lie in them."""

ARCFACE_SAME_PERSON = 1.2
"""Euclidean distance of two faces of one person at most: sqrt(2 - 2 * 0.28), for the cosine similarity of 0.28 above
which insightface's example says that two faces "ARE the same person"."""

MOST_PIXELS = 50_000_000
"""Pixels that a network reads at once, of all faces together; ArcFace reads 12,544 of each."""

MOST_NUMBERS = 100_000
"""Numbers that a network says of a face; most say 512."""

ADVICE = "name another network, or export it again"

NUMBER_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxEmbedder:
    """The numbers of a recognition network in ONNX, scaled to length 1.

    The network has one input, (N, 3, S, S) or (N, S, S, 3); N may be fixed, and S is 112 where it is left open. It is
    given RGB, every face with its five points on ArcFace's.

    Args:
        path: The file.
        same_person: Largest distance of two faces of one person, as the network's makers say for vectors of length 1.
        mean, scale: The network reads (pixel - mean) / scale of pixels 0 to 255; as it stands -1 to 1.
        is_tried: Whether it is tried in a process of its own first.

    The file is checked, and tried in a process of its own, before it is opened here: it may be anybody's.

    Raises:
        InputError: If onnxruntime is not installed, or the file is no such network.
        CheckpointError: If the file is damaged, names files elsewhere, or crashes or asks for too much.
    """

    def __init__(
        self,
        path: pathlib.Path,
        *,
        same_person: float = ARCFACE_SAME_PERSON,
        mean: float = 127.5,
        scale: float = 127.5,
        is_tried: bool = True,
    ):
        path = pathlib.Path(path)
        self.name = f"onnx:{path.name}"
        self.same_person = same_person
        self._path, self._mean, self._scale = path, mean, scale
        _import_runtime()  # whose absence is not the file's fault
        if not path.is_file():
            raise InputError(f"{path}: expected a recognition network in ONNX, got no file there")
        check_onnx_file(path)
        if is_tried:
            run_child(try_network, path, {}, ADVICE)
        self._session, self._errors = _open_session(path)
        try:
            inputs = [(entry.name, entry.type, entry.shape) for entry in self._session.get_inputs()]
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: expected names in UTF-8, got others ({error}); {ADVICE}") from error
        if len(inputs) != 1 or inputs[0][1] not in NUMBER_TYPES:
            got = to_line(", ".join(f"{name} {kind}" for name, kind, _ in inputs))
            raise InputError(f"{path}: expected one input of floats, got {got}")
        self._input, self._type = inputs[0][0], NUMBER_TYPES[inputs[0][1]]
        self._batch, self._side, self._channels_first = _read_layout(inputs[0][2], path)
        self._length = self._run(np.full((1, self._side, self._side, 3), 128, np.uint8)).shape[1]

    def embed(self, crops: Sequence[FaceCrop]) -> np.ndarray:
        """Gives (N, D) float64; see `FaceEmbedder.embed`."""
        if not crops:
            return np.empty((0, self._length))
        return unit_rows(self._run(np.stack([align_like_arcface(crop, self._side) for crop in crops])))

    def _run(self, pictures: np.ndarray) -> np.ndarray:
        """Runs the network on (N, S, S, 3) uint8; gives (N, D)."""
        step = self._batch or 32
        rows = []
        for start in range(0, len(pictures), step):
            batch = pictures[start : start + step]
            count = len(batch)
            if self._batch:
                batch = np.concatenate([batch, np.repeat(batch[-1:], self._batch - count, axis=0)])
            values = ((batch.astype(np.float32) - self._mean) / self._scale).astype(self._type)
            if self._channels_first:
                values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
            try:
                answer = self._session.run(None, {self._input: values})[0]
            except self._errors as error:
                raise InputError(f"{self._path}: the network fails on a face ({_short(error)})") from error
            if not isinstance(answer, np.ndarray) or answer.dtype.kind != "f" or answer.ndim == 0:
                got = f"{answer.dtype} {answer.shape}" if isinstance(answer, np.ndarray) else type(answer).__name__
                raise InputError(f"{self._path}: expected an array of numbers for each face, got {got}")
            if answer.size > MOST_NUMBERS * len(batch):
                raise InputError(
                    f"{self._path}: expected at most {MOST_NUMBERS} numbers for a face, got {answer.shape}"
                )
            if len(answer) != len(batch) or not np.isfinite(answer).all():
                raise InputError(f"{self._path}: expected finite numbers for {len(batch)} faces, got {answer.shape}")
            rows.append(answer.reshape(len(batch), -1)[:count])
        return np.concatenate(rows)


def align_like_arcface(crop: FaceCrop, side: int) -> np.ndarray:
    """Cuts a face so that its five points lie on ArcFace's.

    Args:
        crop: The crop.
        side: Side of the picture in pixels; at other sides than 112 it shows the same square.

    Returns:
        (side, side, 3) uint8 RGB.
    """
    points = (ARCFACE_POINTS + 0.5) * side / ARCFACE_SIDE - 0.5
    return warp_frame(crop.image, similarity_transform(crop.landmarks, points), side)


def unit_rows(values: np.ndarray) -> np.ndarray:
    """Scales (N, D) to rows of length 1, float64; rows of zeros stay."""
    values = np.asarray(values, np.float64)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def try_network(file: pathlib.Path, folder: pathlib.Path) -> None:
    """Opens a network and runs it once; see `child_process.run_child`.

    Raises:
        ValueError: If it is none, or fails.
    """
    try:
        OnnxEmbedder(file, is_tried=False)
    except InputError as error:
        raise ValueError(str(error).removeprefix(f"{file}: ")) from error


def _import_runtime() -> typing.Any:
    try:
        return import_onnxruntime()
    except ImportError as error:
        raise InputError(f"onnxruntime cannot be imported ({error}); pip install 'faceswap_lib[onnx]'") from error


def _open_session(path: pathlib.Path) -> tuple[typing.Any, tuple[type[Exception], ...]]:
    """Opens a network; also gives the errors it may fail with."""
    onnxruntime = _import_runtime()
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    # onnxruntime has a class for each kind of failure and none for all of them.
    own = tuple(value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception))
    errors = (*own, RuntimeError, ValueError, MemoryError)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except errors as error:
        raise InputError(
            f"{path}: expected a recognition network in ONNX; it cannot be read ({_short(error)})"
        ) from error
    return session, errors


def _short(error: Exception) -> str:
    return to_line(str(error)) or type(error).__name__


def _read_layout(shape: Sequence[int | str | None], path: pathlib.Path) -> tuple[int | None, int, bool]:
    """Reads an input's shape: fixed number of pictures or None, their side, whether channels come first."""
    sizes = [size if isinstance(size, int) and size > 0 else None for size in shape]
    if len(sizes) == 4 and 3 in (sizes[1], sizes[3]):
        channels_first = sizes[1] == 3
        height, width = sizes[2:] if channels_first else sizes[1:3]
        side = height or width or ARCFACE_SIDE
        if (height or side) == (width or side):
            if (sizes[0] or 1) * side * side > MOST_PIXELS:
                raise InputError(f"{path}: expected an input of at most {MOST_PIXELS:,} pixels, got {tuple(shape)}")
            return sizes[0], side, channels_first
    raise InputError(f"{path}: expected an input (N, 3, S, S) or (N, S, S, 3), got {tuple(shape)}")
