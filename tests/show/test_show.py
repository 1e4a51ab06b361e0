"""The notebooks' pictures: as many as asked for, from what they were given, shown only where there is a notebook."""

import importlib
import inspect
import re
import sys
from html import unescape

import IPython.display
import numpy as np
import pytest

from faceswap_lib import show
from faceswap_lib.faces import Face
from faceswap_lib.faces.alignment import similarity_transform
from faceswap_lib.show.images import BOX_COLOR, POINT_COLOR


def make_history(steps: int) -> list[dict[str, float]]:
    entries = [
        {"step": 10 * n, "edges_a": 1 / n, "edges_b": 2 / n, "mask_mean_a": 0.9, "mask_mean_b": 0.8, "speed": float(n)}
        for n in range(1, steps + 1)
    ]
    for entry in entries[steps // 2 :]:
        entry["adversarial_a"] = entry["adversarial_b"] = 0.1
    return entries


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)


def test_pictures_draws_each_picture_and_mask_as_it_is(picture: np.ndarray):
    images = [picture, picture[..., 0], picture[..., 0] / np.float32(255), picture[..., 0] > 127]
    figure = show.plot_images(images, captions=["a", "b", "c", "d"], columns=3)
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c", "d"]
    drawn = [axes.images[0] for axes in figure.axes]
    for image, original in zip(drawn, images, strict=True):
        assert np.array_equal(image.get_array(), original)
    assert [image.get_clim() for image in drawn[1:]] == [(0, 255), (0, 1), (0, 1)]


def test_pictures_lays_out_rows_and_columns(picture: np.ndarray):
    figure = show.plot_images([picture] * 7, columns=3)
    geometry = figure.axes[-1].get_subplotspec().get_geometry()
    assert geometry[:2] == (3, 3)
    assert show.plot_images([picture] * 2).axes[0].get_subplotspec().get_geometry()[:2] == (1, 2)
    tall, wide = (show.plot_images([image]).get_size_inches() for image in (picture.transpose(1, 0, 2), picture))
    assert tall[1] > tall[0] and wide[1] < wide[0]


@pytest.mark.parametrize(
    ("images", "captions", "message"),
    [
        ([], None, "at least one image"),
        ([np.zeros((4, 4, 3), np.float32)], None, r"\(4, 4, 3\) float32"),
        (np.zeros((4, 4, 3), np.uint8), None, r"write \[image\]"),
        ([np.zeros((4, 4), np.uint8)], ["one", "two"], "one caption per image"),
        (["face.png"], None, "got str"),
    ],
)
def test_pictures_says_what_is_wrong(images: object, captions: list[str] | None, message: str):
    with pytest.raises(ValueError, match=message):
        show.plot_images(images, captions=captions)


def test_a_figure_shows_itself_as_png(picture: np.ndarray):
    assert show.plot_images([picture])._repr_png_().startswith(b"\x89PNG")


def test_draw_face_marks_box_and_points_on_a_copy():
    frame = np.zeros((100, 100, 3), np.uint8)
    points = np.array([[40, 40], [60, 40], [50, 52], [42, 64], [58, 64]])
    drawn = show.draw_face(frame, Face(box_xyxy=[30, 20, 70, 80], score=0.9, landmarks=points))
    assert not frame.any()
    assert np.abs(drawn[50, 30].astype(int) - BOX_COLOR).max() < 30  # its edge is smoothed
    for x, y in points:
        assert tuple(drawn[y, x]) == POINT_COLOR
    assert not drawn[:15].any()


def read_text(html: str) -> str:
    """What a reader sees of a highlighted source."""
    shown = html.partition('<div class="faceswap-source">')[2]
    shown = re.sub(r"<style>.*?</style>", "", shown, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", "", shown)).strip()


def test_source_shows_the_whole_code_highlighted():
    html = show.show_source(similarity_transform)._repr_html_()
    assert read_text(html) == inspect.getsource(similarity_transform).strip()
    assert '<span class="k">def</span>' in html


def test_source_shows_the_code_that_runs(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    for version in ("first", "second"):
        (tmp_path / f"live_{version}.py").write_text(f"def answer():\n    return '{version}'\n")
        module = importlib.import_module(f"live_{version}")
        assert read_text(show.show_source(module.answer)._repr_html_()) == f"def answer():\n    return '{version}'"


def test_video_is_embedded(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"not looked into")
    html = show.embed_video(path)._repr_html_()
    assert "<video" in html and "data:video/mp4;base64,bm90IGxvb2tlZCBpbnRv" in html
    with pytest.raises(ValueError, match="found no file"):
        show.embed_video(tmp_path / "missing.mp4")


def test_without_ipython_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(ImportError, match=r"pip install 'faceswap_lib\[notebooks\]'"):
        show.show_source(similarity_transform)
    show.LossBoard(every=1)(10, {"edges_a": 1.0, "edges_b": 2.0})


def test_losses_has_one_chart_per_term_and_one_curve_per_person():
    history = make_history(10)
    figure = show.plot_losses(history)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["edges", "mask_mean", "speed", "adversarial"]
    edges, _, speed, adversarial = figure.axes
    assert [line.get_label() for line in edges.lines] == ["A", "B"]
    assert list(edges.lines[1].get_ydata()) == [entry["edges_b"] for entry in history]
    assert len(speed.lines) == 1
    assert list(adversarial.lines[0].get_xdata()) == [60, 70, 80, 90, 100]


def test_losses_draws_the_terms_asked_for_and_names_the_known_ones():
    figure = show.plot_losses(make_history(4), terms=["mask_mean"])
    assert [axes.get_title() for axes in figure.axes] == ["mask_mean"]
    with pytest.raises(ValueError, match="'sharpness'; it has edges, mask_mean, speed, adversarial"):
        show.plot_losses(make_history(4), terms=["sharpness"])
    with pytest.raises(ValueError, match="train first"):
        show.plot_losses([])


def test_loss_board_collects_every_step_and_draws_every_few():
    board = show.LossBoard(every=3, terms=("edges", "adversarial"))
    history = make_history(8)
    figures = []
    for entry in history:
        terms = dict(entry)
        board(terms.pop("step"), terms)
        figures.append(board.figure)
    assert board.history == history
    assert figures[:2] == [None, None]
    assert figures[2] is figures[4] is not figures[5]
    assert [axes.get_title() for axes in figures[2].axes] == ["edges"]
    assert [axes.get_title() for axes in figures[5].axes] == ["edges", "adversarial"]
    assert len(figures[5].axes[0].lines[0].get_xdata()) == 6
    with pytest.raises(ValueError, match="at least 1"):
        show.LossBoard(every=0)


def test_loss_board_redraws_in_place_in_a_notebook(monkeypatch: pytest.MonkeyPatch):
    shown, updated = [], []

    class Handle:
        def update(self, figure):
            updated.append(figure)

    def display(figure, *, display_id):
        assert display_id
        shown.append(figure)
        return Handle()

    monkeypatch.setattr("faceswap_lib.show.loss_board.in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", display)
    board = show.LossBoard(every=1)
    for step in (10, 20, 30):
        board(step, {"edges_a": 1.0})
    assert len(shown) == 1 and len(updated) == 2
    assert updated[-1] is board.figure


def test_loss_board_shows_nothing_in_a_plain_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    board = show.LossBoard(every=1)
    board(10, {"edges_a": 1.0})
    assert board.figure is not None
    assert capsys.readouterr() == ("", "")
