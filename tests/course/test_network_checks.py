"""The checks of the exercises about networks and attention: wrong answers are told what is off."""

import numpy as np
import pytest

from faceswap_lib.course.network_checks import (
    check_attention,
    check_composite,
    check_convolution,
    check_unshuffle,
)


def convolve(image, kernels, stride):
    size = len(kernels)
    rows, columns = ((length - size) // stride + 1 for length in image.shape[:2])
    out = np.zeros((rows, columns, kernels.shape[-1]))
    for row in range(rows):
        for column in range(columns):
            patch = image[row * stride : row * stride + size, column * stride : column * stride + size]
            out[row, column] = (patch[..., None] * kernels).sum(axis=(0, 1, 2))
    return out


def test_the_convolution_is_right():
    assert check_convolution(convolve) == "right"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda image, kernels, stride: convolve(image, kernels, 1), "the stride has no effect"),
        (lambda image, kernels, stride: convolve(image, kernels[::-1, ::-1], stride), "flipped"),
        (lambda image, kernels, stride: convolve(image[..., :1], kernels[:, :, :1], stride), "only the first input"),
        (lambda image, kernels, stride: convolve(image, kernels, stride) / 27, "the mean of the products"),
        (lambda image, kernels, stride: convolve(image, kernels.transpose(1, 0, 2, 3), stride), "are exchanged"),
        (lambda image, kernels, stride: convolve(np.pad(image, ((1, 1), (1, 1), (0, 0))), kernels, 2), "no padding"),
        (lambda image, kernels, stride: convolve(image, kernels, stride) + 1, "of a small example, got"),
        (lambda image, kernels, stride: image, "expected the shape (3, 4, 2)"),
        (lambda image, kernels, stride: None, "returns nothing"),
    ],
)
def test_a_wrong_convolution_is_told_what_is_off(wrong, told):
    assert told in check_convolution(wrong)


def unshuffle(image, factor):
    steps = [(row, column) for row in range(factor) for column in range(factor)]
    return np.concatenate([image[row::factor, column::factor] for row, column in steps], axis=-1)


def test_the_inverse_of_pixel_shuffle_is_right():
    assert check_unshuffle(unshuffle) == "right"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda image, f: image.reshape(len(image) // f, image.shape[1] // f, -1), "this only reshapes"),
        (
            lambda image, f: np.concatenate([image[row::f, col::f] for col in range(f) for row in range(f)], axis=-1),
            "rows and columns of the square are exchanged",
        ),
        (
            lambda image, f: unshuffle(image, f).reshape(2, 3, 9, 2).transpose(0, 1, 3, 2).reshape(2, 3, 18),
            "the colors must stay together",
        ),
        (lambda image, f: unshuffle(image[:, :8], 2), "the factor is fixed to 2"),
        (lambda image, f: unshuffle(image, f)[::-1], "of a small example, got"),
        (lambda image, f: image, "expected the shape (2, 3, 18)"),
        (lambda image, f: None, "returns nothing"),
    ],
)
def test_a_wrong_inverse_of_pixel_shuffle_is_told_what_is_off(wrong, told):
    assert told in check_unshuffle(wrong)


def softmax(scores, axis=1):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def test_attention_is_right():
    assert check_attention(lambda query, key, value: softmax(query @ key.T) @ value) == "right"


def overflowing(query, key, value):
    with np.errstate(all="ignore"):
        powers = np.exp(query @ key.T)
        return powers / powers.sum(axis=1, keepdims=True) @ value


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda query, key, value: softmax(query @ key.T, axis=0) @ value, "the wrong axis"),
        (lambda query, key, value: query @ key.T @ value, "softmax is missing"),
        (lambda query, key, value: np.exp(query @ key.T) @ value, "not divided by their sum"),
        (lambda query, key, value: softmax(key @ query.T) @ value, "queries and keys are exchanged"),
        (lambda query, key, value: softmax(query @ key.T / 3**0.5) @ value, "the root of D"),
        (overflowing, "large scores overflow"),
        (lambda query, key, value: value, "of a small example, got"),
        (lambda query, key, value: query, "expected the shape (5, 4)"),
        (lambda query, key, value: None, "returns nothing"),
    ],
)
def test_wrong_attention_is_told_what_is_off(wrong, told):
    assert told in check_attention(wrong)


def composite(mask, raw, image, visible):
    weight = (mask * visible)[..., None]
    return weight * raw + (1 - weight) * image


def test_the_composite_is_right():
    assert check_composite(composite) == "right"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda mask, raw, image, visible: composite(mask, raw, image, 1 + 0 * visible), "painted over"),
        (lambda mask, raw, image, visible: composite(mask, image, raw, visible), "face and input are exchanged"),
        (
            lambda mask, raw, image, visible: (mask * visible)[..., None] * raw + (1 - mask)[..., None] * image,
            "become dark",
        ),
        (
            lambda mask, raw, image, visible: visible[..., None] * composite(mask, raw, image, 1 + 0 * visible),
            "become black",
        ),
        (lambda mask, raw, image, visible: composite(mask, raw, image, 1 - visible), "not by 1 - visible"),
        (lambda mask, raw, image, visible: raw, "of a small example, got"),
        (lambda mask, raw, image, visible: mask, "expected the shape (3, 3, 3)"),
        (lambda mask, raw, image, visible: None, "returns nothing"),
    ],
)
def test_a_wrong_composite_is_told_what_is_off(wrong, told):
    assert told in check_composite(wrong)
