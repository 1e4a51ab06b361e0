"""Contour exchange: targets get the face outline of another person, so that the outline is shape and not appearance.

In training, source and target show one person, so a network could take the outline from the source and ignore that of
the target shape. A driver has another outline. Therefore some targets are warped to the outline of another person.

Source: the trick of the released code of Zhang et al., "One-shot Face Reenactment", 2019, which replaces the points of
the outline and warps the picture.
"""

import dataclasses
import typing

import keras
import numpy as np

from faceswap_lib.faces.landmarks_68 import OUTLINE
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.reenactment.device_warp import warp_fields, warp_pictures
from faceswap_lib.reenactment.pair_views import DeviceDataset, PairViews

LARGEST_STEP = 1.5
"""How far at most an outline is moved, relative to the distance to the outline of the other person."""


def mean_outlines(people: DeviceDataset) -> np.ndarray:
    """Computes the mean outline of each person.

    The difference of two means has no pose and no expression. The outline of a single other crop would have both.

    Args:
        people: The crops and shapes.

    Returns:
        (P, 17, 2) float32 x, y in pixels of a crop of side `CROP_SIZE`.
    """
    if people.shapes is None:
        if people.outlines is None:
            raise ValueError("outlines: expected those of people on disk, got None")
        return people.outlines
    points = np.asarray(keras.ops.convert_to_numpy(people.shapes.points), np.float64)[:, OUTLINE]
    person = np.asarray(keras.ops.convert_to_numpy(people.person))
    means = [points[person == number].mean(axis=0) for number in range(person.max() + 1)]
    return np.array(means, np.float32)


def exchange_contours(
    pairs: PairViews, outlines: np.ndarray, share: typing.Any, seed: keras.random.SeedGenerator
) -> PairViews:
    """Moves the outlines of some targets toward those of other people of the batch, and warps their pictures.

    Taught in notebooks/11_one_shot.

    Args:
        pairs: Views of B pairs.
        outlines: (P, 17, 2) mean outline of each person.
        share: Probability that a target is changed, a scalar.
        seed: Random seed generator.

    Returns:
        The pairs. Targets stay as they are if the batch has only one person.
    """
    count = pairs.target.shape[0]
    if count < 2 or len(outlines) < 2:
        return pairs
    table = ops.convert_to_tensor(outlines)
    partner = find_partners(pairs.person, count)
    moved = ops.take(table, partner, axis=0) - ops.take(table, pairs.person, axis=0)  # (B, 17, 2)
    chosen = ops.cast(keras.random.uniform((count, 1, 1), seed=seed) < share, "float32")
    moved = moved * chosen * keras.random.uniform((count, 1, 1), 0.0, LARGEST_STEP, seed=seed)
    before = pairs.target_shapes.points
    after = before + ops.concatenate([moved, ops.zeros_like(before[:, OUTLINE.stop :])], axis=1)
    warped = warp_pictures(pairs.target, warp_fields(before, after, pairs.target.shape[1]))
    return dataclasses.replace(
        pairs,
        target=ops.where(chosen[..., None] > 0, warped, pairs.target),
        target_shapes=dataclasses.replace(pairs.target_shapes, points=after),
    )


def find_partners(person: typing.Any, count: int) -> typing.Any:
    """Finds for each pair the person of the next pair that shows somebody else; (B,) int32.

    Args:
        person: (B,) int32, index of the person of each pair.
        count: B, at least 2.
    """
    others = ops.stack([ops.roll(person, -step, axis=0) for step in range(1, count)], axis=1)  # (B, B - 1)
    first = ops.argmax(ops.cast(ops.not_equal(others, person[:, None]), "int32"), axis=1)
    return ops.take_along_axis(others, ops.cast(first, "int32")[:, None], axis=1)[:, 0]
