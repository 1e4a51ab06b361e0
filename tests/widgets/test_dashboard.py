"""The training dashboard: what it says and collects, and a button that works while its cell runs."""

import logging

import numpy as np
import pytest

from faceswap_lib.widgets import TrainingDashboard
from faceswap_lib.widgets.dashboard_page import VIEW
from tests.widget_kernel import Page, open_page

TRAIN = """
import time
import numpy as np
from faceswap_lib.widgets import TrainingDashboard
dashboard = TrainingDashboard(steps=2000, every=2)
for step in range(1, 2001):
    time.sleep(0.02)
    dashboard.log(step, {"edges_a": 1 / step, "edges_b": 2 / step})
    if step == 4:
        dashboard.preview(step, np.zeros((20, 200, 3), np.uint8))
        print("ready", flush=True)
    if dashboard.should_stop():
        break
print("went on behind", step < 2000)
"""


def train_and_click(page: Page) -> tuple[str, str]:
    """Starts a training and a cell behind it, clicks the button while the first runs; gives both cells."""
    first, second = page.run(TRAIN), page.run("print('the next cell')")
    page.read_until(lambda: "ready" in page.printed(first))
    page.click(page.find("ButtonModel", description="Stop"))
    page.finish(second)
    return first, second


def test_the_button_stops_a_running_cell_and_the_next_cell_comes_after_it(kernel: str):
    with open_page(kernel) as page:
        first, second = train_and_click(page)
        assert page.printed(first) == "ready\nwent on behind True\n"
        assert page.printed(second) == "the next cell\n"
        order = [message["parent_header"].get("msg_id") for message in page.messages]
        assert order.index(second) > len(order) - 1 - order[::-1].index(first)
        button, *pictures = page.shown(first)
        assert VIEW in button
        assert ["image/png" in picture for picture in pictures].count(True) == 1
        assert any("preview at step 4" in picture.get("text/html", "") for picture in pictures)
        last = page.shown(first, "update_display_data")[-1]["text/html"]
        assert "of 2,000" in last and "stopped; a checkpoint is written" in last
        kinds = {widget["_model_name"] for widget in page.widgets.values()}
        assert not kinds & {"ButtonModel", "HBoxModel", "HTMLModel"}  # nothing is left that could not answer


def test_it_can_be_used_again_in_the_next_cell(kernel: str):
    with open_page(kernel) as page:
        train_and_click(page)
        cell = page.run(
            "dashboard.log(1990, {'edges_a': 1.0})\nprint(dashboard.should_stop(), len(dashboard.history) > 4)"
        )
        page.finish(cell)
        assert page.printed(cell) == "False True\n"
        assert VIEW in page.shown(cell)[0]


def test_without_widgets_a_notebook_says_so_once_and_trains_on(kernel: str):
    with open_page(kernel) as page:
        cell = page.run(
            f"import sys\nsys.modules['ipywidgets'] = None\n{TRAIN.replace('2000', '6').replace('2001', '7')}"
        )
        page.finish(cell)
        printed = page.printed(cell)
        assert printed.count("shows nothing") == 1
        assert "ipywidgets not installed; pip install 'faceswap_lib[notebooks]'" in printed
        assert "went on behind False" in printed
        assert page.shown(cell) == []


def test_outside_a_notebook_it_collects_and_says_so_once(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        dashboard = TrainingDashboard(every=1, steps=30)
        dashboard.log(10, {"edges_a": 0.5})
        dashboard.log(20, {"edges_a": 0.25})
        dashboard.preview(20, np.ones((4, 4, 3), np.uint8))
    assert [record.getMessage() for record in caplog.records] == [
        "the training dashboard shows nothing: this is not a notebook; it only collects losses and previews"
    ]
    assert dashboard.history == [{"step": 10, "edges_a": 0.5}, {"step": 20, "edges_a": 0.25}]
    assert dashboard.newest.shape == (4, 4, 3)
    assert not dashboard.should_stop()
    dashboard.stop()
    assert dashboard.should_stop()


def test_drawing_less_often_than_never_is_refused():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        TrainingDashboard(every=0)
