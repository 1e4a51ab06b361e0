"""Face recognition networks by name: dlib, VGGFace, or the user's own ONNX network."""

import pathlib
import typing
from collections.abc import Sequence

import numpy as np

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.evaluation.config import EmbedderChoice, check_embedder_file
from faceswap_lib.evaluation.onnx_embedder import OnnxEmbedder, unit_rows
from faceswap_lib.faces.alignment import EYE_DISTANCE, template_points, warp_frame
from faceswap_lib.faces.recognition import DlibEmbedder, FaceEmbedder
from faceswap_lib.faces.types import FaceCrop

IdentityBackend = typing.Literal["auto", "dlib", "vggface", "onnx"]
"""Names of the recognition networks; auto uses the first one that works."""

SQUARE_SIDE = 2.95
"""Side of VGGFace's input square, in eye distances of the template.

The authors of VGGFace2 enlarge MTCNN's box by 0.3, resize the shorter side of that crop to 256 pixels, and test on the
central 224 pixels. In the frontal crops that they publish as examples the shorter side is 3.38 eye distances of the
template (median of 21, spread 0.09), and 3.38 * 224 / 256 = 2.95. That is four fifths of our crop and shows the face
from hair to chin and a little more. Source of the crops: github.com/ox-vgg/vgg_face2, "tight_crop (used for training)".
"""

SQUARE_BELOW_EYES = 0.29
"""Distance of the center of VGGFace2's example crops below the eyes, in eye distances (median of 21, spread 0.06)."""


class VggFaceEmbedder:
    """Face embedder with VGGFace2's ResNet50 and the published weights of keras-vggface.

    An embedding has 2048 non-negative numbers and length 1. The authors publish no same-person threshold. The examples
    that keras-vggface refers to use a cosine distance of 0.5, "a common cut-off value between 0.4 and 0.6" (Brownlee,
    "How to Perform Face Recognition With VGGFace2 in Keras", 2019). For vectors of length 1 this is a Euclidean
    distance of sqrt(2 * 0.5) = 1.

    Args:
        path: The weight file; None searches the folders of keras-vggface and Keras.
        fetch: Whether to download the file if it is missing.

    Attributes:
        name: Name of the network.
        same_person: Maximum Euclidean distance of two faces of one person.

    Raises:
        InputError: If the weight file is missing or cannot be downloaded.
        CheckpointError: If the file is damaged or belongs to another network.
    """

    name = "vggface"
    same_person = 1.0

    def __init__(self, path: pathlib.Path | None = None, fetch: bool = False):
        from faceswap_lib.networks.pretrained.vggface import open_vggface

        self._network = open_vggface("resnet50", path, fetch)

    def embed(self, crops: Sequence[FaceCrop]) -> np.ndarray:
        """Computes embeddings (N, 2048) float64; see `FaceEmbedder.embed`."""
        from faceswap_lib.networks.pretrained.vggface import VERSIONS, preprocess

        _, side, _, _ = self._network.input_shape
        if not crops:
            return np.empty((0, self._network.output_shape[-1]))
        images = np.stack([cut_square(crop, side) for crop in crops])
        batches = (preprocess(images[start : start + 16], VERSIONS["resnet50"]) for start in range(0, len(crops), 16))
        return unit_rows(np.concatenate([self._network.predict_on_batch(batch) for batch in batches]))


def cut_square(crop: FaceCrop, side: int) -> np.ndarray:
    """Cuts the square that VGGFace2's training crops show out of an aligned crop.

    Args:
        crop: The aligned crop.
        side: Side of the output in pixels.

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
    """Opens a face recognition network.

    Distances of different networks are not comparable.

    Args:
        backend: `dlib`, `vggface`, `onnx`, or `auto`: the network whose file is passed, otherwise dlib, otherwise
            VGGFace if its weights are already on this machine. Nothing is downloaded.
        onnx: The file of the user's own network.
        vggface: VGGFace's weight file; None searches the usual folders.

    Returns:
        The network, with its `name` and `same_person`, its distance threshold for the same person.

    Raises:
        InputError: If the network does not work here. The message says why (for `auto`: why each network does not work)
            and what to do.
        CheckpointError: If the file of the network is damaged; `auto` does not pass over such a file.
    """
    if backend == "auto" and (onnx or vggface):
        backend = "onnx" if onnx else "vggface"
    for name, path in (("onnx", onnx), ("vggface", vggface)):
        if path and backend != name:
            raise InputError(
                f"{path}: a file for {name}, but the network asked for is {backend}; ask for {name}, or leave the file "
                "out"
            )
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


def open_by_option(name: EmbedderChoice, file: str) -> tuple[FaceEmbedder | None, str]:
    """Opens the face recognition network of the options `--embedder` and `--embedder-file`.

    Args:
        name: "auto", "dlib", "vggface", "onnx" or "none".
        file: Path of the network's file, for "onnx" and "vggface"; empty for the usual folders.

    Returns:
        The network and ""; or None and the reason, for "none", and for "auto" if no network works on this machine.

    Raises:
        InputError: If a network that was asked for does not work on this machine, or a file is given without its
            network.
        CheckpointError: If the file of the network is damaged.
    """
    check_embedder_file(name, file)
    if name == "none":
        return None, "left out by --embedder none"
    path = pathlib.Path(file) if file else None
    files = {name: path} if name in ("onnx", "vggface") else {}
    try:
        return open_identity(name, **files), ""
    except CheckpointError:
        raise
    except InputError as error:
        if name != "auto":
            raise
        return None, str(error)


def _open_first() -> FaceEmbedder:
    """Opens the first network that works here; raises `InputError` with all reasons if none does."""
    problems = []
    for opener in (DlibEmbedder, VggFaceEmbedder):
        try:
            return opener()
        except CheckpointError:  # a damaged file; another network would give other distances
            raise
        except InputError as error:
            problems.append(f"{opener.name}: {error}")
    raise InputError(
        "no face recognition network works here; " + "; ".join(problems) + "; or pass your own network as an ONNX file"
    )
