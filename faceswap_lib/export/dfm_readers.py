"""What DeepFaceLive and FaceFusion do with a `.dfm` file, for checks, tests and measurements.

Both programs read the size from the first input, feed the inputs by fixed names, and take the outputs by position.
FaceFusion blends with the smaller one of both masks.
"""

import pathlib
import typing

import cv2
import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.export.onnx_check import check_onnx_file
from faceswap_lib.export.onnx_runtime import import_onnxruntime
from faceswap_lib.export.whole_face import crop_whole_face
from faceswap_lib.faces.types import Face

INPUT, MORPH = "in_face:0", "morph_value:0"
"""Names of the inputs; only models with adjustable identity have the second one."""

OUTPUTS = ("out_face_mask:0", "out_celeb_face:0", "out_celeb_face_mask:0")
"""Names of the outputs; programs read them by their position."""

GRAPH_NAME = "SAEHD"
"""Name of the graph, as in files with one identity."""

LIVE_MORPH, FUSION_MORPH = 0.75, 1.0
"""Default morph values of DeepFaceLive and FaceFusion, for models with adjustable identity."""


class DfmOutputs(typing.NamedTuple):
    """Outputs of a model, in the order in which programs read them.

    Attributes:
        original_mask: (N, S, S, 1) float32 in [0, 1], mask of the original face.
        face: (N, S, S, 3) float32 BGR in [0, 1], the swapped face.
        mask: (N, S, S, 1) float32 in [0, 1], mask of the swapped face.
    """

    original_mask: np.ndarray
    face: np.ndarray
    mask: np.ndarray


def feed_model(crops: np.ndarray, *, has_morph: bool = False, morph: float = FUSION_MORPH) -> dict[str, np.ndarray]:
    """Builds the inputs that both programs feed.

    Args:
        crops: (N, S, S, 3) uint8 BGR, whole-face crops of the model's size.
        has_morph: Whether the model has an adjustable identity.
        morph: The morph value, 0 to 1.

    Returns:
        Arrays by the names of the inputs.
    """
    feed = {INPUT: crops.astype(np.float32) / 255}
    return feed | ({MORPH: np.array([morph], np.float32)} if has_morph else {})


def blend_fusion(crops: np.ndarray, outputs: DfmOutputs) -> tuple[np.ndarray, np.ndarray]:
    """Returns the swapped faces, (N, S, S, 3) float32 BGR from 0 to 255, and alpha (N, S, S) as FaceFusion blends."""
    alpha = np.minimum(outputs.original_mask, outputs.mask)[..., 0]
    return 255 * outputs.face, np.clip(alpha, 0, 1)


def blend_live(crops: np.ndarray, outputs: DfmOutputs) -> tuple[np.ndarray, np.ndarray]:
    """Returns the swapped faces and alpha as `blend_fusion` does, with the product of both masks as in DeepFaceLive.

    DeepFaceLive then erodes and blurs alpha as its user chooses; that is left out.
    """
    alpha = (outputs.original_mask * outputs.mask)[..., 0]
    return 255 * outputs.face, np.clip(alpha, 0, 1)


class DfmSwapper:
    """Swapper of faces in frames with a `.dfm` file, as FaceFusion does it.

    Args:
        path: The file; from a trusted source, see `dfm_check.check_dfm`.

    Attributes:
        size: Side of the whole-face crop in pixels.

    Raises:
        InputError: If ONNX Runtime is not installed.
        CheckpointError: If the file is not a valid ONNX file.
    """

    def __init__(self, path: pathlib.Path):
        check_onnx_file(path)
        try:
            onnxruntime = import_onnxruntime()
        except ImportError as error:
            raise InputError(f"onnxruntime cannot be imported ({error}); pip install 'faceswap_lib[export]'") from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        inputs = self._session.get_inputs()
        self.size, self._has_morph = int(inputs[0].shape[1]), len(inputs) > 1

    def run(self, crops: np.ndarray) -> DfmOutputs:
        """Runs the model on whole-face crops, (N, S, S, 3) uint8 BGR."""
        return DfmOutputs(*self._session.run(None, feed_model(crops, has_morph=self._has_morph)))

    def swap(self, frame: np.ndarray, face: Face) -> np.ndarray:
        """Swaps one face in a frame.

        Args:
            frame: (H, W, 3) uint8 RGB.
            face: The face to replace, in pixels of the frame.

        Returns:
            (H, W, 3) uint8 RGB, a new array.
        """
        crop, matrix = crop_whole_face(frame, face, self.size)
        crops = np.ascontiguousarray(crop[None, ..., ::-1])
        (painted,), (alpha,) = blend_fusion(crops, self.run(crops))
        height, width = frame.shape[:2]
        flags, edge = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
        painted = cv2.warpAffine(painted[..., ::-1], matrix, (width, height), flags=flags, borderMode=edge)
        alpha = cv2.warpAffine(alpha, matrix, (width, height), flags=flags)[..., None]
        return np.round(frame + alpha * (painted - frame)).clip(0, 255).astype(np.uint8)
