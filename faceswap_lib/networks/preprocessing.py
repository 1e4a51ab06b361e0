"""What the networks read and write, to and from pixels: the border between uint8 pictures and floats."""

import numpy as np

from faceswap_lib.faces.color_normalization import NEUTRAL_TONE, color_statistics, denormalize_color, normalize_color
from faceswap_lib.networks.config import InputMode


def preprocess_views(
    views: np.ndarray, faces: np.ndarray, input_mode: InputMode = "masked"
) -> tuple[np.ndarray, np.ndarray]:
    """Turns views into what the encoder reads.

    Args:
        views: (B, R, R, 3) uint8 RGB.
        faces: (B, R, R) uint8, 255 inside the face.
        input_mode: "masked": colors normalized, everything but the face set to 0; "full": the whole view as it is.

    Returns:
        (B, R, R, 3) float32 in [-1, 1] and the tones (B, 2, 3) that `postprocess_faces` needs to go back.
    """
    if input_mode == "full":
        tones = np.repeat(NEUTRAL_TONE[None], len(views), axis=0)
        return normalize_color(views.astype(np.float32), tones), tones
    tones = np.stack([color_statistics(view, face) for view, face in zip(views, faces, strict=True)])
    standard = np.clip(normalize_color(views.astype(np.float32), tones), -1, 1)
    return standard * (faces[..., None].astype(np.float32) / 255), tones


def postprocess_faces(raw: np.ndarray, tones: np.ndarray) -> np.ndarray:
    """Turns what a decoder wrote, (B, R, R, 3) in [-1, 1], into uint8 RGB in the tone of the views it was made from."""
    return np.clip(np.round(denormalize_color(raw, tones)), 0, 255).astype(np.uint8)
