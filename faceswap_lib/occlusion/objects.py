"""Synthetic objects that people hold before their face: cups, balls, microphones, phones, paper, scarves and shapes."""

import cv2
import numpy as np

from faceswap_lib.occlusion.scene import Scene
from faceswap_lib.occlusion.shapes import (
    Layer,
    draw_capsule,
    draw_line,
    ellipse_points,
    fill_polygon,
    pixel_grid,
    rotation,
    shade_round,
    smooth_noise,
)
from faceswap_lib.occlusion.textures import random_color, random_skin, random_texture


def draw_cup(random: np.random.Generator, scene: Scene) -> Layer:
    """Draws a cup or a glass with an elliptical rim and often a handle, most often before the mouth."""
    unit = scene.unit
    center = (scene.mouth if random.random() < 0.6 else scene.pick_target(random)) + random.normal(0, 0.25 * unit, 2)
    top, bottom = unit * random.uniform(0.45, 0.8), unit * random.uniform(0.35, 0.7)
    half, flat, angle = unit * random.uniform(0.4, 0.95), random.uniform(0.1, 0.35), random.normal(0, 0.35)
    turn, light, layer = rotation(angle), random.uniform(-0.8, 0.8), Layer.empty(scene.size)

    def place(points: np.ndarray) -> np.ndarray:
        return center + points @ turn.T

    bow = np.linspace(0, np.pi, 24)
    lower = np.stack([bottom * np.cos(bow), half + flat * bottom * np.sin(bow)], axis=1)
    upper = np.stack([-top * np.cos(bow), -half - flat * top * np.sin(bow)], axis=1)
    x, y = pixel_grid(scene.size)
    across = ((x - center[0]) * turn[0, 0] + (y - center[1]) * turn[1, 0]) / max(top, bottom)
    brightness = shade_round(np.clip(across, -1, 1), light, ambient=0.45)[..., None]
    texture = random_texture(random, scene.crop) if random.random() < 0.7 else random_color(random)
    if random.random() < 0.65:
        ring = ellipse_points(np.array([random.choice([-1, 1]) * (top + bottom) / 2, 0.0]), (0.4 * unit, 0.5 * half))
        handle = draw_line(place(ring), unit * random.uniform(0.1, 0.2), scene.size, closed=True)
        layer.paint(texture * 0.9 * brightness, handle)
    layer.paint(texture * brightness, fill_polygon(place(np.concatenate([lower, upper])), scene.size))
    rim = place(ellipse_points(np.array([0.0, -half]), (top, flat * top)))
    layer.paint(random_color(random) * 0.6 * brightness[..., :1], fill_polygon(rim, scene.size))
    layer.paint(texture * 1.15 * brightness, draw_line(rim, 0.05 * unit, scene.size, closed=True))
    return layer


def draw_ball(random: np.random.Generator, scene: Scene) -> Layer:
    """Draws a ball, a balloon or a fruit with spherical shading and a highlight."""
    center, radius = scene.pick_target(random), scene.unit * random.uniform(0.3, 1.0)
    x, y = pixel_grid(scene.size)
    right, down = (x - center[0]) / radius, (y - center[1]) / radius
    distance = np.hypot(right, down)
    height = np.sqrt(np.maximum(0, 1 - distance**2))
    light = random.normal(0, 1, 3)
    light[2] = abs(light[2]) + 0.5
    light /= np.linalg.norm(light)
    facing = np.clip(right * light[0] + down * light[1] + height * light[2], 0, 1)
    texture = random_texture(random, scene.crop) if random.random() < 0.5 else random_color(random)
    shine = random.uniform(0, 200) * facing[..., None] ** random.uniform(20, 60)
    color = texture * (0.4 + 0.6 * facing[..., None]) + shine
    return Layer(
        color=np.clip(color, 0, 255).astype(np.float32),
        alpha=np.clip((1 - distance) * radius + 0.5, 0, 1).astype(np.float32),
    )


def draw_microphone(random: np.random.Generator, scene: Scene) -> Layer:
    """Draws a microphone before the mouth: a round head of wire mesh or foam, and a stick that leaves the crop."""
    unit, layer = scene.unit, Layer.empty(scene.size)
    head = scene.mouth + np.array([random.normal(0, 0.35), random.uniform(-0.1, 0.7)]) * unit
    radius = unit * random.uniform(0.28, 0.55)
    angle = np.pi / 2 + random.normal(0, 0.5)
    foot = head + 5 * unit * np.array([np.cos(angle), np.sin(angle)])
    light, dark = random.uniform(-0.8, 0.8), np.full(3, random.uniform(10, 90), np.float32)
    stick = draw_capsule(
        head, foot, (radius * random.uniform(0.45, 0.75), radius * random.uniform(0.4, 0.7)), scene.size
    )
    body = dark if random.random() < 0.7 else random_color(random)
    layer.paint(body * (0.3 + shade_round(stick.across, light, ambient=0.3))[..., None], stick.alpha, stick.box)
    x, y = pixel_grid(scene.size)
    distance = np.hypot(x - head[0], y - head[1]) / radius
    sphere = 0.35 + 0.65 * np.sqrt(np.maximum(0, 1 - distance**2))
    if random.random() < 0.6:  # wire mesh
        period, tilt = radius * random.uniform(0.12, 0.25), rotation(random.uniform(0, np.pi))
        waves = [np.sin(2 * np.pi * (x * a + y * b) / period) for a, b in tilt]
        tone = random.uniform(60, 190) + random.uniform(20, 60) * np.maximum(*waves)[..., None]
    else:
        tone = random_color(random) + 8 * smooth_noise(random, scene.size, 64)[..., None]
    alpha = np.clip((1 - distance) * radius + 0.5, 0, 1).astype(np.float32)
    layer.paint(np.clip(tone * sphere[..., None], 0, 255), alpha)
    if random.random() < 0.5:
        side = np.array([-np.sin(angle), np.cos(angle)])
        neck = head + radius * 0.85 * np.array([np.cos(angle), np.sin(angle)])
        band = draw_line(np.stack([neck - side * radius * 0.7, neck + side * radius * 0.7]), 0.12 * radius, scene.size)
        layer.paint(np.full(3, random.uniform(40, 220)), band * (layer.alpha > 0.5))
    return layer


def draw_phone(random: np.random.Generator, scene: Scene) -> Layer:
    """Draws a phone: a rounded rectangle, dark or in a case, with lenses or a screen."""
    unit, size = scene.unit, scene.size
    center, angle = scene.pick_target(random), random.normal(0, 0.4) + random.choice([0, np.pi / 2])
    half = np.array([0.56, 1.15]) * unit * random.uniform(0.85, 1.3)
    turn = rotation(angle)
    outline = ellipse_points(center, (half[0], half[1]), angle, power=random.uniform(6, 14), count=96)
    shine = 25 * smooth_noise(random, size, 2)[..., None] * random.uniform(0, 1)
    body = np.full(3, random.uniform(8, 60)) if random.random() < 0.6 else random_color(random)
    layer = Layer.empty(size)
    layer.paint(body * 0.7 * np.ones((size, size, 3)), fill_polygon(outline, size))
    inner = ellipse_points(center, (half[0] * 0.93, half[1] * 0.965), angle, power=10, count=96)
    if random.random() < 0.3:  # the screen
        layer.paint(random_texture(random, scene.crop), fill_polygon(inner, size))
        return layer
    layer.paint(np.clip(body + shine, 0, 255), fill_polygon(inner, size))
    corner = np.array([random.choice([-0.55, 0.55]) * half[0], -0.72 * half[1]])
    for row in range(int(random.integers(1, 4))):
        lens = center + turn @ (corner + [0, row * 0.24 * unit])
        layer.paint(np.full(3, 5.0), fill_polygon(ellipse_points(lens, (0.1 * unit, 0.1 * unit)), size))
        glint = ellipse_points(lens - 0.03 * unit, (0.03 * unit, 0.03 * unit))
        layer.paint(np.array([120.0, 130.0, 160.0]), fill_polygon(glint, size))
    return layer


def draw_paper(random: np.random.Generator, scene: Scene) -> Layer:
    """Draws a sheet of paper or a card in perspective, empty, with lines of text, or printed."""
    unit, size = scene.unit, scene.size
    center = scene.pick_target(random)
    half = np.array([random.uniform(0.5, 1.4), random.uniform(0.4, 1.6)]) * unit
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half * random.uniform(0.8, 1.2, (4, 2))
    corners = center + corners @ rotation(random.uniform(-0.7, 0.7)).T
    sheet = np.full((size, size, 3), 255, np.float32) * random.uniform(0.75, 1) * random.uniform(0.93, 1, 3)
    if random.random() < 0.4:
        sheet = random_texture(random, scene.crop)
    elif random.random() < 0.7:
        step = int(random.integers(8, 24))
        for row in range(step, size - step, step):
            words = np.sort(random.integers(step, size - step, 12)).reshape(6, 2)
            for left, right in words:
                cv2.line(sheet, (int(left), row), (int(right), row), [random.uniform(0, 90)] * 3, max(1, step // 4))
    square = np.array([[0, 0], [size - 1, 0], [size - 1, size - 1], [0, size - 1]], np.float32)
    matrix = cv2.getPerspectiveTransform(square, corners.astype(np.float32))
    warped = cv2.warpPerspective(sheet.astype(np.float32), matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
    shade = 1 + 0.12 * smooth_noise(random, size, 2)[..., None]
    return Layer(color=np.clip(warped * shade, 0, 255), alpha=fill_polygon(corners, size))


def draw_scarf(random: np.random.Generator, scene: Scene) -> Layer:
    """Draws a scarf, a collar or a cloth mask that covers the face from below, with folds."""
    unit, size = scene.unit, scene.size
    columns = np.linspace(-0.2 * size, 1.2 * size, 12)
    height = scene.mouth[1] + unit * random.uniform(-0.75, 0.5)
    sag = random.uniform(-0.5, 0.5) * unit * ((columns - size / 2) / size * 2) ** 2
    edge = height + sag + random.normal(0, 0.08 * unit, len(columns))
    edge = np.interp(np.linspace(0, 11, 60), np.arange(12), edge)
    line = np.stack([np.linspace(-0.2 * size, 1.2 * size, 60), edge], axis=1)
    outline = np.concatenate([line, [[1.3 * size, 1.3 * size], [-0.3 * size, 1.3 * size]]])
    x, y = pixel_grid(size)
    folds = (
        smooth_noise(random, size, 3) * random.uniform(5, 25) + y * random.uniform(0.6, 1.2) + x * random.normal(0, 0.3)
    )
    shade = 0.8 + 0.2 * np.sin(2 * np.pi * folds / (unit * random.uniform(0.25, 0.9)))
    texture = random_texture(random, scene.crop)
    knit = 1 + 0.08 * np.sin(x * random.uniform(0.8, 2.5)) * np.sin(y * random.uniform(0.8, 2.5))
    color = np.clip(texture * shade[..., None] * knit[..., None], 0, 255)
    return Layer(color=color.astype(np.float32), alpha=fill_polygon(outline, size))


def draw_shape(random: np.random.Generator, scene: Scene) -> Layer:
    """Draws a random smooth, cornered or branching shape with any texture, or the color of skin."""
    is_skin = random.random() < 0.5
    if is_skin:
        noise = smooth_noise(random, scene.size, 6, octaves=2)[..., None] * 0.08
        color = random_skin(random, scene.crop, scene.landmarks) * (0.95 + noise)
    else:
        color = random_texture(random, scene.crop)
    if random.random() < 0.5:
        color = color * (1 + random.uniform(0, 0.5) * smooth_noise(random, scene.size, 3)[..., None])
    if random.random() < 0.4:
        return _draw_branches(random, scene, color)
    alpha = _draw_outline(random, scene)
    if random.random() < 0.5:  # rounded: darker toward its border
        depth = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        edge = 1 - np.clip(depth / (scene.unit * random.uniform(0.1, 0.4)), 0, 1)
        color = color * (1 - random.uniform(0.2, 0.6) * edge[..., None] ** 2)
    return Layer(color=np.clip(color, 0, 255).astype(np.float32), alpha=alpha)


def _draw_outline(random: np.random.Generator, scene: Scene) -> np.ndarray:
    """Draws a polygon around a center, smooth or with corners, (S, S) float32 in [0, 1]."""
    count = int(random.integers(3, 12))
    radii = scene.unit * random.uniform(0.2, 1.1) * random.uniform(0.5, 1.4, count)
    turn = np.sort(random.uniform(0, 2 * np.pi, count))
    if random.random() < 0.7:  # smooth
        fine = np.linspace(0, 2 * np.pi, 96)
        radii = np.interp(fine, np.r_[turn - 2 * np.pi, turn, turn + 2 * np.pi], np.tile(radii, 3))
        radii = np.convolve(np.r_[radii[-8:], radii, radii[:8]], np.hanning(17) / 8, "valid")
        turn = fine
    stretch = np.array([random.uniform(0.4, 1.6), random.uniform(0.4, 1.6)])
    points = np.stack([np.cos(turn), np.sin(turn)], axis=1) * radii[:, None] * stretch
    points = scene.pick_target(random) + points @ rotation(random.uniform(0, np.pi)).T
    return fill_polygon(points, scene.size)


def _draw_branches(random: np.random.Generator, scene: Scene, color: np.ndarray) -> Layer:
    """Draws two to seven round, bent bodies that begin near one point and change their color toward their ends.

    Args:
        random: Random number generator.
        scene: The face.
        color: (S, S, 3) RGB, 0 to 255.
    """
    root, layer = scene.pick_target(random), Layer.empty(scene.size)
    light, roundness = random.uniform(-0.8, 0.8), random.uniform(0, 1)
    end, bend, has_tips = random.normal(1, 0.12, 3).astype(np.float32), random.normal(0, 0.4), random.random() < 0.4
    for _ in range(int(random.integers(2, 8))):
        start, angle = root + random.normal(0, 0.3 * scene.unit, 2), random.uniform(0, 2 * np.pi)
        length, width = scene.unit * random.uniform(0.3, 1.8), scene.unit * random.uniform(0.06, 0.3)
        narrow, tone, parts = random.uniform(0.75, 1.1), random.uniform(0.85, 1.15), int(random.integers(1, 4))
        for number in range(parts):
            stop = start + length / parts * np.array([np.cos(angle), np.sin(angle)])
            part = draw_capsule(start, stop, (width, width * narrow), scene.size)
            change = 1 + (end - 1) * ((number + part.along[..., None]) / parts)
            bright = tone * (1 - roundness * (1 - shade_round(part.across, light)))
            layer.paint(np.clip(color[part.box] * change * bright[..., None], 0, 255), part.alpha, part.box)
            start, angle, width = stop, angle + bend, width * narrow
        if has_tips:
            tip = fill_polygon(ellipse_points(start, (width, 0.8 * width), angle), scene.size)
            layer.paint(np.clip(color * random.normal(1.1, 0.2, 3).astype(np.float32), 0, 255), tip)
    return layer
