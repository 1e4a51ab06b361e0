"""Third stage: the swapped faces are blended into their frames."""

import numpy as np

from faceswap_lib.conversion.compositor import CompositeResult, Compositor
from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.stages.frame_task import Batch


class CompositeStage:
    """Stage that blends swapped faces into frames, one face after the other.

    Args:
        compositor: Blends one face; keeps a state along each track.
        config: Says whether masks are needed.
    """

    def __init__(self, compositor: Compositor, config: OutputConfig):
        self._compositor = compositor
        self._needs_mask = config.mask_path is not None or config.layout == "triple"

    def process(self, batch: Batch) -> Batch:
        """Sets `result`, `mask` and the statistics of every frame.

        The statistics of the last frame also contain the compositor's state, from which an interrupted conversion
        continues.
        """
        for task in batch:
            result, composites = task.frame, []
            for track, swapped in task.swapped.items():
                composites.append(self._compositor.composite(result, swapped, track=track))
                result = composites[-1].frame
            task.result = result
            task.stats.swapped = int(bool(composites))
            task.stats.masks = [float(swapped.mask.mean()) for swapped in task.swapped.values()]
            if self._needs_mask:
                task.mask = _merge_masks(task.frame.shape[:2], composites)
        batch[-1].stats.state = self._compositor.state()
        for task in batch:
            task.swapped = {}
        return batch


def _merge_masks(shape: tuple[int, int], composites: list[CompositeResult]) -> np.ndarray:
    """Merges the alphas of all swapped faces of a frame into one mask, (H, W) uint8, by their maximum."""
    mask = np.zeros(shape, np.uint8)
    for one in composites:
        (x, y), (height, width) = one.corner, one.weight.shape
        region = mask[y : y + height, x : x + width]
        np.maximum(region, np.round(255 * np.clip(one.weight, 0, 1)).astype(np.uint8), out=region)
    return mask
