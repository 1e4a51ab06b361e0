"""The average face's 68 points laid over five."""

import numpy as np
import pytest

from faceswap_lib.faces.alignment import five_points, template_points
from faceswap_lib.faces.mean_face import place_mean_face
from tests.faces68 import template_points_68


def test_over_the_template_they_are_where_an_average_face_has_them():
    assert place_mean_face(template_points(256)) == pytest.approx(template_points_68(256))


def test_they_turn_and_grow_with_the_five_points():
    turn = np.array([[0.0, -2.0], [2.0, 0.0]])
    turned = place_mean_face(template_points(256) @ turn.T + [300, 40])
    assert turned == pytest.approx(template_points_68(256) @ turn.T + [300, 40])
    assert np.abs(five_points(turned) - (template_points(256) @ turn.T + [300, 40])).max() < 12


def test_other_points_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        place_mean_face(template_points_68(256))
