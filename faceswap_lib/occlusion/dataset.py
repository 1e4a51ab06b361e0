"""Training data of an occlusion network: faces with synthetic occluders, and faces that a person has labeled."""

import dataclasses
import typing
from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces.region import RegionChoice, open_outline_detector
from faceswap_lib.faces.types import FaceCrop
from faceswap_lib.facesets import Faceset
from faceswap_lib.occlusion.augmentation import augment, replace_background
from faceswap_lib.occlusion.config import OcclusionConfig
from faceswap_lib.occlusion.face_region import widened_regions
from faceswap_lib.occlusion.network import SIDE
from faceswap_lib.occlusion.scene import Scene
from faceswap_lib.occlusion.synthetic import Kind, occlude
from faceswap_lib.progress import show_progress

BACKGROUND = 0.5
"""Share of the faces before a random background."""

OUTSIDE = 0.1
"""Weight of a pixel outside of the face in the loss; it is 1 inside."""

EDGE, EDGE_SIGMA = 2.0, 3.0
"""Weight that is added at the edge of an occluder, and standard deviation in pixels of the blur that finds the edge."""


class Example(typing.NamedTuple):
    """A face and its visible pixels.

    Attributes:
        image: (256, 256, 3) uint8 RGB.
        visible: (256, 256) float32 in [0, 1], 1 where nothing covers the picture.
        region: (256, 256) float32 in [0, 1], the region of the face, in which it matters what is visible.
    """

    image: np.ndarray
    visible: np.ndarray
    region: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class OcclusionDataset:
    """Faces to train on.

    Attributes:
        scenes: Faces that nothing covers.
        labeled: Faces with labels.
    """

    scenes: tuple[Scene, ...]
    labeled: tuple[Example, ...] = ()

    def draw_batch(self, config: OcclusionConfig, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Draws the batch of a step; it depends only on the options, the seed and the step.

        Args:
            config: Options of the training.
            step: Number of the step, from 0.

        Returns:
            Images (B, 256, 256, 3) float32 RGB, 0 to 255, and (B, 256, 256, 2) float32: masks, 1 where nothing covers
            the picture, and the weights of the pixels in the loss.
        """
        random = np.random.default_rng([config.seed, step])
        examples = [self._draw(random, config) for _ in range(config.batch_size)]
        images = np.stack([example.image for example in examples]).astype(np.float32)
        truths = [np.dstack([example.visible, pixel_weights(example)]) for example in examples]
        return images, np.stack(truths).astype(np.float32)

    def _draw(self, random: np.random.Generator, config: OcclusionConfig) -> Example:
        if self.labeled and random.random() < config.label_fraction:
            example = self.labeled[random.integers(len(self.labeled))]
            return Example(*augment(random, *example))
        return draw_example(random, self.scenes[random.integers(len(self.scenes))], config.kinds)


def draw_example(random: np.random.Generator, scene: Scene, kinds: Sequence[Kind]) -> Example:
    """Draws occluders over a face, often after replacing its background, and augments the image and its mask."""
    if random.random() < BACKGROUND:
        crop = replace_background(random, scene.crop, scene.region)
        scene = dataclasses.replace(scene, crop=crop)
    occluded = occlude(random, scene, kinds)
    return Example(*augment(random, occluded.image, occluded.visible, scene.region))


def pixel_weights(example: Example) -> np.ndarray:
    """Computes the weights of the pixels in the loss, (256, 256) float32: high in the face and at edges of objects."""
    near = cv2.GaussianBlur(example.visible, (0, 0), EDGE_SIGMA)
    return (OUTSIDE + (1 - OUTSIDE) * example.region) * (1 + EDGE * 4 * near * (1 - near))


def read_scenes(
    facesets: Sequence[Faceset], *, max_crops: int, face_region: RegionChoice = "auto", progress: bool = False
) -> list[Scene]:
    """Reads faces of facesets, evenly spaced, with the region of each face.

    Args:
        facesets: The facesets.
        max_crops: Maximum number of crops of each faceset.
        face_region: How the region is determined.
        progress: Whether to show a progress bar.

    Returns:
        The faces.

    Raises:
        WorkspaceError: If a crop is missing, not square, or smaller than 256 pixels.
    """
    scenes = []
    for faceset in facesets:
        crops = show_progress(
            faceset.sample(max_crops).read_crops(), f"outline {faceset.folder.name}", disable=not progress
        )
        scenes += [make_scene(crop, face_region) for crop in crops]
    return scenes


def check_side(crop: FaceCrop) -> FaceCrop:
    """Checks that the side of a crop is 256 pixels, and returns the crop.

    Raises:
        WorkspaceError: If the side is different.
    """
    if len(crop.image) != SIDE:
        raise WorkspaceError(f"expected crops of {SIDE} pixels, got {len(crop.image)}; extract again with --overwrite")
    return crop


def make_scene(crop: FaceCrop, face_region: RegionChoice = "auto") -> Scene:
    """Creates the scene of an aligned crop, whose side must be 256 pixels.

    Raises:
        WorkspaceError: If the crop has another size.
    """
    check_side(crop)
    (region,) = widened_regions([crop], open_outline_detector(face_region))
    return Scene(crop=crop.image, landmarks=crop.landmarks, region=region.astype(np.float32) / 255)
