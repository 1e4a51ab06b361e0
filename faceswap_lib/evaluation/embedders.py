"""Networks that say who a face is, by name: dlib's, VGGFace, or the user's own in ONNX."""

import pathlib
import typing
from collections.abc import Sequence

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.evaluation.onnx_embedder import OnnxEmbedder, unit_rows
from faceswap_lib.faces.alignment import EYE_DISTANCE, template_points, warp_frame
from faceswap_lib.faces.recognition import DlibEmbedder, FaceEmbedder
from faceswap_lib.faces.types import FaceCrop

IdentityBackend = typing.Literal["auto", "dlib", "vggface", "onnx"]

SQUARE_SIDE = 2.95
"""Side of the square that VGGFace is shown, in eye distances of the template.

VGGFace2's makers enlarge MTCNN's box by 0.3, bring the shorter side of what they cut out to 256 pixels, and test on the
central 224. In the frontal ones of the crops that they publish as examples, that side is 3.38 eye distances of the
template long (median of 21, spread 0.09), and 3.38 * 224 / 256 = 2.95: four fifths of our crop, from hair to chin
and a little more. Source of the crops: github.com/ox-vgg/vgg_face2, "tight_crop (used for training)".
"""

SQUARE_BELOW_EYES = 0.29
"""How far the center of those crops lies below the eyes, in eye distances (median of the same 21, spread 0.06)."""


class VggFaceEmbedder:
    """VGGFace2's ResNet50 by the published weights of keras-vggface: 2048 numbers, at least 0, of length 1.

    Its makers give no line between people. The examples that keras-vggface points to take a cosine distance of 0.5,
    "a common cut-off value between 0.4 and 0.6" (Brownlee, "How to Perform Face Recognition With VGGFace2 in Keras",
    2019), which for vectors of length 1 is a Euclidean distance of sqrt(2 * 0.5) = 1.

    Args:
        path: The weight file; otherwise it is looked for where keras-vggface and Keras keep it.
        fetch: Whether to fetch the file when it is nowhere.

    Raises:
        InputError: If there is no weight file, or it cannot be fetched.
        CheckpointError: If the file is damaged or of another network.
    """

    name = "vggface"
    same_person = 1.0

    def __init__(self, path: pathlib.Path | None = None, fetch: bool = False):
        from faceswap_lib.networks.pretrained.vggface import open_vggface

        self._network = open_vggface("resnet50", path, fetch)

    def embed(self, crops: Sequence[FaceCrop]) -> np.ndarray:
        """Gives (N, 2048) float64; see `FaceEmbedder.embed`."""
        from faceswap_lib.networks.pretrained.vggface import VERSIONS, preprocess

        _, side, _, _ = self._network.input_shape
        if not crops:
            return np.empty((0, self._network.output_shape[-1]))
        pictures = np.stack([cut_square(crop, side) for crop in crops])
        batches = (preprocess(pictures[start : start + 16], VERSIONS["resnet50"]) for start in range(0, len(crops), 16))
        return unit_rows(np.concatenate([self._network.predict_on_batch(batch) for batch in batches]))


def cut_square(crop: FaceCrop, side: int) -> np.ndarray:
    """Cuts out of a crop what VGGFace2's makers would have cut out of its frame.

    Args:
        crop: The crop.
        side: Side of the picture in pixels.

    Returns:
        (side, side, 3) uint8 RGB.
    """
    size = len(crop.image)
    unit = EYE_DISTANCE * size
    center = template_points(size)[:2].mean(0) + [0.0, SQUARE_BELOW_EYES * unit]
    scale = side / (SQUARE_SIDE * unit)
    shift = (side - 1) / 2 - scale * center
    return warp_frame(crop.image, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), side)


def open_identity(
    backend: IdentityBackend = "auto", onnx: pathlib.Path | None = None, vggface: pathlib.Path | None = None
) -> FaceEmbedder:
    """Opens a network that says who a face is.

    Distances of different networks do not compare; `name` says which one it is, `same_person` where its line lies.

    Args:
        backend: `dlib`, `vggface`, `onnx`, or `auto`: the one whose file is named, otherwise dlib, otherwise VGGFace
            where its weights already lie on this machine. Nothing is fetched.
        onnx: The file of the user's own network.
        vggface: VGGFace's weight file, where it does not lie in a usual place.

    Returns:
        The network.

    Raises:
        InputError: If it does not work here; the message says why, for `auto` of each, and what to do.
    """
    if backend == "auto" and (onnx or vggface):
        backend = "onnx" if onnx else "vggface"
    for name, path in (("onnx", onnx), ("vggface", vggface)):
        if path and backend != name:
            raise InputError(f"{path}: a file for {name}, but the network asked for is {backend}")
    if backend == "auto":
        return _open_first()
    if backend == "onnx":
        if onnx is None:
            raise InputError("onnx: expected the file of a recognition network, got none")
        return OnnxEmbedder(onnx)
    openers = {"dlib": DlibEmbedder, "vggface": lambda: VggFaceEmbedder(vggface)}
    if backend not in openers:
        raise InputError(f"identity: expected auto, dlib, vggface or onnx, got {backend!r}")
    return openers[backend]()


def _open_first() -> FaceEmbedder:
    lacks = []
    for opener in (DlibEmbedder, VggFaceEmbedder):
        try:
            return opener()
        except InputError as error:
            lacks.append(f"{opener.name}: {error}")
    raise InputError(
        "no network that tells people apart works here; " + "; ".join(lacks) + "; or name an ONNX file of your own"
    )
