"""Display matrices: the eight orientations as FFmpeg shows them, and matrices that are none of them."""

import itertools
import logging
import struct

import numpy as np
import pytest

from faceswap_lib.media import probe_video, read_frames
from faceswap_lib.media.orientation import Orientation
from tests.videos import make_video, pattern_frame, psnr

ONE = 65536


def make_turned(path, matrix: tuple[float, float, float, float]):
    """A video of 64x48 stored pixels whose header holds x' = a x + c y, y' = b x + d y."""
    data = bytearray(make_video(path, frames=2).read_bytes())
    start = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (round(value * ONE) for value in matrix)
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def shown(stored: np.ndarray, matrix: tuple[float, float, float, float]) -> np.ndarray:
    """Moves every pixel by hand."""
    a, b, c, d = (round(value) for value in matrix)
    height, width = stored.shape[:2]
    places = {(a * x + c * y, b * x + d * y): stored[y, x] for y in range(height) for x in range(width)}
    left, top = min(x for x, _ in places), min(y for _, y in places)
    size = (width, height) if a else (height, width)
    out = np.empty((size[1], size[0], 3), np.uint8)
    for (x, y), pixel in places.items():
        out[y - top, x - left] = pixel
    return out


EIGHT = [(a, 0, 0, d) for a, d in itertools.product((1, -1), repeat=2)] + [
    (0, b, c, 0) for b, c in itertools.product((1, -1), repeat=2)
]


@pytest.mark.parametrize("matrix", EIGHT)
def test_each_of_the_eight_orientations_is_shown_upright(tmp_path, matrix, caplog):
    path = make_turned(tmp_path / "a.mp4", matrix)
    frame, wanted = next(read_frames(path)), shown(pattern_frame(0), matrix)
    assert frame.shape == wanted.shape and psnr(frame, wanted) > 30 and frame.flags.c_contiguous
    info = probe_video(path)
    assert (info.height, info.width) == wanted.shape[:2]
    assert info.is_mirrored == (matrix[0] * matrix[3] - matrix[1] * matrix[2] < 0)
    stored = pattern_frame(0)
    turned = np.rot90(stored[:, ::-1] if info.is_mirrored else stored, -info.rotation // 90)
    assert np.array_equal(turned, wanted)
    assert not caplog.records


@pytest.mark.parametrize(
    ("matrix", "nearest"),
    [
        ((0.985, 0.174, -0.174, 0.985), (1, 0, 0, 1)),  # ten degrees
        ((-0.174, 0.985, -0.985, -0.174), (0, 1, -1, 0)),  # a hundred
        ((2, 0, 0, 2), (1, 0, 0, 1)),
        ((-0.5, 0, 0, 1), (-1, 0, 0, 1)),
        ((1, 0, 0.3, 1), (1, 0, 0, 1)),
        ((0, 0, 0, 0), (1, 0, 0, 1)),
    ],
)
def test_of_other_matrices_the_nearest_is_taken_and_that_is_said(tmp_path, matrix, nearest, caplog):
    path = make_turned(tmp_path / "a.mp4", matrix)
    with caplog.at_level(logging.WARNING):
        frame = next(read_frames(path))
    assert psnr(frame, shown(pattern_frame(0), nearest)) > 30
    assert "only quarters are done" in caplog.text


def test_an_orientation_names_what_it_does():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    for swaps, x, y in itertools.product((False, True), repeat=3):
        orientation = Orientation(swaps, x, y)
        mirrored = image[:, ::-1] if orientation.is_mirrored else image
        assert np.array_equal(orientation.apply(image), np.rot90(mirrored, -orientation.rotation // 90))
        assert orientation.is_upright == np.array_equal(orientation.apply(image), image)
