"""Small trainings side by side: the same but for what was changed, and measured for what they are."""

import numpy as np
import pytest

from faceswap_lib.course.ablation import PIXELS_ONLY, Variant, join_arrays, train_variant, write_views
from faceswap_lib.facesets import Faceset, FacesetArrays, Workspace
from faceswap_lib.networks import PRESETS, build_networks
from faceswap_lib.training import TrainConfig, learning_rate_factor


@pytest.fixture(scope="module")
def arrays(small_workspace: Workspace) -> list[FacesetArrays]:
    size = PRESETS["tiny"].stored_size
    return [Faceset.open(small_workspace, side).sample(6).load(size) for side in ("src", "dst")]


@pytest.fixture(scope="module")
def pixels(arrays) -> Variant:
    return train_variant(arrays, TrainConfig(steps=2, batch_size=2, **PIXELS_ONLY))


def test_a_variant_has_a_history_of_what_it_was_asked_for(pixels: Variant):
    assert [entry["step"] for entry in pixels.history] == [1, 2]
    assert pixels.history[0]["reconstruction_a"] > 0 and pixels.history[0]["mask_prior_b"] > 0
    assert not {"dssim_a", "edges_a", "perceptual_a", "adversarial_a"} & set(pixels.history[1])


def test_variants_begin_alike_and_the_same_comes_twice(arrays, pixels: Variant):
    again = train_variant(arrays, TrainConfig(steps=2, batch_size=2, **PIXELS_ONLY))
    assert again.history == pixels.history
    more = train_variant(arrays, TrainConfig(steps=1, batch_size=2, adversarial_weight=0))
    assert more.history[0]["reconstruction_a"] == pytest.approx(pixels.history[0]["reconstruction_a"], rel=1e-4)
    assert more.history[0]["dssim_a"] > 0 and more.history[0]["perceptual_a"] > 0


def test_another_schedule_of_the_learning_rate_is_used(arrays, pixels: Variant):
    config = TrainConfig(steps=2, batch_size=2, **PIXELS_ONLY)
    alike = train_variant(arrays, config, rate_factor=lambda step: learning_rate_factor(step, config))
    assert alike.history == pixels.history
    still = train_variant(arrays, config, rate_factor=lambda step: 1e-6)
    assert still.history[0] == pixels.history[0] and still.history[1] != pixels.history[1]


def test_no_step_is_no_training():
    with pytest.raises(ValueError, match="at least one step"):
        Variant(networks=build_networks(PRESETS["tiny"]), history=[])


def test_joined_facesets_hold_the_crops_of_all(arrays):
    both = join_arrays(arrays)
    assert len(both.images) == len(both.rarity) == 12
    assert np.array_equal(both.images[:6], arrays[0].images) and np.array_equal(both.eyes[6:], arrays[1].eyes)


def test_what_is_written_is_measured_where_the_face_is(arrays, pixels: Variant):
    views, faces = arrays[0].views(64)
    written = write_views(pixels.networks, views, faces, "a2a")
    assert written.masks.shape == (6, 64, 64) and written.faces.shape == written.composites.shape == (6, 64, 64, 3)
    inside = faces > 127
    difference = np.abs(written.faces.astype(int) - views)[inside].mean()
    assert written.error == pytest.approx(difference) and 5 < written.error < 200
    assert written.mask_mean == pytest.approx(written.masks[inside].mean())
    assert 0 < written.sharpness < 100
    mask = written.masks[..., None]
    by_hand = mask * written.faces + (1 - mask) * views
    assert np.abs(written.composites - by_hand).max() <= 0.5 + 1e-4


def test_a_perfect_network_would_score_perfectly(arrays, monkeypatch: pytest.MonkeyPatch):
    views, faces = arrays[0].views(64)
    networks = build_networks(PRESETS["tiny"])
    monkeypatch.setattr("faceswap_lib.course.ablation.postprocess_faces", lambda raw, tones: views)
    written = write_views(networks, views, faces, "b2b")
    assert (written.error, written.sharpness) == (0, 1)
