"""One photo of each person, driven by the end of the person's own video."""

import numpy as np
import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.reenactment.crops import hold_out
from faceswap_lib.reenactment.driving_tasks import list_tasks
from tests.reenactment.test_people import make_people


def test_the_most_common_crop_of_the_beginning_is_driven_by_what_a_training_holds_out():
    people = make_people((10, 30))
    people.rarity[:] = 1.0
    people.rarity[[3, 9, 12, 39]] = 0.1, 0.05, 0.1, 0.05  # the most common ones are held out
    tasks = list_tasks(people, 0.2)
    assert [task.person for task in tasks] == ["person 0", "person 1"]
    assert [task.photo for task in tasks] == [3, 12]
    trained, held = hold_out(people, 0.2)
    driven = np.concatenate([task.driver for task in tasks])
    assert (people.images[driven] == held.images).all()
    assert not np.isin(people.images[driven, 0, 0, 0], trained.images[:, 0, 0, 0]).any()


def test_only_the_last_frames_drive_if_there_is_a_limit():
    (task,) = list_tasks(make_people((30,)), 0.5, most=4)
    assert task.driver.tolist() == [26, 27, 28, 29] and task.photo < 15


def test_a_video_that_is_too_short_is_refused():
    with pytest.raises(WorkspaceError, match="person 1: expected at least 2 crops in the last 0.2 of the video, got 1"):
        list_tasks(make_people((20, 5)), 0.2)
