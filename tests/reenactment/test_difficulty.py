"""Crops and clips are easy, medium or hard by yaw, covered share and size of the face."""

import numpy as np
import pytest

from faceswap_lib.facesets.manifest import CropRecord
from faceswap_lib.reenactment.difficulty import clip_tier, crop_tiers, measure_difficulty
from tests.reenactment.faces import points_68


def make_record(number: int = 0, *, scale: float = 1.0, turned: float = 0.0) -> CropRecord:
    """A face whose crop is `scale` times as large as it is in the frame, with the tip of the nose moved aside."""
    points = points_68()
    points[27:36, 0] += turned * np.array([0.3, 0.6, 0.8, 1, 0.7, 0.7, 0.7, 0.7, 0.7]) * 40
    in_frame = points / scale
    five = [in_frame[36:42].mean(0), in_frame[42:48].mean(0), in_frame[30], in_frame[48], in_frame[54]]
    return CropRecord(
        crop=f"{number:05d}.png",
        frame=number,
        time=0.0,
        box_xyxy=(0.0, 0.0, 100.0, 100.0),
        landmarks=tuple(map(tuple, np.array(five).tolist())),
        crop_from_frame=((scale, 0.0, 0.0), (0.0, scale, 0.0)),
        score=1.0,
        sharpness=100.0,
        landmarks_68=tuple(map(tuple, in_frame.tolist())),
    )


def test_size_and_yaw_are_measured():
    yaw, eyes = measure_difficulty([make_record(), make_record(scale=2), make_record(turned=-1), make_record(turned=1)])
    assert np.allclose(eyes, np.array([69.6, 34.8, 69.6, 69.6]), atol=0.1)
    assert yaw[0] < 2 and yaw[2] > 10 and np.isclose(yaw[2], yaw[3], atol=1)


@pytest.mark.parametrize(
    ("record", "occluded", "tier"),
    [
        (make_record(), None, "easy"),
        (make_record(), 0.0, "easy"),
        (make_record(), np.nan, "easy"),
        (make_record(), 0.1, "medium"),
        (make_record(), 0.5, "hard"),
        (make_record(scale=0.5), None, "easy"),
        (make_record(scale=1.5), None, "medium"),
        (make_record(scale=3.0), None, "hard"),
        (make_record(turned=1.2), None, "medium"),
        (make_record(turned=2.0), None, "hard"),
        (make_record(scale=1.5, turned=2.0), 0.1, "hard"),
    ],
)
def test_a_crop_is_as_hard_as_its_worst_measure(record, occluded, tier):
    assert crop_tiers([record], None if occluded is None else np.array([occluded])) == [tier]
    assert clip_tier([record], None if occluded is None else np.array([occluded])) == tier


def test_a_clip_is_judged_by_almost_all_of_its_crops():
    easy = [make_record(number, scale=0.9) for number in range(100)]
    assert clip_tier([*easy, make_record(100, turned=2.0)]) == "easy"
    assert clip_tier([*easy, *(make_record(100 + number, turned=2.0) for number in range(10))]) == "hard"
    assert clip_tier([*easy, *(make_record(100 + number, scale=1.5) for number in range(10))]) == "medium"
    covered = np.full(100, np.nan)
    covered[:10] = 0.1
    assert clip_tier(easy, covered) == "medium"


def test_wrong_arguments_are_an_error():
    with pytest.raises(ValueError, match="at least one"):
        clip_tier([])
    with pytest.raises(ValueError, match="one fraction per record"):
        crop_tiers([make_record()], np.zeros(2))
    assert crop_tiers([]) == []
