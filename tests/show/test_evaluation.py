"""What notebooks show of a report: tables of metrics, and the worst frames."""

import re

import numpy as np
import pytest

from faceswap_lib import show
from faceswap_lib.evaluation import Report
from faceswap_lib.evaluation.metrics import METRICS
from faceswap_lib.evaluation.score import Summary
from faceswap_lib.show.evaluation import pick_worst


def make_report(series: dict[str, np.ndarray], fps: float = 5.0) -> Report:
    return Report(
        inputs={},
        networks={},
        frames=len(next(iter(series.values()))),
        fps=fps,
        summary=Summary(score=None, parts={}, verdict=""),
        values={name: None for name in METRICS},
        skipped={},
        series=series,
        baselines={},
        breakdown={},
    )


def read_rows(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    return [re.findall(r"<t[dh]>(.*?)</t[dh]>", row) for row in rows]


def test_the_table_has_a_column_per_result_and_its_best_is_bold():
    results = {
        "a": {"jitter": 0.5, "ssim": 0.9, "detection_rate": None},
        "b <b>": {"jitter": 1.1, "ssim": 0.8, "detection_rate": None},
    }
    head, jitter, ssim = read_rows(show.tabulate_metrics(results, ["jitter", "ssim"])._repr_html_())
    assert head == ["", "a", "b &lt;b&gt;", "better", "description"]
    assert jitter[:4] == ["<code>jitter</code>", "0.500", "<b>1.10</b>", "near 1"]
    assert "<b>" not in "".join(ssim) and ssim[3] == "neither"


def test_the_table_leaves_out_what_nobody_measured_unless_asked():
    results = {"a": {"psnr": 20.0, "detection_rate": None}, "b": {"detection_rate": None}}
    rows = read_rows(show.tabulate_metrics(results)._repr_html_())
    assert [row[0] for row in rows[1:]] == ["<code>psnr</code>"]
    assert "(dB)" in rows[1][-1]
    (_, found) = read_rows(show.tabulate_metrics(results, ["detection_rate"])._repr_html_())
    assert found[1:3] == ["-", "-"]


def test_the_table_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="at least one result"):
        show.tabulate_metrics({})
    with pytest.raises(ValueError, match="did you mean 'jitter'"):
        show.tabulate_metrics({"a": {}}, ["jiter"])


@pytest.mark.parametrize(
    ("better", "worst"), [("lower", [3, 6, 0]), ("higher", [1, 5, 7]), ("one", [3, 1, 6])], ids=lambda value: str(value)
)
def test_the_worst_are_found_in_each_direction_and_neighbors_left_out(better, worst):
    numbers = np.array([2.0, 0.2, 4.0, 9.0, np.nan, 0.4, 3.0, 1.0])
    assert pick_worst(numbers, better, 3, 2) == worst


def test_fewer_frames_than_asked_for_are_all_that_is_given():
    assert pick_worst(np.array([np.nan, 1.0, np.nan]), "lower", 3, 1) == [1]


def test_the_gallery_shows_the_worst_frames_with_their_numbers():
    errors = np.array([0.1, 0.2, 0.9, 0.1, 0.1, 0.5, 0.0, np.nan])
    report = make_report({"landmark_error": errors, "sharpness": np.full(8, np.nan)})
    shown = [np.full((8, 16, 3), 10 * index, np.uint8) for index in range(8)]
    figure = show.plot_worst_frames(report, shown, ["landmark_error"], count=2)
    assert [axes.get_title() for axes in figure.axes] == [
        "landmark_error 0.900, frame 2",
        "landmark_error 0.500, frame 5",
    ]
    assert [axes.images[0].get_array().max() for axes in figure.axes] == [20, 50]
    short = make_report({"landmark_error": np.array([0.1, np.nan, np.nan])})
    figure = show.plot_worst_frames(short, shown[:3], ["landmark_error"], count=2)
    assert [axes.get_title() for axes in figure.axes] == ["landmark_error 0.100, frame 0", ""]


@pytest.mark.parametrize(
    ("names", "frames", "message"),
    [
        (["landmark_error"], 7, "each of the report's 8 frames, got 7"),
        (["sharpness"], 8, "got 'sharpness'"),
        (["ssim"], 8, "got 'ssim'"),
        (["identity_distance"], 8, "got 'identity_distance'"),
        (["smile"], 8, "no metric 'smile'"),
    ],
)
def test_the_gallery_refuses_what_was_not_measured(names, frames, message):
    report = make_report({"landmark_error": np.zeros(8), "sharpness": np.full(8, np.nan), "ssim": np.ones(8)})
    with pytest.raises(ValueError, match=message):
        show.plot_worst_frames(report, [np.zeros((8, 8, 3), np.uint8)] * frames, names)
