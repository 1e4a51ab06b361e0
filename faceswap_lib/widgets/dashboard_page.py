"""What the training dashboard has on a notebook's page: a button and a line of text, the losses, the preview."""

import importlib.util
import typing

import numpy as np

from faceswap_lib.show import LossBoard
from faceswap_lib.show.notebook import ipython_display
from faceswap_lib.widgets.comparison import jpeg_data

NEEDED = {"ipywidgets": "ipywidgets", "jupyter_ui_poll": "jupyter-ui-poll"}
"""What the page needs, by the name of its package on the index."""

VIEW = "application/vnd.jupyter.widget-view+json"
"""What a page calls a widget."""

WIDE = 2.5
"""Width over height from which a preview is shown as two halves, one below the other."""


def find_lack() -> str | None:
    """Says which packages are missing that a page needs, and how to get them."""
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if not missing:
        return None
    return f"{' and '.join(missing)} not installed; pip install 'faceswap_lib[notebooks]'"


class DashboardPage:
    """One dashboard on the page, under the cell that made it.

    Args:
        terms: As in `show.plot_losses`.
        on_stop: Called when the button is pressed.
        on_end: Called when a cell has ended.
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
        # Shown by its id, so that text can take its place when there is nothing to stop any more.
        view = {"version_major": 2, "version_minor": 0, "model_id": self._row.model_id}
        self._row_on_page = ipython_display().display(
            {VIEW: view, "text/plain": "training dashboard"}, raw=True, display_id=True
        )
        self._board = LossBoard(terms=terms)
        self._preview_on_page: typing.Any = None
        self._events = get_ipython().events
        self._events.register("post_run_cell", self._note_end)

    def tell(self, text: str) -> None:
        """Shows a line of text, as HTML."""
        self._text.value = f'<span style="margin-left: 8px">{text}</span>'

    def draw_losses(self, history: list[dict[str, float]]) -> None:
        """Draws the losses in place of the last ones."""
        self._board.history = history
        self._board.draw()

    def show_preview(self, step: int, picture: np.ndarray) -> None:
        """Shows a preview, (H, W, 3) uint8 RGB, in place of the last one."""
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
        """Draws the last losses and puts a line of text, as HTML, in place of the button."""
        self._events.unregister("post_run_cell", self._note_end)
        if history:
            self.draw_losses(history)
        self._row_on_page.update(ipython_display().HTML(f"<div>{text}</div>"))
        for widget in (self._row, self._button, self._text):
            widget.close()

    def _press(self, _button: typing.Any) -> None:
        self._button.disabled = True
        self._button.description = "Stopping"
        self._on_stop()

    def _note_end(self, *_) -> None:
        self._on_end()
