"""Frame that passes through the stages, with their results."""

import dataclasses
import typing

import numpy as np

from faceswap_lib.conversion.compositor import SwappedFace
from faceswap_lib.conversion.resume import ChunkStats
from faceswap_lib.faces import Face


@dataclasses.dataclass(eq=False)
class FrameTask:
    """A frame and the results of the stages so far.

    Attributes:
        index: Frame number, from 0 at the start of the converted time range.
        seconds: Time of the frame, in seconds from the first frame of the file.
        frame: (H, W, 3) uint8 RGB, set by the read stage.
        faces: Faces to swap, by track number, set by the read stage.
        swapped: New faces by track number, set by the swap stage and removed by the composite stage.
        result: (H, W, 3) uint8 RGB, the frame with its new faces, set by the composite stage.
        mask: (H, W) uint8, 255 where only the new face is visible, set by the composite stage; None if it is not
            needed.
        output: (H, W', 3) uint8 RGB, the image that is written, set by the annotate stage.
        stats: Statistics of this frame, set by the composite and annotate stages.
    """

    index: int
    seconds: float
    frame: np.ndarray
    faces: dict[int, Face]
    swapped: dict[int, SwappedFace] = dataclasses.field(default_factory=dict)
    result: np.ndarray | None = None
    mask: np.ndarray | None = None
    output: np.ndarray | None = None
    stats: ChunkStats = dataclasses.field(default_factory=lambda: ChunkStats(frames=1))

    @property
    def written(self) -> np.ndarray:
        """`output`, after the annotate stage has set it."""
        return typing.cast(np.ndarray, self.output)

    @property
    def written_mask(self) -> np.ndarray:
        """`mask`, after the composite stage has set it because a mask is written."""
        return typing.cast(np.ndarray, self.mask)


Batch = list[FrameTask]
