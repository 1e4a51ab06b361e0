"""Constants of exported models: what is the same in every frame of a live program."""

import dataclasses

import cv2
import numpy as np
import pytest

from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.placement import GRID, Placement
from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import CROP_SIZE, invert_affine, map_points, template_points, view_matrix
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks import NetworkConfig, Networks, build_networks

pytest.importorskip("onnx", reason="onnx is not installed")
from faceswap_lib.conversion.live_model import FaceConstants, build_live_model  # noqa: E402
from faceswap_lib.conversion.swapper import KerasSwapper  # noqa: E402

R, COVERAGE = 64, 0.8


@pytest.fixture(scope="module")
def networks() -> Networks:
    return build_networks(
        NetworkConfig(capacity="tiny", resolution=R, attention="none", norm="none", face_region="ellipse")
    )


@pytest.fixture
def swapper(networks) -> KerasSwapper:
    return KerasSwapper(networks, "a2b")


def test_a_point_of_the_new_face_is_shown_where_its_placement_puts_it(networks, swapper):
    """What the graph reads at a pixel of the crop is the point that the placement moves there."""
    y, x = (np.mgrid[0:GRID, 0:GRID] + 0.5) / GRID
    bend = 0.02 * np.stack([np.sin(3 * x), np.cos(2 * y)], axis=-1).astype(np.float32)
    placement = Placement(np.array([[0.95, 0, 0.04], [0, 0.95, 0.01]]), bend)
    live = build_live_model(networks, swapper.with_placement(placement), ConvertConfig(), None, size=160)
    points = np.random.default_rng(0).uniform(0.25, 0.75, (20, 2))
    shown = R * placement.map_points(points) - 0.5
    in_crop = map_points(invert_affine(live.view_from_whole), shown)
    offsets = cv2.remap(live.bend, in_crop[None].astype(np.float32), None, cv2.INTER_LINEAR)[0]
    read = map_points(invert_affine(live.view_from_new), map_points(live.view_from_whole, in_crop - offsets))
    assert np.abs(offsets).max() > 1
    np.testing.assert_allclose(read, R * points - 0.5, atol=0.05)


def test_without_a_placement_the_new_face_is_shown_where_it_was_made(networks, swapper):
    live = build_live_model(networks, swapper, ConvertConfig(), None)
    np.testing.assert_array_equal(live.view_from_new, np.eye(2, 3))
    assert live.bend is None and live.size == 224


def test_the_region_is_drawn_at_the_persons_median_landmarks(networks, swapper, small_workspace):
    faceset = Faceset.open(small_workspace, "src")
    constants = FaceConstants.measure(faceset, swapper)
    points = np.array([record.points_in_crop() for record in faceset.records])
    np.testing.assert_allclose(constants.landmarks, np.median(points, axis=0))
    assert constants.outline is None
    np.testing.assert_allclose(FaceConstants.measure(None, swapper).landmarks, template_points(CROP_SIZE))


def test_the_outline_is_the_median_of_the_outlines_that_are_found(swapper, small_workspace, monkeypatch):
    outlines = [np.full((4, 2), 50.0), None, np.full((4, 2), 60.0), np.full((4, 2), 90.0)]

    class Detector:
        def detect(self, crops):
            return [outlines[index % 4] for index in range(len(crops))]

    monkeypatch.setattr("faceswap_lib.conversion.live_model.open_outline_detector", lambda *arguments: Detector())
    faceset = Faceset.open(small_workspace, "src").sample(8)
    np.testing.assert_allclose(FaceConstants.measure(faceset, swapper).outline, 60)


def test_the_new_face_is_shown_only_where_most_faces_of_the_person_are(swapper, small_workspace, monkeypatch):
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    circle = 128 + 10 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outlines = [128 + (circle - 128) * factor for factor in (6, 6, 6, 8, 8, 8, 9, 10)]

    class Detector:
        def detect(self, crops):
            return [outlines[index % 8] for index in range(len(crops))]

    monkeypatch.setattr("faceswap_lib.conversion.live_model.open_outline_detector", lambda *arguments: Detector())
    constants = FaceConstants.measure(Faceset.open(small_workspace, "src").sample(8), swapper)
    np.testing.assert_allclose(np.linalg.norm(constants.outline - 128, axis=1), 80)
    np.testing.assert_allclose(np.linalg.norm(constants.inner_outline - 128, axis=1), 60)


def test_the_face_is_shown_in_the_middle_and_never_outside_the_view(networks, swapper):
    live = build_live_model(networks, swapper, ConvertConfig(), None, size=192)
    y, x = np.mgrid[0:192, 0:192]
    in_view = map_points(live.view_from_whole, np.stack([x, y], axis=-1).reshape(-1, 2)).reshape(192, 192, 2)
    outside = (np.abs(in_view - (R - 1) / 2) > R / 2 + 0.5).any(axis=-1)
    eyes_and_mouth = map_points(
        invert_affine(live.view_from_whole),
        map_points(view_matrix(np.eye(2, 3), 256, R, COVERAGE), template_points(256)),
    )
    assert 0.2 < outside.mean() < 0.6 and not live.shown[outside].any()
    for column, row in eyes_and_mouth.round().astype(int):
        assert live.shown[row, column] > 0.9
    assert live.region.shape == (R, R) and live.region[R // 2, R // 2] == 255 and not live.region[0, 0]


SPREAD = np.array([0.2, 0.25, 0.3], np.float32)


def test_options_of_a_conversion_are_kept_where_a_model_can_have_them(networks, swapper):
    config = ConvertConfig(sharpen=1.5, color_transfer="none", direction="b2a")
    generator = build_live_model(networks, swapper.with_contrast(1.2, SPREAD), config, None).generator
    assert generator.color_spread is SPREAD
    assert generator.sharpness == 1.5 and generator.color is None and generator.contrast == 1.2
    assert generator.decoder is networks.decoder_a
    narrow = build_live_model(networks, swapper, dataclasses.replace(config, erode=0.2), None).shown.sum()
    assert narrow < 0.8 * build_live_model(networks, swapper, config, None).shown.sum()


def test_a_size_that_programs_do_not_expect_is_refused(networks, swapper):
    with pytest.raises(InputError, match="multiple of 16"):
        build_live_model(networks, swapper, ConvertConfig(), None, size=150)
