"""Fourth stage: sampled faces for the report, the visible label, and images side by side."""

import numpy as np

from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.stages.frame_task import Batch, FrameTask
from faceswap_lib.faces import align_face
from faceswap_lib.provenance.visible_label import Label

SAMPLES = 48
"""Approximate maximum number of sampled faces of a video."""


class AnnotateStage:
    """Stage that samples faces, draws the visible label, and tiles the images that are written.

    Args:
        config: Which images are shown, and whether they are labeled.
        width, height: Size of the frames in pixels.
        length: Number of frames of the whole conversion, which determines the sampling interval.
    """

    def __init__(self, config: OutputConfig, *, width: int, height: int, length: int):
        self._layout = config.layout
        self.label = Label(width, height) if config.label else None
        self._interval = max(8, length // SAMPLES)

    def process(self, batch: Batch) -> Batch:
        """Sets `output` of every frame, and adds samples to the statistics."""
        for task in batch:
            result = task.frame if task.result is None else task.result
            if task.index % self._interval == 0 and task.faces:
                _sample_face(task, result)
            if self.label is not None:
                result = result.copy() if result is task.frame else result
                self.label.draw(result)
            task.output = tile_panels(task.frame, result, task.mask, self._layout)
        return batch


def tile_panels(original: np.ndarray, result: np.ndarray, mask: np.ndarray | None, layout: str) -> np.ndarray:
    """Tiles images side by side.

    Args:
        original: (H, W, 3) uint8 RGB.
        result: (H, W, 3) uint8 RGB, the same frame with the new face.
        mask: (H, W) uint8; needed for "triple".
        layout: As in `OutputConfig`.

    Returns:
        (H, W, 3), (H, 2 W, 3) or (H, 3 W, 3) uint8 RGB.
    """
    if layout == "result":
        return result
    panels = [original, result]
    if layout == "triple" and mask is not None:
        panels.append(np.repeat(mask[..., None], 3, axis=2))
    return np.hstack(panels)


def num_panels(layout: str) -> int:
    """Returns the number of images side by side in a layout.

    Example:
        >>> num_panels("triple")
        3
    """
    return {"result": 1, "pair": 2, "triple": 3}[layout]


def _sample_face(task: FrameTask, result: np.ndarray) -> None:
    """Adds the first face of a frame, before and after the swap, to the statistics of the frame."""
    face = next(iter(task.faces.values()))
    before, after = align_face(task.frame, face), align_face(result, face)
    task.stats.samples = [np.stack([before.image, after.image])]
    task.stats.points = [before.landmarks]
    task.stats.seconds = [task.seconds]
