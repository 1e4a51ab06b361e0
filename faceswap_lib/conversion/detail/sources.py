"""Sources of detail: the wanted person's crops, prepared for detail transfer."""

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
"""Range of the factor by which the contrast of a crop may be changed before it is compared."""

MOUTH_WEIGHTS = np.array([2.0, 0.5, 0.5])
"""Relative increase of a crop's cost per squared difference of the gap of the lips, and of the height of each corner of
the mouth."""

HAIRLINE_STEP = 5
"""Interval of the crops in which the upper end of the forehead is measured."""

BARE_INSETS = ((4, 4), (1, 4))
"""Pixels at `FLOW_SIZE` (up and down, to the sides) by which the mask of the bare face is eroded, because networks blur
hair and background into it: above the tip of the nose, and below the mouth."""


@dataclasses.dataclass(frozen=True, eq=False)
class RegionThumbnails:
    """Pixels of M thumbnails in one region.

    Attributes:
        index: (K,) indices into a flattened thumbnail: the channel values of the region's pixels.
        weights: (K,) float32, weight of each value; sum 1.
        values: (M, K) float32, the values of each thumbnail.
        mean, variance: (M,) float32, weighted mean and variance of each thumbnail.
    """

    index: np.ndarray
    weights: np.ndarray
    values: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    @classmethod
    def cut(cls, thumbnails: np.ndarray, weights: np.ndarray) -> "RegionThumbnails":
        """Extracts a region from thumbnails, (M, THUMBNAIL * THUMBNAIL * 3), with a row of `cost_weights`."""
        index = np.flatnonzero(weights)
        weights, values = weights[index], thumbnails[:, index]
        mean = values @ weights
        return cls(index, weights, values, mean, np.maximum(values**2 @ weights - mean**2, 1e-6))

    def compare(self, thumbnail: np.ndarray) -> np.ndarray:
        """Computes the squared difference between a face and each thumbnail, (M,) float32 in variances of a face.

        Brightness, and contrast within `CONTRASTS`, are fitted first, because an open mouth changes both for the rest
        of the face.
        """
        face = thumbnail[self.index]
        weighted = self.weights * face
        mean = weighted.sum()
        # einsum, because a matrix product of this size would use threads, which wait for each other on a busy machine
        covariance = np.einsum("k,mk->m", weighted, self.values) - mean * self.mean
        contrast = np.clip(covariance / self.variance, *CONTRASTS)
        residual = weighted @ face - mean**2 - 2 * contrast * covariance + contrast**2 * self.variance
        return np.maximum(residual, 1e-6)


@dataclasses.dataclass(frozen=True, eq=False)
class DetailSources:
    """Crops of a person, prepared for detail transfer: N filmed crops, then the same crops mirrored.

    Attributes:
        soft: (2 N, FLOW_SIZE, FLOW_SIZE) uint8, the network's reconstruction of each crop, gray, in a standard tone.
        thumbnails: (2 N, THUMBNAIL * THUMBNAIL * 3) float32, the reconstructions as small color images.
        detail: (N, S, S, 3) uint8, detail of each crop's view that is finer than the network can generate, in gray
            levels, 128 for no detail.
        spreads: (N, 3) float32, standard deviation of the channels of each face, by which the strength of its detail is
            normalized.
        coverage: Side of the networks' view as a fraction of the crop's side.
        detail_from_flow: (2, 3) matrix from pixels of a view at `FLOW_SIZE` to pixels of `detail`.
        bare: (N, FLOW_SIZE, FLOW_SIZE) uint8, 255 on the bare face, 0 on hair in front of it and on the background;
            None without outlines.
        mouths: (2 N, 3) opening and corners of each mouth, see `expression.describe_mouth`; None if not known.
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
        """Regions of the thumbnails: eyes, mouth and the rest."""
        return tuple(RegionThumbnails.cut(self.thumbnails, weights) for weights in cost_weights(self.coverage))

    def compare(self, thumbnail: np.ndarray, mouth: np.ndarray | None = None) -> np.ndarray:
        """Computes the costs of all crops for a face; a crop with another pose of the mouth costs more.

        The mouth must be compared separately, because closed lips and a row of teeth look alike in soft images.

        Args:
            thumbnail: Thumbnail of the face, from `to_thumbnail`.
            mouth: (3,) wanted opening and corners of the mouth, clipped to the range that the person shows; None
                compares thumbnails alone.

        Returns:
            (3, 2 N) float32 for eyes, mouth and the rest, in variances of a face.
        """
        costs = np.stack([region.compare(thumbnail) for region in self.regions])
        if mouth is not None and self.mouths is not None:
            wanted = np.clip(mouth, self.mouths.min(axis=0), self.mouths.max(axis=0))
            costs[1] *= 1 + (self.mouths - wanted) ** 2 @ MOUTH_WEIGHTS
        return costs

    def find_bare(self, source: int) -> np.ndarray:
        """Returns the mask of the bare face of a soft image, mirrored if that image is mirrored; needs `bare`.

        Args:
            source: Index of the soft image.

        Returns:
            (FLOW_SIZE, FLOW_SIZE) uint8, 255 on the bare face.
        """
        count, bare = len(self.detail), typing.cast(np.ndarray, self.bare)
        return bare[source] if source < count else cv2.flip(bare[source - count], 1)

    def find_detail(self, source: int, flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the detail of a soft image, and the position in it of each pixel of a face.

        Args:
            source: Index of the soft image.
            flow: (FLOW_SIZE, FLOW_SIZE, 2) float32 optical flow in pixels from a face to the soft image.

        Returns:
            Detail of the crop, (S, S, 3) uint8, and the position x, y in it of each pixel of the face, (FLOW_SIZE,
            FLOW_SIZE, 2) float32.
        """
        scale, shift = self.detail_from_flow[0, 0], self.detail_from_flow[:, 2]
        x, y = pixel_grid(FLOW_SIZE)
        x, y = scale * (x + flow[..., 0]) + shift[0], scale * (y + flow[..., 1]) + shift[1]
        count = len(self.detail)
        if source >= count:
            x = self.detail.shape[2] - 1 - x
        return self.detail[source % count], cv2.merge([x, y]).astype(np.float32, copy=False)


def collect_detail(swapper: "GeneratorSwapper", sample: LatentSample) -> DetailSources:
    """Prepares a person's crops for detail transfer.

    Args:
        swapper: A swapper with that person's decoder; its latent map is not used.
        sample: Crops of the person, with their latent codes from the swapper's encoder.

    Returns:
        The sources of detail.
    """
    plain, coverage = swapper.with_latent_map(None), swapper.coverage
    _, reconstructed = plain.decode(sample.codes, np.repeat(NEUTRAL_TONE[None], len(sample.codes), axis=0))
    soft = [standardize(image, coverage)[0] for image in reconstructed]
    stored = sample.crops.read_crops(stored_size=True)
    views, detail_from_flow = _cut_views([crop.image for crop in stored], coverage)
    has_outlines = settle_region(swapper.face_region) == "outline"
    return DetailSources(
        soft=np.stack([to_gray(image) for image in soft]),
        thumbnails=np.stack([to_thumbnail(image) for image in soft]),
        detail=np.stack([_fine(view) for view in views]),
        spreads=np.stack([view_tone(view, coverage)[1] for view in views]),
        coverage=coverage,
        detail_from_flow=detail_from_flow,
        bare=_find_bare(sample.crops.read_crops(), coverage) if has_outlines else None,
        mouths=None if sample.motion is None else sample.motion[:, MOUTH_NUMBERS],
    )


def _find_bare(crops: Sequence[FaceCrop], coverage: float) -> np.ndarray:
    """Computes masks of the bare face, without hair in front of it: (N, FLOW_SIZE, FLOW_SIZE), see `DetailSources`."""
    meshes = MeshLandmarkDetector().find_meshes(crops, eyes=False)
    measured = median_hairline(crops[::HAIRLINE_STEP], meshes[::HAIRLINE_STEP])
    hairline = None if measured is None else np.array(measured)
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
    """Erodes the mask of a face: strongly beside and above it, where hair and background are, little at the chin."""
    points = average_points(FLOW_SIZE, coverage)
    nose, mouth = points[2, 1], points[3:, 1].mean()
    ratio = np.clip((mouth - np.arange(FLOW_SIZE)) / (mouth - nose), 0, 1)[:, None]
    above, below = (cv2.erode(bare, np.ones((2 * down + 1, 2 * across + 1), np.uint8)) for down, across in BARE_INSETS)
    return np.round(ratio * above + (1 - ratio) * below).astype(np.uint8)


def _cut_views(crops: Sequence[np.ndarray], coverage: float) -> tuple[list[np.ndarray], np.ndarray]:
    """Cuts the networks' view out of crops, resized to the size of the largest one; also returns `detail_from_flow`."""
    side = max(len(crop) for crop in crops)
    margin = int((1 - coverage) / 2 * side)
    inside = slice(margin, side - margin)
    views = [_resize(crop, side)[inside, inside] for crop in crops]
    detail_from_flow = resize_matrix(np.eye(2, 3), coverage * side / FLOW_SIZE)
    detail_from_flow[:, 2] += (1 - coverage) / 2 * side - margin  # `margin` is rounded to whole pixels
    return views, detail_from_flow


def _cut_view(crop: np.ndarray, size: int, coverage: float) -> np.ndarray:
    """Warps the networks' view out of a crop, at another size."""
    return warp_frame(crop, view_matrix(np.eye(2, 3), len(crop), size, coverage), size)


def _resize(picture: np.ndarray, size: int) -> np.ndarray:
    if len(picture) == size:
        return picture
    kind = cv2.INTER_AREA if len(picture) > size else cv2.INTER_CUBIC
    return cv2.resize(picture, (size, size), interpolation=kind)


def _fine(picture: np.ndarray) -> np.ndarray:
    """Computes the detail that is finer than a network can generate, (S, S, 3) uint8, 128 for no detail."""
    return np.clip(np.round(128 + (picture - keep_large(picture))), 0, 255).astype(np.uint8)
