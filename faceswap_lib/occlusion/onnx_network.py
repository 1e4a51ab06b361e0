"""The user's own occlusion network in ONNX format, for example an XSeg model for FaceFusion.

Such a network reads crops of 256 x 256 pixels in RGB, 0 to 1, and returns one mask per crop. The file may come from an
untrusted source, so it is checked and run in a separate process before it is opened in this one.
"""

import pathlib

import cv2
import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.export.onnx_image_network import ADVICE, OnnxImageNetwork, try_open
from faceswap_lib.occlusion.network import SIDE

SMALLEST_SIDE, LARGEST_SIDE = 8, 1024
"""Smallest and largest accepted side of the input in pixels."""


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
        self._network = OnnxImageNetwork(
            path,
            what="an occlusion network",
            default_side=SIDE,
            mean=0,
            scale=255,
            trial=try_network if is_tried else None,
        )
        if not SMALLEST_SIDE <= self._network.side <= LARGEST_SIDE:
            limits = f"{SMALLEST_SIDE} to {LARGEST_SIDE}"
            raise InputError(f"{path}: expected images of {limits} pixels, got {self._network.side}; {ADVICE}")
        self.predict(np.full((1, SIDE, SIDE, 3), 128, np.uint8))

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Predicts which pixels show the face; see `network.OcclusionPredictor.predict`.

        Raises:
            InputError: If the network fails, or its output is not one finite number per pixel.
        """
        side, masks = self._network.side, []
        resized = np.array([_resize(image, side) for image in images]).reshape(-1, side, side, 3)
        for answer, size, count in self._network.run(resized):
            if answer.size != size * side**2:
                raise InputError(
                    f"{self._path}: expected {size * side**2} floats, one per pixel, got {answer.shape}; {ADVICE}"
                )
            if not np.isfinite(answer).all():
                raise InputError(f"{self._path}: expected finite numbers, got NaN or infinity; {ADVICE}")
            found = np.clip(answer.reshape(size, side, side)[:count].astype(np.float32), 0, 1)
            masks += [_resize(mask, SIDE) for mask in found]
        return np.stack(masks) if masks else np.empty((0, SIDE, SIDE), np.float32)


def try_network(file: pathlib.Path, folder: pathlib.Path) -> None:
    """Opens an occlusion network and runs it once; for `child_process.run_child`. `folder` is not used."""
    try_open(OnnxOcclusionNetwork, file)


def _resize(image: np.ndarray, side: int) -> np.ndarray:
    """Resizes a square image or mask."""
    return image if len(image) == side else cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)
