"""Skin mask: which pixels of a face are skin, so that hair, glasses and hands do not influence color transfer.

The only assumption about skin is that most of the face is skin. So the reference is the median color of the face
itself, and a pixel is weighted by its distance from the median, relative to the spread of the face's own pixels.
Therefore no skin is too dark or too light. The chroma of a pixel is compared with that of skin of the same brightness,
because shaded skin keeps its hue.

Only the light on the skin is compared, not its detail, because a generated face is smoother than a filmed one. Eyes,
brows, lips and objects in front of the face are replaced with those of the swapped face in the light of the target's
skin. Without these pixels, the match of the skin would be extrapolated to colors that do not occur in the fit.
"""

import dataclasses

import cv2
import numpy as np

from faceswap_lib.conversion.color_transfer.registry import to_picture
from faceswap_lib.faces import eye_mask, mouth_mask
from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.masks import disk
from faceswap_lib.faces.outline import outline_mask
from faceswap_lib.faces.region import region_mask

SKIN_SIZE = 64
"""Side in pixels of the images in which skin is detected and compared."""

LIGHT_SIGMA = 2.0
"""Sigma in pixels of the blur that keeps light and removes detail; 0.09 eye distances in a usual view."""

NEAR, FAR = 3.0, 5.0
"""Distances, in robust standard deviations, up to which a pixel has full weight, and from which it has none."""

NARROWEST, ROUNDING = 0.01, 0.5
"""Values added to a robust standard deviation, so that noise in a flat face is not mistaken for an object: a fraction
of the face's median brightness, and the rounding error of gray levels."""

WIDEST_BRIGHTNESS, WIDEST_COLOR = 0.15, 0.06
"""Upper limits of robust standard deviations, as fractions of the face's median brightness. Larger values come from
objects that cover the face, or from light so hard that its shadows contain no information about color."""

BORDER_WIDTH, BORDER_SOFTNESS = 0.2, 0.07
"""Distance from the outline within which only skin of the swapped face is shown, and the softness of the border, in eye
distances."""

BORDER_NEAR, BORDER_FAR = 6.0, 10.0
"""`NEAR` and `FAR` near the outline: a cheek in the shade still counts as skin, the background does not."""

FEWEST = 0.05
"""Minimum fraction of the face that is skin; with less, the whole face counts as skin."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SkinSample:
    """Images of two faces to which color transfer is fitted.

    Attributes:
        new: (S, S, 3) uint8 RGB, the swapped face; its skin without detail.
        old: (S, S, 3) uint8 RGB, the skin of the target face without detail; elsewhere the swapped face in the light of
            the target's skin.
        weights: (S, S) float32 in [0, 1], weights of the pixels.
        skin: (S, S) float32, 0 to `weights`, the weights of pixels where both faces show skin.
        foreign: (S, S) float32, distance of the color of each pixel of the swapped face from that of its skin, in
            robust standard deviations.
    """

    new: np.ndarray
    old: np.ndarray
    weights: np.ndarray
    skin: np.ndarray
    foreign: np.ndarray


def sample_skin(
    new: np.ndarray,
    old: np.ndarray,
    mask: np.ndarray,
    landmarks: np.ndarray,
    coverage: float,
    *,
    outline: np.ndarray | None = None,
) -> SkinSample:
    """Samples the skin that a swapped face and its target face have in common.

    Args:
        new: (R, R, 3) uint8 RGB view of the swapped face.
        old: (R, R, 3) uint8 RGB view of the target face.
        mask: (S, S) float32 in [0, 1], attention mask of the network.
        landmarks: (5, 2) x, y in pixels of the view.
        coverage: Side of the view as a fraction of the crop's side.
        outline: (N, 2) x, y in pixels of the view, the outline of the face; None for the ellipse.

    Returns:
        A sample of the whole face, independent of the parts that will be shown. If hardly any of it is skin, the whole
        face counts as skin.
    """
    points = (landmarks + 0.5) * (SKIN_SIZE / len(new)) - 0.5
    border = None if outline is None else (outline + 0.5) * (SKIN_SIZE / len(new)) - 0.5
    features = np.maximum(*(draw(points, SKIN_SIZE, coverage=coverage) for draw in (eye_mask, mouth_mask)))
    shown = _shrink(mask) * (region_mask(points, border, SKIN_SIZE, coverage=coverage) / np.float32(255))
    bare = shown * (1 - features / np.float32(255))
    images = [_shrink(image).astype(np.float32) for image in (new, old)]
    foreign = [_distance(image, bare) for image in images]
    skin = bare * _ramp(foreign[0], NEAR, FAR) * _ramp(foreign[1], NEAR, FAR)
    if skin.sum() < FEWEST * shown.sum():
        skin = shown
    total = cv2.GaussianBlur(skin, (0, 0), LIGHT_SIGMA)[..., None] + 1e-6
    lights = [cv2.GaussianBlur(image * skin[..., None], (0, 0), LIGHT_SIGMA) / total for image in images]
    means = [np.average(light.reshape(-1, 3), axis=0, weights=skin.ravel() + 1e-6) + 1 for light in lights]
    share = (skin / np.maximum(shown, 1e-6))[..., None]
    rest = (1 - share) * images[0]
    return SkinSample(
        new=to_picture(share * lights[0] + rest),
        old=to_picture(share * lights[1] + rest * (means[1] / means[0]).astype(np.float32)),
        weights=shown,
        skin=skin,
        foreign=foreign[0],
    )


def border_share(sample: SkinSample, landmarks: np.ndarray, outline: np.ndarray, coverage: float) -> np.ndarray:
    """Computes where the swapped face may be shown near the outline: only where it is skin.

    The wanted person's face may be narrower, or the hair may be lower. Then the network generates background or hair
    inside the outline of the target face. These pixels are not shown; the target's own skin stays visible.

    Args:
        sample: Skin of both faces.
        landmarks: (5, 2) x, y in pixels of an image of side `SKIN_SIZE`.
        outline: (N, 2) x, y in the same pixels, the outline of the target face.
        coverage: Side of the view as a fraction of the crop's side.

    Returns:
        (S, S) float32 in [0, 1], 1 in the middle of the face and on the eyes.
    """
    unit = EYE_DISTANCE * SKIN_SIZE / coverage
    inner = outline_mask(outline, SKIN_SIZE, coverage=coverage, softness=0.0)
    inner = cv2.erode(inner, disk(round(BORDER_WIDTH * unit)), borderValue=0)
    inner = cv2.GaussianBlur(inner, (0, 0), BORDER_SOFTNESS * unit)
    inner = np.maximum(inner, eye_mask(landmarks, SKIN_SIZE, coverage=coverage)) / np.float32(255)
    skin = cv2.erode(_ramp(sample.foreign, BORDER_NEAR, BORDER_FAR), np.ones((3, 3), np.uint8))
    return np.maximum(inner, cv2.GaussianBlur(skin, (0, 0), BORDER_SOFTNESS * unit))


def _shrink(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (SKIN_SIZE, SKIN_SIZE), interpolation=cv2.INTER_AREA)


def _ramp(distance: np.ndarray, near: float, far: float) -> np.ndarray:
    """Converts distances to weights that fall linearly from 1 at `near` to 0 at `far`."""
    return np.clip((far - distance) / (far - near), 0, 1)


def _distance(pixels: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Computes the distance of each pixel from the median color inside, (S, S) float32 in robust standard deviations.

    Two passes: an object that covers a part of the face shifts the median of the first pass, and is left out of the
    second one.
    """
    known = inside > 0.5
    distance = np.zeros_like(inside)
    for _ in range(2):
        if known.any():
            distance = _distance_to_median(pixels, known)
            known &= distance < (NEAR + FAR) / 2
    return distance


def _distance_to_median(pixels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Computes the distance of each pixel from the median of the known pixels, which are given as (S, S) bool."""
    brightness = pixels.mean(axis=2)
    median = max(_median(brightness[known]), 1.0)
    distance = np.square(_deviation(brightness, known, median, WIDEST_BRIGHTNESS))
    for channel in (0, 2):
        chroma = pixels[..., channel] - pixels[..., 1]
        hue = _median(chroma[known]) / median
        distance += np.square(_deviation(chroma - hue * brightness, known, median, WIDEST_COLOR))
    return np.sqrt(distance)


def _deviation(values: np.ndarray, known: np.ndarray, brightness: float, widest: float) -> np.ndarray:
    """Computes the deviation from the median in robust standard deviations, both of the known values."""
    inside = values[known]
    median = np.float32(_median(inside))
    spread = 1.4826 * _median(np.abs(inside - median))
    return (values - median) / np.float32(min(spread, widest * brightness) + NARROWEST * brightness + ROUNDING)


def _median(values: np.ndarray) -> float:
    """Computes the median of (N,) numbers, two to three times as fast as `numpy.median` for arrays of this size."""
    low, high = (len(values) - 1) // 2, len(values) // 2
    parted = np.partition(values, (low, high))
    return (float(parted[low]) + float(parted[high])) / 2
