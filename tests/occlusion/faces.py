"""Faces of plain colors, and predictors that need no training, for tests of occlusion."""

import numpy as np

from faceswap_lib.faces.alignment import template_points
from faceswap_lib.faces.masks import face_mask
from faceswap_lib.occlusion.scene import Scene

SKIN = (200, 150, 120)


def plain_scene(size: int = 256, color: tuple[int, int, int] = SKIN) -> Scene:
    """A face of one color on a darker background."""
    landmarks = template_points(size)
    region = face_mask(landmarks, size, softness=0.02).astype(np.float32) / 255
    crop = np.where(region[..., None] > 0.5, np.array(color), 60).astype(np.uint8)
    return Scene(crop=crop, landmarks=landmarks, region=region)


class ColorPredictor:
    """Takes for covered what is more blue than red."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        return (images[..., 0] >= images[..., 2]).astype(np.float32)
