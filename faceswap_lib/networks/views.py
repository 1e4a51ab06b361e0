"""What the networks read and write, to and from pixels: the border between uint8 pictures and floats."""

import numpy as np

from faceswap_lib.faces.tone import face_tone, from_standard_tone, to_standard_tone


def to_network(views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turns views into what the encoder reads: standard tone, everything but the face taken out.

    Args:
        views: (B, R, R, 3) uint8 RGB.
        faces: (B, R, R) uint8, 255 inside the face.

    Returns:
        (B, R, R, 3) float32 in [-1, 1] and the tones (B, 2, 3) that `to_pixels` needs to go back.
    """
    tones = np.stack([face_tone(view, face) for view, face in zip(views, faces, strict=True)])
    standard = np.clip(to_standard_tone(views.astype(np.float32), tones), -1, 1)
    return standard * (faces[..., None].astype(np.float32) / 255), tones


def to_pixels(raw: np.ndarray, tones: np.ndarray) -> np.ndarray:
    """Turns what a decoder wrote, (B, R, R, 3) in [-1, 1], into uint8 RGB in the tone of the views it was made from."""
    return np.clip(np.round(from_standard_tone(raw, tones)), 0, 255).astype(np.uint8)
