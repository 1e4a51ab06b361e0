"""The user's own network in ONNX format with one image as its input: opened safely, and run in batches.

The file may come from an untrusted source, so it is checked and run once in a separate process before it is opened in
this one.
"""

import pathlib
import typing
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.export.onnx_check import check_onnx_file
from faceswap_lib.export.onnx_runtime import import_onnxruntime, runtime_errors
from faceswap_lib.networks.child_process import run_child, to_line

BATCH = 32
"""Number of images per call of a network whose batch size is dynamic."""

MOST_PIXELS = 50_000_000
"""Maximum number of input pixels per batch; ArcFace reads 12,544 per face, XSeg 65,536."""

ADVICE = "name another network, or export it again"
"""Advice in messages about a network that cannot be read."""

NUMBER_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
"""Accepted input types and their dtypes."""

Trial = Callable[[pathlib.Path, pathlib.Path], None]
"""Function of a module that opens the file and runs it once; see `child_process.run_child` and `try_open`."""


class OnnxImageNetwork:
    """Network in ONNX format that reads images, (N, S, S, 3) or (N, 3, S, S) of float32 or float16. N may be fixed.

    Args:
        path: The file.
        what: What the network is, with its article, for messages: "a recognition network".
        default_side: Side S if it is dynamic.
        mean: Value that is subtracted from the pixels (0 to 255).
        scale: Value by which the result is divided.
        trial: Opens the file and runs it once in a separate process; None skips this.

    Attributes:
        side: Side S of the input in pixels.

    Raises:
        InputError: If onnxruntime is not installed, or the file is not such a network.
        CheckpointError: If the file is damaged, refers to other files, crashes, or needs too much memory or time.
    """

    def __init__(
        self, path: pathlib.Path, *, what: str, default_side: int, mean: float, scale: float, trial: Trial | None
    ):
        self._path, self._mean, self._scale = path, mean, scale
        try:
            onnxruntime = import_onnxruntime()  # first, so that a missing package is not reported as a bad file
        except ImportError as error:
            raise InputError(f"onnxruntime cannot be imported ({error}); pip install 'faceswap_lib[onnx]'") from error
        if not path.is_file():
            raise InputError(f"{path}: expected {what} in ONNX, got no file there")
        check_onnx_file(path)
        if trial is not None:
            run_child(trial, path, {}, ADVICE)
        self._errors = runtime_errors()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads leave the CPU to others
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            inputs = [(entry.name, entry.type, entry.shape) for entry in self._session.get_inputs()]
        except self._errors as error:
            raise InputError(
                f"{path}: expected {what} in ONNX; it cannot be read ({_short(error)}); {ADVICE}"
            ) from error
        if len(inputs) != 1 or inputs[0][1] not in NUMBER_TYPES:
            got = to_line(", ".join(f"{name} {kind}" for name, kind, _ in inputs))
            raise InputError(f"{path}: expected one input of floats, got {got}; {ADVICE}")
        self._input, self._type = inputs[0][0], NUMBER_TYPES[inputs[0][1]]
        self._batch, self.side, self._channels_first = _read_layout(inputs[0][2], path, default_side)

    def run(self, images: np.ndarray) -> Iterator[tuple[np.ndarray, int, int]]:
        """Runs the network on images, batch by batch.

        Args:
            images: (N, S, S, 3) uint8 RGB.

        Yields:
            For each batch its first output, an array of floats of any shape; the number of images of the batch; and how
            many of them, from the first on, are not padding.

        Raises:
            InputError: If the network fails, or its output is not an array of floats.
        """
        step = self._batch or BATCH
        for start in range(0, len(images), step):
            part = images[start : start + step]
            count = len(part)
            if self._batch:
                part = np.concatenate([part, np.repeat(part[-1:], self._batch - count, axis=0)])
            batch = ((part.astype(np.float32) - self._mean) / self._scale).astype(self._type)
            if self._channels_first:
                batch = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
            try:
                answer = self._session.run(None, {self._input: batch})[0]
            except self._errors as error:
                raise InputError(f"{self._path}: the network fails on a face ({_short(error)}); {ADVICE}") from error
            if not isinstance(answer, np.ndarray) or answer.dtype.kind != "f" or answer.ndim == 0:
                got = f"{answer.dtype} {answer.shape}" if isinstance(answer, np.ndarray) else type(answer).__name__
                raise InputError(f"{self._path}: expected an array of numbers for each face, got {got}; {ADVICE}")
            yield answer, len(part), count


def try_open(open_network: Callable[..., object], file: pathlib.Path) -> None:
    """Opens a network with `is_tried=False`, which also runs it once; for a trial in a separate process.

    Raises:
        ValueError: If the file is not a valid network, or the network fails.
    """
    try:
        open_network(file, is_tried=False)
    except InputError as error:
        raise ValueError(str(error).removeprefix(f"{file}: ")) from error


def _short(error: Exception) -> str:
    """Formats an exception as one line."""
    return to_line(str(error)) or type(error).__name__


def _read_layout(
    shape: Sequence[int | str | None], path: pathlib.Path, default_side: int
) -> tuple[int | None, int, bool]:
    """Reads the shape of an input: the fixed batch size or None, the image side, and whether channels come first."""
    sizes = [size if isinstance(size, int) and size > 0 else None for size in shape]
    if len(sizes) == 4 and 3 in (sizes[1], sizes[3]):
        channels_first = sizes[1] == 3
        height, width = typing.cast(tuple[int | None, int | None], sizes[2:] if channels_first else sizes[1:3])
        side = height or width or default_side
        if (height or side) == (width or side):
            if (sizes[0] or 1) * side * side > MOST_PIXELS:
                raise InputError(f"{path}: expected an input of at most {MOST_PIXELS:,} pixels, got {tuple(shape)}")
            return sizes[0], side, channels_first
    raise InputError(f"{path}: expected an input (N, 3, S, S) or (N, S, S, 3), got {tuple(shape)}; {ADVICE}")
