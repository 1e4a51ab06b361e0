"""Two pictures with a wipe between them: what the page holds, and what is refused."""

import base64
import html.parser
import re

import cv2
import numpy as np
import pytest

from faceswap_lib.widgets import compare_before_after


class Tags(html.parser.HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, page: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]


def make_picture(level: int, height: int = 30, width: int = 40) -> np.ndarray:
    return np.full((height, width, 3), (level, 100, 200), np.uint8)


def decode(tag: dict[str, str | None]) -> np.ndarray:
    data = base64.b64decode(tag["src"].removeprefix("data:image/jpeg;base64,"))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_both_pictures_are_inside_and_one_slider_moves_the_border():
    shown = compare_before_after(make_picture(0), make_picture(250), labels=("A", "A & <B>"))
    page = Tags(shown._repr_html_())
    after, before = (decode(tag) for tag in page.named("img"))
    assert np.abs(after.astype(int) - make_picture(250)).max() < 4
    assert np.abs(before.astype(int) - make_picture(0)).max() < 4
    [slider] = page.named("input")
    assert slider["type"] == "range" and "--cut" in slider["oninput"]
    assert "A &amp; &lt;B&gt;" in shown.html and "<B>" not in shown.html


def test_a_page_needs_nothing_from_elsewhere_and_gives_nothing_a_name():
    shown = compare_before_after([make_picture(0)] * 3, [make_picture(9)] * 3)
    page = Tags(shown.html)
    assert not page.named("script") and not page.named("link")
    assert all("id" not in attributes for _, attributes in page.found)
    assert all(tag["src"].startswith("data:") for tag in page.named("img"))
    assert not re.search(r"https?:|url\(", shown.html)


def test_lists_get_a_second_slider_and_show_the_first_frame():
    shown = compare_before_after([make_picture(level) for level in (0, 50, 100)], [make_picture(200)] * 3)
    page = Tags(shown.html)
    wipe, frames = page.named("input")
    assert (frames["min"], frames["max"], frames["value"]) == ("0", "2", "0")
    assert [("style" in tag) for tag in page.named("img")] == [False, True, True] * 2
    assert [round(float(decode(tag)[..., 0].mean()), -1) for tag in page.named("img")] == [200] * 3 + [0, 50, 100]
    clip = compare_before_after(np.zeros((3, 8, 8, 3), np.uint8), np.zeros((3, 8, 8, 3), np.uint8))
    assert len(Tags(clip.html).named("img")) == 6


def test_large_pictures_are_shrunk_to_what_a_fine_screen_shows():
    shown = compare_before_after(make_picture(0, 300, 400), make_picture(9, 300, 400), width=100)
    assert [decode(tag).shape for tag in Tags(shown.html).named("img")] == [(150, 200, 3)] * 2


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ([], [], "at least one, got 0 and 0"),
        ([make_picture(0)] * 2, [make_picture(0)], "got 2 and 1"),
        (make_picture(0), make_picture(0).astype(np.float32), r"\(30, 40, 3\) float32"),
        (make_picture(0)[..., 0], make_picture(0), r"\(30, 40\) uint8"),
        (["a.png"], [make_picture(0)], "got str"),
        (make_picture(0), make_picture(0, 20, 20), "40x30 and 20x20"),
    ],
)
def test_what_cannot_be_compared_is_refused(before: object, after: object, message: str):
    with pytest.raises(ValueError, match=message):
        compare_before_after(before, after)
