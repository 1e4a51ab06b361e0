"""The checks of the exercises about the autoencoder: right answers pass, typical wrong ones are told what is off."""

import keras
import numpy as np
import pytest

from faceswap_lib.course.autoencoder_checks import check_receptive_field, check_residual_block


class Residual(keras.layers.Layer):
    """A right block; a subclass gets one thing wrong."""

    padding = "same"

    def __init__(self, channels):
        super().__init__()
        self.first = keras.layers.Conv2D(channels, 3, padding=self.padding)
        self.activation = keras.layers.LeakyReLU(negative_slope=0.2)
        self.second = keras.layers.Conv2D(channels, 3, padding=self.padding)

    def call(self, x):
        return x + self.second(self.activation(self.first(x)))


class NothingToLearn(keras.layers.Layer):
    def __init__(self, channels):
        super().__init__()

    def call(self, x):
        return x


class ReturnsNothing(Residual):
    def call(self, x):
        self.second(self.activation(self.first(x)))


class Valid(Residual):
    padding = "valid"

    def call(self, x):
        return self.second(self.activation(self.first(x)))


class WithoutSkip(Residual):
    def call(self, x):
        return self.second(self.activation(self.first(x)))


class Doubled(Residual):
    def call(self, x):
        return 2 * x + self.second(self.activation(self.first(x)))


class Linear(Residual):
    def call(self, x):
        return x + self.second(self.first(x))


class Shared(Residual):
    def __init__(self, channels):
        keras.layers.Layer.__init__(self)
        self.first = keras.layers.Conv2D(channels, 3, padding="same")
        self.activation = keras.layers.LeakyReLU(negative_slope=0.2)

    def call(self, x):
        return x + self.first(self.activation(self.first(x)))


class SideBySide(Residual):
    def call(self, x):
        return x + self.second(self.activation(x)) + self.first(self.activation(x))


class ActivatedAfterwards(Residual):
    def call(self, x):
        return self.activation(x + self.second(self.first(x)))


def test_a_residual_block_is_right():
    assert check_residual_block(Residual) == "right"


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (NothingToLearn, "nothing to learn"),
        (ReturnsNothing, "returns nothing"),
        (Valid, "padding='same'"),
        (WithoutSkip, "that is the skip connection"),
        (Doubled, "expected x unchanged"),
        (ActivatedAfterwards, "expected x unchanged"),
        (Linear, "the block is linear"),
        (Shared, "expected 2 convolutions, got 1"),
        (SideBySide, "receptive field of 5 pixels"),
    ],
)
def test_a_wrong_block_is_told_what_is_off(block, told):
    assert told in check_residual_block(block)


def field(stack):
    width, step = 1, 1
    for kernel, stride in stack:
        width += (kernel - 1) * step
        step *= stride
    return width


def test_the_receptive_field_is_right():
    assert check_receptive_field(field) == "right"


def with_own_stride(stack):
    width, step = 1, 1
    for kernel, stride in stack:
        step *= stride
        width += (kernel - 1) * step
    return width


def with_last_stride(stack):
    width, step = 1, 1
    for kernel, stride in stack:
        width += (kernel - 1) * step
        step = stride
    return width


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda stack: 1 + sum(kernel - 1 for kernel, _ in stack), "strides have no effect"),
        (lambda stack: field([(kernel + 1, stride) for kernel, stride in stack]), "kernel - 1 steps"),
        (lambda stack: field(stack) - 1, "start with 1"),
        (with_own_stride, "add first, then multiply"),
        (with_last_stride, "the strides of all layers before"),
        (lambda stack: None, "returns nothing"),
        (lambda stack: 1, "expected [3.0, 5.0, 22.0, 13.0]"),
        (lambda stack: np.array([1, 2]), "expected the shape"),
    ],
)
def test_a_wrong_receptive_field_is_told_what_is_off(wrong, told):
    assert told in check_receptive_field(wrong)
