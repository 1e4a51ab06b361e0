"""Makes the frames of a reenacted photo, in batches: shapes, pictures of the networks, fusion, and the frame around."""

import typing

import cv2
import numpy as np

from faceswap_lib.faces.alignment import CROP_SIZE
from faceswap_lib.faces.head_pose import eye_distance
from faceswap_lib.facesets.crop_loading import shrink
from faceswap_lib.reenactment.background import PhotoBackground, matting_and_fill, shift_and_scale
from faceswap_lib.reenactment.config import FrameConfig
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.fusion import fuse, fuse_without_network
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.photo import Photo
from faceswap_lib.reenactment.retargeting import Retargeted
from faceswap_lib.reenactment.shape_pictures import stack_shapes
from faceswap_lib.reenactment.system import Renderer, open_system

BATCH = 16
"""Number of frames that are made at a time."""


class FrameMaker:
    """Maker of the frames of one reenacted photo.

    Args:
        photo: The photo.
        networks: The networks of a trained run; None for the classical method alone.
        config: Options.

    Attributes:
        config: The options.
        copied: Number of frames for which the photo itself was shown.
    """

    def __init__(self, photo: Photo, networks: ReenactmentNetworks | None, config: FrameConfig | None = None):
        self._photo, self.config, self.copied = photo, config or FrameConfig(), 0
        self._renderer: Renderer | None = None
        if networks is not None:
            small = shrink(photo.crop.image, networks.config.resolution)
            self._renderer = open_system(networks.config.system).build_renderer(networks, small, photo.shape)
        self._background = PhotoBackground(photo=photo.image, crop_from_photo=photo.crop.crop_from_frame)

    def crops(self, shapes: typing.Sequence[FaceShape]) -> list[np.ndarray]:
        """Makes the aligned crops of some shapes, each (`CROP_SIZE`, `CROP_SIZE`, 3) uint8 RGB."""
        photo, config = self._photo, self.config
        if self._renderer is None:
            return [fuse_without_network(photo.crop.image, photo.shape, shape) for shape in shapes]
        made = self._renderer.render(stack_shapes(shapes))
        crops = []
        for picture, shape in zip(made, shapes, strict=True):
            if _distance(shape, photo.shape) < config.copy_below:
                self.copied += 1
                crops.append(photo.crop.image)
                continue
            large = cv2.resize(picture, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_CUBIC)
            crops.append(fuse(photo.crop.image, photo.shape, large, shape) if config.fusion == "classical" else large)
        return crops

    def frames(self, motion: Retargeted) -> typing.Iterator[np.ndarray]:
        """Makes the frames of a motion in order, each (H, W, 3) uint8 RGB, of the photo's size or the crop's."""
        for start in range(0, len(motion.shapes), BATCH):
            shapes = motion.shapes[start : start + BATCH]
            matrices = motion.crop_from_output[start : start + BATCH]
            for crop, matrix in zip(self.crops(shapes), matrices, strict=True):
                yield self._place(crop, matrix)

    def _place(self, crop: np.ndarray, crop_from_output: np.ndarray) -> np.ndarray:
        """Puts a crop into the frame around it."""
        if self.config.background == "crop":
            return crop
        if self.config.background == "keep":
            return matting_and_fill(self._background, crop, crop_from_output)
        return shift_and_scale(self._photo.image, self._photo.crop.crop_from_frame, crop, crop_from_output)


def _distance(shape: FaceShape, other: FaceShape) -> float:
    """Computes the mean distance of the landmarks of two shapes in percent of the eye distance of the second."""
    return float(100 * np.linalg.norm(shape.points - other.points, axis=1).mean() / eye_distance(other.points))
