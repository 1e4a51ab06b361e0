"""The user's own occlusion network in ONNX format, for example an XSeg model for FaceFusion.

Such a network reads crops of 256 x 256 pixels in RGB, 0 to 1, and returns one mask per crop. The file may come from an
untrusted source, so it is checked and run in a separate process before it is opened in this one.
"""

import pathlib
import typing

import cv2
import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.export.onnx_check import check_onnx_file
from faceswap_lib.export.onnx_runtime import import_onnxruntime, runtime_errors
from faceswap_lib.networks.child_process import run_child, to_line
from faceswap_lib.occlusion.network import BATCH, SIDE

MOST_SIDE = 1024
"""Largest accepted side of the input in pixels."""

ADVICE = "name another network, or export it again"
"""Advice in messages about a network that cannot be read."""


class OnnxOcclusionNetwork:
    """Occlusion network in ONNX format.

    It has one float input, (N, S, S, 3) or (N, 3, S, S), and its first output has one number per pixel. N may be fixed;
    S is 256 if it is not.

    Args:
        path: The file.
        is_tried: Whether to run the network in a separate process first.

    Raises:
        InputError: If onnxruntime is not installed, or the file is not such a network.
        CheckpointError: If the file is damaged, refers to other files, crashes, or needs too much memory or time.
    """

    def __init__(self, path: pathlib.Path, *, is_tried: bool = True):
        self._path = path = pathlib.Path(path)
        try:
            onnxruntime = import_onnxruntime()  # first, so that a missing package is not reported as a bad file
        except ImportError as error:
            raise InputError(f"onnxruntime cannot be imported ({error}); pip install 'faceswap_lib[onnx]'") from error
        if not path.is_file():
            raise InputError(f"{path}: expected an occlusion network in ONNX, got no file there")
        check_onnx_file(path)
        if is_tried:
            run_child(try_network, path, {}, ADVICE)
        self._errors = runtime_errors()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            inputs = [(entry.name, entry.type, entry.shape) for entry in self._session.get_inputs()]
        except self._errors as error:
            reason = to_line(str(error))
            raise InputError(f"{path}: expected an occlusion network in ONNX ({reason}); {ADVICE}") from error
        if len(inputs) != 1 or inputs[0][1] != "tensor(float)":
            got = to_line(", ".join(f"{name} {kind}" for name, kind, _ in inputs))
            raise InputError(f"{path}: expected one input of floats, got {got}; {ADVICE}")
        self._input = inputs[0][0]
        self._batch, self._side, self._channels_first = _read_layout(inputs[0][2], path)
        self.predict(np.full((1, SIDE, SIDE, 3), 128, np.uint8))

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Predicts which pixels show the face; see `network.OcclusionPredictor.predict`.

        Raises:
            InputError: If the network fails, or its output is not one finite number per pixel.
        """
        step, masks = self._batch or BATCH, []
        for start in range(0, len(images), step):
            batch = images[start : start + step]
            masks += [_resize(mask, SIDE) for mask in self._run(batch)]
        return np.stack(masks) if masks else np.empty((0, SIDE, SIDE), np.float32)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        """Runs the network on one batch (B, 256, 256, 3) uint8; returns (B, S, S) float32 in [0, 1]."""
        values = np.stack([_resize(image, self._side) for image in batch]).astype(np.float32) / 255
        if self._batch:
            values = np.concatenate([values, np.repeat(values[-1:], self._batch - len(values), axis=0)])
        if self._channels_first:
            values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
        try:
            answer = self._session.run(None, {self._input: values})[0]
        except self._errors as error:
            raise InputError(f"{self._path}: the network fails on a face ({to_line(str(error))}); {ADVICE}") from error
        expected = len(values) * self._side**2
        if not isinstance(answer, np.ndarray) or answer.dtype != np.float32 or answer.size != expected:
            got = f"{answer.dtype} {answer.shape}" if isinstance(answer, np.ndarray) else type(answer).__name__
            raise InputError(f"{self._path}: expected {expected} floats, one per pixel, got {got}; {ADVICE}")
        if not np.isfinite(answer).all():
            raise InputError(f"{self._path}: expected finite numbers, got NaN or infinity; {ADVICE}")
        return np.clip(answer.reshape(len(values), self._side, self._side), 0, 1)[: len(batch)]


def try_network(file: pathlib.Path, folder: pathlib.Path) -> None:
    """Opens a network and runs it once; for `child_process.run_child`.

    Args:
        file: The ONNX file.
        folder: Not used.

    Raises:
        ValueError: If the file is not a valid network, or the network fails.
    """
    try:
        OnnxOcclusionNetwork(file, is_tried=False)
    except InputError as error:
        raise ValueError(str(error).removeprefix(f"{file}: ")) from error


def _resize(image: np.ndarray, side: int) -> np.ndarray:
    """Resizes a square image or mask."""
    return image if len(image) == side else cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)


def _read_layout(shape: typing.Sequence[int | str | None], path: pathlib.Path) -> tuple[int | None, int, bool]:
    """Reads the shape of the input: the fixed batch size or None, the side, and whether channels come first."""
    sizes = [size if isinstance(size, int) and size > 0 else None for size in shape]
    if len(sizes) == 4 and 3 in (sizes[1], sizes[3]):
        channels_first = sizes[3] != 3
        height, width = sizes[2:] if channels_first else sizes[1:3]
        side = height or width or SIDE
        if (height or side) == (width or side) and 8 <= side <= MOST_SIDE and (sizes[0] or 1) <= 64:
            return sizes[0], side, channels_first
    raise InputError(f"{path}: expected an input (N, S, S, 3) or (N, 3, S, S), got {tuple(shape)}; {ADVICE}")
