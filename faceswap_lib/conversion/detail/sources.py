"""The wanted person's crops, made ready to take detail from."""

import dataclasses
import functools
import typing
from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lib.conversion.detail.soft_view import (
    FLOW_SIZE,
    average_points,
    cost_weights,
    keep_large,
    pixel_grid,
    standardize,
    to_gray,
    to_thumbnail,
    view_tone,
)
from faceswap_lib.conversion.latent.expression import MOUTH_NUMBERS
from faceswap_lib.conversion.latent.samples import LatentSample
from faceswap_lib.faces import FaceCrop
from faceswap_lib.faces.alignment import resize_matrix, view_matrix, warp_frame
from faceswap_lib.faces.color_normalization import NEUTRAL_TONE
from faceswap_lib.faces.hair import hair_mask
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.faces.mesh import PRESENT
from faceswap_lib.faces.outline import face_outline, outline_mask
from faceswap_lib.faces.region import median_hairline, settle_region

if typing.TYPE_CHECKING:
    from faceswap_lib.conversion.swapper import GeneratorSwapper

CONTRASTS = (0.7, 1.4)
"""Contrasts that a crop may be given when the most similar one is looked up."""

MOUTH_WEIGHTS = np.array([2.0, 0.5, 0.5])
"""What share of a crop's cost is added for each squared unit by which its lips are apart further or less, and either
corner of its mouth lies higher or lower."""

HAIRLINE_STEP = 5
"""Of every so many-th crop the end of the forehead is looked at."""

BARE_INSETS = (4, 1)
"""Pixels at `FLOW_SIZE` by which a face ends before hair and backdrop, which networks blur into it: down to the tip of
the nose, and from the mouth on."""


@dataclasses.dataclass(frozen=True, eq=False)
class RegionThumbnails:
    """What of M thumbnails lies in one region.

    Attributes:
        index: (K,) which of their numbers lie there.
        weights: (K,) float32, how much each of them counts; sum 1.
        values: (M, K) float32.
        mean, variance: (M,) float32, weighted, of each.
    """

    index: np.ndarray
    weights: np.ndarray
    values: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    @classmethod
    def cut(cls, thumbnails: np.ndarray, weights: np.ndarray) -> "RegionThumbnails":
        """Cuts a region out of thumbnails, (M, THUMBNAIL * THUMBNAIL * 3); weights as `cost_weights` gives them."""
        index = np.flatnonzero(weights)
        weights, values = weights[index], thumbnails[:, index]
        mean = values @ weights
        return cls(index, weights, values, mean, np.maximum(values**2 @ weights - mean**2, 1e-6))

    def compare(self, thumbnail: np.ndarray) -> np.ndarray:
        """Says what of a face each thumbnail does not explain, (M,) float32 in variances of a face.

        Up to brightness, and a contrast within `CONTRASTS`: a gaping mouth changes both for the rest of the face.
        """
        face = thumbnail[self.index]
        weighted = self.weights * face
        mean = weighted.sum()
        # einsum: the threads of a matrix product of this size wait for each other while others compute
        covariance = np.einsum("k,mk->m", weighted, self.values) - mean * self.mean
        contrast = np.clip(covariance / self.variance, *CONTRASTS)
        rest = weighted @ face - mean**2 - 2 * contrast * covariance + contrast**2 * self.variance
        return np.maximum(rest, 1e-6)


@dataclasses.dataclass(frozen=True, eq=False)
class DetailSources:
    """A person's crops, ready to take detail from; N filmed, then the same mirrored.

    Attributes:
        soft: (2 N, FLOW_SIZE, FLOW_SIZE) uint8, what the network makes of each crop, gray and in a standard tone.
        thumbnails: (2 N, THUMBNAIL * THUMBNAIL * 3) float32, the same small and in color.
        detail: (N, S, S, 3) uint8, of each crop's view, pixel for pixel, what is finer than the network draws, in gray
            levels from 128.
        bare: (N, FLOW_SIZE, FLOW_SIZE) uint8, 255 on the face, 0 behind and on hair before it; None without outlines.
        mouths: (2 N, 3) what the mouth of each does, see `expression.describe_mouth`; None where that is not known.
        spreads: (N, 3) float32, standard deviation of the channels of each face, to which its detail belongs.
        coverage: Side of the networks' view as a share of the crop's.
        detail_from_flow: (2, 3) matrix from pixels of a view at `FLOW_SIZE` to those of `detail`.
    """

    soft: np.ndarray
    thumbnails: np.ndarray
    detail: np.ndarray
    spreads: np.ndarray
    coverage: float
    detail_from_flow: np.ndarray
    bare: np.ndarray | None = None
    mouths: np.ndarray | None = None

    @functools.cached_property
    def regions(self) -> tuple["RegionThumbnails", ...]:
        """The thumbnails' eyes, mouths and the rest."""
        return tuple(RegionThumbnails.cut(self.thumbnails, weights) for weights in cost_weights(self.coverage))

    def compare(self, thumbnail: np.ndarray, mouth: np.ndarray | None = None) -> np.ndarray:
        """Says what of a face each soft picture does not explain, and more where the crop's mouth does something else.

        Softly drawn, lips that are shut and a row of teeth between lips look alike.

        Args:
            thumbnail: The face's, as `to_thumbnail` gives it.
            mouth: (3,) what its mouth shall do; what the person never does counts as the most that person does.

        Returns:
            (3, 2 N) float32 for eyes, mouth and the rest, in variances of a face.
        """
        costs = np.stack([region.compare(thumbnail) for region in self.regions])
        if mouth is not None and self.mouths is not None:
            wanted = np.clip(mouth, self.mouths.min(axis=0), self.mouths.max(axis=0))
            costs[1] *= 1 + (self.mouths - wanted) ** 2 @ MOUTH_WEIGHTS
        return costs

    def find_bare(self, source: int) -> np.ndarray:
        """Gives the bare face that belongs to a soft picture, mirrored where that is."""
        count = len(self.detail)
        return self.bare[source] if source < count else cv2.flip(self.bare[source - count], 1)

    def find_detail(self, source: int, flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Finds the detail that belongs to a soft picture.

        Args:
            source: Index of the soft picture.
            flow: (FLOW_SIZE, FLOW_SIZE, 2) from a face to the soft picture.

        Returns:
            (S, S, 3) uint8, the crop's detail, and (FLOW_SIZE, FLOW_SIZE, 2) float32, x, y in it, the place of each
            pixel of the face.
        """
        scale, shift = self.detail_from_flow[0, 0], self.detail_from_flow[:, 2]
        x, y = pixel_grid(FLOW_SIZE)
        x, y = scale * (x + flow[..., 0]) + shift[0], scale * (y + flow[..., 1]) + shift[1]
        count = len(self.detail)
        if source >= count:
            x = self.detail.shape[2] - 1 - x
        return self.detail[source % count], cv2.merge([x, y]).astype(np.float32, copy=False)


def collect_detail(swapper: "GeneratorSwapper", sample: LatentSample) -> DetailSources:
    """Prepares a person's crops.

    Args:
        swapper: Its decoder is that person's; its latent map is not used.
        sample: The person's crops, with the codes that the swapper's encoder gives them.

    Returns:
        What to take detail from.
    """
    plain, coverage = swapper.with_latent_map(None), swapper.coverage
    _, written = plain.decode(sample.codes, np.repeat(NEUTRAL_TONE[None], len(sample.codes), axis=0))
    soft = [standardize(picture, coverage)[0] for picture in written]
    stored = sample.crops.read_crops(stored_size=True)
    views, detail_from_flow = _cut_views([crop.image for crop in stored], coverage)
    has_outlines = settle_region(swapper.face_region) == "outline"
    return DetailSources(
        soft=np.stack([to_gray(picture) for picture in soft]),
        thumbnails=np.stack([to_thumbnail(picture) for picture in soft]),
        detail=np.stack([_fine(view) for view in views]),
        spreads=np.stack([view_tone(view, coverage)[1] for view in views]),
        coverage=coverage,
        detail_from_flow=detail_from_flow,
        bare=_find_bare(sample.crops.read_crops(), coverage) if has_outlines else None,
        mouths=None if sample.motion is None else sample.motion[:, MOUTH_NUMBERS],
    )


def _find_bare(crops: Sequence[FaceCrop], coverage: float) -> np.ndarray:
    """What of each crop's view is face and no hair before it; see `DetailSources`."""
    meshes = MeshLandmarkDetector().find_meshes(crops, eyes=False)
    hairline = median_hairline(crops[::HAIRLINE_STEP], meshes[::HAIRLINE_STEP])
    hairline = None if hairline is None else np.array(hairline)
    bare = []
    for crop, mesh in zip(crops, meshes, strict=True):
        size = len(crop.image)
        if mesh.presence < PRESENT:
            bare.append(np.full((size, size), 255, np.uint8))
            continue
        outline = face_outline(crop.image, mesh, hairline)
        face = outline_mask(outline, size, softness=0.0)
        bare.append(np.where(hair_mask(crop.image, mesh, outline) > 0, 0, face).astype(np.uint8))
    return np.stack([_shrink_face(_cut_view(mask, FLOW_SIZE, coverage), coverage) for mask in bare])


def _shrink_face(bare: np.ndarray, coverage: float) -> np.ndarray:
    """Ends a face before hair and backdrop, which are beside and above it, and hardly before the neck."""
    points = average_points(FLOW_SIZE, coverage)
    nose, mouth = points[2, 1], points[3:, 1].mean()
    share = np.clip((mouth - np.arange(FLOW_SIZE)) / (mouth - nose), 0, 1)[:, None]
    above, below = (cv2.erode(bare, np.ones((2 * inset + 1,) * 2, np.uint8)) for inset in BARE_INSETS)
    return np.round(share * above + (1 - share) * below).astype(np.uint8)


def _cut_views(crops: Sequence[np.ndarray], coverage: float) -> tuple[list[np.ndarray], np.ndarray]:
    """The networks' view of crops pixel for pixel, all as large as that of the largest crop, and `detail_from_flow`."""
    side = max(len(crop) for crop in crops)
    margin = int((1 - coverage) / 2 * side)
    inside = slice(margin, side - margin)
    views = [_resize(crop, side)[inside, inside] for crop in crops]
    detail_from_flow = resize_matrix(np.eye(2, 3), coverage * side / FLOW_SIZE)
    detail_from_flow[:, 2] += (1 - coverage) / 2 * side - margin  # what whole pixels leave of the margin
    return views, detail_from_flow


def _cut_view(crop: np.ndarray, size: int, coverage: float) -> np.ndarray:
    """The networks' view of a crop at another size."""
    return warp_frame(crop, view_matrix(np.eye(2, 3), len(crop), size, coverage), size)


def _resize(picture: np.ndarray, size: int) -> np.ndarray:
    if len(picture) == size:
        return picture
    kind = cv2.INTER_AREA if len(picture) > size else cv2.INTER_CUBIC
    return cv2.resize(picture, (size, size), interpolation=kind)


def _fine(picture: np.ndarray) -> np.ndarray:
    """What is finer than a network draws, (S, S, 3) uint8 in gray levels from 128."""
    return np.clip(np.round(128 + (picture - keep_large(picture))), 0, 255).astype(np.uint8)
