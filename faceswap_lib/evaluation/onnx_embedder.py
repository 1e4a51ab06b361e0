"""Face embeddings from the user's own face recognition network in ONNX format, for example ArcFace.

Source: Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019, for the alignment and the
range of the pixels, which most networks since have kept.
"""

import pathlib
from collections.abc import Sequence

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.export.onnx_image_network import OnnxImageNetwork, try_open
from faceswap_lib.faces.alignment import similarity_transform, warp_frame
from faceswap_lib.faces.types import FaceCrop

ARCFACE_SIDE = 112
"""Input side of ArcFace in pixels."""

ARCFACE_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""(5, 2) x, y of the eyes, the nose tip and the mouth corners in ArcFace's input."""

ARCFACE_SAME_PERSON = 1.2
"""Maximum Euclidean distance of two faces of one person: sqrt(2 - 2 * 0.28), for the cosine similarity of 0.28 above
which insightface's example says that two faces "ARE the same person"."""

MOST_NUMBERS = 100_000
"""Maximum length of an embedding; most networks return 512 numbers."""


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
        self._path = path
        self._network = OnnxImageNetwork(
            path,
            what="a recognition network",
            default_side=ARCFACE_SIDE,
            mean=mean,
            scale=scale,
            trial=try_network if is_tried else None,
        )
        side = self._network.side
        self._length = self._run(np.full((1, side, side, 3), 128, np.uint8)).shape[1]

    def embed(self, crops: Sequence[FaceCrop]) -> np.ndarray:
        """Computes embeddings (N, D) float64; see `FaceEmbedder.embed`."""
        if not crops:
            return np.empty((0, self._length))
        return unit_rows(self._run(np.stack([align_like_arcface(crop, self._network.side) for crop in crops])))

    def _run(self, images: np.ndarray) -> np.ndarray:
        """Runs the network on images (N, S, S, 3) uint8 and returns its outputs (N, D)."""
        rows = []
        for answer, size, count in self._network.run(images):
            if answer.size > MOST_NUMBERS * size:
                raise InputError(
                    f"{self._path}: expected at most {MOST_NUMBERS} numbers for a face, got {answer.shape}"
                )
            if len(answer) != size or not np.isfinite(answer).all():
                raise InputError(f"{self._path}: expected finite numbers for {size} faces, got {answer.shape}")
            rows.append(answer.reshape(size, -1)[:count])
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
    """Opens a recognition network and runs it once; for `child_process.run_child`. `folder` is not used."""
    try_open(OnnxEmbedder, file)
