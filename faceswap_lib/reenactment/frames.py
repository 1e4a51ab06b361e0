"""Makes the frames of a reenacted photo, in batches: shapes, pictures of the networks, fusion, and the frame around."""

import contextlib
import itertools
import typing

import cv2
import numpy as np

from faceswap_lib.faces.alignment import CROP_SIZE
from faceswap_lib.faces.head_pose import eye_distance
from faceswap_lib.facesets.crop_loading import shrink
from faceswap_lib.prefetch import map_in_threads, prefetch
from faceswap_lib.reenactment.background import PhotoBackground, matting_and_fill, shift_and_scale
from faceswap_lib.reenactment.bilayer.loading import BilayerNetworks
from faceswap_lib.reenactment.bilayer.renderer import BilayerRenderer
from faceswap_lib.reenactment.config import FrameConfig
from faceswap_lib.reenactment.expression_fusion import fuse_expression
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.fusion import fuse, fuse_without_network
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.photo import Photo
from faceswap_lib.reenactment.retargeting import Retargeted
from faceswap_lib.reenactment.self_reconstruction import self_reconstruction, warn_unknown_person
from faceswap_lib.reenactment.shape_pictures import stack_shapes
from faceswap_lib.reenactment.system import Renderer, open_system

BATCH = 16
"""Number of frames that are made at a time."""

AnyNetworks = ReenactmentNetworks | BilayerNetworks
"""Networks of a trained run, or the published ones."""


class FrameMaker:
    """Maker of the frames of one reenacted photo.

    It warns if the networks cannot draw the person of the photo; see `self_reconstruction`.

    Args:
        photo: The photo.
        networks: The networks of a trained run, or the published ones; None for the classical method alone.
        config: Options.

    Attributes:
        config: The options.
        copied: Number of frames for which the photo itself was shown.
    """

    def __init__(self, photo: Photo, networks: AnyNetworks | None, config: FrameConfig | None = None):
        self._photo, self.config, self.copied = photo, config or FrameConfig(), 0
        self._renderer = None if networks is None else _build_renderer(photo, networks)
        if self._renderer is not None:
            warn_unknown_person(photo.path, self_reconstruction(self._renderer, photo.crop.image, photo.shape))
        self._background = PhotoBackground(photo=photo.image, crop_from_photo=photo.crop.crop_from_frame)

    @property
    def texture(self) -> np.ndarray | None:
        """High-frequency texture of the photo, (`CROP_SIZE`, `CROP_SIZE`, 3) uint8 RGB around gray; None if none."""
        texture = getattr(self._renderer, "texture", None)
        if texture is None:
            return None
        return cv2.resize(texture, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_CUBIC)

    def crops(self, shapes: typing.Sequence[FaceShape]) -> list[np.ndarray]:
        """Makes the aligned crops of some shapes, each (`CROP_SIZE`, `CROP_SIZE`, 3) uint8 RGB."""
        return [self._fuse(made, shape) for made, shape in zip(self._render(shapes), shapes, strict=True)]

    def frames(self, motion: Retargeted) -> typing.Iterator[np.ndarray]:
        """Makes the frames of a motion in order, each (H, W, 3) uint8 RGB, of the photo's size or the crop's.

        The networks render the next batch while threads fuse and place the frames of the last one. The number of frames
        in progress is limited, so memory does not grow with the length of the motion.
        """
        if self.config.background == "keep":
            self._background.prepare()
        batches = range(0, len(motion.shapes), BATCH)
        rendered = prefetch(self._render(motion.shapes[start : start + BATCH]) for start in batches)
        tasks = zip(itertools.chain.from_iterable(rendered), motion.shapes, motion.crop_from_output, strict=True)

        def make(task: tuple[np.ndarray | None, FaceShape, np.ndarray]) -> np.ndarray:
            made, shape, crop_from_output = task
            return self._place(self._fuse(made, shape), crop_from_output)

        with contextlib.closing(rendered):
            yield from map_in_threads(make, tasks)

    def _render(self, shapes: typing.Sequence[FaceShape]) -> typing.Sequence[np.ndarray | None]:
        """Renders shapes with the networks, (R, R, 3) uint8 RGB each; None where no picture of them is needed."""
        if self._renderer is None:
            return [None] * len(shapes)
        near = [_distance(shape, self._photo.shape) < self.config.copy_below for shape in shapes]
        self.copied += sum(near)
        made = self._renderer.render(stack_shapes(shapes))
        return [None if is_near else picture for picture, is_near in zip(made, near, strict=True)]

    def _fuse(self, made: np.ndarray | None, shape: FaceShape) -> np.ndarray:
        """Makes the crop of a shape from the picture of the networks."""
        photo = self._photo
        if self._renderer is None:
            fuse_alone = fuse_expression if self.config.fusion == "photo" else fuse_without_network
            return fuse_alone(photo.crop.image, photo.shape, shape)
        if made is None:
            return photo.crop.image
        large = cv2.resize(made, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_CUBIC)
        if self.config.fusion == "photo":
            return fuse_expression(photo.crop.image, photo.shape, shape, large)
        return fuse(photo.crop.image, photo.shape, large, shape) if self.config.fusion == "classical" else large

    def _place(self, crop: np.ndarray, crop_from_output: np.ndarray) -> np.ndarray:
        """Puts a crop into the frame around it."""
        if self.config.background == "crop":
            return crop
        if self.config.background == "keep":
            return matting_and_fill(self._background, crop, crop_from_output)
        return shift_and_scale(self._photo.image, self._photo.crop.crop_from_frame, crop, crop_from_output)


def _build_renderer(photo: Photo, networks: AnyNetworks) -> Renderer:
    """Builds the renderer of a photo. The published networks read the photo itself, the others its aligned crop."""
    if isinstance(networks, BilayerNetworks):
        return BilayerRenderer(networks, photo)
    small = shrink(photo.crop.image, networks.config.resolution)
    return open_system(networks.config.system).build_renderer(networks, small, photo.shape)


def _distance(shape: FaceShape, other: FaceShape) -> float:
    """Computes the mean distance of the landmarks of two shapes in percent of the eye distance of the second."""
    return float(100 * np.linalg.norm(shape.points - other.points, axis=1).mean() / eye_distance(other.points))
