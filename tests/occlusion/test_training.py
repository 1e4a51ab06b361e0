"""Training of an occlusion network: it learns, repeats itself, and writes what it learned."""

import dataclasses

import numpy as np
import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.occlusion.config import OcclusionConfig
from faceswap_lib.occlusion.dataset import Example, OcclusionDataset
from faceswap_lib.occlusion.losses import mask_iou, occlusion_loss
from faceswap_lib.occlusion.network import OcclusionNetwork, build_occlusion_network
from faceswap_lib.occlusion.training import find_uncovered, fit, measure_iou, train_occlusion
from faceswap_lib.occlusion.weights import read_network
from tests.occlusion.faces import ColorPredictor, plain_scene

SMALL = (8, 12, 16)
CONFIG = OcclusionConfig(steps=40, batch_size=4, kinds=("ball", "shape"), learning_rate=5e-3)


def test_a_short_training_learns_and_repeats_itself():
    dataset, scenes = OcclusionDataset(scenes=(plain_scene(),)), [plain_scene()] * 4
    network = build_occlusion_network(SMALL)
    before = measure_iou(OcclusionNetwork(network), scenes, CONFIG.kinds)
    history, left_out = fit(network, dataset, CONFIG)
    assert left_out == 0  # all faces are the same
    assert len(history) == 40 and np.mean(history[-5:]) < 0.6 * np.mean(history[:5])
    after = measure_iou(OcclusionNetwork(network), scenes, CONFIG.kinds)
    assert after > max(0.6, before + 0.1)
    short = OcclusionConfig(steps=3, batch_size=2)
    weights = []
    for _ in range(2):
        network = build_occlusion_network(SMALL, seed=5)
        fit(network, dataset, short)
        weights.append(network.get_weights())
    assert all(np.array_equal(one, other) for one, other in zip(*weights, strict=True))


def test_the_loss_is_entropy_plus_dice():
    truth = np.array([[1.0, 0.0]], np.float32).reshape(1, 1, 2, 1)
    logits = np.array([[0.5, -2.0]], np.float32).reshape(1, 1, 2, 1)
    shares = 1 / (1 + np.exp(-logits.ravel().astype(float)))
    entropy = -(np.log(shares[0]) + np.log(1 - shares[1])) / 2
    dice = (2 * shares[0] + 1) / (shares[0] ** 2 + shares[1] ** 2 + 1 + 1)
    assert float(occlusion_loss(truth, logits)) == pytest.approx(entropy + 1 - dice, abs=1e-5)


def test_intersection_over_union_counts_pixels():
    one, other = np.zeros((4, 4)), np.zeros((4, 4))
    one[:2], other[1:3] = 1, 0.9
    assert mask_iou(one, other) == pytest.approx(4 / 12)
    assert mask_iou(np.zeros((2, 2)), np.zeros((2, 2))) == 1


def test_faces_that_are_covered_already_are_left_out():
    scenes = [plain_scene() for _ in range(20)]
    blue = scenes[7].crop.copy()
    blue[100:180, 90:160] = (30, 40, 200)
    scenes[7] = dataclasses.replace(scenes[7], crop=blue)
    kept = find_uncovered(ColorPredictor(), scenes)
    assert kept == tuple(scenes[:7] + scenes[8:])


def test_labels_are_a_part_of_each_batch():
    black = Example(image=np.zeros((256, 256, 3), np.uint8), visible=np.ones((256, 256), np.float32))
    dataset = OcclusionDataset(scenes=(plain_scene(),), labeled=(black,))
    _, masks = dataset.draw_batch(OcclusionConfig(batch_size=4, label_fraction=1.0), 0)
    assert (masks[:, 128, 128] == 1).all()
    _, masks = dataset.draw_batch(OcclusionConfig(batch_size=4, label_fraction=0.0), 0)
    assert (masks[:, 4, 4] == 0).all()


def test_a_network_is_trained_on_facesets_and_written(small_workspace: Workspace, tmp_path):
    facesets = [Faceset.open(small_workspace, side) for side in ("src", "dst")]
    config = OcclusionConfig(steps=2, batch_size=2, max_crops=10)
    report = train_occlusion(facesets, tmp_path / "network.npz", config)
    assert (report.steps, report.crops, report.labels) == (2, 18, 0)  # two of twenty crops are held out
    assert 0 <= report.iou <= 1 and np.isfinite(report.loss)
    assert read_network(report.path).output_shape == (None, 256, 256, 1)
    with pytest.raises(WorkspaceError, match="at least one crop"):
        train_occlusion([], tmp_path / "none.npz", config)
