"""Checks of the exercises about faces in a video: blending, boxes, alignment, the Kalman filter, weights of a loss.

A check tries the reader's code on small made-up arrays and compares it with numbers that are computed here in another
way. It never raises for a wrong answer.
"""

import typing
from collections.abc import Callable

import numpy as np

from faceswap_lib.course.checks import RIGHT, match_answer, report_errors


@report_errors
def check_alpha_composite(blend: Callable[..., typing.Any]) -> str:
    """Checks a function that blends two images with a mask (alpha blending).

    Args:
        blend: Called with a mask (H, W, 1) from 0 to 1, the new image and the old image, (H, W, 3) each; returns
            (H, W, 3).

    Returns:
        "right", or what is off.
    """
    new, old = np.full((1, 3, 3), [200.0, 100.0, 40.0]), np.full((1, 3, 3), [80.0, 20.0, 10.0])
    mask = np.array([[[0.0], [0.25], [1.0]]])
    return match_answer(
        {
            RIGHT: old + mask * (new - old),
            "this is the new image alone: multiply it by the mask": new,
            "this is the old image alone: add mask * new": old,
            "new and old are exchanged: where the mask is 1, the result is the new image": new + mask * (old - new),
            "the old image needs a weight as well, 1 - mask: the two weights of a pixel sum to 1": mask * new + old,
            "this is only the new image's part: add (1 - mask) * old": mask * new,
            "this is the mean of both images: use the mask as the weight of each pixel": (new + old) / 2,
        },
        blend(mask.copy(), new.copy(), old.copy()),
        "three pixels with the masks 0, 0.25 and 1",
    )


@report_errors
def check_nms(nms: Callable[..., typing.Any]) -> str:
    """Checks non-maximum suppression.

    Args:
        nms: Called with boxes (N, 5), left, top, right, bottom, score, in any order, and the largest intersection over
            union that two kept boxes may have; returns the kept boxes, best first, a list or an array.

    Returns:
        "right", or what is off.
    """
    boxes = np.array(
        [
            [4.0, 0.0, 14.0, 10.0, 0.7],  # IoU 0.43 with the best, 0.67 with the second
            [50.0, 50.0, 60.0, 60.0, 0.6],  # alone
            [0.0, 0.0, 10.0, 10.0, 0.9],  # the best
            [2.0, 0.0, 12.0, 10.0, 0.8],  # the second: IoU 0.67 with the best
        ]
    )
    best, second, third, alone = boxes[2], boxes[3], boxes[0], boxes[1]
    found = np.asarray(nms(boxes.copy(), 0.5), np.float64)
    if found.ndim != 2 or found.shape[1:] != (5,):
        return f"expected rows of five numbers, the kept boxes, got an array of shape {found.shape}"
    known = {
        RIGHT: [best, third, alone],
        "nothing was removed: a box that overlaps a better kept box by more than the limit goes": list(boxes),
        "the boxes are only sorted; remove those that overlap a better kept box": [best, second, third, alone],
        "only one box is left: repeat with the boxes that do not overlap the best one": [best],
        "a removed box still removes others: compare only with boxes that were kept": [best, alone],
        "a box that does not overlap any other was removed": [best, third],
    }
    for text, rows in known.items():
        if len(rows) == len(found) and np.allclose(found, rows):
            return text
    order = found[np.argsort(-found[:, 4])]
    if len(order) == 3 and np.allclose(order, [best, third, alone]):
        return "the right boxes are kept, but not the best first: sort by the score"
    scores = ", ".join(f"{score:g}" for score in found[:, 4])
    return f"expected the boxes with the scores 0.9, 0.7, 0.6 of four boxes, got {scores or 'none'}"


@report_errors
def check_alignment(align: Callable[..., typing.Any]) -> str:
    """Checks a function that computes the similarity transform between two sets of five points by least squares.

    Args:
        align: Called with the landmarks (5, 2) x, y and their target positions (5, 2); returns the (2, 3) matrix.

    Returns:
        "right", or what is off.
    """
    random = np.random.default_rng(2)
    target = np.array([[90.0, 100.0], [166.0, 100.0], [128.0, 142.0], [98.0, 185.0], [158.0, 185.0]])
    turn = 0.4 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    points = target @ turn.T + [60.0, 40.0] + random.normal(0, 2, (5, 2))
    matrix = np.asarray(align(points.copy(), target.copy()), np.float64)
    if matrix.shape != (2, 3):
        return f"expected a matrix of shape (2, 3), got {matrix.shape}"
    right, inverse = _umeyama(points, target), _umeyama(target, points)
    ones = np.concatenate([points, np.ones((5, 1))], axis=1)
    affine = np.linalg.lstsq(ones, target, rcond=None)[0].T
    two_points = _umeyama(points[:2], target[:2])
    transposed = np.column_stack([right[:, :2].T, right[:, 2]])
    no_shift = np.column_stack([right[:, :2], target.mean(0) - points.mean(0)])
    known = {
        RIGHT: right,
        "this is the matrix from the crop to the frame: exchange landmarks and target": inverse,
        "six free numbers also allow shear and stretch: a similarity has four, p, q, s and t": affine,
        "this matrix uses the eyes only: least squares needs all five landmarks": two_points,
        "the rotation goes the wrong way: the matrix is p, -q, s and q, p, t": transposed,
        "the shift ignores rotation and scale: s and t move the rotated points": no_shift,
    }
    for text, value in known.items():
        if np.allclose(matrix, value, rtol=1e-3, atol=1e-3):
            return text
    (p, minus_q, _), (q, again, _) = matrix
    if not np.allclose([p, q], [again, -minus_q], rtol=1e-3, atol=1e-6):
        return "this is no similarity transform: the rows must be p, -q, s and q, p, t"
    errors = [np.hypot(*(points @ m[:, :2].T + m[:, 2] - target).T).mean() for m in (matrix, right)]
    return f"the points are {errors[0]:.1f} pixels off on average; least squares reaches {errors[1]:.1f}"


@report_errors
def check_kalman_update(update: Callable[..., typing.Any]) -> str:
    """Checks the update step of a Kalman filter whose state is a position and a velocity.

    Args:
        update: Called with the predicted state x (2,), its covariance P (2, 2), the measurement z, a number, and the
            variance R of the measurement, a number; returns the new x and the new P.

    Returns:
        "right", or what is off.
    """
    x, P, z, R = np.array([1.0, 0.1]), np.array([[0.04, 0.01], [0.01, 0.02]]), 1.3, 0.01
    answer = update(x.copy(), P.copy(), z, R)
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        return "expected two results, the new x and the new P"
    new_x, new_P = (np.asarray(part, np.float64) for part in answer)
    if new_x.shape != (2,) or new_P.shape != (2, 2):
        return f"expected x of shape (2,) and P of shape (2, 2), got {new_x.shape} and {new_P.shape}"
    gain = P[:, 0] / (P[0, 0] + R)
    right_P = np.linalg.inv(np.linalg.inv(P) + np.diag([1 / R, 0.0]))  # information of both adds up
    states = {
        RIGHT: x + gain * (z - x[0]),
        "x did not change: add K times the innovation, z - Hx": x,
        "the velocity did not change: K has two numbers, one for the position and one for the velocity": [
            x[0] + gain[0] * (z - x[0]),
            x[1],
        ],
        "the sign is wrong: the innovation is z - Hx, so that x moves toward z": x - gain * (z - x[0]),
        "the gain trusts the wrong one: K is P H' / (H P H' + R), large where the prediction is uncertain": [
            x[0] + R / (P[0, 0] + R) * (z - x[0]),
            new_x[1],
        ],
        "R is missing in the gain: K is P H' / (H P H' + R)": x + P[:, 0] / P[0, 0] * (z - x[0]),
        "this ignores the prediction: the new position is a mixture of x and z, not z": [z, new_x[1]],
    }
    for text, value in states.items():
        if np.allclose(new_x, value, rtol=1e-4):
            if text == RIGHT:
                break
            return text
    else:
        return f"expected x = {np.round(states[RIGHT], 3).tolist()}, got {np.round(new_x, 3).tolist()}"
    covariances = {
        RIGHT: right_P,
        "x is right, but P did not change: a measurement makes the state more certain, P = (I - K H) P": P,
        "x is right, but P grew: P = (I - K H) P, with a minus": P + np.outer(gain, P[0]),
        "x is right, but only the variance of the position became smaller: K H is a matrix of 2 by 2": [
            [(1 - gain[0]) * P[0, 0], P[0, 1]],
            P[1],
        ],
        "x is right, but all of P was multiplied by one number: K H is a matrix of 2 by 2": (1 - gain[0]) * P,
    }
    for text, value in covariances.items():
        if np.allclose(new_P, value, rtol=1e-4):
            return text
    return f"x is right, but expected P = {np.round(right_P, 4).tolist()}, got {np.round(new_P, 4).tolist()}"


@report_errors
def check_region_weights(weigh: Callable[..., typing.Any]) -> str:
    """Checks a function that computes the weight of each pixel in the reconstruction loss from three masks.

    Args:
        weigh: Called with the masks of face, eyes and mouth, (H, W) each from 0 to 1, and the weights of the
            surroundings, of the eyes and of the mouth; returns (H, W).

    Returns:
        "right", or what is off.
    """
    face = np.array([[0.0, 1.0, 1.0, 1.0, 0.5]])
    eyes = np.array([[0.0, 0.0, 1.0, 0.0, 0.5]])
    mouth = np.array([[0.0, 0.0, 0.0, 1.0, 0.0]])
    background, eye, lips = 0.1, 4.0, 2.0
    right = np.array([[0.1, 1.0, 5.0, 3.0, 0.1 + 0.5 * (0.9 + 2.0)]])
    parts = eye * eyes + lips * mouth
    return match_answer(
        {
            RIGHT: right,
            "all pixels have the same weight: use the masks": np.ones_like(face),
            "all pixels have the weight of the surroundings: use the masks": np.full_like(face, background),
            "the weight of the eyes and of the mouth is missing: add 4 e and 2 m": background + face * (1 - background),
            "outside the face the weight is 0, expected the small weight s of the surroundings": face * (1 + parts),
            "the face's weight is above 1: it is s + f (1 - s + ...), which is 1 where only f is 1": background
            + face * (1 + parts),
            "eyes and mouth must count only inside the face: multiply them by f": background
            + face * (1 - background)
            + parts,
            "eyes and mouth are exchanged": background + face * (1 - background + eye * mouth + lips * eyes),
            "s is the weight outside, so the face gets s + f (1 - s), not s * f": background * face + face * parts,
        },
        weigh(face.copy(), eyes.copy(), mouth.copy(), background, eye, lips),
        "surroundings, cheek, eye, mouth, and the soft border of an eye",
    )


def _umeyama(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Computes the similarity transform with the singular value decomposition, as in Umeyama's paper."""
    mean_a, mean_b = a.mean(0), b.mean(0)
    left, sizes, right = np.linalg.svd((b - mean_b).T @ (a - mean_a))
    sign = np.array([1.0, np.sign(np.linalg.det(left @ right))])
    rotation = left @ np.diag(sign) @ right
    scaled = rotation * (sizes * sign).sum() / ((a - mean_a) ** 2).sum()
    return np.column_stack([scaled, mean_b - scaled @ mean_a])
