"""A training as it runs: how far it is, its losses, its newest preview, and a button that stops it."""

import collections
import logging
import time
import typing

import numpy as np

from faceswap_lib.show.notebook import in_notebook
from faceswap_lib.training.run_config import say_duration
from faceswap_lib.widgets.dashboard_page import DashboardPage, find_lack
from faceswap_lib.widgets.kernel_events import answer_clicks

logger = logging.getLogger(__name__)

POLL_EVERY = 0.1
"""Seconds between two looks for clicks."""

SPEED_OVER = 10
"""Logged steps over which the speed is taken."""


class TrainingDashboard:
    """Shows a training and lets it be stopped: give `log`, `preview` and `should_stop` to `train`.

    Outside a notebook, or without ipywidgets and jupyter-ui-poll, it collects, says once by logging what is missing,
    and shows nothing. After a stop a checkpoint is written and the cell goes on behind `train`; the same cell run again
    trains on from there.

    Attributes:
        history: Every logged step so far, like `read_history`.
        newest: The newest preview, (H, W, 3) uint8 RGB; None before the first.
    """

    def __init__(self, *, every: int = 4, terms: typing.Sequence[str] | None = None, steps: int | None = None):
        """Shows what there is to show of a training that has not begun.

        Args:
            every: Logged steps between two drawings of the losses, each of which takes about a quarter of a second.
            terms: As in `show.plot_losses`; None draws all.
            steps: Steps in all; without them it cannot say how much time is left.

        Raises:
            ValueError: If `every` is below 1.
        """
        if every < 1:
            raise ValueError(f"expected every to be at least 1, got {every}")
        self.history: list[dict[str, float]] = []
        self.newest: np.ndarray | None = None
        self._every, self._terms, self._steps = every, terms, steps
        lack = find_lack() if in_notebook() else "this is no notebook"
        if lack:
            logger.warning("the training dashboard shows nothing: %s; it collects losses and previews", lack)
        self._can_show = not lack
        self._page: DashboardPage | None = None
        self._begin()

    def log(self, step: int, terms: dict[str, float]) -> None:
        """Takes in one logged step: the `on_log` of `train`."""
        page = self._touch()
        self.history.append({"step": step, **terms})
        self._times.append((step, time.monotonic()))
        if page:
            page.tell(self._say_progress())
            if len(self.history) % self._every == 0:
                page.draw_losses(self.history)

    def preview(self, step: int, picture: np.ndarray) -> None:
        """Takes in one preview: the `on_preview` of `train`."""
        self.newest = picture
        if page := self._touch():
            page.show_preview(step, picture)

    def should_stop(self) -> bool:
        """Whether the button was pressed: the `should_stop` of `train`."""
        page = self._touch()
        if page and not self._stopping and time.monotonic() - self._polled >= POLL_EVERY:
            answer_clicks()
            self._polled = time.monotonic()
        return self._stopping

    def stop(self) -> None:
        """Does what the button does."""
        self._stopping = True

    def _begin(self) -> None:
        """Makes ready for a call of `train`."""
        self._times: collections.deque[tuple[int, float]] = collections.deque(maxlen=SPEED_OVER)
        self._begun, self._polled = time.monotonic(), 0.0
        self._used = self._stopping = False
        if self._can_show:
            self._page = DashboardPage(terms=self._terms, on_stop=self.stop, on_end=self._end)
            self._page.tell("the networks are being built and compiled")

    def _touch(self) -> DashboardPage | None:
        """The page, a new one where the last belongs to a cell that has ended."""
        if self._can_show and self._page is None:
            self._begin()
        self._used = True
        return self._page

    def _end(self) -> None:
        """Takes in that a cell has ended; if it was the one that trained, its page stays as it is."""
        if not self._used or self._page is None:
            return
        state = "stopped; a checkpoint is written, run the cell again to train on" if self._stopping else "ended"
        parts = [self._say_step(), state, f"after {say_duration(time.monotonic() - self._begun)}"]
        self._page.close(" &middot; ".join(part for part in parts if part), self.history)
        self._page = None

    def _say_step(self) -> str:
        if not self.history:
            return ""
        step = self.history[-1]["step"]
        return f"step {step:,}" + (f" of {self._steps:,}" if self._steps else "")

    def _say_progress(self) -> str:
        """How far the training is, as HTML."""
        parts, step = [self._say_step()], self.history[-1]["step"]
        (first, began), (last, now) = self._times[0], self._times[-1]
        if last > first and now > began:
            seconds = (now - began) / (last - first)
            parts.append(f"{seconds:.1f} s a step" if seconds >= 1 else f"{1 / seconds:.1f} steps a second")
            if self._steps:
                parts.append(f"about {say_duration(seconds * max(self._steps - step, 0))} left")
        bar = f'<progress value="{step}" max="{self._steps}"></progress> ' if self._steps else ""
        return bar + " &middot; ".join(parts)
