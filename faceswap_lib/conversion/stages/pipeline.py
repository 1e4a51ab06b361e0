"""Stages that work at the same time, each group in a thread of its own."""

import contextlib
import typing

from faceswap_lib.conversion.stages.frame_task import Batch
from faceswap_lib.prefetch import prefetch


class Stage(typing.Protocol):
    """One step of a conversion."""

    def process(self, batch: Batch) -> Batch:
        """Sets the fields that this stage computes for each frame of a batch, and returns the batch."""
        ...


def run_stages(
    batches: typing.Iterable[Batch], *threads: typing.Sequence[Stage]
) -> typing.Generator[Batch, None, None]:
    """Passes batches through stages in order; the groups of stages work at the same time.

    The number of batches in progress is limited, so memory use does not grow with the length of the video. Closing the
    generator stops all threads.

    Args:
        batches: From the read stage; read in a thread of its own.
        threads: Groups of stages; each group works in a thread of its own.

    Yields:
        Finished batches in order.
    """
    finished = prefetch(batches)
    for stages in threads:
        finished = prefetch(_process(finished, stages))
    with contextlib.closing(finished):
        yield from finished


def _process(
    batches: typing.Generator[Batch, None, None], stages: typing.Sequence[Stage]
) -> typing.Generator[Batch, None, None]:
    """Passes each batch through a group of stages, one stage after the other."""
    with contextlib.closing(batches):
        for batch in batches:
            for stage in stages:
                batch = stage.process(batch)
            yield batch
