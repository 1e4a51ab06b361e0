"""A new face and the detail it takes of crops, drawn into a frame as finely as the frame shows it."""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lib.conversion.blending import Region
from faceswap_lib.conversion.color_transfer.registry import to_picture
from faceswap_lib.conversion.detail.soft_view import FLOW_SIZE
from faceswap_lib.conversion.placement import Placement
from faceswap_lib.faces.alignment import scale_points

COARSEST_STEP = 1.5
"""Pixels of a crop to one of the frame from which the crop is halved first: skipped pixels would flicker as grain."""


@dataclasses.dataclass(frozen=True, eq=False)
class DetailPiece:
    """What a new face takes of one crop.

    Attributes:
        detail: (S, S, 3) uint8, the crop's detail, in gray levels from 128.
        places: (FLOW_SIZE, FLOW_SIZE, 2) float32, for each pixel of the new face the place x, y in `detail`.
        strength: (FLOW_SIZE, FLOW_SIZE) float32, by what it is multiplied.
    """

    detail: np.ndarray
    places: np.ndarray
    strength: np.ndarray

    def move(self, placement: Placement) -> "DetailPiece":
        """Gives the piece of a face in its place in the view."""
        x, y, strength = cv2.split(placement.move(cv2.merge([*cv2.split(self.places), self.strength])))
        return DetailPiece(self.detail, cv2.merge([x, y]), strength)

    def add_to(self, picture: np.ndarray, picture_from_flow: np.ndarray) -> None:
        """Adds the detail to a picture.

        Args:
            picture: (h, w, 3) float32, changed.
            picture_from_flow: (2, 3) matrix from pixels of the new face at `FLOW_SIZE` to those of the picture.
        """
        region = Region.around(self.strength, picture_from_flow, picture)
        if region.empty:
            return
        strength = region.warp(self.strength, outside=cv2.BORDER_CONSTANT)
        places = region.warp(self.places, outside=cv2.BORDER_REPLICATE)
        detail, step = self.detail, len(self.detail) / FLOW_SIZE / np.linalg.norm(picture_from_flow[:, 0])
        while step > COARSEST_STEP:  # pixels of the crop from one of the picture to the next
            detail, step = cv2.resize(detail, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), step / 2
        if len(detail) < len(self.detail):
            places = scale_points(places, np.float32(len(detail) / len(self.detail)))
        taken = cv2.remap(detail, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        taken = cv2.subtract(taken, (128, 128, 128, 0), dtype=cv2.CV_32F)
        part = region.crop(picture)
        part += cv2.multiply(taken, cv2.merge([strength] * 3), dst=taken)


@dataclasses.dataclass(frozen=True, eq=False)
class DetailedFace:
    """A new face with detail, which has no resolution of its own.

    Attributes:
        picture: (S, S, 3) uint8 or float32 RGB, the face without the detail of `pieces`.
        pieces: What it takes of crops.
        bare: (FLOW_SIZE, FLOW_SIZE) float32 in [0, 1], how much of it is the person's face: no hair before it, nothing
            behind it; 1 where that is not known.
    """

    picture: np.ndarray
    pieces: Sequence[DetailPiece] = ()
    bare: np.ndarray = dataclasses.field(default_factory=lambda: np.ones((FLOW_SIZE, FLOW_SIZE), np.float32))

    def move(self, placement: Placement) -> "DetailedFace":
        """Gives the face in its place in the view."""
        pieces = [piece.move(placement) for piece in self.pieces]
        picture = placement.move(self.picture, interpolation=cv2.INTER_CUBIC)
        return DetailedFace(picture, pieces, placement.move(self.bare))

    def draw_alone(self, size: int) -> np.ndarray:
        """Draws the face as a picture of its own, (size, size, 3) uint8 RGB."""
        return to_picture(self.draw(Region(left=0, top=0, size=(size, size), frame_from_view=np.eye(2, 3), view=size)))

    def draw(self, region: Region) -> np.ndarray:
        """Draws the face as finely as the frame shows it.

        Args:
            region: Where.

        Returns:
            (h, w, 3) float32 RGB, not clipped to 0 to 255.
        """
        options = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
        target = cv2.warpAffine(self.picture, region.matrix_of(len(self.picture)), region.size, **options)
        target = target.astype(np.float32, copy=False)
        target_from_flow = region.matrix_of(FLOW_SIZE)
        for piece in self.pieces:
            piece.add_to(target, target_from_flow)
        return target
