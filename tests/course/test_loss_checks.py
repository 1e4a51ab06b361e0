"""The checks of the exercises about losses and training: right answers pass, wrong ones are told what is off."""

import types

import numpy as np
import pytest

from faceswap_lib.course.loss_checks import (
    check_average,
    check_cosine_schedule,
    check_eye_weighted,
    check_feature_loss,
    check_mirror,
    check_smoothed_lsgan,
)
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.training import TrainConfig, losses
from faceswap_lib.training.train_step import average_decay


def eye_weighted(fake, real, face, eyes):
    error = ops.mean(ops.abs(fake - real), axis=-1, keepdims=True)
    return ops.sum(error * face * (1 + 4 * eyes)) / ops.sum(face)


def of_the_library(fake, real, face, eyes):
    sample = types.SimpleNamespace(real=real, face=face, eyes=eyes, mouth=ops.zeros_like(eyes))
    weights = losses.region_weights(sample, eyes=4.0, mouth=0.0, surroundings=0.0)
    return losses.reconstruction(fake, sample, weights)


@pytest.mark.parametrize("loss", [eye_weighted, of_the_library])
def test_an_eye_weighted_loss_is_right(loss):
    assert check_eye_weighted(loss) == "right"


def error_of(fake, real):
    return ops.mean(ops.abs(fake - real), axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (lambda f, r, face, e: ops.mean(ops.abs(f - r)), "the mean over all pixels"),
        (lambda f, r, face, e: ops.sum(error_of(f, r) * face) / ops.sum(face), "as much as the skin"),
        (lambda f, r, face, e: ops.sum(error_of(f, r) * (face + 4 * e)) / ops.sum(face), "eyes outside the face"),
        (lambda f, r, face, e: ops.sum(error_of(f, r) * (1 + 4 * e)) / ops.sum(face), "pixels outside the face"),
        (
            lambda f, r, face, e: ops.sum(error_of(f, r) * face * (1 + 4 * e)) / ops.sum(face * (1 + 4 * e)),
            "not by the sum of the weights",
        ),
        (lambda f, r, face, e: ops.mean(error_of(f, r) * face * (1 + 4 * e)), "not by the number of all pixels"),
        (lambda f, r, face, e: ops.sum(ops.abs(f - r) * face * (1 + 4 * e)) / ops.sum(face), "3 times too large"),
        (lambda f, r, face, e: ops.sum(ops.abs(f - r) * face * (1 + 4 * e)) / (ops.sum(face) + 1), "3 times too large"),
        (
            lambda f, r, face, e: (
                ops.sum(ops.mean((f - r) ** 2, axis=-1, keepdims=True) * face * (1 + 4 * e)) / ops.sum(face)
            ),
            "not its square",
        ),
        (lambda f, r, face, e: 7 * eye_weighted(f, r, face, e), "expected"),
        (lambda f, r, face, e: f @ face @ e, "your code stops with"),
    ],
)
def test_a_wrong_eye_weighted_loss_is_told_what_is_off(loss, told):
    assert told in check_eye_weighted(loss)


def normalize(features, axes=(1, 2)):
    mean, variance = ops.moments(features, axes=axes, keepdims=True)
    return (features - mean) / ops.sqrt(variance + 1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        lambda fake, real: ops.mean(ops.square(normalize(fake) - normalize(real))),
        lambda fake, real: losses.feature_distance([fake], [real], [1.0]),
    ],
)
def test_a_perceptual_loss_of_one_layer_is_right(loss):
    assert check_feature_loss(loss) == "right"


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (lambda f, r: ops.mean(ops.square(f - r)), "not normalized"),
        (
            lambda f, r: ops.mean(
                ops.square(f - ops.mean(f, axis=(1, 2), keepdims=True) - (r - ops.mean(r, axis=(1, 2), keepdims=True)))
            ),
            "also divide",
        ),
        (lambda f, r: ops.mean(ops.square(normalize(f, (0, 1, 2)) - normalize(r, (0, 1, 2)))), "each image by itself"),
        (lambda f, r: ops.mean(ops.square(normalize(f, (1, 2, 3)) - normalize(r, (1, 2, 3)))), "each channel by itse"),
        (lambda f, r: ops.mean(ops.square(normalize(f, (3,)) - normalize(r, (3,)))), "axis -1 holds the channels"),
        (lambda f, r: ops.mean(ops.abs(normalize(f) - normalize(r))), "not the absolute one"),
        (lambda f, r: ops.sum(ops.square(normalize(f) - normalize(r))), "not the sum"),
        (lambda f, r: 0.5 * ops.mean(ops.square(normalize(f) - normalize(r))), "expected"),
        (lambda f, r: None, "your code stops with"),
    ],
)
def test_a_wrong_perceptual_loss_is_told_what_is_off(loss, told):
    assert told in check_feature_loss(loss)


def test_a_smoothed_lsgan_loss_is_right():
    assert check_smoothed_lsgan(lambda labels, scores: ops.mean(ops.square(scores - 0.9 * labels))) == "right"
    assert check_smoothed_lsgan(lambda labels, scores: losses.mixup_discriminator_loss(scores, 0.9 * labels)) == "right"


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (lambda labels, scores: ops.mean(ops.square(scores - labels)), "not smoothed"),
        (lambda labels, scores: ops.mean(ops.square(scores - 0.05 - 0.9 * labels)), "both labels are smoothed"),
        (lambda labels, scores: ops.mean(ops.square(scores - 0.1 - 0.9 * labels)), "a fake image should get 0"),
        (lambda labels, scores: losses.lsgan_generator_loss(scores), "the loss of the generator"),
        (lambda labels, scores: ops.mean(ops.square(scores - 0.9 + 0.9 * labels)), "exchanged"),
        (lambda labels, scores: ops.mean(ops.abs(scores - 0.9 * labels)), "squared distance"),
        (lambda labels, scores: 2 * ops.mean(ops.square(scores - 0.9 * labels)), "expected"),
    ],
)
def test_a_wrong_lsgan_loss_is_told_what_is_off(loss, told):
    assert told in check_smoothed_lsgan(loss)


def cosine(step, warmup, steps):
    if step < warmup:
        return (step + 1) / warmup
    return (1 + np.cos(np.pi * (step - warmup) / (steps - warmup))) / 2


def test_a_cosine_schedule_with_warm_up_is_right():
    assert check_cosine_schedule(cosine) == "right"


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        (lambda s, w, n: s / w if s < w else cosine(s, w, n), "the first step has the factor 0"),
        (lambda s, w, n: max(1.0, float(s < w)) if s < w else cosine(s, w, n), "there is no warm-up"),
        (lambda s, w, n: min(1, (s + 1) / w), "after the warm-up the factor stays 1"),
        (lambda s, w, n: (s + 1) / w if s < w else (1 + np.cos(np.pi * s / n)) / 2, "begins at step 0"),
        (lambda s, w, n: (s + 1) / w if s < w else 1 - (s - w) / (n - w), "a straight line"),
        (
            lambda s, w, n: (s + 1) / w if s < w else (1 + np.cos(2 * np.pi * (s - w) / (n - w))) / 2,
            "a whole turn",
        ),
        (lambda s, w, n: cosine(s, w, n) ** 2, "expected"),
        (lambda s, w: 1.0, "your code stops with TypeError"),
    ],
)
def test_a_wrong_schedule_is_told_what_is_off(factor, told):
    assert told in check_cosine_schedule(factor)


def mirror(picture, points):
    return picture[:, ::-1], (points * [-1, 1] + [len(picture) - 1, 0])[[1, 0, 2, 4, 3]]


def test_a_face_that_is_mirrored_with_its_landmarks_is_right():
    assert check_mirror(mirror) == "right"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda picture, points: (picture, points), "the picture is not mirrored"),
        (lambda picture, points: (picture[::-1], points), "upside down"),
        (lambda picture, points: (picture[:, ::-1], points), "landmarks stay where they were"),
        (lambda picture, points: (picture[:, ::-1], points * [-1, 1] + [40, 0]), "exchange the rows"),
        (lambda picture, points: (picture[:, ::-1], points[[1, 0, 2, 4, 3]]), "x is not mirrored"),
        (lambda picture, points: (picture[:, ::-1], mirror(picture, points)[1] + [1, 0]), "off by one pixel"),
        (lambda picture, points: (picture[:, ::-1], points[:3]), "expected shapes"),
        (lambda picture, points: (np.roll(picture, 3, 1), points), "not the mirrored one"),
        (lambda picture, points: (picture[:, ::-1], mirror(picture, points)[1] + 7), "expected"),
    ],
)
def test_a_wrong_mirror_is_told_what_is_off(wrong, told):
    assert told in check_mirror(wrong)


def decay_at(step):
    return min(0.99, (1 + step) / (10 + step))


def average(old, new, step):
    return decay_at(step) * old + (1 - decay_at(step)) * new


def test_a_moving_average_is_right():
    assert check_average(average) == "right"


def test_the_decay_of_the_check_is_that_of_the_library():
    config = TrainConfig()
    assert [decay_at(step) for step in (0, 8, 5000)] == [average_decay(step, config) for step in (0, 8, 5000)]


def changed_in_place(old, new, step):
    old *= decay_at(step)
    old += (1 - decay_at(step)) * new
    return old


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda old, new, step: 0.99 * old + 0.01 * new, "from the first step on"),
        (lambda old, new, step: (1 + step) / (10 + step) * old + 9 / (10 + step) * new, "never stops growing"),
        (lambda old, new, step: average(new, old, step), "exchanged"),
        (lambda old, new, step: decay_at(step) * old + new, "in full"),
        (lambda old, new, step: average(old, new, step - 1), "steps count from 0"),
        (lambda old, new, step: new, "the newest weights"),
        (lambda old, new, step: (old + new) / 2, "expected"),
        (changed_in_place, "changes the array"),
        (lambda old, new, step: old[:7, :7], "your code stops with IndexError"),
    ],
)
def test_a_wrong_moving_average_is_told_what_is_off(wrong, told):
    assert told in check_average(wrong)
