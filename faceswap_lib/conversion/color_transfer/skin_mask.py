"""Which pixels of a face are skin, so that hair, glasses, hands and other things in front of it color nothing.

Nothing is known about skin but that most of the face is skin: the middle of its colors is its own median, and a pixel
counts by its distance from there in the spread of the face's own pixels. So no skin is too dark or too light. Color is
judged by how far it lies from what the face has at the same brightness, since shaded skin keeps its hue.

What is compared is the light on the skin, not its detail: a network's face is smoother than a filmed one. Of eyes,
brows, lips and things in front of the face it is only said that they stand out from the skin as they do in the new
face; without that, a match of the skin alone would be carried on into colors it knows nothing of.
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
"""Side of the pictures that are judged and compared."""

LIGHT_SIGMA = 2.0
"""Pixels of blur, at that side, that leave light and take away detail; 0.09 eye distances of a usual view."""

NEAR, FAR = 3.0, 5.0
"""Distances, in robust standard deviations, up to which a pixel counts in full and from which it does not count."""

NARROWEST, ROUNDING = 0.01, 0.5
"""Added to a robust standard deviation, so that noise in a flat face is not taken for a thing: a share of the face's
median brightness, and what whole gray levels cannot tell."""

WIDEST_BRIGHTNESS, WIDEST_COLOR = 0.15, 0.06
"""Largest robust standard deviations that are believed, as shares of the face's median brightness. More comes from
things that cover the face, or from light so hard that its shadows tell nothing about color."""

BORDER_WIDTH, BORDER_SOFTNESS = 0.2, 0.07
"""How far from the outline the new face must be skin to be shown, and how softly it ends there, in eye distances."""

BORDER_NEAR, BORDER_FAR = 6.0, 10.0
"""`NEAR` and `FAR` there: a cheek in the shade is skin, what lies behind it is further off."""

FEWEST = 0.05
"""Share of the face that must be left; with less, something else than skin covers the face."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SkinSample:
    """What of two faces is compared.

    Attributes:
        new: (S, S, 3) uint8 RGB, the new face, its skin without detail.
        old: (S, S, 3) uint8 RGB, the old one's skin without detail; elsewhere the new face in the old skin's light.
        weights: (S, S) float32 in [0, 1], how much each pixel counts.
        skin: (S, S) float32, 0 to `weights`, the part of it where both show skin.
        foreign: (S, S) float32, how far the color of each pixel of the new face is from that of its skin, in robust
            standard deviations.
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
    """Finds the skin of two faces at the same place.

    Args:
        new: (R, R, 3) uint8 RGB view of the new face.
        old: (R, R, 3) uint8 RGB view of the old one.
        mask: (S, S) float32 in [0, 1], where the network wants the new face.
        landmarks: (5, 2) x, y in pixels of the view.
        coverage: Side of the view as a share of the crop's.
        outline: (N, 2) like the landmarks, the face's outline; None for the ellipse.

    Returns:
        What is compared, of the whole face, whichever parts of it will show; if hardly anything of it is skin, all of
        it is taken for skin.
    """
    points, border = (None if p is None else (p + 0.5) * (SKIN_SIZE / len(new)) - 0.5 for p in (landmarks, outline))
    features = np.maximum(*(draw(points, SKIN_SIZE, coverage=coverage) for draw in (eye_mask, mouth_mask)))
    shown = _shrink(mask) * (region_mask(points, border, SKIN_SIZE, coverage=coverage) / np.float32(255))
    bare = shown * (1 - features / np.float32(255))
    pictures = [_shrink(picture).astype(np.float32) for picture in (new, old)]
    foreign = [_distance(picture, bare) for picture in pictures]
    skin = bare * _fall(foreign[0], NEAR, FAR) * _fall(foreign[1], NEAR, FAR)
    if skin.sum() < FEWEST * shown.sum():
        skin = shown
    total = cv2.GaussianBlur(skin, (0, 0), LIGHT_SIGMA)[..., None] + 1e-6
    lights = [cv2.GaussianBlur(picture * skin[..., None], (0, 0), LIGHT_SIGMA) / total for picture in pictures]
    means = [np.average(light.reshape(-1, 3), axis=0, weights=skin.ravel() + 1e-6) + 1 for light in lights]
    share = (skin / np.maximum(shown, 1e-6))[..., None]
    rest = (1 - share) * pictures[0]
    return SkinSample(
        new=to_picture(share * lights[0] + rest),
        old=to_picture(share * lights[1] + rest * (means[1] / means[0]).astype(np.float32)),
        weights=shown,
        skin=skin,
        foreign=foreign[0],
    )


def border_share(sample: SkinSample, landmarks: np.ndarray, outline: np.ndarray, coverage: float) -> np.ndarray:
    """Says where the new face may show near the outline: where it is skin.

    The wanted person's face may be the narrower one, or her hair may reach lower. Inside the original's outline the
    network then draws what lies behind or above, which is not shown; the original's own skin stays.

    Args:
        sample: What is known of both faces' skin.
        landmarks: (5, 2) x, y in pixels of a picture of side `SKIN_SIZE`.
        outline: (N, 2) like them, the original's outline.
        coverage: Side of the view as a share of the crop's.

    Returns:
        (S, S) float32 in [0, 1], 1 in the middle of the face and on the eyes.
    """
    unit = EYE_DISTANCE * SKIN_SIZE / coverage
    middle = outline_mask(outline, SKIN_SIZE, coverage=coverage, softness=0.0)
    middle = cv2.erode(middle, disk(round(BORDER_WIDTH * unit)), borderValue=0)
    middle = cv2.GaussianBlur(middle, (0, 0), BORDER_SOFTNESS * unit)
    middle = np.maximum(middle, eye_mask(landmarks, SKIN_SIZE, coverage=coverage)) / np.float32(255)
    skin = cv2.erode(_fall(sample.foreign, BORDER_NEAR, BORDER_FAR), np.ones((3, 3), np.uint8))
    return np.maximum(middle, cv2.GaussianBlur(skin, (0, 0), BORDER_SOFTNESS * unit))


def _shrink(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (SKIN_SIZE, SKIN_SIZE), interpolation=cv2.INTER_AREA)


def _fall(distance: np.ndarray, near: float, far: float) -> np.ndarray:
    """1 up to `near`, 0 from `far` on."""
    return np.clip((far - distance) / (far - near), 0, 1)


def _distance(pixels: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """How far each pixel's color is from that of most pixels inside, (S, S) float32 in robust standard deviations.

    Looked at twice: a thing that covers a part of the face moves the median, but not that of what is left without it.
    """
    known = inside > 0.5
    distance = np.zeros_like(inside)
    for _ in range(2):
        if known.any():
            distance = _distance_to_median(pixels, known)
            known &= distance < (NEAR + FAR) / 2
    return distance


def _distance_to_median(pixels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """How far each pixel is from the median of the known ones, (S, S) bool."""
    brightness = pixels.mean(axis=2)
    middle = max(_median(brightness[known]), 1.0)
    distance = np.square(_deviation(brightness, known, middle, WIDEST_BRIGHTNESS))
    for channel in (0, 2):
        chroma = pixels[..., channel] - pixels[..., 1]
        hue = _median(chroma[known]) / middle
        distance += np.square(_deviation(chroma - hue * brightness, known, middle, WIDEST_COLOR))
    return np.sqrt(distance)


def _deviation(values: np.ndarray, known: np.ndarray, brightness: float, widest: float) -> np.ndarray:
    """Distance from the median in robust standard deviations, both of the known values."""
    inside = values[known]
    middle = np.float32(_median(inside))
    spread = 1.4826 * _median(np.abs(inside - middle))
    return (values - middle) / np.float32(min(spread, widest * brightness) + NARROWEST * brightness + ROUNDING)


def _median(values: np.ndarray) -> float:
    """The median of (N,) numbers; `numpy.median` takes two to three times as long for so few."""
    low, high = (len(values) - 1) // 2, len(values) // 2
    parted = np.partition(values, (low, high))
    return (float(parted[low]) + float(parted[high])) / 2
