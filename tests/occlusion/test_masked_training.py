"""A training that uses occlusion masks leaves covered pixels out of all reconstruction losses."""

import json
import shutil
import types
import typing

import keras
import numpy as np
import pytest
from keras import ops

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets import FacesetArrays, Workspace
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.occlusion.apply import write_occlusion_masks
from faceswap_lib.training import LoopConfig, TrainConfig, to_device, train
from faceswap_lib.training.loss_model import Batch, Objective
from faceswap_lib.training.losses import LossInputs, replace_covered
from tests.occlusion.test_apply import LeftHalfCovered

SIDE = 32
NETWORK = NetworkConfig(capacity="tiny", resolution=64, attention="none", norm="none")
ACTIVE = frozenset({"adversarial", "cycle"})
CONFIG = TrainConfig(batch_size=2, perceptual="none", cycle_weight=0.1, mask_l1_weight=0.0, mask_tv_weight=0.0)


def arrays(size: int, *, covered: bool) -> FacesetArrays:
    random = np.random.default_rng(0)
    masks = [np.full((3, size, size), value, np.uint8) for value in (40, 40, 255)]
    visible = np.full((3, size, size), 255, np.uint8)
    visible[:, :, : size // 2] = 0
    if covered:
        masks[2] = np.minimum(masks[2], visible)
    return FacesetArrays(
        images=random.integers(0, 256, (3, size, size, 3), np.uint8),
        eyes=masks[0],
        mouth=masks[1],
        face=masks[2],
        rarity=np.ones(3),
        visible=visible if covered else None,
    )


class FixedObjective(Objective):
    """Losses of views and outputs that a test chooses."""

    sample: typing.ClassVar[LossInputs]

    def view(self, *args, **options) -> LossInputs:
        return self.sample


def losses_of(raw: np.ndarray, coarse: np.ndarray, mask: np.ndarray, visible: np.ndarray | None) -> dict[str, float]:
    """All loss terms of a decoder that gives these outputs."""
    random = np.random.default_rng(1)
    real, warped = (random.uniform(-1, 1, (2, SIDE, SIDE, 3)).astype(np.float32) for _ in range(2))
    face = np.ones((2, SIDE, SIDE, 1), np.float32) * (1 if visible is None else visible)
    part = 0.5 * face
    FixedObjective.sample = LossInputs(
        warped=ops.convert_to_tensor(warped),
        encoder_input=ops.convert_to_tensor(warped * face),
        real=ops.convert_to_tensor(real),
        eyes=ops.convert_to_tensor(part),
        mouth=ops.convert_to_tensor(part),
        face=ops.convert_to_tensor(face),
        tones=None,
        visible=None if visible is None else ops.convert_to_tensor(visible),
    )

    def decoder(code, training):
        return [ops.convert_to_tensor(output) for output in (mask, raw, coarse)]

    networks = types.SimpleNamespace(
        config=types.SimpleNamespace(resolution=SIDE),
        encoder=lambda views, training: views,
        decoder_a=decoder,
        decoder_b=decoder,
        discriminator_a=lambda pictures, training: ops.mean(pictures, axis=-1, keepdims=True),
        discriminator_b=lambda pictures, training: ops.mean(pictures, axis=-1, keepdims=True),
        generators=(),
        discriminators=(),
    )
    faces = to_device(arrays(SIDE, covered=False))
    objective = FixedObjective(
        networks=typing.cast(typing.Any, networks),
        faces_a=faces,
        faces_b=faces,
        config=CONFIG,
        seed=keras.random.SeedGenerator(0),
    )
    index, weights = np.array([0, 1], "int32"), CONFIG.phases[-1].weights(CONFIG)
    weights = dict.fromkeys(weights, 0.5) | {"mask_l1": 0.0}
    _, _, terms = objective(Batch(index_a=index, index_b=index), weights, active=ACTIVE)
    return {name: float(value) for name, value in terms.items()}


def test_covered_pixels_change_no_loss_whatever_is_generated_there():
    random = np.random.default_rng(2)
    visible = np.ones((2, SIDE, SIDE, 1), np.float32)
    visible[:, 8:24, 4:20] = 0
    raw = random.uniform(-1, 1, (2, SIDE, SIDE, 3)).astype(np.float32)
    coarse = random.uniform(-1, 1, (2, SIDE // 2, SIDE // 2, 3)).astype(np.float32)
    mask = np.full((2, SIDE, SIDE, 1), 0.6, np.float32)
    other, other_coarse = raw.copy(), coarse.copy()
    other[:, 8:24, 4:20], other_coarse[:, 4:12, 2:10] = -0.3, 0.9
    before, after = losses_of(raw, coarse, mask, visible), losses_of(other, other_coarse, mask, visible)
    assert {"reconstruction_a", "dssim_a", "edges_a", "coarse_16_a", "composite_b", "adversarial_b", "cycle_b"} <= set(
        before
    )
    assert before == pytest.approx(after, abs=1e-6)
    # Without occlusion masks they count.
    before, after = losses_of(raw, coarse, mask, None), losses_of(other, other_coarse, mask, None)
    for name in ("reconstruction_a", "dssim_a", "edges_a", "coarse_16_a"):
        assert abs(before[name] - after[name]) > 1e-3, name


def test_the_mask_of_covered_pixels_is_not_compared():
    visible = np.ones((2, SIDE, SIDE, 1), np.float32)
    visible[:, :, :16] = 0
    raw, coarse = np.zeros((2, SIDE, SIDE, 3), np.float32), np.zeros((2, SIDE // 2, SIDE // 2, 3), np.float32)
    one, other = np.full((2, SIDE, SIDE, 1), 0.6, np.float32), np.full((2, SIDE, SIDE, 1), 0.6, np.float32)
    other[:, :, :16] = 0.1
    before, after = (losses_of(raw, coarse, mask, visible) for mask in (one, other))
    for name in ("composite_a", "mask_prior_a", "mask_hinge_a"):
        assert before[name] == pytest.approx(after[name], abs=1e-6), name


def test_the_gradient_at_covered_pixels_is_zero():
    visible = np.zeros((1, 4, 4, 1), np.float32)
    visible[:, 2:] = 1
    sample = LossInputs(
        warped=None, encoder_input=None, real=ops.zeros((1, 4, 4, 3)), eyes=None, mouth=None, face=None, tones=None,
        visible=ops.convert_to_tensor(visible),
    )  # fmt: skip
    picture = np.random.default_rng(0).normal(size=(1, 4, 4, 3)).astype(np.float32)
    found = ops.convert_to_numpy(replace_covered(ops.convert_to_tensor(picture), sample))
    assert (found[:, :2] == 0).all() and np.array_equal(found[:, 2:], picture[:, 2:])


@pytest.mark.parametrize("input_mode", ["masked", "full"])
def test_views_carry_what_is_visible(input_mode: str):
    config = NetworkConfig(capacity="tiny", resolution=64, attention="none", norm="none", input_mode=input_mode)
    still = {
        "rotation_range": 0.0,
        "zoom_range": 0.0,
        "shift_range": 0.0,
        "elastic_deformation": 0.0,
        "random_warp": 0.0,
    }
    size = config.stored_size
    for covered in (False, True):
        faces = to_device(arrays(size, covered=covered))
        objective = Objective(
            networks=typing.cast(typing.Any, types.SimpleNamespace(config=config)),
            faces_a=faces,
            faces_b=faces,
            config=TrainConfig(batch_size=2, perceptual="none", **still),
            seed=keras.random.SeedGenerator(3),
        )
        view = objective.view(faces, np.array([0, 1], "int32"))
        if not covered:
            assert view.visible is None
            continue
        visible, face, read = (ops.convert_to_numpy(value) for value in (view.visible, view.face, view.encoder_input))
        assert visible.mean() == pytest.approx(0.5, abs=0.02)
        assert (face[visible == 0] == 0).all() and (face[visible == 1] > 0.99).all()
        covered_input = np.abs(read[np.repeat(visible, 3, axis=-1) == 0]).max()
        assert (covered_input == 0) == (input_mode == "masked")  # in full mode the encoder reads the whole view


def test_a_run_stays_with_or_without_masks(workspace_copy: Workspace):
    def go(steps: int, choice: str) -> dict:
        config = TrainConfig(steps=steps, batch_size=2, use_occlusion_masks=typing.cast(typing.Any, choice))
        train(workspace_copy, network_config=NETWORK, config=config, run_config=LoopConfig(xla="off"))
        return json.loads((workspace_copy.run("default") / "config.json").read_text())

    write_occlusion_masks(workspace_copy, "src", LeftHalfCovered())
    config = go(1, "auto")
    assert config["training"]["use_occlusion_masks"] == "on"
    assert len(config["facesets"]["face_src"]["occlusion_masks_sha256"]) == 64
    assert config["facesets"]["face_dst"]["occlusion_masks_sha256"] == ""
    shutil.rmtree(workspace_copy.occlusion_masks("src"))
    with pytest.raises(WorkspaceError, match="faceswap mask"):
        go(2, "auto")
    assert go(2, "off")["training"]["use_occlusion_masks"] == "off"
    write_occlusion_masks(workspace_copy, "src", LeftHalfCovered())
    assert go(3, "auto")["training"]["use_occlusion_masks"] == "off"


def test_unknown_choices_are_refused():
    with pytest.raises(InputError, match="use_occlusion_masks"):
        TrainConfig(use_occlusion_masks=typing.cast(typing.Any, "maybe"))
