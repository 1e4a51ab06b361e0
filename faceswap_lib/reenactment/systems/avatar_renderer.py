"""Renderer of the avatar of one photo."""

import cv2
import numpy as np

from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.head_masks import segment_head
from faceswap_lib.reenactment.hole_filling import fill_hole
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.rendering import compiled_call, shape_arrays, shapes_of, to_float, to_uint8
from faceswap_lib.reenactment.shape_pictures import ShapeBatch, stack_shapes, stick_figure
from faceswap_lib.reenactment.systems.avatar_networks import WIDTHS
from faceswap_lib.reenactment.systems.avatar_texture import (
    Detail,
    Layers,
    compose,
    infer_layers,
    pixel_places,
    read_detail,
)
from faceswap_lib.training.augmentation import grid_sample

HOLE_FROM = 16
"""Value of the head mask, 0 to 255, above which a pixel has colors of the head and does not fill the background."""


def remove_head(photo: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Fills the place of the head in a photo with the background around it.

    The outer half of the soft border stays as in the photo: there new and old hair mostly overlap, and a fill of
    another color would be seen between them.

    Args:
        photo: (R, R, 3) uint8 RGB.
        head: (R, R) uint8, 255 inside the head.

    Returns:
        (R, R, 3) uint8 RGB.
    """
    hole = cv2.dilate(head, np.ones((3, 3), np.uint8)) > HOLE_FROM
    share = np.clip(head[..., None].astype(np.float32) / 127.5 - 1, 0, 1)
    return np.round(photo + share * (fill_hole(photo, hole) - photo.astype(np.float32))).astype(np.uint8)


class AvatarRenderer:
    """Renderer of one photo; see `system.Renderer`.

    Args:
        networks: The networks.
        photo: (R, R, 3) uint8 RGB aligned crop.
        shape: Its shape.
        uses_detail: Whether the picture gets the detail of the photo; without it, it has the generated texture alone.

    Attributes:
        head: (R, R) uint8, 255 inside the head of the photo.
        background: (R, R, 3) uint8 RGB, the photo without its head.
        texture: (R, R, 3) uint8 RGB, the high-frequency texture of the photo, for display; gray is 0.
    """

    def __init__(
        self,
        networks: ReenactmentNetworks,
        photo: np.ndarray,
        shape: FaceShape,
        *,
        uses_detail: bool = True,
    ):
        config = networks.config
        widths, resolution = WIDTHS[config.capacity], config.resolution

        def read(inputs):
            shapes = shapes_of(inputs)
            seen = [inputs["photo"] * inputs["head"], stick_figure(shapes, resolution, ops=ops) * 2 - 1]
            embedding = networks["embedder"](ops.concatenate(seen, axis=-1), training=False)
            texture = ops.cast(networks["texture"](embedding, training=False), "float32")
            layers = infer_layers(networks["inference"], widths, shapes, embedding, resolution, training=False)
            detail = read_detail(texture, inputs["photo"], layers)
            still = Layers(pixel_places(resolution) + 0 * layers.places, 0 * texture, layers.segmentation)
            shown = compose(texture, detail, still).picture
            return {"embedding": embedding, "texture": texture, "shown": shown} | detail._asdict()

        def render(inputs):
            shapes, embedding = shapes_of(inputs), inputs["embedding"]
            layers = infer_layers(networks["inference"], widths, shapes, embedding, resolution, training=False)
            head = ops.sigmoid(layers.segmentation)
            detail = Detail(*(inputs[name] for name in Detail._fields))
            made, _, sources = compose(inputs["texture"], detail, layers, inputs["share"])
            background = grid_sample(inputs["background"], sources)
            return {"picture": ops.clip(head * made + (1 - head) * background, -1.0, 1.0)}

        self.head = segment_head(photo, shape)
        self.background = remove_head(photo, self.head)
        read_photo = compiled_call(networks, "read", read)
        seen = {"photo": to_float(photo)[None], "head": self.head[None, ..., None].astype(np.float32) / 255}
        found = read_photo(shape_arrays(stack_shapes([shape])) | seen, {})
        self._constants = {name: np.asarray(array, np.float32) for name, array in found.items()}
        shown = self._constants.pop("shown")
        self.texture = to_uint8((shown if uses_detail else self._constants["texture"])[0])
        self._constants["background"] = to_float(self.background)[None]
        self._constants["share"] = np.full((1, 1, 1, 1), float(uses_detail), np.float32)
        self._render = compiled_call(networks, "render", render)

    def render(self, shapes: ShapeBatch) -> np.ndarray:
        """Renders the person of the photo with other shapes; see `system.Renderer.render`."""
        return to_uint8(self._render(shape_arrays(shapes), self._constants)["picture"])
