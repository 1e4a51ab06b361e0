"""Conversion between uint8 images and the float inputs and outputs of the networks."""

import numpy as np

from faceswap_lib.faces.color_normalization import NEUTRAL_TONE, color_statistics, denormalize_color, normalize_color
from faceswap_lib.networks.config import InputMode


def preprocess_views(
    views: np.ndarray, faces: np.ndarray, input_mode: InputMode = "masked"
) -> tuple[np.ndarray, np.ndarray]:
    """Converts views to the input of the encoder.

    Args:
        views: (B, R, R, 3) uint8 RGB.
        faces: (B, R, R) uint8 masks, 255 inside the face.
        input_mode: "masked": normalizes the colors and sets all pixels outside the face to 0. "full": uses the whole
            view with its own colors.

    Returns:
        (B, R, R, 3) float32 in [-1, 1], and the tones (B, 2, 3) float32, 0 to 255: the color mean and standard
        deviation, which `postprocess_faces` needs to restore the colors.
    """
    if input_mode == "full":
        tones = np.repeat(NEUTRAL_TONE[None], len(views), axis=0)
        return normalize_color(views.astype(np.float32), tones), tones
    tones = np.stack([color_statistics(view, face) for view, face in zip(views, faces, strict=True)])
    standard = np.clip(normalize_color(views.astype(np.float32), tones), -1, 1)
    return standard * (faces[..., None].astype(np.float32) / 255), tones


def postprocess_faces(raw: np.ndarray, tones: np.ndarray) -> np.ndarray:
    """Converts the output of a decoder to images with the colors of the input views.

    Args:
        raw: (B, R, R, 3) float32 in [-1, 1], output of a decoder.
        tones: (B, 2, 3) float32, from `preprocess_views`.

    Returns:
        (B, R, R, 3) uint8 RGB.
    """
    return np.clip(np.round(denormalize_color(raw, tones)), 0, 255).astype(np.uint8)
