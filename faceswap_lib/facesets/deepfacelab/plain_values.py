"""Checks values that were read from files of DeepFaceLab, and converts them to arrays and plain types.

All functions raise `ValueError` with the name of the value, what was expected and what was found.
"""

import reprlib
import typing

import numpy as np

MOST = 1_000_000.0
"""Maximum absolute value of a coordinate in pixels. Images have at most 65,535 pixels per side."""

MOST_NAME = 1_000
"""Maximum number of characters of a file name or of a person's name."""

MOST_POLYGONS, MOST_POLYGON_POINTS = 200, 5_000
"""Maximum number of polygons of one face, and of the points of one polygon."""


def read_numbers(name: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
    """Converts nested lists or an array to an array of finite numbers.

    Args:
        name: Name of the value, for the message.
        value: What was read.
        shape: The shape that is expected.

    Returns:
        float64 array of this shape.

    Raises:
        ValueError: If the value has another shape, is not numeric, or a number is NaN, infinite or larger than `MOST`.
    """
    if isinstance(value, np.ndarray):
        if value.shape != shape or value.dtype.kind not in "iuf":
            raise ValueError(f"{name}: expected numbers of shape {shape}, got {value.shape} {value.dtype}")
        array = value.astype(np.float64)
    else:
        array = np.array(_flatten(name, value, shape), np.float64).reshape(shape)
    if not (np.abs(array) <= MOST).all():  # also for NaN
        raise ValueError(f"{name}: expected numbers from -{MOST:g} to {MOST:g}, got others")
    return array


def _flatten(name: str, value: object, shape: tuple[int, ...]) -> list[float]:
    """Flattens nested lists, after their lengths and the types of their items are checked."""
    if not isinstance(value, list | tuple) or len(value) != shape[0]:
        sizes = " x ".join(map(str, shape))
        raise ValueError(f"{name}: expected {sizes} numbers, got {reprlib.repr(value)}")
    if len(shape) > 1:
        return [number for row in value for number in _flatten(name, row, shape[1:])]
    if wrong := [item for item in value if type(item) not in (int, float)]:
        raise ValueError(f"{name}: expected numbers, got {reprlib.repr(wrong[0])}")
    return list(value)


def read_number(name: str, value: object, low: float, high: float) -> float:
    """Checks that a value is a number from `low` to `high`.

    Raises:
        ValueError: If it is not.
    """
    if type(value) not in (int, float) or not low <= typing.cast(float, value) <= high:
        raise ValueError(f"{name}: expected a number from {low:g} to {high:g}, got {reprlib.repr(value)}")
    return float(typing.cast(float, value))


def read_text(name: str, value: object) -> str:
    """Checks that a value is the name of a file or a person without folders: it is shown, and other tools open it.

    Raises:
        ValueError: If it is not text, is empty or too long, or contains a separator or a control character.
    """
    if not isinstance(value, str) or not 0 < len(value) <= MOST_NAME or not value.isprintable():
        raise ValueError(f"{name}: expected a name of at most {MOST_NAME} characters, got {reprlib.repr(value)}")
    if set(value) & set("/\\") or not value.strip(". "):
        raise ValueError(f"{name}: expected a plain name without folders, got {reprlib.repr(value)}")
    return value


def read_bytes(name: str, value: object, most: int) -> bytes:
    """Converts bytes, or an array of bytes, to bytes.

    Raises:
        ValueError: If it is something else, is empty, or has more than `most` bytes.
    """
    if isinstance(value, np.ndarray) and value.dtype == np.uint8:
        value = value.tobytes()
    if not isinstance(value, bytes) or not 0 < len(value) <= most:
        raise ValueError(f"{name}: expected 1 to {most:,} bytes, got {reprlib.repr(value)}")
    return value


def read_polygons(name: str, value: object) -> "tuple[MaskPolygon, ...]":
    """Converts the polygons that a user drew for the mask of a face.

    Args:
        name: Name of the value, for the message.
        value: A dict `{"polys": [{"type": 0 or 1, "pts": N x, y}, ...]}`; None for no polygons.

    Returns:
        The polygons.

    Raises:
        ValueError: If it is something else, or there are too many polygons or points.
    """
    if value is None:
        return ()
    polygons = value.get("polys") if isinstance(value, dict) else None
    if not isinstance(polygons, list | tuple) or len(polygons) > MOST_POLYGONS:
        raise ValueError(f"{name}: expected a dict with at most {MOST_POLYGONS} polys, got {reprlib.repr(value)}")
    return tuple(_read_polygon(name, polygon) for polygon in polygons)


class MaskPolygon(typing.NamedTuple):
    """Polygon that adds to the mask of a face, or removes from it.

    Attributes:
        includes: Whether its inside belongs to the face.
        points: (N, 2) float64 x, y in pixels of the face image.
    """

    includes: bool
    points: np.ndarray

    def to_value(self) -> dict[str, object]:
        """Returns the polygon as DeepFaceLab stores it."""
        return {"type": int(self.includes), "pts": self.points.astype(np.float32)}


def _read_polygon(name: str, value: object) -> MaskPolygon:
    """Converts one polygon."""
    kind, points = (value.get("type"), value.get("pts")) if isinstance(value, dict) else (None, None)
    count = len(points) if isinstance(points, list | tuple | np.ndarray) and np.ndim(points) else 0
    if type(kind) is not int or kind not in (0, 1) or count > MOST_POLYGON_POINTS:
        got = reprlib.repr(value)
        raise ValueError(f"{name}: expected type 0 or 1 and at most {MOST_POLYGON_POINTS} pts, got {got}")
    return MaskPolygon(kind == 1, read_numbers(f"{name}: pts", points, (count, 2)))
