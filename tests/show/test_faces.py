"""Pictures about faces: the numbers are where they belong, and a wrong use says so."""

import numpy as np
import pytest

from faceswap_lib import show
from faceswap_lib.faces.mtcnn_trace import DetectionStages
from tests.faces68 import template_points_68


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)


def test_a_color_map_grows_brighter_and_ends_at_its_top():
    values = np.array([[0.0, 0.5, 1.0, 2.0]])
    brightness = show.apply_colormap(values).astype(int).sum(axis=-1)[0]
    assert brightness[0] < 10 and np.all(np.diff(brightness) > 0)
    capped = show.apply_colormap(values, top=1)
    assert np.array_equal(capped[0, 2], capped[0, 3]) and capped.dtype == np.uint8
    assert show.apply_colormap(np.zeros((2, 2))).max() < 10
    with pytest.raises(ValueError, match=r"\(H, W\), got \(2, 2, 3\)"):
        show.apply_colormap(np.zeros((2, 2, 3)))


def test_paint_colors_where_the_mask_is_and_leaves_the_rest(picture: np.ndarray):
    mask = np.zeros((24, 32), np.uint8)
    mask[:, :16] = 255
    painted = show.overlay_mask(picture, mask, color="blue", strength=1)
    assert np.array_equal(painted[:, 16:], picture[:, 16:])
    assert (painted[:, :16] == [0, 0, 255]).all()
    half = show.overlay_mask(picture, mask > 0, color="black", strength=0.5)
    assert np.abs(half[:, :16] - picture[:, :16] / 2).max() <= 0.5
    with pytest.raises(ValueError, match=r"\(24, 32\), got \(24, 24\)"):
        show.overlay_mask(picture, mask[:, :24])


def test_boxes_are_drawn_where_they_are_the_surest_on_top():
    frame = np.zeros((60, 80, 3), np.uint8)
    boxes = np.array([[10, 10, 40, 40, 1.0], [20, 10, 50, 40, 0.0]])
    drawn = show.draw_boxes(frame, boxes)
    assert not frame.any() and drawn.shape == frame.shape
    sure, unsure = drawn[25, 10], drawn[25, 50]
    assert sure.any() and unsure.any() and not drawn[25, 30].any()
    assert np.abs(drawn[10, 30].astype(int) - sure).max() < 40 < np.abs(unsure.astype(int) - sure).max()


def test_boxes_on_a_finer_copy_lie_between_pixels():
    frame = np.zeros((20, 20, 3), np.uint8)
    drawn = show.draw_boxes(frame, np.array([[5.0, 5, 15, 15], [5.5, 5, 15, 15]]), finer=8)
    columns = np.flatnonzero(drawn[80].any(axis=-1))
    assert drawn.shape == (160, 160, 3)
    assert np.abs(columns - 43.5).min() < 1 and np.abs(columns - 47.5).min() < 1  # (5 + 0.5) * 8 - 0.5, and 4 further


def test_a_corner_shows_every_box_and_fits_the_frame():
    frame = np.zeros((200, 200, 3), np.uint8)
    boxes = np.array([[60.0, 50, 160, 150], [63.0, 50, 163, 153]])
    drawn = show.zoom_box_corners(frame, boxes)
    assert drawn.shape[0] == drawn.shape[1] and 450 < len(drawn) <= 512
    upper_row, right_column = drawn[20].any(axis=-1), drawn[:, -20].any(axis=-1)
    assert np.count_nonzero(np.diff(np.flatnonzero(upper_row)) > 10) == 1  # two left borders
    assert np.count_nonzero(np.diff(np.flatnonzero(right_column)) > 10) == 1  # two lower borders
    assert show.zoom_box_corners(frame, boxes + [0, 90, 0, 45]).size  # below the frame's end


def test_the_pyramid_is_drawn_with_the_window_that_grows(picture: np.ndarray):
    stages = DetectionStages(
        pyramid=(np.zeros((48, 64, 3), np.uint8), np.zeros((16, 16, 3), np.uint8)),
        scales=(0.5, 0.2),
        heat=(np.full((19, 27), 0.25), np.ones((3, 3))),
        proposed=np.zeros((0, 5)),
        kept=np.zeros((0, 5)),
        located=(),
        faces=(),
    )
    figure = show.plot_image_pyramid(stages)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["64 x 48 pixels", "16 x 16 pixels", "up to 0.250", "up to 1.000"]
    shares = []
    for axes in figure.axes[:2]:
        drawn = np.asarray(axes.images[0].get_array()).any(axis=-1)
        shares.append(np.ptp(np.flatnonzero(drawn.any(axis=0))) / drawn.shape[1])
    assert shares == pytest.approx([12 / 64, 12 / 16], abs=0.04)


def test_landmarks_are_numbered_by_group_and_enlarged_where_asked():
    points = template_points_68(256)
    image = np.zeros((256, 256, 3), np.uint8)
    whole, eye, five = show.plot_landmarks([image] * 3, [points, points, points[:5]], zooms=[None, (36, 41), None]).axes
    assert sorted(int(text.get_text()) for text in whole.texts) == list(range(36))
    assert [int(text.get_text()) for text in eye.texts] == list(range(36, 42))
    assert len(five.texts) == 5 and sum(len(dots.get_offsets()) for dots in five.collections) == 5
    assert sum(len(dots.get_offsets()) for dots in whole.collections) == 68
    low, high = eye.get_xlim()
    assert low < points[36:42, 0].min() and high > points[36:42, 0].max() and high - low < 60
    with pytest.raises(ValueError, match="each of 2 images, got 1"):
        show.plot_landmarks([image] * 2, [points])


def test_curves_say_how_much_each_shakes():
    time = np.arange(60)
    still, shaking = time / 60, time / 60 + 0.1 * (time % 2)
    half = time / 60 + 0.05 * (time % 2)
    whole, piece, bars = show.plot_series({"raw": shaking, "half": half, "none": still}, unit="pixels").axes
    assert [text.get_text() for text in bars.texts] == ["100 %", "50 %", "0 %"]
    assert whole.get_ylabel() == "pixels" and len(whole.lines) == len(piece.lines) == 3
    assert list(piece.lines[0].get_xdata()) == list(range(24, 36))
    assert np.array_equal(whole.lines[1].get_ydata(), half)
    with pytest.raises(ValueError, match="at least 3, got \\[2\\]"):
        show.plot_series({"raw": [1.0, 2.0]}, unit="pixels")
    with pytest.raises(ValueError, match="one length"):
        show.plot_series({"raw": still, "other": still[:30]}, unit="pixels")


def test_bells_are_highest_at_their_means_and_narrower_when_surer():
    (axes,) = show.plot_gaussians({"a": (0.0, 1.0), "b": (2.0, 0.25)}, unit="pixels").axes
    peaks = [line.get_xdata()[np.argmax(line.get_ydata())] for line in axes.lines]
    assert peaks == pytest.approx([0, 2], abs=0.03)
    assert axes.lines[1].get_ydata().max() == pytest.approx(2 * axes.lines[0].get_ydata().max(), rel=0.01)
    with pytest.raises(ValueError, match="above 0"):
        show.plot_gaussians({"a": (0.0, 0.0)}, unit="pixels")


def test_averages_share_one_scale():
    calm = [np.full((8, 8, 3), value, np.uint8) for value in (100, 110)]
    wild = [np.full((8, 8, 3), value, np.uint8) for value in (0, 200)]
    figure = show.plot_mean_std({"calm": calm, "wild": wild})
    images = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    assert (images[0] == 105).all() and (images[1] == 100).all()
    assert images[2].sum() < images[3].sum()


def test_shares_sum_to_a_hundred():
    figure = show.plot_stacked_bars({"one": {"eyes": 1.0, "rest": 3.0}, "two": {"eyes": 0.0, "rest": 2.0}})
    (axes,) = figure.axes
    eyes, rest = axes.containers
    assert [bar.get_width() for bar in eyes] == [25, 0]
    assert [bar.get_width() for bar in rest] == [75, 100]
    with pytest.raises(ValueError, match="above 0 for 'none'"):
        show.plot_stacked_bars({"none": {"eyes": 0.0}})
