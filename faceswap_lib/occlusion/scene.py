"""The aligned face over which an occluder is drawn: its size, its landmarks, and random places on it."""

import dataclasses
import typing

import numpy as np

from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.occlusion.shapes import Layer


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """An aligned face.

    Attributes:
        crop: (S, S, 3) uint8 RGB.
        landmarks: (5, 2) x, y in pixels of the crop.
        region: (S, S) float32 in [0, 1], the region of the face without occluders.
    """

    crop: np.ndarray
    landmarks: np.ndarray
    region: np.ndarray

    @property
    def size(self) -> int:
        """Side S of the crop in pixels."""
        return len(self.crop)

    @property
    def unit(self) -> float:
        """Distance of the eyes of an average face in pixels; about 63 mm."""
        return EYE_DISTANCE * self.size

    @property
    def eyes(self) -> np.ndarray:
        """Midpoint of the eyes, (2,) x, y in pixels of the crop."""
        return self.landmarks[:2].mean(axis=0)

    @property
    def mouth(self) -> np.ndarray:
        """Midpoint of the mouth corners, (2,) x, y in pixels of the crop."""
        return self.landmarks[3:].mean(axis=0)

    def pick_target(self, random: np.random.Generator) -> np.ndarray:
        """Samples a point for an occluder to cover, (2,) x, y in pixels: on the face, mostly below the eyes."""
        across, down = random.uniform(-1.0, 1.0), random.triangular(-0.9, 0.9, 1.7)
        return self.eyes + np.array([across, down]) * self.unit


Drawer = typing.Callable[[np.random.Generator, Scene], Layer]
"""Draws an occluder of one kind at a random place."""
