"""What DeepFaceLive and FaceFusion do with a `.dfm` file, for checks, tests and measurements.

Both programs read the size from the first input, feed the inputs by fixed names, and take the outputs by position.
FaceFusion blends with the smaller one of both masks.
"""

import pathlib
import typing

import cv2
import numpy as np

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.export.onnx_check import check_onnx_file
from faceswap_lib.export.onnx_runtime import import_onnxruntime, runtime_errors
from faceswap_lib.export.whole_face import crop_whole_face
from faceswap_lib.faces.types import Face
from faceswap_lib.networks.child_process import to_line

INPUT, MORPH = "in_face:0", "morph_value:0"
"""Names of the inputs; only models with adjustable identity have the second one."""

OUTPUTS = ("out_face_mask:0", "out_celeb_face:0", "out_celeb_face_mask:0")
"""Names of the outputs; programs read them by their position."""

GRAPH_NAME = "SAEHD"
"""Name of the graph, as in files with one identity."""

ADVICE = "export it again, and check it with 'faceswap export --check'"
"""Advice in messages about a file that cannot be read."""

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
        InputError: If ONNX Runtime is not installed, or the file is missing.
        CheckpointError: If the file is damaged, or is not such a model.
    """

    def __init__(self, path: pathlib.Path):
        if not path.is_file():
            raise InputError(f"{path}: expected a .dfm file, got no file there")
        check_onnx_file(path)
        try:
            onnxruntime = import_onnxruntime()
        except ImportError as error:
            raise InputError(f"onnxruntime cannot be imported ({error}); pip install 'faceswap_lib[export]'") from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            shapes = [tuple(entry.shape) for entry in self._session.get_inputs()]
        except runtime_errors() as error:
            reason = to_line(str(error))
            raise CheckpointError(f"{path}: expected a .dfm model; it cannot be read ({reason}); {ADVICE}") from error
        if not shapes or len(shapes[0]) != 4 or not isinstance(shapes[0][1], int):
            got = to_line(str(shapes))
            raise CheckpointError(f"{path}: expected one input of a fixed size (N, S, S, 3), got {got}; {ADVICE}")
        self.size, self._has_morph = shapes[0][1], len(shapes) > 1

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
