"""Random textures for synthetic occluders: drawn patterns, photographs inside scikit-image, and pieces of the crop."""

import functools
import pathlib
import typing

import cv2
import numpy as np

from faceswap_lib.occlusion.shapes import pixel_grid, smooth_noise

PHOTOGRAPHS = ("brick.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png", "rocket.jpg")
"""Photographs in scikit-image's folder of data; those that are not installed are not used."""

SKIN_TONES = (
    *((255, 224, 196), (241, 194, 160), (224, 172, 135), (198, 134, 97)),
    *((141, 85, 54), (92, 54, 36), (60, 36, 26)),
)
"""RGB of skin from light to dark; occluding hands have a mixture of two neighbors, or the tone of the face."""


def random_texture(random: np.random.Generator, crop: np.ndarray) -> np.ndarray:
    """Draws a random texture.

    Args:
        random: Random number generator.
        crop: (S, S, 3) uint8 RGB, from which a piece may be taken.

    Returns:
        (S, S, 3) float32 RGB, 0 to 255.
    """
    draw = TEXTURES[int(random.integers(len(TEXTURES)))]
    return np.clip(draw(random, crop), 0, 255).astype(np.float32)


def random_color(random: np.random.Generator) -> np.ndarray:
    """Draws a color, (3,) float32 RGB: gray from black to white in a third of the cases, else any color."""
    if random.random() < 1 / 3:
        return np.full(3, random.uniform(5, 250), np.float32) + random.normal(0, 4, 3).astype(np.float32)
    hue, saturation, value = random.uniform(0, 360), random.uniform(0.15, 1), random.uniform(0.1, 1)
    hsv = np.array([[[hue, saturation, value]]], np.float32)
    return 255 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]


def random_skin(random: np.random.Generator, crop: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Draws a skin color, (3,) float32 RGB: near that of the cheeks in half of the cases, else any skin tone.

    Args:
        random: Random number generator.
        crop: (S, S, 3) uint8 RGB.
        landmarks: (5, 2) x, y in pixels of the crop.
    """
    if random.random() < 0.5:
        side = crop.shape[0]
        cheeks = (landmarks[[0, 1]] + landmarks[[3, 4]]) / 2
        pieces = []
        for x, y in np.clip(np.round(cheeks), 4, side - 5).astype(int):
            pieces.append(crop[y - 4 : y + 5, x - 4 : x + 5].reshape(-1, 3))
        color = np.median(np.concatenate(pieces), axis=0)
    else:
        tones = np.array(SKIN_TONES, np.float32)
        place = random.uniform(0, len(tones) - 1.001)
        color = tones[int(place)] + (place % 1) * (tones[int(place) + 1] - tones[int(place)])
    return np.clip(color * random.uniform(0.75, 1.2) * random.normal(1, 0.03, 3), 8, 255).astype(np.float32)


@functools.cache
def _photographs() -> tuple[np.ndarray, ...]:
    """Loads the installed photographs, (256, 256, 3) uint8 each."""
    import skimage.data
    import skimage.io

    folder = pathlib.Path(skimage.data.__file__).parent
    images = []
    for path in (folder / name for name in PHOTOGRAPHS):
        if path.is_file():
            image = skimage.io.imread(path)
            image = np.dstack([image] * 3) if image.ndim == 2 else image[..., :3]
            images.append(cv2.resize(np.ascontiguousarray(image), (256, 256), interpolation=cv2.INTER_AREA))
    return tuple(images)


def _plain(random: np.random.Generator, crop: np.ndarray) -> np.ndarray:
    noise = smooth_noise(random, len(crop), 3)[..., None] * random.uniform(0, 20)
    return random_color(random) + noise


def _clouds(random: np.random.Generator, crop: np.ndarray) -> np.ndarray:
    share = smooth_noise(random, len(crop), int(random.integers(2, 12)), octaves=int(random.integers(1, 5)))
    one, other = random_color(random), random_color(random)
    return one + (0.5 + 0.5 * share[..., None]) * (other - one)


def _waves(random: np.random.Generator, size: int) -> np.ndarray:
    """Draws parallel lines with an irregular distance, (S, S) float32 in [-1, 1]."""
    x, y = pixel_grid(size)
    angle, period = random.uniform(0, np.pi), random.uniform(4, 50)
    bend = smooth_noise(random, size, 3) * random.uniform(0, 8)
    wave = np.sin(2 * np.pi * (np.cos(angle) * x + np.sin(angle) * y + bend) / period + random.uniform(0, 6))
    return np.clip(wave * random.uniform(1, 10), -1, 1)


def _stripes(random: np.random.Generator, crop: np.ndarray) -> np.ndarray:
    share = 0.5 + 0.5 * _waves(random, len(crop))[..., None]
    return random_color(random) * share + random_color(random) * (1 - share)


def _checks(random: np.random.Generator, crop: np.ndarray) -> np.ndarray:
    one, other = (0.5 + 0.5 * _waves(random, len(crop))[..., None] for _ in range(2))
    return random_color(random) * one * 0.5 + random_color(random) * other * 0.5 + random_color(random) * 0.3


def _dots(random: np.random.Generator, crop: np.ndarray) -> np.ndarray:
    x, y = pixel_grid(len(crop))
    period = random.uniform(8, 40)
    inside = np.hypot(x % period - period / 2, y % period - period / 2) < period * random.uniform(0.15, 0.4)
    return np.where(inside[..., None], random_color(random), random_color(random))


def _photograph(random: np.random.Generator, crop: np.ndarray) -> np.ndarray:
    images = _photographs()
    if not images:
        return _clouds(random, crop)
    return _vary(random, images[int(random.integers(len(images)))], len(crop))


def _piece(random: np.random.Generator, crop: np.ndarray) -> np.ndarray:
    return _vary(random, crop, len(crop))


def _vary(random: np.random.Generator, image: np.ndarray, size: int) -> np.ndarray:
    """Cuts a random piece out of an image, mirrors, turns and enlarges it, and changes its colors."""
    side = int(random.integers(len(image) // 8, len(image) // 2))
    top, left = random.integers(0, len(image) - side, 2)
    piece = np.rot90(image[top : top + side, left : left + side], int(random.integers(4)))
    piece = piece[:, ::-1] if random.random() < 0.5 else piece
    piece = cv2.resize(np.ascontiguousarray(piece), (size, size), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    mean = piece.mean(axis=(0, 1))
    tint = random_color(random) if random.random() < 0.4 else mean * random.uniform(0.5, 1.4)
    return tint + (piece - mean) * random.uniform(0.5, 1.5)


Texture = typing.Callable[[np.random.Generator, np.ndarray], np.ndarray]

TEXTURES: tuple[Texture, ...] = (_plain, _plain, _clouds, _clouds, _stripes, _checks, _dots, _photograph, _piece)
"""Kinds of textures; the frequent ones are listed twice."""
