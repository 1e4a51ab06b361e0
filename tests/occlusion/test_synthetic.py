"""Synthetic occluders: the truth is what was composited, the same seed draws the same, kinds cover the face."""

import typing

import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.occlusion.config import DEFAULT_KINDS, OcclusionConfig
from faceswap_lib.occlusion.dataset import OcclusionDataset
from faceswap_lib.occlusion.shapes import Layer, draw_capsule, fill_polygon
from faceswap_lib.occlusion.synthetic import DRAWERS, Kind, draw_occluder, occlude, put_over
from tests.occlusion.faces import plain_scene

KINDS = typing.get_args(Kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_covers_a_part_of_the_face_and_the_truth_is_what_was_composited(kind: Kind):
    scene, random = plain_scene(), np.random.default_rng(3)
    layer = draw_occluder(random, scene, kind)
    image = put_over(random, scene.crop, layer)
    assert layer.alpha.shape == (256, 256) and layer.alpha.min() >= 0 and layer.alpha.max() <= 1
    solid = layer.alpha == 1
    covered = float((layer.alpha * scene.region).sum() / scene.region.sum())
    assert 0.003 < covered < 0.9
    if kind != "hair":  # strands are thin
        assert solid.sum() > 100
    expected = np.clip(layer.color[solid], 0, 255)
    assert np.abs(image[solid] - expected).max() <= 0.51
    # Nothing but a shadow changes what is not covered.
    free = layer.alpha == 0
    assert (image[free] <= scene.crop[free]).all()


def test_without_a_shadow_uncovered_pixels_are_unchanged_and_soft_ones_mixed():
    scene = plain_scene()
    alpha = np.zeros((256, 256), np.float32)
    alpha[100:140, 100:140], alpha[140, 100:140] = 1, 0.25
    layer = Layer(color=np.full((256, 256, 3), 40, np.float32), alpha=alpha)

    class NoShadow:
        def random(self) -> float:
            return 0.9

    image = put_over(typing.cast(typing.Any, NoShadow()), scene.crop, layer)
    assert np.array_equal(image[alpha == 0], scene.crop[alpha == 0])
    assert (image[alpha == 1] == 40).all()
    assert image[140, 120].tolist() == [round(0.75 * value + 10) for value in scene.crop[140, 120].tolist()]


def test_visible_is_what_no_occluder_covers():
    scene = plain_scene()
    for seed in range(12):
        occluded = occlude(np.random.default_rng(seed), scene, ("ball",))
        changed = np.abs(occluded.image.astype(int) - scene.crop).max(axis=2) > 0
        assert len(occluded.kinds) <= 2
        if not occluded.kinds:
            assert (occluded.visible == 1).all() and not changed.any()
        lost = 1 - occluded.visible
        assert lost.min() >= 0 and bool(occluded.kinds) == (lost.max() > 0.5)
        assert changed[lost > 0.5].sum() >= 0.95 * (lost > 0.5).sum()


def test_a_batch_depends_only_on_seed_and_step():
    dataset, config = OcclusionDataset(scenes=(plain_scene(),)), OcclusionConfig(batch_size=3, seed=4)
    images, masks = dataset.draw_batch(config, 7)
    again, other = dataset.draw_batch(config, 7), dataset.draw_batch(config, 8)
    assert images.shape == (3, 256, 256, 3) and masks.shape == (3, 256, 256, 2)
    assert masks[..., 0].min() >= 0 and masks[..., 0].max() <= 1 and masks[..., 1].min() > 0
    assert np.array_equal(images, again[0]) and np.array_equal(masks, again[1])
    assert not np.array_equal(images, other[0])


def test_glasses_are_drawn_only_on_request_and_unknown_kinds_are_refused():
    assert set(DEFAULT_KINDS) == set(DRAWERS) - {"glasses", "sunglasses"}
    with pytest.raises(InputError, match="hand"):
        OcclusionConfig(kinds=typing.cast(typing.Any, ("spaceship",)))
    with pytest.raises(InputError, match="nothing"):
        OcclusionConfig(kinds=())


def test_painting_over_a_layer_follows_the_over_operator():
    layer = Layer.empty(4)
    layer.paint(np.array([100.0, 0, 0]), np.full((4, 4), 0.5, np.float32))
    layer.paint(np.array([0.0, 0, 200.0]), np.full((4, 4), 0.5, np.float32))
    assert np.allclose(layer.alpha, 0.75)
    # 0.5 of blue, and 0.5 * 0.5 of red, divided by 0.75
    assert np.allclose(layer.color[0, 0], [100 / 3, 0, 200 * 2 / 3], atol=1e-3)


def test_a_capsule_is_as_wide_as_its_radii_say():
    part = draw_capsule(np.array([50.0, 30.0]), np.array([50.0, 90.0]), (10.0, 5.0), 128)
    alpha = np.zeros((128, 128), np.float32)
    alpha[part.box] = part.alpha
    assert alpha[30].sum() == pytest.approx(20, abs=1.1) and alpha[90].sum() == pytest.approx(10, abs=1.1)
    assert alpha[15].max() == 0 and alpha[97].max() == 0


def test_a_square_polygon_has_its_area():
    square = np.array([[20.0, 20], [60, 20], [60, 60], [20, 60]])
    assert fill_polygon(square, 100).sum() == pytest.approx(41 * 41, rel=0.04)
