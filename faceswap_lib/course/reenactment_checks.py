"""Checks of the exercises about reenactment: each says "right", or what is off in one line.

A check tries the reader's code on small made-up arrays and compares it with numbers that are computed here in another
way. It never raises for a wrong answer.
"""

import typing
from collections.abc import Callable

import keras
import numpy as np

from faceswap_lib.course.checks import RIGHT, match_answer, mean_of, report_errors, to_array, to_tensor

Logits = typing.Any
"""(B, 1) tensor of numbers without limits, which a discriminator computes."""


@report_errors
def check_map_layer(build: Callable[[], keras.layers.Layer]) -> str:
    """Checks a layer that normalizes `x` and then applies a scale and an offset from a map.

    Args:
        build: Builds a new layer, which is called with `[x, map]`, (B, H, W, C) and (B, n * H, n * W, M), and returns
            (B, H, W, C).

    Returns:
        "right", or what is off.
    """
    random = np.random.default_rng(5)
    x = random.normal(size=(1, 9, 9, 4)).astype("float32")
    guide = random.normal(size=(1, 9, 9, 3)).astype("float32")
    layer = build()
    before = _call(layer, x, guide)
    if before.shape != x.shape:
        return f"expected an output of the shape of x, {x.shape}, got {before.shape}"
    if not layer.trainable_weights:
        return "the layer has nothing to learn: create the convolutions in `build` or `__init__`, as attributes"
    normalizes = np.allclose(before, _call(layer, 10 * x + 3, guide), atol=1e-2)
    spot = guide.copy()
    spot[:, 4, 4] += 2
    change = np.abs(_call(layer, x, spot) - before).max(axis=(0, 3))
    if change.max() < 1e-6:
        return "the output is the same for two maps: compute scale and offset from the map"
    if change[0, 0] > 1e-6 or change[8, 8] > 1e-6:
        return "a change of the map in the middle changes the corners: use convolutions, no mean over the map"
    if not normalizes:
        return "10 * x + 3 gives another output than x: subtract the mean and divide by the standard deviation first"
    layer.set_weights([np.zeros_like(weights) for weights in layer.get_weights()])
    after = _call(layer, x, guide)
    if np.abs(after).max() < 1e-6:
        return "with all weights 0 the output is 0: multiply by (1 + scale), so that the layer begins by normalizing"
    if abs(after.mean()) > 0.05 or abs(after.std() - 1) > 0.05:
        return f"with all weights 0, expected mean 0 and deviation 1, got {after.mean():.2f} and {after.std():.2f}"
    larger = guide.repeat(2, axis=1).repeat(2, axis=2)
    if _describe_shape(build(), x, larger) != str(x.shape):
        return "right for a map of the size of x, but not for a larger one: shrink the map with keras.ops.average_pool"
    return RIGHT


@report_errors
def check_weighted_loss(loss: Callable[[typing.Any, typing.Any], typing.Any]) -> str:
    """Checks a weighted pixel loss.

    Args:
        loss: Called with the target (B, H, W, 4), three colors and the weight of the pixel, and the picture
            (B, H, W, 3); returns the weighted mean of the absolute errors: their mean over the colors, times the
            weight, summed over the pixels and divided by the sum of the weights.

    Returns:
        "right", or what is off.
    """
    random = np.random.default_rng(7)
    weights = np.tile(random.permutation(np.repeat([0.0, 1.0, 6.0], 12)).reshape(1, 6, 6, 1), (2, 1, 1, 1))
    target = random.uniform(-1, 1, (2, 6, 6, 3))
    picture = random.uniform(-1, 1, (2, 6, 6, 3))
    packed = np.concatenate([target, weights], axis=-1).astype("float32")
    found = mean_of(loss(to_tensor(packed), to_tensor(picture)))
    error = np.abs(picture - target)
    answers = {
        RIGHT: (error * weights).sum() / (3 * weights.sum()),
        "this is the mean without weights: multiply the error of each pixel by its weight": error.mean(),
        "divide by the sum of the weights, not by the number of pixels": (error * weights).mean(),
        "divide the sum over three colors by three: take the mean over the colors first": (error * weights).sum()
        / weights.sum(),
        "use the absolute error, not its square": (error**2 * weights).sum() / (3 * weights.sum()),
    }
    return match_answer(answers, found, "a small example")


@report_errors
def check_hinge(real_loss: Callable[[Logits], typing.Any], fake_loss: Callable[[Logits], typing.Any]) -> str:
    """Checks the hinge loss of a discriminator.

    Args:
        real_loss: Loss for logits of real pictures, which should be above 1.
        fake_loss: Loss for logits of generated pictures, which should be below -1.

    Returns:
        "right", or what is off.
    """
    logits = np.array([[-3.0], [-0.5], [0.2], [4.0]], "float32")
    found = [mean_of(loss(to_tensor(logits))) for loss in (real_loss, fake_loss)]
    low, high = np.maximum(0, 1 - logits).mean(), np.maximum(0, 1 + logits).mean()
    answers = {
        RIGHT: [low, high],
        "the signs are exchanged: a high logit is good for a real picture and bad for a generated one": [high, low],
        "a logit of 4 is good enough for a real picture: its loss is 0, not negative; use maximum(0, ...)": [
            (1 - logits).mean(),
            (1 + logits).mean(),
        ],
        "this is the softplus loss, which never becomes 0; use maximum(0, ...) and a margin of 1": [
            np.log1p(np.exp(-logits)).mean(),
            np.log1p(np.exp(logits)).mean(),
        ],
        "the margin is missing: a real picture with a logit of 0.2 still has a loss of 0.8": [
            np.maximum(0, -logits).mean(),
            np.maximum(0, logits).mean(),
        ],
    }
    return match_answer(answers, found, "the logits -3, -0.5, 0.2 and 4")


@report_errors
def check_turn(turn: Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, np.ndarray]]) -> str:
    """Checks a function that rotates a picture and its points together.

    Args:
        turn: Called with a picture (S, S, 3) uint8, points (N, 2) x, y in its pixels, and an angle in degrees,
            clockwise on the screen; returns both, rotated around the middle of the picture.

    Returns:
        "right", or what is off.
    """
    side, angle = 65, 20.0
    picture = np.zeros((side, side, 3), np.uint8)
    points = np.array([[45.0, 22.0], [20.0, 40.0]])
    for x, y in points.astype(int):
        picture[y - 2 : y + 3, x - 2 : x + 3] = 255
    turned, moved = turn(picture.copy(), points.copy(), angle)
    turned, moved = np.asarray(turned), np.asarray(moved, float)
    if turned.shape != picture.shape or moved.shape != points.shape:
        return f"expected shapes {picture.shape} and {points.shape}, got {turned.shape} and {moved.shape}"
    radians, center = np.radians(angle), (side - 1) / 2
    rows = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    wanted, other = ((points - center) @ matrix.T + center for matrix in (rows, rows.T))
    if np.allclose(moved, points):
        return "the points stay where they were: rotate them as well"
    if np.allclose(moved, other, atol=0.5):
        return "the points are rotated the other way: y points down, so clockwise is (cos, -sin), (sin, cos)"
    if not np.allclose(moved, wanted, atol=0.5):
        return f"expected the first point at {wanted[0].round(1)}, got {moved[0].round(1)}: rotate around the middle"
    if not all(turned[tuple(np.round(point).astype(int)[::-1])].mean() > 128 for point in wanted):
        return "the points are right, but the picture is rotated differently; OpenCV counts angles counterclockwise"
    return RIGHT


@report_errors
def _describe_shape(layer: typing.Any, x: np.ndarray, guide: np.ndarray) -> str:
    """Returns the shape of a layer's output as text, or that the layer stops."""
    return str(_call(layer, x, guide).shape)


def _call(layer: typing.Any, x: np.ndarray, guide: np.ndarray) -> np.ndarray:
    return to_array(layer([to_tensor(x), to_tensor(guide)]))
