"""Synthetic thin occluders: glasses, sunglasses, strands of hair, and sticks such as pens, spoons and straws."""

import numpy as np

from faceswap_lib.occlusion.scene import Scene
from faceswap_lib.occlusion.shapes import (
    Layer,
    draw_capsule,
    draw_line,
    ellipse_points,
    fill_polygon,
    shade_round,
    smooth_noise,
)
from faceswap_lib.occlusion.textures import random_color, random_skin, random_texture


def draw_glasses(random: np.random.Generator, scene: Scene) -> Layer:
    """Draws the frame of glasses; the glass itself is clear."""
    layer = Layer.empty(scene.size)
    _draw_frame(random, scene, layer, _lenses(random, scene))
    return layer


def draw_sunglasses(random: np.random.Generator, scene: Scene) -> Layer:
    """Draws sunglasses with opaque lenses that reflect a gradient of light."""
    layer, lenses = Layer.empty(scene.size), _lenses(random, scene)
    tone = random.uniform(5, 70, 3) + 40 * smooth_noise(random, scene.size, 2)[..., None]
    for lens in lenses:
        layer.paint(np.clip(tone, 0, 255), fill_polygon(lens, scene.size))
    _draw_frame(random, scene, layer, lenses)
    return layer


def _lenses(random: np.random.Generator, scene: Scene) -> list[np.ndarray]:
    """Draws the outlines of both lenses, (N, 2) each."""
    unit = scene.unit
    half = (unit * random.uniform(0.33, 0.44), unit * random.uniform(0.22, 0.38))
    power, drop = random.uniform(2, 5), unit * random.uniform(0, 0.1)
    across = scene.landmarks[1] - scene.landmarks[0]
    angle = float(np.arctan2(across[1], across[0]))
    return [ellipse_points(eye + [0, drop], half, angle, power=power) for eye in scene.landmarks[:2]]


def _draw_frame(random: np.random.Generator, scene: Scene, layer: Layer, lenses: list[np.ndarray]) -> None:
    """Draws the rims, the bridge and the temples of glasses over a layer."""
    unit = scene.unit
    width = unit * random.uniform(0.04, 0.12)
    color = random_color(random) * (0.5 if random.random() < 0.7 else 1.0)
    shine = np.clip(color + 30 * smooth_noise(random, scene.size, 8)[..., None], 0, 255)
    inner = [
        lens[np.argmin(abs(lens - other.mean(axis=0)).sum(axis=1))]
        for lens, other in zip(lenses, lenses[::-1], strict=True)
    ]
    middle = (inner[0] + inner[1]) / 2 - [0, 0.08 * unit]
    lines = [(lens, True) for lens in lenses] + [(np.array([inner[0], middle, inner[1]]), False)]
    for lens, side in zip(lenses, (-1, 1), strict=True):
        start = lens[np.argmax(lens[:, 0] * side)]
        lines.append((np.array([start, start + np.array([side * 1.5, random.uniform(-0.3, 0.1)]) * unit]), False))
    for line, is_closed in lines:
        layer.paint(shine, draw_line(line, width, scene.size, closed=is_closed))


def draw_hair(random: np.random.Generator, scene: Scene) -> Layer:
    """Draws strands of hair that fall from above over a part of the face."""
    unit, layer = scene.unit, Layer.empty(scene.size)
    dark = np.array([[18, 14, 12], [70, 45, 28], [120, 82, 50], [190, 150, 95], [150, 60, 30], [170, 170, 170]])
    base = dark[random.integers(len(dark))] * random.uniform(0.7, 1.3)
    root = scene.eyes + np.array([random.uniform(-1.2, 1.2), -1.8]) * unit
    fall = random.uniform(0.8, 3.5) * unit
    lean, spread, curl = random.normal(0, 0.5), random.uniform(0.1, 0.9) * unit, random.uniform(0, 0.2) * unit
    down = np.linspace(0, 1, 24)
    for _ in range(int(random.integers(25, 110))):
        start = root + np.array([random.normal(0, spread), random.normal(0, 0.2 * unit)])
        length = fall * random.uniform(0.6, 1.1)
        bow = lean * unit * down**2 + curl * np.sin(down * random.uniform(3, 7) + random.uniform(0, 3))
        strand = start + np.stack([bow + random.normal(0, 0.15) * unit * down, down * length], axis=1)
        color = np.clip(base * random.uniform(0.6, 1.5), 0, 255)
        width = random.uniform(0.6, 2.6)
        (left, top), (right, bottom) = strand.min(axis=0) - 3, strand.max(axis=0) + 4
        rows, columns = (np.clip(ends, 0, scene.size).astype(int) for ends in ((top, bottom), (left, right)))
        box = (slice(rows[0], rows[1]), slice(columns[0], columns[1]))
        layer.paint(color, draw_line(strand, width, scene.size, box=box), box)
    return layer


def draw_stick(random: np.random.Generator, scene: Scene) -> Layer:
    """Draws one to three pens, brushes, spoons or straws across the face."""
    layer = Layer.empty(scene.size)
    for _ in range(int(random.integers(1, 4))):
        tip, angle = scene.pick_target(random), random.uniform(0, 2 * np.pi)
        stop = tip + scene.unit * random.uniform(1, 4) * np.array([np.cos(angle), np.sin(angle)])
        radius = scene.unit * random.uniform(0.03, 0.13)
        part = draw_capsule(tip, stop, (radius, radius * random.uniform(0.7, 1.4)), scene.size)
        choice = random.random()
        if choice < 0.4:
            texture = random_texture(random, scene.crop)[part.box]
        else:
            skin = random_skin(random, scene.crop, scene.landmarks)  # a finger
            texture = skin if choice < 0.65 else random_color(random)
        layer.paint(texture * shade_round(part.across, random.uniform(-0.8, 0.8))[..., None], part.alpha, part.box)
        if random.random() < 0.3:
            bowl = ellipse_points(tip, (scene.unit * 0.3, scene.unit * 0.2), angle)
            layer.paint(random_color(random), fill_polygon(bowl, scene.size))
    return layer
