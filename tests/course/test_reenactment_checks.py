"""The checks of the exercises about reenactment: right answers pass, typical wrong ones are told what is off."""

import cv2
import keras
import numpy as np
import pytest

from faceswap_lib.course.reenactment_checks import (
    check_hinge,
    check_map_layer,
    check_turn,
    check_weighted_loss,
)
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.networks.spade import Spade


class Direct(keras.layers.Layer):
    """Scale and offset from one convolution each; a subclass gets one thing wrong."""

    kernel, normalizes, one = 3, True, 1.0

    def build(self, shapes):
        self.scale, self.offset = (
            keras.layers.Conv2D(shapes[0][-1], self.kernel, padding="same", bias_initializer="ones") for _ in range(2)
        )
        for convolution in (self.scale, self.offset):
            convolution.build(shapes[1])

    def guide(self, x, guide):
        factor = guide.shape[1] // x.shape[1]
        return ops.average_pool(guide, factor, factor)  # Keras 3.15 fails on JAX without strides

    def call(self, inputs):
        x, guide = inputs
        guide = self.guide(x, guide)
        if self.normalizes:
            mean, variance = ops.moments(x, axes=(1, 2), keepdims=True)
            x = (x - mean) / ops.sqrt(variance + 1e-5)
        return x * (self.one + self.scale(guide)) + self.offset(guide)


class WithoutNormalization(Direct):
    normalizes = False


class WithoutOne(Direct):
    one = 0.0


class OfTheMean(Direct):
    def guide(self, x, guide):
        return ops.mean(guide, axis=(1, 2), keepdims=True) + ops.zeros_like(guide)


class WithoutShrinking(Direct):
    def guide(self, x, guide):
        return guide


class OfX(Direct):
    def guide(self, x, guide):
        return x[..., :3]


class NothingToLearn(keras.layers.Layer):
    def call(self, inputs):
        return inputs[0]


@pytest.mark.parametrize("layer", [Direct, Spade, lambda: Spade(4, groups=2)])
def test_a_layer_that_normalizes_and_reads_the_map_is_right(layer):
    assert check_map_layer(layer) == "right"


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (NothingToLearn, "nothing to learn"),
        (WithoutNormalization, "subtract the mean"),
        (WithoutOne, "multiply by (1 + scale)"),
        (OfTheMean, "use convolutions"),
        (OfX, "the same for two maps"),
        (WithoutShrinking, "not for a larger one"),
    ],
)
def test_a_wrong_layer_is_told_what_is_off(layer, told):
    assert told in check_map_layer(layer)


def weighted(target, picture):
    error = ops.mean(ops.abs(target[..., :3] - picture), axis=-1, keepdims=True)
    return ops.sum(error * target[..., 3:]) / ops.sum(target[..., 3:])


def test_the_weighted_loss_is_right_for_the_batch_and_for_each_picture():
    def of_each(target, picture):
        error = ops.mean(ops.abs(target[..., :3] - picture), axis=-1, keepdims=True) * target[..., 3:]
        return ops.sum(error, axis=(1, 2, 3)) / ops.sum(target[..., 3:], axis=(1, 2, 3))

    assert check_weighted_loss(weighted) == check_weighted_loss(of_each) == "right"


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (lambda target, picture: ops.mean(ops.abs(target[..., :3] - picture)), "without weights"),
        (lambda target, picture: ops.mean(ops.abs(target[..., :3] - picture) * target[..., 3:]), "sum of the weights"),
        (lambda target, picture: 3 * weighted(target, picture), "divide the sum over three colors"),
        (
            lambda target, picture: (
                ops.sum((target[..., :3] - picture) ** 2 * target[..., 3:]) / (3 * ops.sum(target[..., 3:]))
            ),
            "not its square",
        ),
        (lambda target, picture: 2 * weighted(target, picture), "expected"),
    ],
)
def test_a_wrong_weighted_loss_is_told_what_is_off(loss, told):
    assert told in check_weighted_loss(loss)


def test_the_hinge_loss_is_right():
    assert check_hinge(lambda x: ops.maximum(0.0, 1 - x), lambda x: ops.mean(ops.relu(1 + x))) == "right"


@pytest.mark.parametrize(
    ("real", "fake", "told"),
    [
        (lambda x: ops.relu(1 + x), lambda x: ops.relu(1 - x), "signs are exchanged"),
        (lambda x: 1 - x, lambda x: 1 + x, "use maximum"),
        (lambda x: ops.relu(-x), ops.relu, "margin is missing"),
        (lambda x: ops.softplus(-x), ops.softplus, "the softplus loss"),
        (lambda x: 2 * ops.relu(1 - x), lambda x: 2 * ops.relu(1 + x), "expected"),
    ],
)
def test_a_wrong_hinge_loss_is_told_what_is_off(real, fake, told):
    assert told in check_hinge(real, fake)


def rotation(angle: float, side: int) -> np.ndarray:
    return cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), -angle, 1)


def turn(picture, points, angle):
    matrix = rotation(angle, len(picture))
    return cv2.warpAffine(picture, matrix, picture.shape[:2]), points @ matrix[:, :2].T + matrix[:, 2]


def test_a_picture_that_is_rotated_with_its_points_is_right():
    assert check_turn(turn) == "right"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda picture, points, angle: (turn(picture, points, angle)[0], points), "stay where they were"),
        (lambda picture, points, angle: turn(picture, points, -angle), "the other way"),
        (lambda picture, points, angle: (turn(picture, points, -angle)[0], turn(picture, points, angle)[1]), "OpenCV"),
        (lambda picture, points, angle: (picture, points @ rotation(angle, 65)[:, :2].T), "around the middle"),
        (lambda picture, points, angle: (picture[:9], points), "expected shapes"),
    ],
)
def test_a_wrong_rotation_is_told_what_is_off(wrong, told):
    assert told in check_turn(wrong)
