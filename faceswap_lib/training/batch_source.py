"""Draws the batches of a training, and reads the crops of facesets that are not on the device one step ahead."""

import concurrent.futures
import dataclasses
import typing

import numpy as np

from faceswap_lib.training.augmentation import DeviceFaceset
from faceswap_lib.training.loss_model import Batch


class ReadAhead:
    """Reader of batches that reads the batch of the next step while the current step runs.

    Args:
        read: Draws and reads the batch of a step; called with the step and the number of rollbacks, on which alone the
            batch depends.
    """

    def __init__(self, read: typing.Callable[[int, int], Batch]):
        self._read = read
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None
        self._ahead: tuple[tuple[int, int], concurrent.futures.Future[Batch]] | None = None

    def take(self, step: int, rollbacks: int) -> Batch:
        """Returns the batch of a step.

        Args:
            step: Step, counted from 0.
            rollbacks: Number of rollbacks so far.

        Raises:
            WorkspaceError: If a file of crops is damaged.
        """
        if self._ahead is not None and self._ahead[0] == (step, rollbacks):
            batch = self._ahead[1].result()
        else:
            batch = self._read(step, rollbacks)
        if self._pool is None:
            self._pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="batches")
        following = step + 1, rollbacks
        self._ahead = following, self._pool.submit(self._read, *following)
        return batch

    def close(self) -> None:
        """Waits for the batch that is being read."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = self._ahead = None


class BatchSource:
    """Source of the batches of a training.

    Batches depend only on seed, step and number of rollbacks. Crops of facesets that are read from a file are read for
    the next step while the current one runs.

    Args:
        people: The crops of A and of B.
        draw: Draws the indices of a step; called with the step and the number of rollbacks.
    """

    def __init__(self, people: typing.Sequence[DeviceFaceset], draw: typing.Callable[[int, int], Batch]):
        self._people, self._draw = people, draw
        self._is_streamed = any(faces.rows is not None for faces in people)
        self._ahead = ReadAhead(self._read)

    def take(self, step: int, rollbacks: int) -> Batch:
        """Returns the batch of a step; see `ReadAhead.take`."""
        return self._ahead.take(step, rollbacks) if self._is_streamed else self._draw(step, rollbacks)

    def close(self) -> None:
        """Waits for the batch that is being read, and closes the files of crops."""
        self._ahead.close()
        for faces in self._people:
            if faces.rows is not None:
                faces.rows.close()

    def _read(self, step: int, rollbacks: int) -> Batch:
        """Draws a batch and reads its crops."""
        batch = self._draw(step, rollbacks)
        rows_a, rows_b = (faces.rows for faces in self._people)
        return dataclasses.replace(
            batch,
            crops_a=None if rows_a is None else rows_a.read(np.asarray(batch.index_a)),
            crops_b=None if rows_b is None else rows_b.read(np.asarray(batch.index_b)),
        )
