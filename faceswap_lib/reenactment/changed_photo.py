"""A photo whose face has another expression: only the head changes, at the resolution of the photo."""

import dataclasses

import cv2
import numpy as np

from faceswap_lib.conversion.blending import alpha_blend
from faceswap_lib.faces.alignment import CROP_SIZE, EYE_DISTANCE, resize_matrix, warp_frame
from faceswap_lib.reenactment.background import paste_window, soft_paste
from faceswap_lib.reenactment.config import FrameConfig
from faceswap_lib.reenactment.control_points import fill_polygons
from faceswap_lib.reenactment.expression_fusion import fuse_expression
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.frames import AnyNetworks, FrameMaker
from faceswap_lib.reenactment.head_masks import segment_head
from faceswap_lib.reenactment.photo import Photo
from faceswap_lib.reenactment.skin_alpha import smooth_step

LARGEST_SIDE = 1024
"""Largest side of the crop in which a photo is changed; larger faces are enlarged from this."""

AROUND, SOFTNESS = 0.08, 0.035
"""How far around the head pixels may change, and the standard deviation of the border there, in eye distances."""


COARSE, UNSEEN = 0.03, 1.5
"""Standard deviation of the blur with which changes are measured, in eye distances, and the change in gray levels up to
which the photo's own pixels are kept."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ChangedPhoto:
    """A photo whose face has another expression.

    Attributes:
        crop: (`CROP_SIZE`, `CROP_SIZE`, 3) uint8 RGB, the aligned face.
        photo: (H, W, 3) uint8 RGB, the photo with this face.
    """

    crop: np.ndarray
    photo: np.ndarray


class PhotoChanger:
    """Gives the face of one photo other shapes with the same yaw; hair, clothes and background stay as they are.

    The head may be tilted in the photo: its crop is level, and the results are tilted as before.

    Args:
        photo: The photo.
        networks: The networks of a trained run, or the published ones; None for none.
        config: How the crop is made. With `fusion` "photo" the networks give only what the photo hides; without
            networks it is always so.

    Attributes:
        texture: (`CROP_SIZE`, `CROP_SIZE`, 3) uint8 RGB, the high-frequency texture of the photo around gray, if the
            networks have one (`avatar`, and the published networks); None otherwise.
    """

    def __init__(self, photo: Photo, networks: AnyNetworks | None, config: FrameConfig):
        self._photo, self._large = photo, native_crop(photo)
        self._fuses = networks is None or config.fusion == "photo"
        self._head = segment_head(photo.crop.image, photo.shape).astype(np.float32) / 255
        fusion = "none" if self._fuses else config.fusion
        maker = None if networks is None else FrameMaker(photo, networks, dataclasses.replace(config, fusion=fusion))
        self._maker, self.texture = maker, None if maker is None else maker.texture

    def change(self, target: FaceShape) -> ChangedPhoto:
        """Changes the photo to a shape."""
        size, generated = len(self._large), None
        if self._maker is not None:
            generated = _resize(self._maker.crops([target])[0], size)
        if generated is None or self._fuses:
            generated = fuse_expression(self._large, self._photo.shape, target, generated)
        alpha = _resize(head_alpha(self._head, self._photo.shape, target), size)
        alpha = alpha * changed_share(self._large, generated)
        made = alpha_blend(self._large, generated, alpha)
        matrix = self._photo.crop.crop_from_frame
        pasted = soft_paste(self._photo.image, made, matrix, alpha * paste_window(size))
        return ChangedPhoto(crop=_resize(made, CROP_SIZE), photo=pasted)


def native_crop(photo: Photo) -> np.ndarray:
    """Cuts the aligned crop of a photo at about the photo's resolution, (S, S, 3) uint8 RGB, S from `CROP_SIZE`."""
    scale = 1 / np.sqrt(abs(np.linalg.det(photo.crop.crop_from_frame[:, :2])))
    side = int(np.clip(round(CROP_SIZE * scale), CROP_SIZE, LARGEST_SIDE))
    return warp_frame(photo.image, resize_matrix(photo.crop.crop_from_frame, side / CROP_SIZE), side)


def head_alpha(head: np.ndarray, source: FaceShape, target: FaceShape) -> np.ndarray:
    """Computes where a changed crop replaces the photo: the head, the wanted face, and a soft border.

    Args:
        head: (`CROP_SIZE`, `CROP_SIZE`) float32, 1 on the head of the photo.
        source: The shape of the face in the photo.
        target: The wanted shape.

    Returns:
        (`CROP_SIZE`, `CROP_SIZE`) float32, 0 to 1.
    """
    face = cv2.convexHull(np.concatenate([target.points, source.points]).astype(np.float32))[:, 0]
    head = np.maximum(head, fill_polygons(CROP_SIZE, face))
    unit = EYE_DISTANCE * CROP_SIZE
    radius = round(AROUND * unit)
    grown = cv2.dilate(head, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2))
    soft = cv2.GaussianBlur(grown, (0, 0), SOFTNESS * unit)
    # The blur fades out slowly; where it is weak nothing shall change.
    return np.clip((soft - 0.02) / 0.96, 0, 1).astype(np.float32)


def changed_share(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Computes where an image really changes, 0 to 1; elsewhere the photo's own pixels are sharper than a copy of them.

    Args:
        before: (S, S, 3) uint8 RGB.
        after: (S, S, 3) uint8 RGB.

    Returns:
        (S, S) float32.
    """
    unit = EYE_DISTANCE * len(before)
    coarse = [cv2.GaussianBlur(image, (0, 0), COARSE * unit).astype(np.float32) for image in (before, after)]
    radius = round(AROUND * unit)
    change = np.abs(coarse[0] - coarse[1]).max(axis=2)
    grown = cv2.dilate(change, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2))
    share = smooth_step((grown - UNSEEN) / UNSEEN).astype(np.float32)
    return cv2.GaussianBlur(share, (0, 0), SOFTNESS * unit)


def _resize(image: np.ndarray, size: int) -> np.ndarray:
    """Resizes a square image."""
    if len(image) == size:
        return image
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if len(image) > size else cv2.INTER_CUBIC)
