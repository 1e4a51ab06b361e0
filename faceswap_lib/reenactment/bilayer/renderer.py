"""Renderer of one photo with the published networks."""

import cv2
import numpy as np

from faceswap_lib.conversion.blending import alpha_blend
from faceswap_lib.faces.alignment import CROP_SIZE, invert_affine, map_points
from faceswap_lib.reenactment.bilayer.avatar import infer_motion, read_identity, render
from faceswap_lib.reenactment.bilayer.inputs import (
    FaceSquare,
    cut_person,
    cut_square,
    draw_stick_figure,
    face_square,
    normalize_landmarks,
)
from faceswap_lib.reenactment.bilayer.loading import BilayerNetworks
from faceswap_lib.reenactment.head_masks import segment_head
from faceswap_lib.reenactment.matting import cut_out_person
from faceswap_lib.reenactment.photo import Photo
from faceswap_lib.reenactment.rendering import compiled_call, to_float, to_uint8
from faceswap_lib.reenactment.shape_pictures import ShapeBatch
from faceswap_lib.reenactment.systems.avatar_renderer import remove_head


class BilayerRenderer:
    """Renderer of one photo; see `system.Renderer`.

    The networks read the upright square around the face, from the photo itself, and every wanted shape in a square of
    its own, as in the published program. Their pictures are warped to the aligned crop, and the photo without its head
    is behind them.

    Args:
        networks: The networks.
        photo: The photo.

    Attributes:
        source: (R, R, 3) uint8 RGB, what the networks see of the photo.
        texture: (R, R, 3) uint8 RGB, the texture of the photo, for display; gray is 0.
    """

    def __init__(self, networks: BilayerNetworks, photo: Photo):
        def read(inputs):
            found = read_identity(networks, *(inputs[name] for name in ("photo", "person", "stick", "landmarks")))
            return {"texture": found.texture} | {f"parameter_{k:02}": x for k, x in enumerate(found.parameters)}

        def draw(inputs):
            parameters = [inputs[name] for name in sorted(inputs) if name.startswith("parameter_")]
            motion = infer_motion(networks, inputs["landmarks"], parameters)
            return {"picture": render(inputs["texture"], motion), "segmentation": motion.segmentation}

        self._size, self._crop_from_photo = networks.options.image_size, photo.crop.crop_from_frame
        points = self._to_photo(photo.shape.points)
        square = face_square(points)
        landmarks = normalize_landmarks(points, square)
        self.source = cut_square(photo.image, square, self._size)
        matte = cut_out_person(photo.image, self._crop_from_photo)
        seen = {
            "photo": to_float(self.source),
            "person": cut_person(matte, square, self._size)[..., None],
            "stick": to_float(draw_stick_figure(landmarks, self._size, networks.options.stickmen_thickness)),
            "landmarks": landmarks,
        }
        found = compiled_call(networks, "read", read)({name: array[None] for name, array in seen.items()}, {})
        self._constants = {name: np.asarray(array, np.float32) for name, array in found.items()}
        self.texture = to_uint8(self._constants["texture"][0])
        self._background = remove_head(photo.crop.image, segment_head(photo.crop.image, photo.shape))
        self._draw = compiled_call(networks, "draw", draw)

    def render(self, shapes: ShapeBatch) -> np.ndarray:
        """Renders the person of the photo with other shapes; see `system.Renderer.render`."""
        points = [self._to_photo(shape) for shape in shapes.points]
        squares = [face_square(each) for each in points]
        landmarks = np.stack([normalize_landmarks(*pair) for pair in zip(points, squares, strict=True)])
        found = self._draw({"landmarks": landmarks}, self._constants)
        pictures, segmentations = to_uint8(found["picture"]), found["segmentation"][..., 0]
        placed = (self._crop_from_photo, self._background)
        return np.stack([place_picture(*made, *placed) for made in zip(pictures, segmentations, squares, strict=True)])

    def _to_photo(self, points: np.ndarray) -> np.ndarray:
        """Maps landmarks of the aligned crop to the photo, (68, 2)."""
        return map_points(invert_affine(self._crop_from_photo), np.asarray(points, np.float64))


def place_picture(
    picture: np.ndarray,
    segmentation: np.ndarray,
    square: FaceSquare,
    crop_from_photo: np.ndarray,
    background: np.ndarray,
) -> np.ndarray:
    """Warps a picture of the networks to the aligned crop, and puts it before the background.

    Args:
        picture: (R, R, 3) uint8 RGB.
        segmentation: (R, R) float32, 1 where the picture is shown.
        square: Where the picture lies in the photo.
        crop_from_photo: (2, 3) matrix from the photo to the aligned crop.
        background: (`CROP_SIZE`, `CROP_SIZE`, 3) uint8 RGB.

    Returns:
        (`CROP_SIZE`, `CROP_SIZE`, 3) uint8 RGB.
    """
    photo_from_picture = invert_affine(square.picture_from_photo(len(picture)))
    matrix, size = crop_from_photo @ np.vstack([photo_from_picture, [0, 0, 1]]), (CROP_SIZE, CROP_SIZE)
    warped = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(segmentation, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return alpha_blend(background, warped, alpha)
