"""An average face's 68 landmarks in a crop, for tests that have no landmark network."""

import numpy as np

from faceswap_lib.faces.alignment import EYE_DISTANCE, VIEW_CENTER_BELOW_EYES
from faceswap_lib.faces.mean_face import MEAN_FACE_68

__all__ = ["MEAN_FACE_68", "template_points_68"]


def template_points_68(size: int) -> np.ndarray:
    """Where the 68 points of an average face lie in a crop, (68, 2) x, y in its pixels."""
    return (MEAN_FACE_68 - [0.0, VIEW_CENTER_BELOW_EYES]) * EYE_DISTANCE * size + (size - 1) / 2
