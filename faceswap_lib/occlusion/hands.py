"""Synthetic hands: a forearm, a palm and five fingers of capsules, with round shading, knuckle lines and nails."""

import numpy as np

from faceswap_lib.occlusion.scene import Scene
from faceswap_lib.occlusion.shapes import (
    Layer,
    draw_capsule,
    ellipse_points,
    fill_polygon,
    rotation,
    shade_round,
    smooth_noise,
)
from faceswap_lib.occlusion.textures import random_color, random_skin

FINGERS = ((-0.46, 0.92), (-0.16, 1.06), (0.16, 1.0), (0.44, 0.8))
"""Root of each finger across the palm, and its length, in eye distances."""

PHALANGES = (0.44, 0.3, 0.26)
"""Lengths of the three parts of a finger as shares of the finger."""


def draw_hand(random: np.random.Generator, scene: Scene) -> Layer:
    """Draws a hand that reaches into the face from a random side, open, closed, or with some fingers bent."""
    unit = scene.unit * random.uniform(0.8, 1.25)
    toward = random.uniform(0, 2 * np.pi)  # direction of the fingers
    tip = scene.pick_target(random)
    forward = np.array([np.cos(toward), np.sin(toward)])
    palm = tip - forward * unit * random.uniform(0.1, 1.6)
    turn = rotation(toward + np.pi / 2)  # maps the hand's own axes, fingers up, to the image
    skin, light = random_skin(random, scene.crop, scene.landmarks), random.uniform(-0.8, 0.8)
    layer = Layer.empty(scene.size)

    def place(right: float, up: float) -> np.ndarray:
        return palm + turn @ (np.array([right, -up]) * unit)

    sleeve = random_color(random) if random.random() < 0.5 else skin
    _draw_limb(layer, place(0, -0.7), place(random.uniform(-1, 1), -4.5), (0.42 * unit, 0.65 * unit), skin, light)
    if sleeve is not skin:
        _draw_limb(layer, place(0, -1.3), place(0, -4.5), (0.6 * unit, 0.9 * unit), sleeve, light)
    mirror = random.choice([-1.0, 1.0])
    outline = ellipse_points(palm, (0.66 * unit, 0.68 * unit), toward + np.pi / 2, power=3.0)
    shade = 0.9 + 0.1 * smooth_noise(random, scene.size, 5)[..., None]
    layer.paint(skin * shade, fill_polygon(outline, scene.size))
    spread, is_back = random.uniform(0.0, 0.32), random.random() < 0.6
    bent = random.uniform(0, 0.5) if random.random() < 0.7 else random.uniform(0.5, 1.2)
    for index in random.permutation(len(FINGERS)):
        root, length = FINGERS[index]
        folded = random.random() < 0.15
        angle = mirror * root * spread * 2.2 + random.normal(0, 0.05)
        _draw_finger(
            layer,
            random,
            place(mirror * root, 0.55),
            toward + angle,
            (length * (0.45 if folded else 1.0) * unit, 0.15 * unit * random.uniform(0.9, 1.1)),
            random.normal(0, 0.15) * bent,
            skin * random.uniform(0.94, 1.04),
            light,
            is_back,
        )
    thumb = toward + mirror * random.uniform(0.3, 1.1)
    _draw_finger(
        layer, random, place(mirror * 0.5, -0.15), thumb, (0.95 * unit, 0.18 * unit), 0.1, skin, light, is_back
    )
    return layer


def _draw_limb(
    layer: Layer, start: np.ndarray, stop: np.ndarray, radii: tuple[float, float], color: np.ndarray, light: float
) -> None:
    """Draws a forearm or a sleeve."""
    part = draw_capsule(start, stop, radii, len(layer.alpha))
    layer.paint(color * shade_round(part.across, light)[..., None], part.alpha, part.box)


def _draw_finger(
    layer: Layer,
    random: np.random.Generator,
    root: np.ndarray,
    angle: float,
    length_and_radius: tuple[float, float],
    bend: float,
    skin: np.ndarray,
    light: float,
    is_back: bool,
) -> None:
    """Draws a finger: three capsules with lines at the joints, and a nail on the back of the hand."""
    length, radius = length_and_radius
    start, tone = root, skin
    for number, share in enumerate(PHALANGES):
        direction = np.array([np.cos(angle), np.sin(angle)])
        stop = start + direction * length * share
        radii = (radius * (1 - 0.08 * number), radius * (1 - 0.08 * (number + 1)))
        part = draw_capsule(start, stop, radii, len(layer.alpha))
        brightness = shade_round(part.across, light, ambient=0.5)
        if number:
            for offset in (-0.3, 0.0, 0.3):
                from_joint = part.along * length * share - (0.35 + offset) * radius
                brightness = brightness * (1 - 0.12 * np.exp(-((from_joint / (0.07 * radius + 0.5)) ** 2)))
        warm = np.array([1.0, 1 - 0.03 * number, 1 - 0.04 * number], np.float32)  # finger tips are redder
        layer.paint(tone * warm * brightness[..., None], part.alpha, part.box)
        start, angle = stop, angle + bend
    if is_back:
        tip = start - np.array([np.cos(angle), np.sin(angle)]) * radius * 0.1
        nail = fill_polygon(ellipse_points(tip, (0.75 * radius, 0.55 * radius), angle, power=2.6), len(layer.alpha))
        layer.paint(np.clip(skin * 1.12 + [14, 4, 6], 0, 255), 0.7 * nail * (layer.alpha > 0.9))
