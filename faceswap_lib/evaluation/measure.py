"""Measuring a swapped video against its original, frame after frame.

Both pictures are cut by the original's matrix, so that a point of the crop means the same place in both; the landmarks
of the result are found in the result itself. What cannot be measured in a frame is NaN there.
"""

import collections
import dataclasses
import typing

import numpy as np

from faceswap_lib.evaluation import motion, pictures, points, region
from faceswap_lib.faces import CROP_SIZE, Face, FaceCrop, Part, crop_from_frame, part_mask, warp_frame
from faceswap_lib.faces.align import five_points, invert_affine, map_points
from faceswap_lib.faces.detect import FaceRefiner
from faceswap_lib.faces.identity import FaceEmbedder
from faceswap_lib.faces.landmarks import LandmarkFinder

Perceptual = typing.Callable[[np.ndarray, np.ndarray], float]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Tools:
    """What measuring needs.

    Attributes:
        refiner: Finds a face again near where it must be.
        finder: Finds its landmarks.
        embedder: Says who it is; None leaves identity out.
        perceptual: Says how different two crops look; None leaves it out.
        every: Identity and perceptual distance are measured in every n-th frame.
    """

    refiner: FaceRefiner
    finder: LandmarkFinder
    embedder: FaceEmbedder | None = None
    perceptual: Perceptual | None = None
    every: int = 5


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """A face as one of the two videos shows it.

    Attributes:
        crop: (S, S, 3) uint8 RGB, cut by the original's matrix.
        face: What the detector finds there, in pixels of the frame; None if it finds nothing.
        landmarks: (68, 2) or (5, 2) x, y in pixels of the crop; None without a face.
    """

    crop: np.ndarray
    face: Face | None
    landmarks: np.ndarray | None


class Measurer:
    """Takes the frames of both videos in order and keeps what it measured.

    Attributes:
        series: By name one number per frame; NaN where there is none.
        embeddings: (D,) per frame, None where identity was not measured.
    """

    def __init__(self, tools: Tools):
        self._tools = tools
        self.series: dict[str, list[float]] = collections.defaultdict(list)
        self.embeddings: list[np.ndarray | None] = []
        self.paths: dict[str, list[np.ndarray]] = {"original": [], "swapped": []}
        self.expressions: dict[str, list[np.ndarray]] = {"original": [], "swapped": []}
        self._last: tuple[Look, Look, np.ndarray] | None = None
        self._count = 0

    def add(self, original: np.ndarray, swapped: np.ndarray, face: Face | None) -> None:
        """Measures one frame.

        Args:
            original: (H, W, 3) uint8 RGB.
            swapped: The same frame of the result.
            face: The original's face, in pixels of the frame; None if it shows none.
        """
        values: dict[str, float] = {}
        embedding = None
        if face is None:
            self._last = None
            self._note_points(None, None)
        else:
            matrix = crop_from_frame(face)
            before, after = (self._look(frame, face, matrix) for frame in (original, swapped))
            inside = part_mask(before.landmarks, CROP_SIZE, Part.FACE, feather=0) > 127
            values |= self._compare_pictures(before, after, inside)
            values |= _compare_areas(original, swapped, inside, matrix)
            values |= _compare_points(before, after)
            values |= self._compare_motion(before, after, inside)
            embedding = self._embed(after)
            self._note_points(before, after)
            self._last = before, after, inside
        for name in COLUMNS:
            self.series[name].append(values.get(name, np.nan))
        self.embeddings.append(embedding)
        self._count += 1
