"""Visible pixels of the faces in a frame: what covers a face stays in the picture."""

import typing

import cv2
import numpy as np

from faceswap_lib.conversion.compositor import PAINT_SIZE
from faceswap_lib.faces import CROP_SIZE, Face, align_face, view_matrix
from faceswap_lib.occlusion.masks import clean_mask, soften_mask
from faceswap_lib.occlusion.network import OcclusionPredictor


def find_visible(
    faces: typing.Sequence[tuple[np.ndarray, Face]], network: OcclusionPredictor | None, coverage: float
) -> list[np.ndarray | None]:
    """Finds the visible pixels of faces, all in one call of the network.

    Args:
        faces: Frames, (H, W, 3) uint8 RGB, each with one face in it.
        network: The occlusion network; None without occlusion.
        coverage: Side of the view as a fraction of the crop's side.

    Returns:
        For each face a mask (S, S) float32 in [0, 1] of its view of side `PAINT_SIZE`, 1 where the face is visible,
        with a soft border; None without a network.
    """
    if network is None or not faces:
        return [None] * len(faces)
    crops = np.stack([align_face(frame, face).image for frame, face in faces])
    return [_to_view(soften_mask(clean_mask(mask)), coverage) for mask in network.predict(crops)]


def hide_covered(region: np.ndarray, visible: np.ndarray | None) -> np.ndarray:
    """Removes the covered pixels from a mask of a view.

    Args:
        region: (R, R) uint8, 255 inside the face.
        visible: (S, S) float32 in [0, 1], as from `find_visible`; None changes nothing.

    Returns:
        (R, R) uint8.
    """
    if visible is None:
        return region
    small = cv2.resize(visible, region.shape[::-1], interpolation=cv2.INTER_AREA)
    return np.round(region * small).astype(np.uint8)


def _to_view(mask: np.ndarray, coverage: float) -> np.ndarray:
    """Cuts the view out of the mask of a crop; side `PAINT_SIZE`."""
    matrix = view_matrix(np.eye(2, 3), CROP_SIZE, PAINT_SIZE, coverage)
    size = (PAINT_SIZE, PAINT_SIZE)
    return np.clip(cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), 0, 1)
