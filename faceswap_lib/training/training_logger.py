"""Logging of a running training: progress bar, history, callbacks, previews, TensorBoard."""

import contextlib
import pathlib
import time
import typing

import numpy as np

from faceswap_lib.media import write_image
from faceswap_lib.progress import show_progress
from faceswap_lib.training.history import HistoryWriter
from faceswap_lib.training.run_config import LoopConfig, parse_duration
from faceswap_lib.training.tensorboard_writer import TensorBoardWriter

SHOWN = {"reconstruction_a": "error_A", "reconstruction_b": "error_B", "reconstruction": "error"}
"""Loss terms that the progress bar shows, and their labels."""


class StepCallback(typing.Protocol):
    """Callback after every logged step; notebooks use it for plots of the losses."""

    def __call__(self, step: int, terms: dict[str, float]) -> None:
        """Receives the step, counted from 1, and its loss terms."""


class PreviewCallback(typing.Protocol):
    """Callback for every preview; notebooks use it to show the image."""

    def __call__(self, step: int, picture: np.ndarray) -> None:
        """Receives the step, counted from 1, and the preview image, (H, W, 3) uint8 RGB."""


class TrainingLogger:
    """Logger of a training; a context manager.

    Args:
        folder: The folder of the run.
        run_config: Intervals of logging and previews.
        step: Number of steps that are already done.
        steps: Total number of steps.
        history_bytes: Length in bytes of the part of `history.jsonl` that belongs to these steps.
        draw: Draws the preview image.
        on_log: Called with every logged step and its loss terms.
        on_preview: Called with every preview image.
        progress: Whether to show a progress bar with steps per second and the remaining time.
        clock: Returns seconds since any fixed moment.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        run_config: LoopConfig,
        *,
        step: int,
        steps: int,
        history_bytes: int,
        draw: typing.Callable[[], np.ndarray],
        on_log: StepCallback | None = None,
        on_preview: PreviewCallback | None = None,
        progress: bool = False,
        clock: typing.Callable[[], float] = time.monotonic,
    ):
        self._folder, self._run_config, self._steps = folder, run_config, steps
        self._draw, self._on_log, self._on_preview = draw, on_log, on_preview
        self._interval, self._clock = parse_duration(run_config.preview_interval), clock
        self._drawn_at = clock()
        self._board = TensorBoardWriter(folder / "tensorboard", step) if run_config.tensorboard else None
        self._history = HistoryWriter(folder / "history.jsonl", history_bytes)
        self._bar = show_progress(title="train", total=steps, initial=step, unit="step", disable=not progress)

    def __enter__(self) -> "TrainingLogger":
        return self

    def __exit__(self, *_) -> None:
        with contextlib.ExitStack() as closing:  # closes all parts, also if one of them fails
            for part in (self._board, self._history, self._bar):
                if part is not None:
                    closing.callback(part.close)

    def log_step(self, step: int, terms: dict[str, float]) -> None:
        """Records one step, counted from 1; logs it and draws a preview if they are due."""
        self._bar.update()
        last = step == self._steps
        if step % self._run_config.log_every == 0 or last:
            self._history.write(step, terms)
            self._bar.set_postfix({label: f"{terms[name]:.3f}" for name, label in SHOWN.items() if name in terms})
            if self._board:
                self._board.add_terms(step, terms)
            if self._on_log:
                self._on_log(step, terms)
        every, passed = self._run_config.preview_every, self._clock() - self._drawn_at
        if passed >= self._interval or (every > 0 and step % every == 0) or last:
            self._show_preview(step)
            self._drawn_at = self._clock()

    def _show_preview(self, step: int) -> None:
        picture = self._draw()
        write_image(self._folder / "previews" / f"step-{step:08d}.png", picture)
        if self._board:
            self._board.add_picture(step, picture)
        if self._on_preview:
            self._on_preview(step, picture)

    def flush(self) -> int:
        """Writes the history to disk; returns its length in bytes."""
        return self._history.flush()

    def go_back(self, step: int, history_bytes: int) -> None:
        """Removes all records after a step."""
        self._history.cut(history_bytes)
        self._bar.n = step
        self._bar.refresh()
        if self._board:
            self._board.go_back(step)
