"""How much of each face is covered, by the occlusion masks on disk."""

import concurrent.futures

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces import CROP_SIZE
from faceswap_lib.faces.hull import face_hull
from faceswap_lib.facesets.faceset import Faceset

SIDE = 128
"""Side in pixels at which masks are compared with the face."""


def measure_occluded(faceset: Faceset) -> np.ndarray:
    """Measures the fraction of each face that something covers.

    Args:
        faceset: The faceset.

    Returns:
        (N,) float64, 0 to 1; NaN for crops without an occlusion mask.

    Raises:
        InputError: If there are no occlusion masks.
    """
    masks = faceset.occlusion
    if masks is None or not masks.exist():
        raise InputError(
            f"occluded: expected occlusion masks of {faceset.folder}, got none; run 'faceswap mask --train' first"
        )

    def measure(index: int) -> float:
        record = faceset.records[index]
        if not masks.is_of(record):
            return float("nan")
        face = face_hull(record.landmarks_in_crop() * SIDE / CROP_SIZE, SIDE) > 127
        return float(np.mean(masks.read(record, SIDE)[face] < 128)) if face.any() else float("nan")

    with concurrent.futures.ThreadPoolExecutor() as pool:
        return np.array(list(pool.map(measure, range(len(faceset)))))
