"""Checks of the exercises in the notebook that trains an autoencoder: "right", or what is off in one line.

A check tries the reader's code on small made-up inputs. It never raises for a wrong answer.
"""

import typing
from collections.abc import Callable

import keras
import numpy as np

from faceswap_lib.course.checks import RIGHT, match_answer, report_errors, to_array, to_tensor


@report_errors
def check_residual_block(build: Callable[[int], keras.layers.Layer]) -> str:
    """Checks a residual block: a layer that adds two convolutions of its input to its input.

    Args:
        build: Builds a new layer for a number of channels; it is called with (B, H, W, C) and returns the same shape.

    Returns:
        "right", or what is off.
    """
    keras.utils.set_random_seed(3)
    x = np.random.default_rng(3).normal(size=(1, 12, 12, 4)).astype("float32")
    layer = build(4)
    before = _call(layer, x)
    if before is None:
        return "the layer returns nothing: end `call` with return"
    if before.shape != x.shape:
        return f"expected an output of the shape of x, {x.shape}, got {before.shape}; use padding='same' and C channels"
    kernels = [weight for weight in layer.trainable_weights if len(weight.shape) == 4]
    if not kernels:
        return "the layer has nothing to learn: create the two convolutions in `__init__`, as attributes"
    if len(kernels) != 2:
        return f"expected 2 convolutions, got {len(kernels)}: each use in `call` needs its own layer from `__init__`"
    change = np.abs(_require(layer, _with_spot(x)) - before).max(axis=(0, 3))[6]
    width = int((change > 1e-6).sum())
    if width != 5:
        return (
            f"expected a receptive field of 5 pixels from two convolutions of 3 by 3, one after the other, got {width}"
        )
    saved = layer.get_weights()
    layer.set_weights([np.zeros_like(weights) for weights in saved])
    silent = _require(layer, x)
    if np.abs(silent).max() < 1e-6:
        return "with all weights 0 the output is 0: add x to the result, that is the skip connection"
    if not np.allclose(silent, x, atol=1e-5):
        return "with all weights 0, expected x unchanged: add x itself, after the last convolution, with factor 1"
    # Without an activation, f(x + d) - f(x) is the same for every x.
    layer.set_weights(saved)
    step = np.random.default_rng(4).normal(size=x.shape).astype("float32")
    bent = _require(layer, x + step) - before - (_require(layer, step) - _require(layer, 0 * x))
    if np.abs(bent).max() < 1e-4:
        return "the block is linear: put an activation between the two convolutions"
    return RIGHT


@report_errors
def check_receptive_field(receptive_field: Callable[[list[tuple[int, int]]], int]) -> str:
    """Checks a function that computes the receptive field of a stack of convolutions.

    Args:
        receptive_field: Called with (kernel, stride) of each layer, the first layer first; returns pixels.

    Returns:
        "right", or what is off.
    """
    stacks = [[(3, 1)], [(3, 1), (3, 1)], [(4, 2), (4, 2), (4, 1)], [(5, 2), (3, 1), (3, 2)]]
    found = [receptive_field(list(stack)) for stack in stacks]
    if any(value is None for value in found):
        return "the function returns nothing: end it with return"
    answers = {
        RIGHT: [_field(stack) for stack in stacks],
        "the strides have no effect: after a layer with stride 2, each further step is 2 pixels wide": [
            1 + sum(kernel - 1 for kernel, _ in stack) for stack in stacks
        ],
        "a layer adds kernel - 1 steps, not kernel": [_field(stack, less=0) for stack in stacks],
        "start with 1: without any layer, a value depends on one pixel": [_field(stack) - 1 for stack in stacks],
        "a layer's own stride counts only for the layers after it: add first, then multiply": [
            1 + sum((kernel - 1) * _product(stack[: index + 1]) for index, (kernel, _) in enumerate(stack))
            for stack in stacks
        ],
        "multiply the strides of all layers before, not only of the last one": [
            1 + sum((kernel - 1) * (stack[index - 1][1] if index else 1) for index, (kernel, _) in enumerate(stack))
            for stack in stacks
        ],
    }
    return match_answer(answers, found, "four stacks of layers")


def _field(stack: list[tuple[int, int]], less: int = 1) -> int:
    return 1 + sum((kernel - less) * _product(stack[:index]) for index, (kernel, _) in enumerate(stack))


def _product(stack: list[tuple[int, int]]) -> int:
    return int(np.prod([stride for _, stride in stack]))


def _with_spot(x: np.ndarray) -> np.ndarray:
    changed = x.copy()
    changed[:, 6, 6] += 1
    return changed


def _call(layer: typing.Any, x: np.ndarray) -> np.ndarray | None:
    result = layer(to_tensor(x))
    return None if result is None else to_array(result)


def _require(layer: typing.Any, x: np.ndarray) -> np.ndarray:
    result = _call(layer, x)
    assert result is not None
    return result
