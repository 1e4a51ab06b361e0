"""Likeness of a face's regions (eyes, mouth, skin) to a person's own faces: visual similarity, not identity.

Source: structural similarity (SSIM) of Wang et al., "Image Quality Assessment: From Error Visibility to Structural
Similarity", 2004, after dense registration by the optical flow of Kroeger et al., "Fast Optical Flow using Dense
Inverse Search", 2016.

Every region is compared with the most similar of the person's real faces, which the flow first warps to the same
expression. The result is divided by the similarity that the person's own faces reach among each other. A blurred
region, an eye without a pupil, a doubled brow or another person's features have no similar real face. A pasted
photograph is as real as any other image: likeness does not measure motion.
"""

import dataclasses
import typing
from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lib.faces.alignment import (
    EYE_DISTANCE,
    five_points,
    map_points,
    similarity_transform,
    template_points,
    warp_frame,
)
from faceswap_lib.faces.masks import middle_of_face
from faceswap_lib.faces.parts import Part, part_outlines
from faceswap_lib.faces.types import FaceCrop

REGIONS = ("eyes", "mouth", "skin")
"""The regions, in the order of all arrays; skin is the middle of the face below the brows without eyes and mouth."""

LEAST_LIKENESS = (0.7, 0.7, 0.7)
"""Likeness of each region below which it does not show that person.

The medians of other people's clips reach up to 0.68, 0.62 and 0.51; the person's own clips have 1.0 and more."""

SIDE = 144
"""Side in pixels of the gray image in which faces are compared; the eyes are 39 pixels apart."""

THUMBNAIL = 36
"""Side in pixels of the thumbnails that are compared to select the most similar faces."""

MOST_FACES = 90
"""Largest number of faces kept per person, each also mirrored; of more, this many are selected at even steps."""

CANDIDATES = 3
"""Number of real faces per region that are registered; each of them is then compared in every region."""

HELD_OUT = 40
"""Number of the person's faces that are compared with the person's other faces."""

APART = 0.5
"""Time between two faces of one clip, in seconds, from which they count as different images; at most half of the
clip's duration."""

APART_SHARE = 1 / 24
"""The same interval counted in faces, as a fraction of their number; used if their times are unknown."""

LEAST_SPAN = 0.5
"""Shortest time span of the person's faces in seconds; in a shorter span all faces are nearly the same image."""

LEAST_OWN = 0.1
"""Lower bound of the similarity of a person's own faces. Real clips have 0.7 to 0.99, noise has about 0."""

SIGMA = 2.0
"""Standard deviation of SSIM's window in pixels, 0.05 eye distances."""

MEAN_CONSTANT, PATTERN_CONSTANT = 0.02, 0.04
"""The two constants that keep SSIM from dividing by zero, for faces of variance 1."""

FLOW_SIGMA = 3.0
"""Standard deviation in pixels with which the flow is smoothed: it may deform a face, but not repair single pixels."""

BROW_HEIGHT = 0.42
"""Height above the eyes, in eye distances, at which skin ends: hair, a cap or a hand may cover the forehead."""

MIDDLE = (0.75, 1.1, 1.3)
"""Half axes of the middle of the face, in eye distances; see `masks.middle_of_face`. Further out, hair may cover the
face, or may be missing in the swap."""

ELLIPSE_SHARE = 0.85
"""Scale of the face's ellipse for the skin region if only five landmarks are known, because a turned head does not fill
the ellipse."""


class Likeness(typing.NamedTuple):
    """SSIM of the regions of a face, at most 1.

    Attributes:
        eyes: Both eyes.
        mouth: The mouth.
        skin: The middle of the face below the brows, without eyes and mouth.
    """

    eyes: float
    mouth: float
    skin: float


class Worst(typing.NamedTuple):
    """The region of a face that is least similar to the person.

    Attributes:
        index: Index of the face among those measured.
        region: One of `REGIONS`.
        likeness: Its likeness.
    """

    index: int  # pyright: ignore[reportIncompatibleMethodOverride]  # hides tuple.index, which is not used
    region: str
    likeness: float


@dataclasses.dataclass(frozen=True, eq=False)
class LikenessGallery:
    """A person's own faces, with which regions of other faces are compared.

    Attributes:
        own: Median SSIM of each region between one face of the person and the most similar of the others.
        pictures: (M, SIDE, SIDE) float32 gray faces of mean 0 and variance 1; each is followed by its mirror image.
    """

    own: Likeness
    pictures: np.ndarray
    _thumbnails: np.ndarray
    _times: np.ndarray

    @classmethod
    def of(
        cls,
        crops: Sequence[FaceCrop],
        landmarks: Sequence[np.ndarray] | None = None,
        *,
        times: Sequence[float] | None = None,
    ) -> "LikenessGallery":
        """Creates a gallery from a person's faces.

        Args:
            crops: Faces of the person, in the order of time; at least two, of different times.
            landmarks: Per crop (68, 2) or (5, 2) x, y in pixels of the crop; None takes the crops' own five. `measure`
                needs as many landmarks per face as the gallery.
            times: Time of each crop in seconds, so that a face is not compared with its neighbors in time; None assumes
                even steps.

        Returns:
            The gallery.

        Raises:
            ValueError: If there are no two crops of different times, or if the number of landmarks or times is not the
                number of crops.
        """
        points = _points_of(crops, landmarks)
        if times is not None and len(times) != len(crops):
            raise ValueError(f"expected a time for each of {len(crops)} crops, got {len(times)}")
        seconds = np.asarray(times, float) if times is not None else np.arange(len(crops)) * _even_step(len(crops))
        if len(crops) < 2 or np.ptp(seconds) == 0:
            raise ValueError(f"expected at least two faces of different times, got {len(crops)} of one time")
        kept = np.unique(np.linspace(0, len(crops) - 1, min(len(crops), MOST_FACES)).round().astype(int))
        views = [_view(crops[index].image, points[index]) for index in kept]
        pictures = np.stack([side for gray, _ in views for side in (gray, gray[:, ::-1])])
        gallery = cls(
            own=Likeness(np.nan, np.nan, np.nan),
            pictures=pictures,
            _thumbnails=np.stack([_shrink(picture) for picture in pictures]),
            _times=np.repeat(seconds[kept], 2),
        )
        steps = np.linspace(0, len(kept) - 1, min(len(kept), HELD_OUT)).round().astype(int)
        held_out: list[int] = np.unique(steps).tolist()
        apart = min(APART, 0.499 * float(np.ptp(seconds)))  # below half the span, so that every face has another one
        reached = np.array([gallery._compare(*views[at], float(seconds[kept[at]]), apart) for at in held_out])
        return dataclasses.replace(gallery, own=Likeness(*np.nanmedian(reached, axis=0).tolist()))

    @classmethod
    def open(
        cls, crops: Sequence[FaceCrop], landmarks: Sequence[np.ndarray] | None, times: Sequence[float]
    ) -> typing.Optional["LikenessGallery"]:
        """Creates a gallery as `of` does; returns None if the faces span less than `LEAST_SPAN`.

        Args:
            crops: As in `of`.
            landmarks: As in `of`.
            times: Time of each crop in seconds.

        Raises:
            ValueError: If the number of landmarks or times is not the number of crops.
        """
        if len(times) < 2 or max(times) - min(times) < LEAST_SPAN:
            return None
        return cls.of(crops, landmarks, times=times)

    def measure(self, crops: Sequence[FaceCrop], landmarks: Sequence[np.ndarray] | None = None) -> np.ndarray:
        """Measures the likeness of each face's regions to the person.

        Args:
            crops: N faces of any person, each of any size.
            landmarks: As in `of`.

        Returns:
            (N, 3) likeness of eyes, mouth and skin. 1 means as similar as a face of the person that is not in the
            gallery, 0 means not similar. A face that is in the gallery can reach about 1.3. NaN for a region outside
            the image.

        Raises:
            ValueError: If the number of landmarks is not the number of crops.

        Taught in notebooks/07_evaluation.
        """
        points = _points_of(crops, landmarks)
        found = [self._compare(*_view(crop.image, one)) for crop, one in zip(crops, points, strict=True)]
        return np.array(found, float).reshape(-1, len(REGIONS)) / np.maximum(self.own, LEAST_OWN)

    def _compare(self, gray: np.ndarray, regions: np.ndarray, time: float = 0.0, apart: float = 0.0) -> list[float]:
        """Computes the SSIM of each region with the most similar real face; skips faces closer in time than `apart`."""
        (numbers,) = (np.abs(self._times - time) >= apart).nonzero()
        weights = np.stack([_shrink(region.astype(np.float32)) for region in regions])
        squares = ((self._thumbnails[numbers] - _shrink(gray)) ** 2).reshape(len(numbers), -1)
        costs = squares @ weights.reshape(len(REGIONS), -1).T
        nearest = np.unique(np.argsort(costs, axis=0, kind="stable")[:CANDIDATES])
        comparison = _Comparison(gray)
        maps = [comparison.ssim(self.pictures[numbers[index]]) for index in nearest]
        return [max(float(one[region].mean()) for one in maps) if region.any() else np.nan for region in regions]


def name_worst(likeness: np.ndarray) -> Worst | None:
    """Returns the face and the region with the smallest likeness.

    Args:
        likeness: (N, 3) from `LikenessGallery.measure`.

    Returns:
        The region and its face; None if nothing was measured.
    """
    if not np.isfinite(likeness).any():
        return None
    index, region = np.unravel_index(np.nanargmin(likeness), np.shape(likeness))
    return Worst(int(index), REGIONS[region], float(likeness[index, region]))


def expression_view(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Renders a thumbnail of only eyes and mouth in normalized gray, so that their change over time can be compared.

    Args:
        image: (S, S, 3) uint8 RGB, a face.
        landmarks: (5, 2) or (68, 2) x, y in pixels of the image; the face is aligned by five of them.

    Returns:
        (THUMBNAIL, THUMBNAIL) float32, normalized like `LikenessGallery.pictures`; 0 outside fixed ellipses around eyes
        and mouth.
    """
    gray, _ = _view(image, five_points(landmarks))
    outlines = part_outlines(template_points(SIDE), SIDE, Part.EYES | Part.MOUTH)
    return _shrink(gray * _fill(outlines))


class _Comparison:
    """Comparison of one face with several others; computes once what depends only on the first face."""

    def __init__(self, gray: np.ndarray):
        self._gray, self._bytes = gray, _to_bytes(gray)
        self._mean = _blur(gray)
        self._variance = _blur(gray * gray) - self._mean**2
        self._flow = cv2.DISOpticalFlow_create(  # pyright: ignore[reportAttributeAccessIssue]  # OpenCV's stubs omit it
            cv2.DISOPTICAL_FLOW_PRESET_FAST
        )
        self._y, self._x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)

    def ssim(self, other: np.ndarray) -> np.ndarray:
        """Registers another face to this one and computes their SSIM map, (SIDE, SIDE)."""
        flow = cv2.GaussianBlur(self._flow.calc(self._bytes, _to_bytes(other), None), (0, 0), FLOW_SIGMA)
        place = self._x + flow[..., 0], self._y + flow[..., 1]
        moved = cv2.remap(other, *place, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        mean = _blur(moved)
        variance = _blur(moved * moved) - mean**2
        covariance = _blur(self._gray * moved) - self._mean * mean
        means = (2 * self._mean * mean + MEAN_CONSTANT) / (self._mean**2 + mean**2 + MEAN_CONSTANT)
        return means * (2 * covariance + PATTERN_CONSTANT) / (self._variance + variance + PATTERN_CONSTANT)


def _points_of(crops: Sequence[FaceCrop], landmarks: Sequence[np.ndarray] | None) -> list[np.ndarray]:
    """Returns the landmarks of each crop; None stands for the crops' own five."""
    if landmarks is None:
        return [crop.landmarks for crop in crops]
    if len(landmarks) != len(crops):
        raise ValueError(f"expected landmarks of each of {len(crops)} crops, got {len(landmarks)}")
    return [np.asarray(one, float) for one in landmarks]


def _even_step(count: int) -> float:
    """Computes the time in seconds that is assumed between consecutive crops if their times are unknown.

    With this step, `APART` seconds span the fraction `APART_SHARE` of all crops, and at least one crop.
    """
    return APART / max(1.0, round(APART_SHARE * count))


def _view(image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Aligns a face and computes its regions.

    Returns:
        The gray face with mean 0 and variance 1 over its regions, and the regions, (3, SIDE, SIDE) bool.
    """
    matrix = similarity_transform(five_points(landmarks), template_points(SIDE))
    gray = cv2.cvtColor(warp_frame(image, matrix, SIDE), cv2.COLOR_RGB2GRAY).astype(np.float32)
    points = map_points(matrix, landmarks)
    eyes, mouth, face = (_fill(part_outlines(points, SIDE, part)) for part in (Part.EYES, Part.MOUTH, Part.FACE))
    if len(points) == 5:
        (outline,) = part_outlines(points, SIDE, Part.FACE)
        center = outline.mean(axis=0)
        face = _fill([center + ELLIPSE_SHARE * (outline - center)])
    face[: _brow_line(points)] = False
    face &= middle_of_face(SIDE, MIDDLE)
    inside = gray[face | eyes | mouth]
    gray = (gray - inside.mean()) / max(1.0, inside.std()) if inside.size else gray * 0
    return gray, np.stack([eyes, mouth, face & ~eyes & ~mouth])


def _brow_line(points: np.ndarray) -> int:
    """Computes the first row of the image that is below the brows."""
    return max(0, round(five_points(points)[:2, 1].mean() - BROW_HEIGHT * EYE_DISTANCE * SIDE))


def _fill(outlines: list[np.ndarray]) -> np.ndarray:
    """Fills the convex outlines, (SIDE, SIDE) bool."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for outline in outlines:
        cv2.fillConvexPoly(mask, np.round(outline).astype(np.int32), 1)
    return mask.astype(bool)


def _to_bytes(gray: np.ndarray) -> np.ndarray:
    """Converts a normalized gray face to uint8."""
    return np.clip(128 + 40 * gray, 0, 255).astype(np.uint8)


def _shrink(gray: np.ndarray) -> np.ndarray:
    """Resizes a face or a region to a thumbnail."""
    return cv2.resize(gray, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)


def _blur(gray: np.ndarray) -> np.ndarray:
    """Applies SSIM's Gaussian window."""
    return cv2.GaussianBlur(gray, (0, 0), SIGMA)
