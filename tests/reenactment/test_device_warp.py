"""Warps on the device against those of OpenCV and SciPy."""

import importlib.util
import os
import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest

from faceswap_lib.reenactment.control_points import extend_points
from faceswap_lib.reenactment.device_warp import SMOOTHING, extend_batch, warp_fields, warp_pictures
from faceswap_lib.reenactment.warping import pixel_grid, thin_plate_map
from tests.conftest import ROOT
from tests.reenactment.faces import open_mouth, points_68, smooth_texture

to_numpy = keras.ops.convert_to_numpy


def shapes() -> tuple[np.ndarray, np.ndarray]:
    """Three faces, and the same with open mouths, wider, and turned by 10 degrees."""
    points = points_68()
    cosine, sine = np.cos(np.radians(10)), np.sin(np.radians(10))
    turned = (points - 128) @ np.array([[cosine, sine], [-sine, cosine]]) + 128
    targets = np.stack([open_mouth(points, 20), (points - 128) * [1.1, 1.0] + 128, turned])
    return np.stack([points, open_mouth(points, 8), points]).astype(np.float32), targets.astype(np.float32)


def test_the_control_points_are_those_of_the_warps():
    points = np.concatenate(shapes())
    expected = np.stack([extend_points(own.astype(np.float64)) for own in points])
    assert to_numpy(extend_batch(keras.ops.convert_to_tensor(points))) == pytest.approx(expected, abs=1e-3)
    assert extend_batch(points, ops=np) == pytest.approx(expected, abs=1e-3)


def test_fields_are_those_of_a_spline_in_double_precision():
    sources, targets = shapes()
    fields = to_numpy(warp_fields(*(keras.ops.convert_to_tensor(points) for points in (sources, targets)), 96))
    for field, source, target in zip(fields, sources.astype(np.float64), targets.astype(np.float64), strict=True):
        points = extend_points(source), extend_points(target)
        expected = thin_plate_map(*points, 96, smoothing=SMOOTHING) - pixel_grid(96)
        distance = np.linalg.norm(field - expected, axis=-1)
        assert np.linalg.norm(expected, axis=-1).max() > 2
        assert distance.mean() < 0.03 and distance.max() < 0.5


def test_equal_shapes_change_nothing():
    (points, _), image = shapes(), smooth_texture(64)
    points = keras.ops.convert_to_tensor(points[:1])
    warped = to_numpy(warp_pictures(keras.ops.convert_to_tensor(image[None]), warp_fields(points, points, 64)))
    assert warped[0] == pytest.approx(image, abs=0.1)


def test_a_dot_at_a_landmark_moves_to_its_new_position():
    sources, targets = shapes()
    fields = warp_fields(*(keras.ops.convert_to_tensor(points) for points in (sources, targets)), 256)
    pictures = np.zeros((3, 256, 256, 1), np.float32)
    for picture, points in zip(pictures, sources, strict=True):
        cv2.circle(picture, np.round(points[57]).astype(int).tolist(), 4, 1.0, -1)
    warped = to_numpy(warp_pictures(keras.ops.convert_to_tensor(pictures), fields))[..., 0]
    for picture, target in zip(warped, targets, strict=True):
        y, x = (np.indices(picture.shape) * picture).sum(axis=(1, 2)) / picture.sum()
        assert [x, y] == pytest.approx(target[57], abs=1.0)


MANY_WARPS = """
import os
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
import jax, numpy as np
from faceswap_lib.reenactment.device_warp import warp_fields
from tests.reenactment.faces import points_68
points = points_68().astype(np.float32) + np.zeros((8, 4, 1, 1), np.float32)
program = jax.jit(lambda points, change: [warp_fields(own, own + change, 16).mean() for own in points])
for change in range(20):
    expected = warp_fields(points[0], points[0] + np.float32(change), 16, ops=np).mean()
    np.testing.assert_allclose([float(mean) for mean in program(points, float(change))], expected, atol=1e-3)
"""
"""Eight batches of warps in one program, twenty times, on two cores; the numbers are those of NumPy."""


@pytest.mark.parity
def test_warps_in_one_program_of_jax_do_not_wait_for_each_other():
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    subprocess.run(
        [sys.executable, "-c", MANY_WARPS],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        check=True,
        timeout=240,  # it takes 10 seconds, or for ever
    )
