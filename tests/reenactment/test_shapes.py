"""Face shapes, their pictures, and the cache of shapes beside a faceset."""

import numpy as np
import pytest

from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.facesets import Faceset
from faceswap_lib.reenactment.face_shape import AZIMUTHS, FaceShape, open_shape_detector
from faceswap_lib.reenactment.shape_cache import SHAPES, read_shapes
from faceswap_lib.reenactment.shape_pictures import (
    BOUNDARIES,
    BOUNDARY_CHANNELS,
    ShapeBatch,
    boundary_maps,
    keypoint_picture,
    stack_shapes,
    stick_figure,
)

needs_mesh = pytest.mark.skipif(MeshLandmarkDetector.unavailable_reason() is not None, reason="no mesh networks")


def make_shape(yaw: float = 0.0, irises: bool = True) -> FaceShape:
    """Landmarks far from each other on a grid; pictures of them are easy to check."""
    places = np.stack(np.meshgrid(np.linspace(20, 236, 10), np.linspace(20, 236, 7)), axis=-1).reshape(-1, 2)[:68]
    return FaceShape(points=places, irises=np.array([[90.0, 100, 6], [166, 100, 6]]) if irises else None, yaw=yaw)


def test_azimuths_are_symmetric_and_a_turned_head_hides_its_far_side():
    assert AZIMUTHS[:17] == pytest.approx(-AZIMUTHS[16::-1])
    assert make_shape().visible.all()
    turned = make_shape(yaw=30)
    assert not turned.visible[16] and turned.visible[0], "a head that looks right hides its right cheek"
    assert (make_shape(yaw=-30).visible[:17] == turned.visible[16::-1]).all()


@pytest.mark.parametrize(
    "values",
    [
        {"points": np.zeros((67, 2))},
        {"points": np.full((68, 2), np.nan)},
        {"points": np.zeros((68, 2)), "irises": np.zeros((2, 3))},
        {"points": np.zeros((68, 2)), "yaw": float("inf")},
    ],
)
def test_impossible_shapes_are_refused(values):
    with pytest.raises(ValueError, match="expected"):
        FaceShape(**values)


@pytest.mark.parametrize("size", [64, 128])
def test_a_dot_is_green_where_it_is_visible_and_red_where_it_is_hidden(size):
    shape = make_shape(yaw=40)
    (picture,) = keypoint_picture(stack_shapes([shape]), size)
    assert picture.dtype == np.float32 and picture.shape == (size, size, 3)
    for (x, y), visible in zip(shape.points, shape.visible, strict=True):
        column, row = (round((value + 0.5) * size / 256 - 0.5) for value in (x, y))
        red, green, blue = picture[row, column]
        assert blue == 0
        assert (green > 0.4 and red == 0) if visible else (red > 0.4 and green == 0)
    assert picture.max(axis=-1).mean() < 0.05, "the rest is black"


def slow_distance(points: np.ndarray, lines, x: int, y: int) -> float:
    """The distance of one pixel to polylines, sampled densely."""
    best = np.inf
    for line in lines:
        for a, b in zip(line[:-1], line[1:], strict=True):
            for share in np.linspace(0, 1, 200):
                best = min(best, float(np.hypot(*(points[a] + share * (points[b] - points[a]) - [x, y]))))
    return best


def test_boundary_maps_are_a_normal_distribution_of_the_distance_to_the_lines():
    shape, size = make_shape(), 64
    (maps,) = boundary_maps(stack_shapes([shape]), size)
    assert maps.shape == (size, size, BOUNDARY_CHANNELS)
    points = (shape.points + 0.5) * size / 256 - 0.5
    random = np.random.default_rng(0)
    for channel, lines in enumerate(BOUNDARIES.values()):
        for x, y in random.integers(0, size, (6, 2)):
            expected = np.exp(-(slow_distance(points, lines, x, y) ** 2) / 2)  # sigma is 1/64 of the side: one pixel
            assert maps[y, x, channel] == pytest.approx(expected, abs=0.02)


def test_the_gaze_is_a_spot_at_the_iris_and_empty_without_irises():
    (known,) = boundary_maps(stack_shapes([make_shape()]), 128)
    (unknown,) = boundary_maps(stack_shapes([make_shape(irises=False)]), 128)
    y, x = np.unravel_index(known[..., -1].argmax(), (128, 128))
    assert (2 * x, 2 * y) in [(90, 100), (166, 100)]
    assert unknown[..., -1].max() == 0


def test_a_stick_figure_has_its_colors_on_black():
    (picture,) = stick_figure(stack_shapes([make_shape()]), 128)
    assert picture.shape == (128, 128, 3) and picture.min() == 0 and picture.max() == 1
    assert (picture.max(axis=-1) == 0).mean() > 0.5


@pytest.mark.parametrize("draw", [keypoint_picture, boundary_maps, stick_figure])
def test_keras_draws_what_numpy_draws(draw):
    import keras

    shapes = stack_shapes([make_shape(), make_shape(yaw=30, irises=False)])
    tensors = ShapeBatch(**{name: keras.ops.convert_to_tensor(value) for name, value in vars(shapes).items()})
    drawn = keras.ops.convert_to_numpy(draw(tensors, 64, ops=keras.ops))
    assert drawn == pytest.approx(draw(shapes, 64), abs=1e-5)


def test_a_batch_gives_its_shapes_back():
    shapes = [make_shape(), make_shape(yaw=30, irises=False)]
    batch = stack_shapes(shapes)
    assert len(batch) == 2
    assert batch.shape(0).irises == pytest.approx(shapes[0].irises)
    assert batch.shape(1).irises is None and batch.shape(1).yaw == 30
    assert batch.take(np.array([1])).points == pytest.approx(shapes[1].points[None])


class CountingDetector:
    """Finds a shape in all crops but the second, and counts the crops."""

    name = "counting"

    def __init__(self):
        self.crops = 0

    def detect(self, crops):
        first, self.crops = self.crops, self.crops + len(crops)
        return [None if first + index == 1 else make_shape(yaw=first + index) for index in range(len(crops))]


def test_shapes_are_detected_once(workspace_copy):
    faceset, detector = Faceset.open(workspace_copy, "src"), CountingDetector()
    first = read_shapes(faceset, detector)
    again = read_shapes(faceset, detector)
    assert detector.crops == len(faceset) and first[1] is None
    for one, other in zip(first, again, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert (one.points == other.points).all() and (one.irises == other.irises).all() and one.yaw == other.yaw


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", None])
def test_damaged_or_other_shapes_are_detected_again(workspace_copy, damage):
    faceset = Faceset.open(workspace_copy, "src")
    read_shapes(faceset, CountingDetector())
    if damage is None:
        faceset = faceset.part(0, len(faceset) - 1)
    else:
        (faceset.folder / SHAPES).write_bytes(damage)
    detector = CountingDetector()
    assert len(read_shapes(faceset, detector)) == len(faceset) == detector.crops


@needs_mesh
def test_the_mesh_finds_eyes_where_the_alignment_put_them(small_workspace):
    detector = open_shape_detector()
    for shape in detector.detect(Faceset.open(small_workspace, "src").sample(3).read_crops()):
        assert shape is not None and shape.irises is not None and abs(shape.yaw) < 25
        eyes = np.stack([shape.points[36:42].mean(axis=0), shape.points[42:48].mean(axis=0)])
        assert np.diff(eyes[:, 0])[0] == pytest.approx(0.272 * 256, abs=12)
        assert np.linalg.norm(shape.irises[:, :2] - eyes, axis=1).max() < 10
