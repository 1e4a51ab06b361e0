"""Face embeddings from the user's own face recognition network in ONNX format, for example ArcFace.

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
"""Input side of ArcFace in pixels."""

ARCFACE_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""(5, 2) x, y of the eyes, the nose tip and the mouth corners in ArcFace's input."""

ARCFACE_SAME_PERSON = 1.2
"""Maximum Euclidean distance of two faces of one person: sqrt(2 - 2 * 0.28), for the cosine similarity of 0.28 above
which insightface's example says that two faces "ARE the same person"."""

MOST_PIXELS = 50_000_000
"""Maximum number of input pixels per batch; ArcFace reads 12,544 per face."""

MOST_NUMBERS = 100_000
"""Maximum length of an embedding; most networks return 512 numbers."""

ADVICE = "name another network, or export it again"
"""Advice in messages about a network that cannot be read."""

NUMBER_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
"""Accepted input types and their dtypes."""


class OnnxEmbedder:
    """Face embedder that runs a recognition network in ONNX format and scales the embeddings to length 1.

    The network has one input, (N, 3, S, S) or (N, S, S, 3). N may be fixed; S is 112 if it is dynamic. The input is RGB
    and every face is aligned to ArcFace's five points. The file may come from an untrusted source, so it is checked and
    run in a separate process before it is opened in this one.

    Args:
        path: The file.
        same_person: Maximum distance of two faces of one person, as published for the network, for vectors of length 1.
        mean: Value that is subtracted from the pixels (0 to 255).
        scale: Value by which the result is divided; by default the network reads -1 to 1.
        is_tried: Whether to run the network in a separate process first.

    Attributes:
        name: Name of the network, with its file name.
        same_person: Maximum distance of two faces of one person.

    Raises:
        InputError: If onnxruntime is not installed, or the file is not such a network.
        CheckpointError: If the file is damaged, refers to other files, crashes, or needs too much memory or time.
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
        _import_runtime()  # first, so that a missing onnxruntime is not reported as a problem of the file
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
        """Computes embeddings (N, D) float64; see `FaceEmbedder.embed`."""
        if not crops:
            return np.empty((0, self._length))
        return unit_rows(self._run(np.stack([align_like_arcface(crop, self._side) for crop in crops])))

    def _run(self, images: np.ndarray) -> np.ndarray:
        """Runs the network on images (N, S, S, 3) uint8 and returns its outputs (N, D)."""
        step = self._batch or 32
        rows = []
        for start in range(0, len(images), step):
            batch = images[start : start + step]
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
    """Warps a face so that its five points match ArcFace's alignment.

    Args:
        crop: The crop.
        side: Side of the output in pixels; the output shows the same area at any side.

    Returns:
        (side, side, 3) uint8 RGB.
    """
    points = (ARCFACE_POINTS + 0.5) * side / ARCFACE_SIDE - 0.5
    return warp_frame(crop.image, similarity_transform(crop.landmarks, points), side)


def unit_rows(values: np.ndarray) -> np.ndarray:
    """Scales the rows of an array (N, D) to length 1 as float64; rows of zeros stay zero."""
    values = np.asarray(values, np.float64)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def try_network(file: pathlib.Path, folder: pathlib.Path) -> None:
    """Opens a network and runs it once; for `child_process.run_child`.

    Args:
        file: The ONNX file.
        folder: Not used.

    Raises:
        ValueError: If the file is not a valid network, or the network fails.
    """
    try:
        OnnxEmbedder(file, is_tried=False)
    except InputError as error:
        raise ValueError(str(error).removeprefix(f"{file}: ")) from error


def _import_runtime() -> typing.Any:
    """Imports onnxruntime; raises `InputError` if it is not installed."""
    try:
        return import_onnxruntime()
    except ImportError as error:
        raise InputError(f"onnxruntime cannot be imported ({error}); pip install 'faceswap_lib[onnx]'") from error


def _open_session(path: pathlib.Path) -> tuple[typing.Any, tuple[type[Exception], ...]]:
    """Opens a network; also returns the exception types that onnxruntime may raise."""
    onnxruntime = _import_runtime()
    # The module is compiled and has no type stub.
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # pyright: ignore[reportAttributeAccessIssue]

    # onnxruntime has one exception class per kind of failure, without a common base class.
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
    """Formats an exception as one line."""
    return to_line(str(error)) or type(error).__name__


def _read_layout(shape: Sequence[int | str | None], path: pathlib.Path) -> tuple[int | None, int, bool]:
    """Reads the shape of an input: the fixed batch size or None, the image side, and whether channels come first."""
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
