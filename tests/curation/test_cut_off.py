"""How much of a face is outside its frame: known from the matrix, measured in the pixels."""

import cv2
import numpy as np
import pytest

from faceswap_lib.curation.cut_off import SIDE, measure_cut_off
from faceswap_lib.faces import face_mask
from faceswap_lib.facesets import Faceset
from tests.curation.facesets import open_faceset

Cut = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""A crop, its face, its matrix, and the frame from which it was cut."""


@pytest.fixture
def cut(small_workspace, clip_frames):
    """Cuts a crop out of a frame that ends somewhere in the face."""
    faceset: Faceset = open_faceset(small_workspace)
    record, frame = faceset.records[0], cv2.cvtColor(clip_frames[faceset.records[0].frame], cv2.COLOR_RGB2GRAY)

    def make(roll: float, side: str, share: float) -> Cut:
        """Turns the crop, and cuts a share of the detector's box off at one side of the frame."""
        turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), -roll, 1.0)
        matrix = turn[:, :2] @ (np.array(record.crop_from_frame) / 2)
        matrix[:, 2] += turn[:, 2]
        left, top, right, bottom = record.box_xyxy
        x, y = round(left + share * (right - left)), round(top + share * (bottom - top))
        part = {"left": frame[:, x:], "top": frame[y:], "right": frame[:, :x], "bottom": frame[:y], "": frame}[side]
        matrix[:, 2] += matrix[:, :2] @ {"left": [x, 0], "top": [0, y]}.get(side, [0, 0])
        crop = cv2.warpAffine(part, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        _, encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 95])
        points = cv2.transform(np.array(record.points_in_crop())[None] / 2, turn)[0]
        return cv2.imdecode(encoded, 0), face_mask(points, SIDE), matrix, part

    return make


def outside(face: np.ndarray, matrix: np.ndarray, frame: np.ndarray) -> float:
    """The fraction of the face's pixels whose place in the frame is outside of it."""
    inverse = cv2.invertAffineTransform(matrix)
    height, width = frame.shape
    rows, columns = np.nonzero(face > 127)
    lost = 0
    for y, x in zip(rows, columns, strict=True):
        u, v = inverse @ [x, y, 1]
        lost += not (0 <= u <= width - 1 and 0 <= v <= height - 1)
    return lost / len(rows)


@pytest.mark.parametrize("roll", [0, 6, -14])
@pytest.mark.parametrize(("side", "share"), [("left", 0.3), ("top", 0.4), ("right", 0.6), ("bottom", 0.65)])
def test_the_part_outside_is_measured(cut, roll, side, share):
    crop, face, matrix, frame = cut(roll, side, share)
    assert measure_cut_off(crop, face, matrix) == pytest.approx(outside(face, matrix, frame), abs=0.06)
    assert outside(face, matrix, frame) > 0.15


def test_a_whole_face_is_whole_and_a_plain_background_is_no_border(cut):
    crop, face, matrix, _ = cut(3, "", 0)
    assert measure_cut_off(crop, face, matrix) == 0
    plain = np.where(cv2.dilate(face, np.ones((9, 9))) > 0, crop, 200).astype(np.uint8)
    assert measure_cut_off(plain, face, matrix) < 0.05


def test_a_black_rest_counts(cut):
    crop, face, matrix, part = cut(0, "left", 0.4)
    known = cv2.warpAffine(np.full_like(part, 255), matrix, (SIDE, SIDE), borderMode=cv2.BORDER_CONSTANT)
    black = np.where(known > 127, crop, 0).astype(np.uint8)
    expected = outside(face, matrix, part)
    assert measure_cut_off(black, face, matrix) == pytest.approx(expected, abs=0.06) and expected > 0.3
    assert measure_cut_off(crop, np.zeros_like(face), matrix) == 0


def test_a_black_crop_is_not_cut_off(cut):
    crop, face, matrix, _ = cut(0, "", 0)
    assert measure_cut_off(crop // 100, face, matrix) == 0
