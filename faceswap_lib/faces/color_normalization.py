"""Taking the overall color out of a face and putting it back.

Two people filmed in different light differ first of all in the mean and the spread of their colors. The networks
never see that: every face is brought to the same mean and spread before they read it, and what they write is brought
back with the numbers of the face that was read. So a swapped face starts out in the light of its frame.
Source: the statistics of Reinhard et al., "Color Transfer between Images", 2001, in RGB.
"""

import numpy as np

SPREAD = 0.35
"""Standard deviation that every channel has in the networks' [-1, 1]; the mean is 0."""


NEUTRAL_TONE = np.array([[127.5] * 3, [127.5 * SPREAD] * 3], np.float32)
"""The tone that leads from 0 to 255 to -1 to 1 and nothing else."""


def color_statistics(image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Measures the colors of a face.

    Args:
        image: (S, S, 3) uint8 RGB.
        face: (S, S) uint8 mask, 255 inside the face.

    Returns:
        (2, 3) float32: mean and standard deviation of each channel, 0 to 255, the latter at least 1.
    """
    inside = image[face > 127].astype(np.float32)
    if not len(inside):
        return np.array([[127.5] * 3, [64.0] * 3], np.float32)
    return np.stack([inside.mean(0), np.maximum(inside.std(0), 1.0)])


def normalize_color(pictures, tones):
    """Brings pictures to mean 0 and spread `SPREAD`.

    Args:
        pictures: (B, S, S, 3), 0 to 255; NumPy array or tensor.
        tones: (B, 2, 3) as `color_statistics` gives.

    Returns:
        (B, S, S, 3) floats, inside the face mostly in [-1, 1].
    """
    mean, deviation = tones[:, 0, None, None], tones[:, 1, None, None]
    return (pictures - mean) * (SPREAD / deviation)


def denormalize_color(pictures, tones):
    """The inverse of `normalize_color`: (B, S, S, 3), 0 to 255, not clipped."""
    mean, deviation = tones[:, 0, None, None], tones[:, 1, None, None]
    return pictures * (deviation / SPREAD) + mean
