"""Color normalization of a face, and its inverse.

Two people filmed in different light differ first of all in the mean and the standard deviation of their colors. The
networks never see this difference: every face is normalized to the same mean and standard deviation before they read
it, and their output is denormalized with the statistics of the input face. So a swapped face starts with the lighting
of its frame.
Source: the statistics of Reinhard et al., "Color Transfer between Images", 2001, in RGB.

The standard deviations of the three channels depend on who was filmed: black hair and brown skin differ more in red
than in blue. With the ratios of the input face, black brows above another complexion become blue. `restore_colors`
therefore takes the ratios from the person whose face was generated.
"""

import numpy as np

SPREAD = 0.35
"""Standard deviation of every channel in the networks' range [-1, 1]; the mean is 0."""

NEUTRAL_TONE = np.array([[127.5] * 3, [127.5 * SPREAD] * 3], np.float32)
"""Color statistics with which the normalization only maps the range 0 to 255 to -1 to 1."""

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in the brightness of a color, from ITU-R BT.601."""

DARKEST = 1.0
"""Gray levels added to both sides of a ratio of brightnesses, so that black causes no division by 0."""


def color_statistics(image: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Computes the color statistics of a face.

    Args:
        image: (S, S, 3) uint8 RGB.
        face: (S, S) uint8 mask, 255 inside the face.

    Returns:
        (2, 3) float32: mean and standard deviation of each channel, 0 to 255; the standard deviation is at least 1.
        They are 127.5 and 64 if the mask is empty.
    """
    inside = image[face > 127].astype(np.float32)
    if not len(inside):
        return np.array([[127.5] * 3, [64.0] * 3], np.float32)
    return np.stack([inside.mean(0), np.maximum(inside.std(0), 1.0)])


def normalize_color(pictures, tones):
    """Normalizes images to mean 0 and standard deviation `SPREAD`.

    Args:
        pictures: (B, S, S, 3), 0 to 255; NumPy array or tensor.
        tones: (B, 2, 3) from `color_statistics`.

    Returns:
        (B, S, S, 3) floats, inside the face mostly in [-1, 1].
    """
    mean, deviation = tones[:, 0, None, None], tones[:, 1, None, None]
    return (pictures - mean) * (SPREAD / deviation)


def denormalize_color(pictures, tones):
    """Inverts `normalize_color`.

    Args:
        pictures: (B, S, S, 3) floats from `normalize_color`; NumPy array or tensor.
        tones: (B, 2, 3), the same as for `normalize_color`.

    Returns:
        (B, S, S, 3), 0 to 255, not clipped.
    """
    mean, deviation = tones[:, 0, None, None], tones[:, 1, None, None]
    return pictures * (deviation / SPREAD) + mean


def measure_color_spread(pictures: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Measures how much each color channel varies in a person's faces.

    Args:
        pictures: (N, R, R, 3) uint8 RGB views.
        faces: (N, R, R) uint8, 255 inside the face of each view.

    Returns:
        (3,) float32, coefficient of variation of each channel (standard deviation divided by mean), as the median over
        the faces.
    """
    tones = np.stack([color_statistics(picture, face) for picture, face in zip(pictures, faces, strict=True)])
    return np.median(tones[:, 1] / np.maximum(tones[:, 0], 1), axis=0).astype(np.float32)


def restore_colors(raw: np.ndarray, tones: np.ndarray, color_spread: np.ndarray, factor: float) -> np.ndarray:
    """Denormalizes generated faces to the mean color and the contrast of other faces, but keeps their own hues.

    A contrast below the own one makes all colors more like the mean, as a veil of light does. A higher one only
    changes brightness: with an addend for each channel, dark colors would get a tint.

    Args:
        raw: (B, R, R, 3) float32 faces, normalized as by `normalize_color`.
        tones: (B, 2, 3) tones of the other faces, from `color_statistics`.
        color_spread: (3,) of the generated person, from `measure_color_spread`.
        factor: Factor of the contrast.

    Returns:
        (B, R, R, 3) float32, 0 or more.
    """
    mean, deviation = tones[:, 0], tones[:, 1]
    own = mean * color_spread
    gain = factor * (deviation @ LUMA) / (own @ LUMA)  # (B,)
    softer, stronger = np.minimum(gain, 1)[:, None], np.maximum(gain, 1)[:, None, None, None]
    faces = np.maximum(denormalize_color(raw, np.stack([mean, softer * own], axis=1)), 0)
    middle, brightness = (mean @ LUMA)[:, None, None, None], (faces @ LUMA)[..., None]
    wanted = np.maximum(middle + stronger * (brightness - middle), 0)
    return faces * ((wanted + DARKEST) / (brightness + DARKEST))
