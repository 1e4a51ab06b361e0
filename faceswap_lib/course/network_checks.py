"""Checks of the exercises about networks and attention: "right", or what is off in one line.

A check tries the reader's code on small made-up arrays and compares it with numbers that are computed here in another
way. It never raises for a wrong answer.
"""

from collections.abc import Callable

import numpy as np

from faceswap_lib.course.checks import RIGHT, match_answer, report_errors


@report_errors
def check_convolution(convolve: Callable[[np.ndarray, np.ndarray, int], np.ndarray]) -> str:
    """Checks a convolution with several channels and a stride.

    Args:
        convolve: Called with an image (H, W, C), kernels (K, K, C, D) and a stride; returns (h, w, D) without padding.

    Returns:
        "right", or what is off.
    """
    random = np.random.default_rng(11)
    image, kernels = random.normal(size=(7, 9, 3)), random.normal(size=(3, 3, 3, 2))
    found = convolve(image.copy(), kernels.copy(), 2)
    if found is None:
        return "the function returns nothing: end it with return"
    found, right = np.asarray(found), _windows(image, kernels)[::2, ::2]
    for shape, text in {
        (5, 7, 2): "the stride has no effect: start the patch of a row at row * stride",
        (4, 5, 2): "there is no padding: the last patch must fit into the image, so (H - K) // stride + 1 rows",
    }.items():
        if found.shape == shape:
            return text
    answers = {
        RIGHT: right,
        "the kernel is flipped: in networks, no row or column of the kernel is turned around": (
            _windows(image, kernels[::-1, ::-1])[::2, ::2]
        ),
        "only the first input channel counts: add the products of all channels": (
            _windows(image[..., :1], kernels[:, :, :1])[::2, ::2]
        ),
        "this is the mean of the products: add them": right / 27,
        "the mean over the channels is taken: add the products of all channels": right / 3,
        "rows and columns of the kernel are exchanged": _windows(image, kernels.transpose(1, 0, 2, 3))[::2, ::2],
    }
    if found.shape != right.shape:
        return f"expected the shape {right.shape} for an image of 7 x 9 x 3, two kernels, stride 2, got {found.shape}"
    told = match_answer(answers, found, "a small example")
    return told if not told.startswith("expected") else _first_number(right, found)


@report_errors
def check_unshuffle(unshuffle: Callable[[np.ndarray, int], np.ndarray]) -> str:
    """Checks the inverse of pixel shuffle.

    Args:
        unshuffle: Called with an image (H, W, C) and a factor f; returns (H / f, W / f, f * f * C).

    Returns:
        "right", or what is off.
    """
    image = np.arange(6 * 9 * 2).reshape(6, 9, 2)
    found = unshuffle(image.copy(), 3)
    if found is None:
        return "the function returns nothing: end it with return"
    found = np.asarray(found)
    squares = image.reshape(2, 3, 3, 3, 2)  # row, row in the square, column, column in the square, color
    right = squares.transpose(0, 2, 1, 3, 4).reshape(2, 3, 18)
    answers = {
        RIGHT: right,
        "this only reshapes: pixels of one square are not neighbors in memory; take image[row::f, column::f]": (
            image.reshape(2, 3, 18)
        ),
        "rows and columns of the square are exchanged: the column changes fastest": (
            squares.transpose(0, 2, 3, 1, 4).reshape(2, 3, 18)
        ),
        "the colors must stay together: channel (i * f + j) * C + c, not c * f * f + i * f + j": (
            squares.transpose(0, 2, 4, 1, 3).reshape(2, 3, 18)
        ),
    }
    if found.shape == (3, 4, 8) or found.shape == (3, 5, 8):
        return "the factor is fixed to 2: use the argument"
    if found.shape != right.shape:
        return f"expected the shape {right.shape} for an image of {image.shape} and factor 3, got {found.shape}"
    told = match_answer(answers, found, "a small example")
    return told if not told.startswith("expected") else _first_number(right, found)


@report_errors
def check_attention(attend: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> str:
    """Checks self-attention without learned weights.

    Args:
        attend: Called with queries (N, D), keys (N, D) and values (N, C); returns (N, C).

    Returns:
        "right", or what is off.
    """
    random = np.random.default_rng(12)
    query, key, value = random.normal(size=(5, 3)), random.normal(size=(5, 3)), random.normal(size=(5, 4))
    found = attend(query.copy(), key.copy(), value.copy())
    if found is None:
        return "the function returns nothing: end it with return"
    scores = query @ key.T
    answers = {
        RIGHT: _softmax(scores) @ value,
        "softmax runs along the wrong axis: the weights of one query, one row, must add up to 1": (
            _softmax(scores, axis=0) @ value
        ),
        "softmax is missing: the weights must be positive and add up to 1": scores @ value,
        "the exponentials are not divided by their sum: the weights of one query must add up to 1": (
            np.exp(scores) @ value
        ),
        "all weights together add up to 1: divide each row by its own sum": (np.exp(scores) / np.exp(scores).sum())
        @ value,
        "queries and keys are exchanged: row i belongs to query i": _softmax(scores.T) @ value,
        "the scores are divided by the root of D, as in transformers; here they are not": (
            _softmax(scores / 3**0.5) @ value
        ),
    }
    told = match_answer(answers, found, "five positions")
    if told == RIGHT and not np.isfinite(np.asarray(attend(100 * query, 100 * key, value))).all():
        return "right for small numbers, but large scores overflow: subtract the largest score of each row before exp"
    return told if not told.startswith("expected [[") else _first_number(answers[RIGHT], np.asarray(found))


@report_errors
def check_composite(
    composite: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> str:
    """Checks alpha compositing with an attention mask and an occlusion mask.

    Args:
        composite: Called with the mask (H, W), the raw face (H, W, 3), the input (H, W, 3) and what is visible (H, W),
            1 on the face and 0 where an object covers it; returns (H, W, 3).

    Returns:
        "right", or what is off.
    """
    random = np.random.default_rng(13)
    mask, raw, image = random.uniform(size=(3, 3)), random.uniform(size=(3, 3, 3)), random.uniform(size=(3, 3, 3))
    visible = np.array([[1.0, 1.0, 0.0], [1.0, 0.4, 0.0], [1.0, 1.0, 1.0]])
    found = composite(mask.copy(), raw.copy(), image.copy(), visible.copy())
    if found is None:
        return "the function returns nothing: end it with return"
    m, v = mask[..., None], visible[..., None]
    answers = {
        RIGHT: m * v * raw + (1 - m * v) * image,
        "the object is painted over: multiply the mask by what is visible": m * raw + (1 - m) * image,
        "face and input are exchanged: where the mask is 1, the raw face must appear": m * v * image
        + (1 - m * v) * raw,
        "covered pixels become dark: the weights of face and input must add up to 1": m * v * raw + (1 - m) * image,
        "covered pixels become black: multiply the mask by what is visible, not the result": v
        * (m * raw + (1 - m) * image),
        "visible is 0 where an object is: multiply by it, not by 1 - visible": m * (1 - v) * raw
        + (1 - m * (1 - v)) * image,
    }
    told = match_answer(answers, found, "a small example")
    return told if not told.startswith("expected [[") else _first_number(answers[RIGHT], np.asarray(found))


def _windows(image: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Convolves with stride 1 by adding shifted images."""
    size = len(kernels)
    rows, columns = (length - size + 1 for length in image.shape[:2])
    shifts = [(i, j) for i in range(size) for j in range(size)]
    return np.sum([image[i : i + rows, j : j + columns] @ kernels[i, j] for i, j in shifts], axis=0)


def _softmax(scores: np.ndarray, axis: int = 1) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _first_number(right: np.ndarray, found: np.ndarray) -> str:
    """Describes the first number that differs between two arrays of equal shapes."""
    wrong = np.argwhere(~np.isclose(found, right, rtol=1e-3, atol=1e-6))[0]
    at = tuple(wrong.tolist())
    return f"expected {right[at]:.3f} at {list(at)} of a small example, got {found[at]:.3f}"
