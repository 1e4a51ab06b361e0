"""Pictures of conversion for notebooks: the weight over the frame, and clouds of colors."""

import numpy as np
import pytest

from faceswap_lib import show
from faceswap_lib.conversion.compositor import CompositeResult
from faceswap_lib.show.conversion import CLOUD_POINTS, WEIGHT_COLOR, WEIGHT_OPACITY


def test_the_weight_is_green_where_the_new_face_shows_and_the_rest_is_gray():
    frame = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    weight = np.zeros((10, 20), np.float32)
    weight[:, 5:] = 1
    before = frame.copy()
    drawn = show.draw_weight(frame, CompositeResult(frame=frame, weight=weight, corner=(8, 4)))
    assert np.array_equal(frame, before)
    assert drawn.shape == frame.shape and drawn.dtype == np.uint8
    shown = np.zeros((40, 50), bool)
    shown[4:14, 13:28] = True
    assert (np.ptp(drawn[~shown].astype(int), axis=1) == 0).all()
    gray = drawn[0, 0].astype(float)
    frame[4:14, 13:28] = frame[0, 0]
    drawn = show.draw_weight(frame, CompositeResult(frame=frame, weight=weight, corner=(8, 4)))
    wanted = gray + WEIGHT_OPACITY * (np.array(WEIGHT_COLOR) - gray)
    assert np.abs(drawn[shown] - wanted).max() <= 1


def test_a_frame_without_a_new_face_is_only_gray():
    frame = np.full((6, 7, 3), (200, 10, 10), np.uint8)
    drawn = show.draw_weight(frame, CompositeResult(frame=frame, weight=np.zeros((0, 0), np.float32), corner=(0, 0)))
    assert len(np.unique(drawn)) == 1


def test_a_cloud_lies_where_its_colors_are_and_the_ring_where_the_wanted_ones_are():
    rng = np.random.default_rng(1)
    yellow, blue = ((np.array(c) + rng.normal(0, 6, (400, 3))).clip(0, 255).astype("uint8") for c in WARM_AND_COLD)
    figure = show.plot_color_clusters({"same": yellow, "other": blue}, yellow)
    assert [axes.get_title() for axes in figure.axes] == ["same", "other"]
    same, other = (np.asarray(axes.collections[0].get_offsets()) for axes in figure.axes)
    for axes in figure.axes:
        ring = axes.lines[0].get_xydata()
        assert np.allclose(ring[0], ring[-1])
        assert np.allclose(ring[:-1].mean(axis=0), same.mean(axis=0), atol=0.5)
        assert np.ptp(ring, axis=0) == pytest.approx(4 * same.std(axis=0), rel=0.05)
    assert other[:, 0].mean() < same[:, 0].mean() - 20  # blue lies to the left
    assert np.allclose(figure.axes[1].collections[0].get_facecolors()[:, :3], blue / 255)
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()


WARM_AND_COLD = ((210, 170, 90), (90, 110, 200))


def test_a_large_cloud_is_thinned_out():
    colors = np.random.default_rng(2).integers(0, 256, (10 * CLOUD_POINTS, 3), np.uint8)
    figure = show.plot_color_clusters({str(n): colors for n in range(5)}, colors, columns=3)
    assert len(figure.axes[0].collections[0].get_offsets()) <= CLOUD_POINTS
    assert figure.axes[0].get_subplotspec().get_geometry()[:2] == (2, 3)


@pytest.mark.parametrize(
    ("clouds", "message"),
    [
        ({}, "at least one cloud"),
        ({"skin": np.zeros((4, 4, 3), np.uint8)}, r"skin: expected \(N, 3\) uint8"),
        ({"skin": np.zeros((4, 3))}, "float64"),
        ({"skin": np.zeros((1, 3), np.uint8)}, "2 colors or more"),
    ],
)
def test_what_is_no_cloud_is_refused(clouds, message):
    with pytest.raises(ValueError, match=message):
        show.plot_color_clusters(clouds, np.zeros((4, 3), np.uint8))
