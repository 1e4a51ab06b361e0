"""Mixing codes: they move along what is constant, and along nothing that changes."""

import keras
import numpy as np
import pytest
from keras import ops

from faceswap_lib.training.mixing import content_of, mix_codes

BATCH = 8


def make_codes(offset: np.ndarray, content: np.ndarray, mismatch: float) -> tuple[np.ndarray, np.ndarray]:
    """Codes (B, 2, 2, 8) of two people who differ by an offset, and whose content, along one direction, has different
    averages."""
    amounts = np.random.default_rng(0).normal(size=(2, BATCH, 1, 1, 1))
    code_a = amounts[0] * content
    code_b = offset + (amounts[1] + mismatch) * content
    return code_a.astype(np.float32), code_b.astype(np.float32)


def moved_parts(code_a, code_b, most: float):
    tensors = [ops.convert_to_tensor(code) for code in (code_a, code_b)]
    moved = mix_codes(*tensors, most, keras.random.SeedGenerator(2))
    return [ops.convert_to_numpy(after) - before for after, before in zip(moved, (code_a, code_b), strict=True)]


OFFSET, CONTENT = np.zeros((2, 2, 8)), np.zeros((2, 2, 8))
OFFSET[..., 0], CONTENT[1, 1, 3] = 5, 1


def test_codes_move_a_random_part_of_the_way_between_the_averages():
    code_a, code_b = make_codes(OFFSET, CONTENT, 0.0)
    for shift, sign in zip(moved_parts(code_a, code_b, 0.6), (1, -1), strict=True):
        parts = sign * shift[..., 0] / 5
        assert parts == pytest.approx(np.broadcast_to(parts[:, :1, :1], parts.shape), abs=1e-4)
        assert parts.min() >= 0 and 0.3 < parts.max() <= 0.6001 and len(set(parts[:, 0, 0])) == BATCH


def test_content_stays_where_it_is_even_if_its_averages_differ():
    """The mouth is open in B's pictures and shut in A's: no code may move along that."""
    code_a, code_b = make_codes(OFFSET, CONTENT, mismatch=3.0)
    for shift in moved_parts(code_a, code_b, 1.0):
        along_offset, along_content = np.abs(shift[..., 0]).max(), np.abs(shift[:, 1, 1, 3]).max()
        assert along_offset > 2.5 and along_content < 0.02 * 3


def test_nothing_moves_without_mixing_or_without_a_difference():
    code_a, code_b = make_codes(OFFSET, CONTENT, 1.0)
    assert all(not shift.any() for shift in moved_parts(code_a, code_b, 0.0))
    assert all(np.abs(shift).max() < 1e-5 for shift in moved_parts(code_a, code_a, 1.0))


def test_one_picture_of_each_has_no_content_to_spare():
    code_a, code_b = make_codes(OFFSET, CONTENT, 1.0)
    shift, _ = moved_parts(code_a[:1], code_b[:1], 1.0)
    way = code_b[0] - code_a[0]
    assert shift[0] / way.max() == pytest.approx(shift[0, 0, 0, 0] / way[0, 0, 0] * way / way.max(), abs=1e-4)


def test_content_is_what_changes_can_be_put_together_to():
    changes = np.zeros((4, 1, 1, 5), np.float32)
    changes[0, ..., 0], changes[1, ..., 0], changes[2, ..., 1], changes[3, ..., 1] = 1, -1, 2, -2
    way = np.array([3, 4, 5, 0, 0], np.float32).reshape(1, 1, 1, 5)
    content = ops.convert_to_numpy(content_of(ops.convert_to_tensor(way), ops.convert_to_tensor(changes)))
    assert content.ravel() == pytest.approx([3, 4, 0, 0, 0], rel=0.02, abs=1e-5)
