"""Training dashboard: progress, losses, the newest preview, and a button that stops the training."""

import collections
import logging
import time
import typing

import numpy as np

from faceswap_lib.show.notebook import in_notebook
from faceswap_lib.training.run_config import format_duration
from faceswap_lib.widgets.dashboard_page import DashboardPage, unavailable_reason
from faceswap_lib.widgets.kernel_events import answer_clicks

logger = logging.getLogger(__name__)

POLL_EVERY = 0.1
"""Minimum time in seconds between two checks for clicks."""

SPEED_OVER = 10
"""Number of logged steps over which the training speed is averaged."""


class TrainingDashboard:
    """Dashboard that shows a training and can stop it; pass `log`, `preview` and `should_stop` to `train`.

    Outside a notebook, or without ipywidgets and jupyter-ui-poll, it only collects losses and previews, and logs one
    warning that names the missing package. After a stop `train` writes a checkpoint and returns, so the cell continues.
    Running the same cell again resumes the training.

    Attributes:
        history: All logged steps so far, in the format of `read_history`.
        newest: The newest preview, (H, W, 3) uint8 RGB; None before the first preview.
    """

    def __init__(self, *, every: int = 4, terms: typing.Sequence[str] | None = None, steps: int | None = None):
        """Initializes the dashboard and shows it, if possible.

        Args:
            every: Logged steps between two drawings of the losses; a drawing takes about a quarter of a second.
            terms: As in `show.plot_losses`; None draws all terms.
            steps: Total number of steps; None shows no remaining time.

        Raises:
            ValueError: If `every` is below 1.
        """
        if every < 1:
            raise ValueError(f"expected every to be at least 1, got {every}")
        self.history: list[dict[str, float]] = []
        self.newest: np.ndarray | None = None
        self._every, self._terms, self._steps = every, terms, steps
        problem = unavailable_reason() if in_notebook() else "this is not a notebook"
        if problem:
            logger.warning("the training dashboard shows nothing: %s; it only collects losses and previews", problem)
        self._can_show = not problem
        self._page: DashboardPage | None = None
        self._begin()

    def log(self, step: int, terms: dict[str, float]) -> None:
        """Adds one logged step; pass this method to `train` as `on_log`."""
        page = self._touch()
        self.history.append({"step": step, **terms})
        self._times.append((step, time.monotonic()))
        if page:
            page.show_text(self._format_progress())
            if len(self.history) % self._every == 0:
                page.draw_losses(self.history)

    def preview(self, step: int, picture: np.ndarray) -> None:
        """Stores and shows one preview; pass this method to `train` as `on_preview`.

        Args:
            step: Step of the preview.
            picture: (H, W, 3) uint8 RGB.
        """
        self.newest = picture
        if page := self._touch():
            page.show_preview(step, picture)

    def should_stop(self) -> bool:
        """Returns whether the stop button was pressed; pass this method to `train` as `should_stop`."""
        page = self._touch()
        if page and not self._stopping and time.monotonic() - self._polled >= POLL_EVERY:
            answer_clicks()
            self._polled = time.monotonic()
        return self._stopping

    def stop(self) -> None:
        """Requests a stop, like the stop button."""
        self._stopping = True

    def _begin(self) -> None:
        """Resets the state for a call of `train` and opens a page if a page can be shown."""
        self._times: collections.deque[tuple[int, float]] = collections.deque(maxlen=SPEED_OVER)
        self._begun, self._polled = time.monotonic(), 0.0
        self._used = self._stopping = False
        if self._can_show:
            self._page = DashboardPage(terms=self._terms, on_stop=self.stop, on_end=self._end)
            self._page.show_text("the networks are being built and compiled")

    def _touch(self) -> DashboardPage | None:
        """Returns the page; opens a new one if the page of the last cell was closed."""
        if self._can_show and self._page is None:
            self._begin()
        self._used = True
        return self._page

    def _end(self) -> None:
        """Handles the end of a cell; if the cell has trained, its page gets a final text and is closed."""
        if not self._used or self._page is None:
            return
        state = "stopped; a checkpoint is written, run the cell again to resume" if self._stopping else "ended"
        parts = [self._format_step(), state, f"after {format_duration(time.monotonic() - self._begun)}"]
        self._page.close(" &middot; ".join(part for part in parts if part), self.history)
        self._page = None

    def _format_step(self) -> str:
        """Formats the last logged step; empty before the first."""
        if not self.history:
            return ""
        step = self.history[-1]["step"]
        return f"step {step:,}" + (f" of {self._steps:,}" if self._steps else "")

    def _format_progress(self) -> str:
        """Formats step, speed, remaining time and a progress bar as HTML."""
        parts, step = [self._format_step()], self.history[-1]["step"]
        (first, began), (last, now) = self._times[0], self._times[-1]
        if last > first and now > began:
            seconds = (now - began) / (last - first)
            parts.append(f"{seconds:.1f} s per step" if seconds >= 1 else f"{1 / seconds:.1f} steps per second")
            if self._steps:
                parts.append(f"about {format_duration(seconds * max(self._steps - step, 0))} left")
        bar = f'<progress value="{step}" max="{self._steps}"></progress> ' if self._steps else ""
        return bar + " &middot; ".join(parts)
