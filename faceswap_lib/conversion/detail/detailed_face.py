"""Swapped face with detail from crops, rendered at the resolution of the frame."""

import dataclasses
import typing
from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lib.conversion.blending import Region
from faceswap_lib.conversion.color_transfer.registry import to_picture
from faceswap_lib.conversion.detail.soft_view import FLOW_SIZE
from faceswap_lib.conversion.placement import NO_MAP, Placement
from faceswap_lib.faces.alignment import scale_points

COARSEST_STEP = 1.5
"""Pixels of a crop per pixel of the frame above which the crop is halved first, because aliasing would flicker."""


GRAY = typing.cast(np.ndarray, (128, 128, 128, 0))
"""Middle gray as a scalar of OpenCV, whose stubs expect an array."""


@dataclasses.dataclass(frozen=True, eq=False)
class DetailPiece:
    """Detail that a swapped face takes from one crop.

    Attributes:
        detail: (S, S, 3) uint8, detail of the crop in gray levels, 128 for no detail.
        places: (FLOW_SIZE, FLOW_SIZE, 2) float32, position x, y in `detail` for each pixel of the swapped face.
        strength: (FLOW_SIZE, FLOW_SIZE) float32, factor of the detail.
    """

    detail: np.ndarray
    places: np.ndarray
    strength: np.ndarray

    def move(self, placement: Placement) -> "DetailPiece":
        """Returns the detail of the face after its placement in the view."""
        x, y, strength = cv2.split(placement.move(cv2.merge([*cv2.split(self.places), self.strength])))
        return DetailPiece(self.detail, cv2.merge([x, y]), strength)

    def add_to(self, image: np.ndarray, image_from_flow: np.ndarray) -> None:
        """Adds the detail to an image in place.

        Args:
            image: (h, w, 3) float32, changed.
            image_from_flow: (2, 3) matrix from pixels of the swapped face at `FLOW_SIZE` to pixels of the image.
        """
        region = Region.around(self.strength, image_from_flow, image)
        if region.empty:
            return
        strength = region.warp(self.strength, outside=cv2.BORDER_CONSTANT)
        places = region.warp(self.places, outside=cv2.BORDER_REPLICATE)
        detail, step = self.detail, len(self.detail) / FLOW_SIZE / np.linalg.norm(image_from_flow[:, 0])
        while step > COARSEST_STEP:  # pixels of the crop per pixel of the image
            detail, step = cv2.resize(detail, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), step / 2
        if len(detail) < len(self.detail):
            places = scale_points(places, typing.cast(float, np.float32(len(detail) / len(self.detail))))
        taken = cv2.remap(detail, places, NO_MAP, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        taken = cv2.subtract(taken, GRAY, dtype=cv2.CV_32F)
        part = region.crop(image)
        part += cv2.multiply(taken, cv2.merge([strength] * 3), dst=taken)


@dataclasses.dataclass(frozen=True, eq=False)
class DetailedFace:
    """Swapped face with detail that can be rendered at any resolution.

    Attributes:
        picture: (S, S, 3) uint8 or float32 RGB, the face without the detail of `pieces`.
        pieces: Detail from crops.
        bare: (FLOW_SIZE, FLOW_SIZE) float32 in [0, 1], 1 on the bare face, 0 on hair in front of it and on the
            background; 1 everywhere if that is not known.
    """

    picture: np.ndarray
    pieces: Sequence[DetailPiece] = ()
    bare: np.ndarray = dataclasses.field(default_factory=lambda: np.ones((FLOW_SIZE, FLOW_SIZE), np.float32))

    def move(self, placement: Placement) -> "DetailedFace":
        """Returns the face after its placement in the view."""
        pieces = [piece.move(placement) for piece in self.pieces]
        picture = placement.move(self.picture, interpolation=cv2.INTER_CUBIC)
        return DetailedFace(picture, pieces, placement.move(self.bare))

    def draw_alone(self, size: int) -> np.ndarray:
        """Renders the face as an image of its own, (size, size, 3) uint8 RGB."""
        return to_picture(self.draw(Region(left=0, top=0, size=(size, size), frame_from_view=np.eye(2, 3), view=size)))

    def draw(self, region: Region) -> np.ndarray:
        """Renders the face in a region of a frame, with detail at the resolution of the frame.

        Args:
            region: The region.

        Returns:
            (h, w, 3) float32 RGB, not clipped to 0 to 255.
        """
        matrix, flags, border = region.matrix_of(len(self.picture)), cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
        drawn = cv2.warpAffine(self.picture, matrix, region.size, flags=flags, borderMode=border)
        drawn = drawn.astype(np.float32, copy=False)
        region_from_flow = region.matrix_of(FLOW_SIZE)
        for piece in self.pieces:
            piece.add_to(drawn, region_from_flow)
        return drawn
