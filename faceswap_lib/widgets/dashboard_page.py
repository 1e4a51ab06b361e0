"""View of the training dashboard on a notebook page: stop button, status text, loss charts and preview."""

import importlib.util
import typing

import numpy as np

from faceswap_lib.show import LossBoard
from faceswap_lib.show.notebook import ipython_display
from faceswap_lib.widgets.comparison import jpeg_data

NEEDED = {"ipywidgets": "ipywidgets", "jupyter_ui_poll": "jupyter-ui-poll"}
"""Required packages: name on the package index by module name."""

VIEW = "application/vnd.jupyter.widget-view+json"
"""MIME type of a widget."""

WIDE = 2.5
"""Aspect ratio (width over height) above which a preview is split into two halves, one below the other."""


def unavailable_reason() -> str | None:
    """Describes which required packages are missing and how to install them; returns None if none is missing."""
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if not missing:
        return None
    return f"{' and '.join(missing)} not installed; pip install 'faceswap_lib[notebooks]'"


class DashboardPage:
    """View of one dashboard, below the cell that created it.

    Args:
        terms: As in `show.plot_losses`.
        on_stop: Function that is called when the stop button is pressed.
        on_end: Function that is called at the end of every cell.
    """

    def __init__(
        self,
        *,
        terms: typing.Sequence[str] | None,
        on_stop: typing.Callable[[], None],
        on_end: typing.Callable[[], None],
    ):
        import ipywidgets
        from IPython import get_ipython

        self._on_stop, self._on_end = on_stop, on_end
        self._button = ipywidgets.Button(
            description="Stop", icon="stop", button_style="danger", tooltip="write a checkpoint and stop training"
        )
        self._button.on_click(self._press)
        self._text = ipywidgets.HTML()
        self._row = ipywidgets.HBox([self._button, self._text], layout={"align_items": "center"})
        # Displayed by its model id with a display id, so that `close` can replace the button by text.
        view = {"version_major": 2, "version_minor": 0, "model_id": self._row.model_id}
        self._row_on_page: typing.Any = ipython_display().display(
            {VIEW: view, "text/plain": "training dashboard"}, raw=True, display_id=True
        )
        self._board = LossBoard(terms=terms)
        self._preview_on_page: typing.Any = None
        self._events = get_ipython().events
        self._events.register("post_run_cell", self._handle_cell_end)

    def show_text(self, text: str) -> None:
        """Shows a line of text in HTML format."""
        self._text.value = f'<span style="margin-left: 8px">{text}</span>'

    def draw_losses(self, history: list[dict[str, float]]) -> None:
        """Draws the loss charts in place of the previous ones."""
        self._board.history = history
        self._board.draw()

    def show_preview(self, step: int, picture: np.ndarray) -> None:
        """Shows a preview, (H, W, 3) uint8 RGB, in place of the previous one."""
        if picture.shape[1] > WIDE * picture.shape[0]:
            picture = np.concatenate(np.array_split(picture[:, : picture.shape[1] // 2 * 2], 2, axis=1))
        display = ipython_display()
        shown = display.HTML(
            f'<div>preview at step {step:,}</div><img alt="preview" style="width: 100%; max-width: '
            f'{max(picture.shape[1], 640)}px" src="{jpeg_data(picture)}">'
        )
        if self._preview_on_page is None:
            self._preview_on_page = display.display(shown, display_id=True)
        else:
            self._preview_on_page.update(shown)

    def close(self, text: str, history: list[dict[str, float]]) -> None:
        """Draws the losses for the last time and replaces the stop button by a line of text in HTML format."""
        self._events.unregister("post_run_cell", self._handle_cell_end)
        if history:
            self.draw_losses(history)
        self._row_on_page.update(ipython_display().HTML(f"<div>{text}</div>"))
        for widget in (self._row, self._button, self._text):
            widget.close()

    def _press(self, _button: typing.Any) -> None:
        """Handles a click on the stop button."""
        self._button.disabled = True
        self._button.description = "Stopping"
        self._on_stop()

    def _handle_cell_end(self, *_) -> None:
        """Handles the end of a cell."""
        self._on_end()
