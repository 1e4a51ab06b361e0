"""Portraits as the animation uses them: an image and the control points that move in it."""

import dataclasses
import typing

import cv2
import numpy as np

_Part = typing.TypeVar("_Part", bound="Eye | Mouth | Portrait")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Eye:
    """Control points of one eye; curves run left to right, and both lids have the same end points, the eye corners.

    Attributes:
        upper_lid: (N, 2) points x, y on the edge of the upper lid, in pixels.
        lower_lid: (M, 2) points on the edge of the lower lid.
        lid_height: Height in pixels, above the upper lid, of the skin that a blink pulls down.
        iris_center: (2,) center of the iris.
        iris_radius: Radius of the iris in pixels.
    """

    upper_lid: np.ndarray
    lower_lid: np.ndarray
    lid_height: float
    iris_center: np.ndarray
    iris_radius: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Mouth:
    """Control points of a mouth; curves run left to right from corner to corner.

    Attributes:
        outer_upper: (N, 2) points x, y on the upper edge of the upper lip, in pixels.
        outer_lower: (N, 2) points on the lower edge of the lower lip.
        inner_upper: (N, 2) points on the lower edge of the upper lip.
        inner_lower: (N, 2) points on the upper edge of the lower lip, where the mouth opens.
        travel: Pixels that the lower lip sinks when the mouth is wide open.
        lift: Pixels that the upper lip rises when the mouth is wide open.
        teeth_height: Height in pixels of the upper teeth drawn in the open mouth; 0 if the image already shows teeth.
    """

    outer_upper: np.ndarray
    outer_lower: np.ndarray
    inner_upper: np.ndarray
    inner_lower: np.ndarray
    travel: float
    lift: float
    teeth_height: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Portrait:
    """Portrait with its control points, which are x, y in pixels.

    Attributes:
        name: Short lower-case name, used for file names.
        image: (H, W, 3) RGB uint8.
        eyes: Left and right eye.
        brows: Left and right brow, (N, 2) each.
        brow_floors: For each brow, the y below which nothing moves when the brow rises (a lid, or the rim of glasses).
        brow_travel: Largest rise of a brow in pixels.
        mouth: The mouth.
        nose_tip: (2,) tip of the nose.
        chin: (2,) lowest point of the face.
        jaw: (N, 2) face outline from ear to ear through the chin.
        neck_base: (2,) center of rotation of the head's roll.
        head_center: (2,) center of the head's depth model.
        head_radii: (2,) half width and half height of the depth model.
        head_outline: (N, 2) closed outline of head and neck, which is everything that moves in front of the background.
        backdrop_period: Period in pixels of the backdrop's pattern left of the head, which is continued behind the
            head; 0 if the backdrop has no pattern and is mirrored instead.
        shoulder_slopes: (2,) pixels that collar and shoulder fall per pixel outwards from the neck, left and right.
    """

    name: str
    image: np.ndarray
    eyes: tuple[Eye, Eye]
    brows: tuple[np.ndarray, np.ndarray]
    brow_floors: tuple[float, float]
    brow_travel: float
    mouth: Mouth
    nose_tip: np.ndarray
    chin: np.ndarray
    jaw: np.ndarray
    neck_base: np.ndarray
    head_center: np.ndarray
    head_radii: np.ndarray
    head_outline: np.ndarray
    backdrop_period: float
    shoulder_slopes: np.ndarray

    @property
    def eye_distance(self) -> float:
        """Distance between the two iris centers in pixels, the unit of length of the animation."""
        return float(np.linalg.norm(self.eyes[1].iris_center - self.eyes[0].iris_center))


def resize_portrait(portrait: Portrait, size: int) -> Portrait:
    """Resizes a portrait and its control points to another square size.

    Args:
        portrait: The portrait; its image is square.
        size: New side of the image in pixels, at least 64.

    Returns:
        A portrait whose image is (size, size, 3).

    Raises:
        ValueError: If `size` is below 64, where an eye is too small to blink.
    """
    if size < 64:
        raise ValueError(f"size must be at least 64 pixels, got {size}")
    if size == portrait.image.shape[0]:
        return portrait
    scale = size / portrait.image.shape[0]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = cv2.resize(portrait.image, (size, size), interpolation=method)
    return dataclasses.replace(_scaled(portrait, scale), image=image)


def _scaled(part: _Part, scale: float) -> _Part:
    """Scales the points and lengths of a part of a portrait; the centers of pixels have integer coordinates."""
    changes = {f.name: _scaled_value(getattr(part, f.name), scale, f.name) for f in dataclasses.fields(part)}
    return dataclasses.replace(part, **changes)


def _scaled_value(value: typing.Any, scale: float, name: str) -> typing.Any:
    """Scales the value of the field `name`; images, texts and slopes are returned unchanged."""
    if isinstance(value, tuple):
        return tuple(_scaled_value(item, scale, name) for item in value)
    if isinstance(value, Eye | Mouth):
        return _scaled(value, scale)
    if isinstance(value, np.ndarray) and value.dtype != np.uint8:
        if name == "shoulder_slopes":
            return value
        return value * scale if name == "head_radii" else (value + np.float32(0.5)) * scale - np.float32(0.5)
    return value * scale if isinstance(value, float) else value


def scale_mouth(portrait: Portrait, factor: float) -> Portrait:
    """Returns a portrait whose mouth opens `factor` times as far."""
    mouth = dataclasses.replace(portrait.mouth, travel=portrait.mouth.travel * factor)
    return dataclasses.replace(portrait, mouth=mouth)
