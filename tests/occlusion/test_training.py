"""Training of an occlusion network: it learns, repeats itself, and writes what it learned."""

import dataclasses

import numpy as np
import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.occlusion.config import OcclusionConfig
from faceswap_lib.occlusion.dataset import EDGE, OUTSIDE, Example, OcclusionDataset, pixel_weights
from faceswap_lib.occlusion.losses import mask_iou, occlusion_loss
from faceswap_lib.occlusion.network import OcclusionNetwork, build_occlusion_network
from faceswap_lib.occlusion.synthetic import draw_occluder, put_over
from faceswap_lib.occlusion.training import find_uncovered, fit, measure_iou, train_occlusion
from faceswap_lib.occlusion.weights import read_network
from tests.occlusion.faces import ColorPredictor, plain_scene

SMALL = (8, 12, 16)
CONFIG = OcclusionConfig(steps=40, batch_size=4, kinds=("ball", "shape"), learning_rate=5e-3)


class AllVisible:
    """Finds nothing."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.ones(images.shape[:3], np.float32)


def test_a_short_training_learns_and_repeats_itself():
    dataset, scenes = OcclusionDataset(scenes=(plain_scene(),)), [plain_scene()] * 8
    network = build_occlusion_network(SMALL)
    history, left_out = fit(network, dataset, CONFIG)
    assert left_out == 0  # all faces are the same
    assert len(history) == 40 and np.mean(history[-5:]) < 0.8 * np.mean(history[:5])
    after = measure_iou(OcclusionNetwork(network), scenes, CONFIG.kinds)
    assert after > measure_iou(AllVisible(), scenes, CONFIG.kinds) + 0.03
    short = OcclusionConfig(steps=3, batch_size=2)
    weights = []
    for _ in range(2):
        network = build_occlusion_network(SMALL, seed=5)
        fit(network, dataset, short)
        weights.append(network.get_weights())
    assert all(np.array_equal(one, other) for one, other in zip(*weights, strict=True))


def test_the_loss_is_weighted_entropy_plus_weighted_dice():
    truth = np.array([[1.0, 3.0], [0.0, 0.5]], np.float32).reshape(1, 1, 2, 2)  # a mask and a weight per pixel
    logits = np.array([[0.5, -2.0]], np.float32).reshape(1, 1, 2, 1)
    shares = 1 / (1 + np.exp(-logits.ravel().astype(float)))
    entropy = -(3 * np.log(shares[0]) + 0.5 * np.log(1 - shares[1])) / 3.5
    dice = (2 * 3 * shares[0] + 1) / (3 * shares[0] ** 2 + 0.5 * shares[1] ** 2 + 3 + 1)
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
    covered, region = np.zeros((256, 256), np.float32), np.ones((256, 256), np.float32)
    black = Example(image=np.zeros((256, 256, 3), np.uint8), visible=covered, region=region)
    dataset = OcclusionDataset(scenes=(plain_scene(),), labeled=(black,))
    for fraction, are_labeled in ((1.0, True), (0.0, False)):
        _, truths = dataset.draw_batch(OcclusionConfig(batch_size=4, label_fraction=fraction), 0)
        assert (truths[..., 0].max(axis=(1, 2)) == (0 if are_labeled else 1)).all()


def test_pixels_in_the_face_and_at_the_edge_of_an_occluder_weigh_most():
    visible, region = np.ones((256, 256), np.float32), np.zeros((256, 256), np.float32)
    visible[:, :100], region[64:192] = 0, 1
    weights = pixel_weights(Example(image=np.zeros((256, 256, 3), np.uint8), visible=visible, region=region))
    assert weights[100, 200] == pytest.approx(1) and weights[10, 200] == pytest.approx(OUTSIDE)
    assert weights[100, 99:101] == pytest.approx(1 + EDGE, rel=0.05)
    assert weights[10, 100] == pytest.approx(OUTSIDE * (1 + EDGE), rel=0.05)


def test_the_quality_is_measured_inside_the_face():
    scene, random, shares = plain_scene(), np.random.default_rng([2, 1]), []
    for _ in range(3):
        layer = draw_occluder(random, scene, "ball")
        put_over(random, scene.crop, layer)
        face = scene.region > 0.5
        shares.append(((scene.region * (1 - layer.alpha) > 0.5) & face).sum() / face.sum())
    assert measure_iou(AllVisible(), [scene] * 3, ("ball",), seed=2) == pytest.approx(np.mean(shares))


def test_a_network_is_trained_on_facesets_and_written(small_workspace: Workspace, tmp_path):
    facesets = [Faceset.open(small_workspace, side) for side in ("src", "dst")]
    config = OcclusionConfig(steps=2, batch_size=2, max_crops=10)
    report = train_occlusion(facesets, tmp_path / "network.npz", config)
    assert (report.steps, report.crops, report.labels) == (2, 18, 0)  # two of twenty crops are held out
    assert 0 <= report.iou <= 1 and np.isfinite(report.loss)
    assert read_network(report.path).output_shape == (None, 256, 256, 1)
    with pytest.raises(WorkspaceError, match="at least one crop"):
        train_occlusion([], tmp_path / "none.npz", config)
