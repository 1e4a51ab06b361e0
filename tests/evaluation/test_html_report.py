"""Pages of reports, each of a report made by hand."""

import re

import numpy as np
import pytest

from faceswap_lib.evaluation.charts import draw_series
from faceswap_lib.evaluation.html_report import (
    PARTS,
    format_number,
    mark_best,
    write_comparison_page,
    write_report_page,
)
from faceswap_lib.evaluation.metrics import METRICS
from faceswap_lib.evaluation.report import Report
from faceswap_lib.evaluation.score import Summary, summarize

FRAME = np.full((40, 90, 3), 120, np.uint8)
SERIES = (
    "identity_distance",
    "original_distance",
    "landmark_error",
    "face_score",
    "sharpness",
    "background_psnr",
    "coverage",
)
SERIES += ("eyes_likeness", "mouth_likeness", "skin_likeness")
VALUES = {name: 0.101 + 0.013 * index for index, name in enumerate(METRICS)}


def report_of(**changes) -> Report:
    values = VALUES | changes.pop("values", {})
    wave = 1 + np.sin(np.arange(50) / 5)
    wave[10:20] = np.nan
    plain = {
        "inputs": {"swapped": "swap.mp4", "original": "a.mp4", "identity": "b.mp4"},
        "networks": {"landmarks": "dlib", "perceptual": "vgg16"},
        "frames": 50,
        "fps": 25.0,
        "summary": Summary(score=61.7, parts=dict.fromkeys(PARTS, 0.92), verdict="A swap: it is."),
        "skipped": {},
        "series": {name: wave * (index + 1) for index, name in enumerate(SERIES)},
        "baselines": {"swap": values, "input copied": {name: value and value / 2 for name, value in values.items()}},
        "breakdown": {"yaw": {"frontal": {"frames": 50.0, "coverage": 71.25}}, "brightness": {}},
    }
    return Report(values=values, **plain | changes)


def page_of(path, report: Report, frames=()) -> str:
    write_report_page(report, path / "report.html", frames)
    return (path / "report.html").read_text(encoding="utf-8")


def row_of(page: str, name: str) -> list[str]:
    """The other cells of the row of this name; a metric's, where something else is called the same below."""
    row = re.findall(rf'<tr><th scope="row">{name}</th>(.*?)</tr>', page)[0]
    return re.findall(r"<td[^>]*>(.*?)</td>", row)


def test_the_parts_are_those_of_the_score():
    assert tuple(summarize(dict.fromkeys(METRICS, 1.0)).parts) == tuple(PARTS)


def test_a_page_says_all_that_the_report_knows(tmp_path):
    page = page_of(tmp_path, report_of(), [("best, frame 7", FRAME), ("worst, frame 9", FRAME)])
    assert "A swap: it is." in page and re.search(r'class="large">61.7 ', page)
    for name in METRICS:
        value, unit, better, *_ = row_of(page, name)
        assert value == format_number(VALUES[name]) and unit == METRICS[name].unit and better
    assert all(f"<span>{name}</span>" in page for name in PARTS) and page.count("<span>0.92</span>") == len(PARTS)
    assert "best, frame 7" in page and page.count("data:image/jpeg") == 2 and page.count("data:image/png") == 7
    assert row_of(page, "frontal") == ["50", "71.2"] and "No frame has a brightness." in page
    assert "Nothing was left out." in page and "Not drawn" not in page and "dlib" in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page) and "<script" not in page


def test_the_best_of_the_columns_measured_on_the_same_frames_is_bold(tmp_path):
    page = page_of(
        tmp_path, report_of(values={"identity_distance": 0.4, "detection_rate": 80.0, "seam": 1.2, "ssim": 0.5})
    )
    assert row_of(page, "identity_distance")[3:5] == ["0.400", "<b>0.200</b>"]
    assert row_of(page, "detection_rate")[3:5] == ["<b>80.0</b>", "40.0"]
    assert row_of(page, "seam")[3:5] == ["<b>1.20</b>", "0.600"]
    assert row_of(page, "ssim")[3:5] == ["0.500", "0.250"]


def test_what_was_not_measured_has_no_row_of_dashes_and_says_why(tmp_path):
    report = report_of(
        values={"identity_distance": None, "gaze_error": None, "seam": np.nan},
        summary=Summary(score=None, parts={"face": 0.5}, verdict="Something was swapped."),
        skipped={"identity": "no network", "gaze_error": "no frame gave a number"},
        baselines={},
        breakdown={},
    )
    page = page_of(tmp_path, report)
    assert re.search(r'class="large">- ', page) and "<span>-</span>" not in page
    others = ", ".join(name for name in PARTS if name != "face")
    assert f"Parts that were not measured, and do not count: {others}." in page
    assert not re.search(r'<th scope="row">(identity_distance|seam)</th>', page)
    assert "Not measured: identity_distance (no network)." in page
    assert (
        "Not measured: gaze_error (no frame gave a number)." in page and "Not measured: seam (no reason noted)." in page
    )
    assert row_of(page, "identity") == ["no network"] and "Nothing was left out." not in page


def test_names_are_escaped(tmp_path):
    evil = "<script>alert(1)</script>&"
    report = report_of(inputs={"swapped": evil}, baselines={evil: VALUES}, skipped={evil: evil}, networks={evil: evil})
    write_comparison_page({evil: report, "b": report_of()}, tmp_path / "two.html")
    for page in (page_of(tmp_path, report, [(evil, FRAME)]), (tmp_path / "two.html").read_text(encoding="utf-8")):
        assert "<script" not in page and "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in page


def test_series_without_numbers_are_left_out_with_a_note(tmp_path):
    series = report_of().series | {"face_score": np.full(50, np.nan), "original_distance": np.full(50, np.nan)}
    del series["coverage"]
    page = page_of(tmp_path, report_of(series=series))
    assert "no frame has a number: original_distance, face_score, coverage." in page
    assert page.count("data:image/png") == 5
    assert "no frame has a number" in page_of(tmp_path, report_of(series={}))


@pytest.mark.parametrize("values", [[3.0], [np.nan, 1.0, np.nan], [36.0] * 5, [1.0, np.inf, 2.0, -np.inf]])
def test_short_flat_and_broken_series_are_drawn(values):
    chart = draw_series({"a": np.array(values)}, 25, title="a", unit="dB", levels={"original": 1.0})
    assert chart.shape == (520, 1040, 3) and chart.dtype == np.uint8 and chart.std() > 5


def has_color(chart: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((chart == color).all(axis=-1).any())


def test_every_series_and_level_is_drawn():
    """Six at once, as many as no chart of the report has today."""
    series = {f"s{number}": np.full(50, float(number)) for number in range(6)}
    chart = draw_series(series, 25, title="six", unit="dB", levels={"one": 1.5, "two": 2.5, "three": 3.5})
    purple, brown = (148, 103, 189), (140, 86, 75)
    assert has_color(chart, purple) and has_color(chart, brown)
    without = draw_series(dict(list(series.items())[:5]), 25, title="six", unit="dB")
    assert has_color(without, purple) and not has_color(without, brown)
    two = draw_series(series, 25, title="six", unit="dB", levels={"one": 1.5, "two": 2.5})
    assert (two != chart).any(), "the third level is drawn"


def test_curves_of_one_color_have_other_lines():
    series = {f"s{number}": np.full(50, float(number)) for number in range(9)}
    chart = draw_series(series, 25, title="nine", unit="dB")
    eight = draw_series(dict(list(series.items())[:8]), 25, title="nine", unit="dB")
    assert chart.shape == eight.shape and (chart != eight).any()


def test_more_curves_than_can_be_told_apart_are_refused():
    series = {f"s{number}": np.ones(3) for number in range(25)}
    with pytest.raises(ValueError, match="at most 24 curves of a kind in a chart, got 25; draw several"):
        draw_series(series, 25, title="many", unit="")
    with pytest.raises(ValueError, match="at most 6 curves of a kind in a chart, got 7"):
        draw_series({"a": np.ones(3)}, 25, title="many", unit="", levels={str(n): 1.0 for n in range(7)})


def test_a_series_without_numbers_is_refused():
    with pytest.raises(ValueError, match="number in every series, got none in a"):
        draw_series({"a": np.full(3, np.nan), "b": np.ones(3)}, 25, title="a", unit="")


def test_numbers_are_short():
    numbers = (None, np.nan, np.inf, 0.0, -0.0001, 0.0342, 1.0, 33.333, 99.97, 1234.5)
    assert [format_number(number) for number in numbers] == [
        *("-", "-", "-", "0.000", "0.000", "0.034", "1.00", "33.3", "100.0", "1234")
    ]


def test_of_equal_cells_all_or_none_are_best():
    cells = mark_best([0.5, 0.50001, 0.7, None], "lower")
    assert cells == ["0.500", "0.500", "0.700", "-"] and [hasattr(cell, "__dict__") for cell in cells] == [1, 1, 0, 0]
    assert not any(hasattr(cell, "__dict__") for cell in mark_best([0.5, 0.50001, None], "lower"))


def test_two_reports_stand_side_by_side(tmp_path):
    worse = report_of(
        values={"identity_distance": 0.9, "jitter": None},
        summary=Summary(score=12.34, parts=dict.fromkeys(PARTS, 0.5), verdict="Not a swap."),
        networks={"landmarks": "fan"},
        inputs={"swapped": "old.mp4", "original": "c.mp4"},
    )
    write_comparison_page({"new": report_of(), "old": worse}, tmp_path / "two.html")
    page = (tmp_path / "two.html").read_text(encoding="utf-8")
    assert re.search(r'<th scope="col">new</th><th scope="col">old</th>', page)
    assert row_of(page, "score")[:2] == ["<b>61.7</b>", "12.3"] and "width:61.7%" in page and "width:12.3%" in page
    assert row_of(page, "clarity")[:2] == ["<b>0.92</b>", "0.50"]
    assert row_of(page, "identity_distance")[:2] == ["<b>0.101</b>", "0.900"] and row_of(page, "jitter")[1] == "-"
    assert {name for name in METRICS if row_of(page, name)} == set(METRICS)
    assert "new: A swap: it is." in page and "old: Not a swap." in page and "old.mp4" in page
    assert "different networks" in page and "different original videos" in page


def test_alike_reports_are_compared_without_warning(tmp_path):
    unscored = report_of(summary=Summary(score=None, parts={}, verdict="Unknown."))
    write_comparison_page({"a": report_of(), "b": unscored}, tmp_path / "two.html")
    page = (tmp_path / "two.html").read_text(encoding="utf-8")
    assert "different" not in page.replace("difference", "") and row_of(page, "score")[:2] == ["61.7", "-"]


def test_nothing_to_compare_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one report"):
        write_comparison_page({}, tmp_path / "none.html")
