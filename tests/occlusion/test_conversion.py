"""Conversion with an occlusion network: what covers the face stays as it was in the frame."""

import typing

import numpy as np
import pytest

from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.stages.swap import swap_faces
from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import VIEW_COVERAGE
from faceswap_lib.occlusion.network import OcclusionPredictor
from tests.fakes import make_face
from tests.occlusion.faces import SKIN, ColorPredictor

BLUE = (40, 60, 210)
HAND = (slice(150, 230), slice(170, 230))
"""Rows and columns of the frame in which something blue covers the face."""


class GreenSwapper:
    """Makes every face green; notes the face regions that it was given."""

    def __init__(self, occlusion: OcclusionPredictor | None):
        self.resolution, self.coverage, self.occlusion = 64, VIEW_COVERAGE, occlusion
        self.regions = np.empty(0)

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.regions = faces
        new = np.empty_like(views)
        new[...] = (30, 200, 40)
        return np.ones(views.shape[:3], np.float32), new


def make_frame() -> np.ndarray:
    frame = np.empty((400, 400, 3), np.uint8)
    frame[...] = SKIN
    frame = np.clip(frame + np.random.default_rng(0).normal(0, 6, frame.shape), 0, 255).astype(np.uint8)
    frame[HAND] = BLUE
    return frame


def convert(occlusion: OcclusionPredictor | None, **options: typing.Any):
    config = ConvertConfig(color_transfer="none", detail_transfer="none", **options)
    swapper, frame, face = GreenSwapper(occlusion), make_frame(), make_face(200, 160, 70)
    (swapped,) = swap_faces([(frame, face)], swapper)
    return frame, Compositor(config, VIEW_COVERAGE).composite(frame, swapped), swapper


@pytest.mark.parametrize("blend", ["attention", "face", "seamless", "overlay"])
@pytest.mark.parametrize("face_scale", [1.0, 1.15])
def test_covered_pixels_equal_the_frame(blend: str, face_scale: float):
    frame, result, _ = convert(ColorPredictor(), blend=blend, face_scale=face_scale)
    inside = (slice(HAND[0].start + 3, HAND[0].stop - 3), slice(HAND[1].start + 3, HAND[1].stop - 3))
    assert np.array_equal(result.frame[inside], frame[inside])
    assert np.abs(result.frame[HAND].astype(int) - frame[HAND]).max() <= 6
    beside = (slice(165, 215), slice(140, 160))
    assert np.abs(result.frame[beside].astype(int) - frame[beside]).mean() > (1 if blend == "seamless" else 40)
    x, y = result.corner
    assert result.weight[190 - y, 200 - x] == 0
    assert result.weight[190 - y, 150 - x] > 0.5


def test_without_a_network_everything_is_painted_over():
    frame, result, _ = convert(None)
    assert np.abs(result.frame[HAND].astype(int) - frame[HAND]).mean() > 40


def test_the_generator_does_not_read_what_covers_the_face():
    _, _, plain = convert(None)
    _, _, masked = convert(ColorPredictor())
    assert plain.regions[0, 30:40, 28:36].min() > 200  # under the hand
    assert masked.regions[0, 30:40, 28:36].max() == 0


def test_uncovered_faces_are_converted_as_without_a_network():
    class AllVisible:
        def predict(self, images: np.ndarray) -> np.ndarray:
            return np.ones(images.shape[:3], np.float32)

    _, plain, _ = convert(None)
    _, masked, _ = convert(AllVisible())
    assert np.array_equal(plain.frame, masked.frame) and np.allclose(plain.weight, masked.weight)


def test_the_option_names_a_choice_or_an_onnx_file():
    for value in ("auto", "none", "network", "my/xseg_2.ONNX"):
        assert ConvertConfig(occlusion=value).occlusion == value
    with pytest.raises(InputError, match="occlusion"):
        ConvertConfig(occlusion="xseg")
