"""Synthetic occlusion: draws objects over aligned faces, so that it is known exactly which pixels they cover.

No labels are needed. An occluder is lit, may be out of focus or blurred by motion, and casts a soft shadow. The shadow
belongs to the face: only what covers the face is occluded.
"""

import dataclasses
import typing
from typing import Literal, get_args

import cv2
import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.occlusion.hands import draw_hand
from faceswap_lib.occlusion.objects import (
    draw_ball,
    draw_cup,
    draw_microphone,
    draw_paper,
    draw_phone,
    draw_scarf,
    draw_shape,
)
from faceswap_lib.occlusion.scene import Drawer, Scene
from faceswap_lib.occlusion.shapes import Layer, pixel_grid
from faceswap_lib.occlusion.thin import draw_glasses, draw_hair, draw_stick, draw_sunglasses

# fmt: off
Kind = Literal[
    "hand", "cup", "ball", "microphone", "phone", "paper", "scarf", "stick", "shape", "hair", "glasses", "sunglasses"
]
# fmt: on
"""Kinds of occluders."""

DRAWERS: dict[str, Drawer] = {
    "hand": draw_hand,
    "cup": draw_cup,
    "ball": draw_ball,
    "microphone": draw_microphone,
    "phone": draw_phone,
    "paper": draw_paper,
    "scarf": draw_scarf,
    "stick": draw_stick,
    "shape": draw_shape,
    "hair": draw_hair,
    "glasses": draw_glasses,
    "sunglasses": draw_sunglasses,
}
"""How each kind is drawn."""

FREQUENT = {"hand": 2, "shape": 2}
"""Kinds that are drawn more often than the others: the most frequent one in videos, and the most varied one."""

CLEAN, TWO = 0.15, 0.25
"""Share of the faces without an occluder, and of those with two."""

TRIES = 8
"""Places that are tried until an occluder covers a part of the face."""

LEAST_COVERED, MOST_COVERED = 0.01, 0.75
"""Share of the face that an occluder may cover."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Occluded:
    """A face with synthetic occluders.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        visible: (S, S) float32 in [0, 1], 1 where no occluder covers the picture, inside and outside of the face.
        kinds: The kinds of its occluders.
    """

    image: np.ndarray
    visible: np.ndarray
    kinds: tuple[Kind, ...]


def check_kinds(kinds: typing.Sequence[str]) -> None:
    """Checks that there is at least one kind, and that all kinds are known.

    Raises:
        InputError: If not.
    """
    known = get_args(Kind)
    if wrong := [kind for kind in kinds if kind not in known]:
        raise InputError(f"kinds: expected {', '.join(known)}, got {wrong[0]!r:.40}")
    if not kinds:
        raise InputError(f"kinds: expected at least one of {', '.join(known)}, got nothing")


def occlude(random: np.random.Generator, scene: Scene, kinds: typing.Sequence[Kind]) -> Occluded:
    """Draws no, one or two random occluders over a face.

    Args:
        random: Random number generator.
        scene: The face.
        kinds: Kinds to choose from.

    Returns:
        The picture and its visible pixels.
    """
    image, visible = scene.crop, np.ones((scene.size, scene.size), np.float32)
    count = int(random.choice(3, p=[CLEAN, 1 - CLEAN - TWO, TWO]))
    shares = np.array([FREQUENT.get(kind, 1) for kind in kinds], float)
    used: tuple[Kind, ...] = tuple(
        kinds[int(index)] for index in random.choice(len(kinds), count, p=shares / shares.sum())
    )
    for kind in used:
        layer = draw_occluder(random, dataclasses.replace(scene, crop=image), kind)
        image, visible = put_over(random, image, layer), visible * (1 - layer.alpha)
    return Occluded(image=image, visible=visible, kinds=used)


def draw_occluder(random: np.random.Generator, scene: Scene, kind: Kind) -> Layer:
    """Draws an occluder that covers a part of the face, with its light and its blur.

    Args:
        random: Random number generator.
        scene: The face.
        kind: Kind of the occluder.

    Returns:
        The occluder. It may cover less or more of the face than intended if `TRIES` places did not suit.
    """
    area = max(float(scene.region.sum()), 1.0)
    layer = Layer.empty(scene.size)
    for _ in range(TRIES):
        layer = DRAWERS[kind](random, scene)
        if LEAST_COVERED <= float((layer.alpha * scene.region).sum()) / area <= MOST_COVERED:
            break
    return _blur(random, _light(random, scene, layer))


def put_over(random: np.random.Generator, image: np.ndarray, layer: Layer) -> np.ndarray:
    """Composites an occluder over an image, with a drop shadow in half of the cases.

    Args:
        random: Random number generator.
        image: (S, S, 3) uint8 RGB.
        layer: The occluder.

    Returns:
        (S, S, 3) uint8 RGB: `layer.color` where its alpha is 1.
    """
    below = image.astype(np.float32)
    if random.random() < 0.5:
        size = len(image)
        shift = np.array([[1, 0, random.normal(0, 0.04 * size)], [0, 1, random.normal(0, 0.04 * size)]])
        shadow = cv2.warpAffine(layer.alpha, shift, (size, size), borderMode=cv2.BORDER_REPLICATE)
        shadow = cv2.GaussianBlur(shadow, (0, 0), random.uniform(0.01, 0.06) * size)
        below *= 1 - np.float32(random.uniform(0.1, 0.6)) * shadow[..., None]
    below += layer.alpha[..., None] * (layer.color - below)
    return np.round(below, out=below).astype(np.uint8)


def _light(random: np.random.Generator, scene: Scene, layer: Layer) -> Layer:
    """Lights an occluder from a random direction, brings it near the brightness of the picture, and adds grain."""
    x, y = pixel_grid(scene.size)
    angle = random.uniform(0, 2 * np.pi)
    across = x * np.float32(np.cos(angle) / scene.size) + y * np.float32(np.sin(angle) / scene.size)
    brightness = 1 + random.uniform(0, 0.5) * (across - across.mean())
    if random.random() < 0.5:
        brightness *= np.float32(np.clip(scene.crop.mean() / 110, 0.4, 1.3))
    grain = random.spawn(1)[0].standard_normal((scene.size, scene.size), np.float32) * random.uniform(0, 5)
    color = layer.color.astype(np.float32) * brightness[..., None] + grain[..., None]
    return dataclasses.replace(layer, color=np.clip(color, 0, 255, out=color))


def _blur(random: np.random.Generator, layer: Layer) -> Layer:
    """Blurs color and alpha of an occluder: always a little, sometimes out of focus, sometimes by motion."""
    size = len(layer.alpha)
    sigma = random.uniform(0.3, 1.0) if random.random() < 0.7 else random.uniform(1.0, 3.5)
    painted = np.empty((size, size, 4), np.float32)
    np.multiply(layer.color, layer.alpha[..., None], out=painted[..., :3])
    painted[..., 3] = layer.alpha
    painted = cv2.GaussianBlur(painted, (0, 0), sigma)
    if random.random() < 0.2:
        length = int(random.integers(3, size // 16)) | 1
        kernel = np.zeros((length, length), np.float32)
        middle, angle = length // 2, random.uniform(0, np.pi)
        reach = middle * np.array([np.cos(angle), np.sin(angle)])
        ends = [tuple(int(v) for v in np.round(middle + sign * reach)) for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0)
        painted = cv2.filter2D(painted, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    alpha = np.clip(painted[..., 3], 0, 1)
    alpha = np.where(alpha > 0.999, np.float32(1), np.where(alpha < 0.004, np.float32(0), alpha))
    color = painted[..., :3] / np.maximum(painted[..., 3:], 1e-3)
    return Layer(color=np.clip(color, 0, 255), alpha=alpha)
