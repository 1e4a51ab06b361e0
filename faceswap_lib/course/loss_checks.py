"""Checks of the exercises about losses and training: each says "right", or what is off in one line.

A check tries the reader's code on small made-up arrays and compares it with numbers that are computed here in another
way. It never raises for a wrong answer.
"""

import typing
from collections.abc import Callable

import numpy as np

from faceswap_lib.course.checks import RIGHT, match_answer, mean_of, report_errors, to_tensor

MIRRORED_LANDMARKS = (1, 0, 2, 4, 3)
"""Index of each of the five landmarks in the mirrored face: left and right change places, the nose stays."""


def _mean_of(loss: typing.Any) -> float:
    """Computes the mean of a loss, which may be one number or one per image or pixel."""
    if loss is None:
        raise ValueError("expected a loss, got None; the last line of the function is `return ...`")
    return mean_of(loss)


@report_errors
def check_eye_weighted(loss: Callable[..., typing.Any]) -> str:
    """Checks an eye-weighted reconstruction loss.

    Args:
        loss: Called with the output and the target, (B, R, R, 3) in [-1, 1], and the masks of face and eyes,
            (B, R, R, 1) in [0, 1]; returns the sum of the errors, with the weight 1 in the face, 5 on the eyes and 0
            outside, divided by the area of the face.

    Returns:
        "right", or what is off.
    """
    random = np.random.default_rng(3)
    fake, real = random.uniform(-1, 1, (2, 2, 6, 6, 3))
    face, eyes = np.zeros((2, 2, 6, 6, 1))
    face[:, 1:6, 1:5] = 1
    eyes[:, 2, 0:3] = 1  # one pixel of the eyes is outside the face
    found = _mean_of(loss(*(to_tensor(array) for array in (fake, real, face, eyes))))
    error, area = np.abs(fake - real).mean(axis=-1, keepdims=True), face.sum()
    weight = face * (1 + 4 * eyes)
    mean = (error * weight).sum() / area
    answers = {
        RIGHT: mean,
        "this is the mean over all pixels: weight the error with the masks of face and eyes": error.mean(),
        "the eyes count as much as the skin: add 4 to the weight where the mask of the eyes is 1": (error * face).sum()
        / area,
        "an eye has the weight 4: the weight is 1 of the face plus 4 of the eyes": (
            error * np.where(eyes > 0, 4 * face, face)
        ).sum()
        / area,
        "a pixel of the eyes outside the face counts: multiply the whole weight by the mask of the face": (
            error * (face + 4 * eyes)
        ).sum()
        / area,
        "pixels outside the face count: multiply the whole weight by the mask of the face": (
            error * (1 + 4 * eyes)
        ).sum()
        / area,
        "divide by the area of the face, not by the sum of the weights: otherwise more weight on the eyes means less "
        "on the skin": (error * weight).sum() / weight.sum(),
        "divide by the area of the face, not by the number of all pixels": (error * weight).mean(),
        "divide the sum by the area of the face": (error * weight).sum(),
        "3 times too large: take the mean over the three colors first, not their sum": 3 * mean,
        "use the absolute error, not its square": (((fake - real) ** 2).mean(axis=-1, keepdims=True) * weight).sum()
        / area,
    }
    small = {text: value * area / (area + 1) for text, value in answers.items()}  # the library adds 1 to the area
    for text, value in small.items():
        if np.isclose(found, value, rtol=1e-3):
            return text
    return match_answer(answers, found, "two small images")


@report_errors
def check_feature_loss(loss: Callable[[typing.Any, typing.Any], typing.Any]) -> str:
    """Checks a perceptual loss of one layer.

    Args:
        loss: Called with the features of the output and of the target, (B, h, w, C); returns the mean squared
            difference of the features after each channel of each image was normalized to mean 0 and deviation 1.

    Returns:
        "right", or what is off.
    """
    random = np.random.default_rng(4)
    scale, offset = random.uniform(0.5, 6, (2, 1, 1, 1, 4))
    alike = random.normal(size=(2, 5, 5, 4))
    fake = alike * scale + offset
    real = (alike + 0.5 * random.normal(size=alike.shape)) * scale[..., ::-1] - offset
    found = _mean_of(loss(to_tensor(fake), to_tensor(real)))

    def normalized(features: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        mean, deviation = features.mean(axis=axes, keepdims=True), features.std(axis=axes, keepdims=True)
        return (features - mean) / deviation

    def distance(axes: tuple[int, ...]) -> float:
        return ((normalized(fake, axes) - normalized(real, axes)) ** 2).mean()

    centered = [features - features.mean(axis=(1, 2), keepdims=True) for features in (fake, real)]
    answers = {
        RIGHT: distance((1, 2)),
        "the features are not normalized: the channel with the largest numbers decides alone": (
            (fake - real) ** 2
        ).mean(),
        "subtract the mean and also divide by the standard deviation": ((centered[0] - centered[1]) ** 2).mean(),
        "normalize each image by itself: take mean and deviation over height and width only, not over the batch": (
            distance((0, 1, 2))
        ),
        "normalize each channel by itself: take mean and deviation over height and width only": distance((1, 2, 3)),
        "axis -1 holds the channels: take mean and deviation over height and width, axes 1 and 2": distance((3,)),
        "use the squared difference, not the absolute one": np.abs(
            normalized(fake, (1, 2)) - normalized(real, (1, 2))
        ).mean(),
        "take the mean, not the sum": distance((1, 2)) * fake.size,
    }
    for text, value in answers.items():
        if np.isclose(found, value, rtol=1e-2):  # the library adds 0.001 to the variance
            return text
    return match_answer(answers, found, "features of two images")


@report_errors
def check_smoothed_lsgan(loss: Callable[[typing.Any, typing.Any], typing.Any]) -> str:
    """Checks the LSGAN loss of a discriminator with one-sided label smoothing.

    Args:
        loss: Called with labels (B, 1, 1, 1), 1 for real and 0 for fake images, and scores (B, h, w, 1); returns
            the mean squared distance of the scores from 0.9 for real and from 0 for fake images.

    Returns:
        "right", or what is off.
    """
    random = np.random.default_rng(6)
    labels = np.array([1.0, 1, 1, 0]).reshape(4, 1, 1, 1)
    scores = random.uniform(-0.5, 1.5, (4, 3, 3, 1))
    found = _mean_of(loss(to_tensor(labels), to_tensor(scores)))
    answers = {
        RIGHT: (scores - 0.9 * labels) ** 2,
        "the labels are not smoothed: a real image should get 0.9, not 1": (scores - labels) ** 2,
        "only the label of real images is smoothed: a fake image should get 0": (scores - (0.9 * labels + 0.1)) ** 2,
        "both labels are smoothed: a fake image should get 0": (scores - (0.9 * labels + 0.05)) ** 2,
        "this is the loss of the generator, which wants 1 for every image": (scores - 1) ** 2,
        "the labels are exchanged: a real image should get 0.9, a fake one 0": (scores - 0.9 * (1 - labels)) ** 2,
        "use the squared distance, not the absolute one": np.abs(scores - 0.9 * labels),
    }
    return match_answer({text: value.mean() for text, value in answers.items()}, found, "scores of four images")


@report_errors
def check_cosine_schedule(factor: Callable[[int, int, int], float]) -> str:
    """Checks a learning rate schedule: linear warm-up, then half a cosine down to 0.

    Args:
        factor: Called with the step, counted from 0, the number of steps of the warm-up and the number of all steps;
            returns the factor of the learning rate, 0 to 1.

    Returns:
        "right", or what is off.
    """
    warmup, steps = 10, 110
    at = np.array([0, 4, 9, 10, 35, 60, 85, 109])
    found = np.array([float(factor(int(step), warmup, steps)) for step in at])
    rise = (at + 1) / warmup
    fall = (1 + np.cos(np.pi * (at - warmup) / (steps - warmup))) / 2
    whole = (1 + np.cos(np.pi * at / steps)) / 2
    full_turn = (1 + np.cos(2 * np.pi * (at - warmup) / (steps - warmup))) / 2
    inside = at < warmup
    answers = {
        RIGHT: np.where(inside, rise, fall),
        "the first step has the factor 0 and changes nothing: use (step + 1) / warmup": np.where(
            inside, at / warmup, fall
        ),
        "there is no warm-up: before step `warmup` the factor is (step + 1) / warmup": np.where(inside, 1, fall),
        "after the warm-up the factor stays 1: let half a cosine take it down to 0": np.minimum(1, rise),
        "the cosine begins at step 0, so the factor jumps at the end of the warm-up: count its steps from `warmup`": (
            np.where(inside, rise, whole)
        ),
        "this is a straight line after the warm-up, not half a cosine": np.where(
            inside, rise, 1 - (at - warmup) / (steps - warmup)
        ),
        "this is a whole turn of the cosine, which comes back to 1: use pi, not 2 * pi": np.where(
            inside, rise, full_turn
        ),
    }
    return match_answer(answers, found, f"the steps {at.tolist()} of {steps}, warm-up {warmup}")


@report_errors
def check_mirror(mirror: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> str:
    """Checks a function that mirrors a picture and its five landmarks together.

    Args:
        mirror: Called with a picture (S, S, 3) uint8 and landmarks (5, 2) x, y in its pixels: left eye, right eye,
            nose, left and right corner of the mouth, as in the picture; returns both, mirrored.

    Returns:
        "right", or what is off.
    """
    side = 41
    picture = np.zeros((side, side, 3), np.uint8)
    points = np.array([[11.0, 14.0], [31.0, 16.0], [18.0, 23.0], [13.0, 32.0], [27.0, 33.0]])
    for number, (x, y) in enumerate(points.astype(int)):
        picture[y, x] = 50 + 40 * number
    flipped, moved = mirror(picture.copy(), points.copy())
    flipped, moved = np.asarray(flipped), np.asarray(moved, float)
    if flipped.shape != picture.shape or moved.shape != points.shape:
        return f"expected shapes {picture.shape} and {points.shape}, got {flipped.shape} and {moved.shape}"
    if np.array_equal(flipped, picture):
        return "the picture is not mirrored: reverse its columns, picture[:, ::-1]"
    if np.array_equal(flipped, picture[::-1]):
        return "the picture is upside down: reverse its columns, the second axis"
    if not np.array_equal(flipped, picture[:, ::-1]):
        return "the picture is not the mirrored one: reverse its columns, picture[:, ::-1]"
    order = list(MIRRORED_LANDMARKS)
    wanted = points[order] * [-1, 1] + [side - 1, 0]
    answers = {
        RIGHT: wanted,
        "the landmarks stay where they were: mirror their x as well": points,
        "landmark 0 is now the eye on the right: exchange the rows of the eyes and of the corners of the mouth": (
            points * [-1, 1] + [side - 1, 0]
        ),
        "the rows are exchanged, but x is not mirrored": points[order],
        "off by one pixel: x becomes S - 1 - x, because pixels count from 0": points[order] * [-1, 1] + [side, 0],
        "x only changed its sign: x becomes S - 1 - x": points[order] * [-1, 1],
    }
    return match_answer(answers, moved, f"five landmarks in {side} pixels")


@report_errors
def check_average(update: Callable[[np.ndarray, np.ndarray, int], np.ndarray]) -> str:
    """Checks one step of an exponential moving average whose decay starts small.

    Args:
        update: Called with the average so far, the newest weights (arrays of equal shape) and the step, counted from 0;
            returns the new average, with the decay (1 + step) / (10 + step), at most 0.99.

    Returns:
        "right", or what is off.
    """
    average, weights = np.array([1.0, -2.0, 0.5]), np.array([3.0, 0.0, -1.5])
    steps = (0, 8, 5000)
    given = average.copy()
    found = np.array([update(given, weights.copy(), step) for step in steps], float)
    if not np.array_equal(given, average):
        return "the function changes the array that it gets: return a new one"
    at = np.array(steps, float)[:, None]

    def averages(decay: np.ndarray | float) -> np.ndarray:
        decay = np.broadcast_to(decay, at.shape)
        return decay * average + (1 - decay) * weights

    started = np.minimum(0.99, (1 + at) / (10 + at))
    answers = {
        RIGHT: averages(started),
        "the decay is 0.99 from the first step on, so the random initial weights stay for too long": averages(0.99),
        "the decay never stops growing: use at most 0.99": averages((1 + at) / (10 + at)),
        "old and new are exchanged: the decay belongs to the average so far": averages(1 - started),
        "this adds the newest weights in full: multiply them by 1 - decay": started * average + weights,
        "steps count from 0: the decay of step 0 is 1 / 10": averages(np.minimum(0.99, at / (9 + at))),
        "these are the newest weights, not an average": averages(0.0),
    }
    return match_answer(answers, found, f"three weights at the steps {steps}")
