"""Runs of today: the options in their `config.json`, as they were written, are read by every later version."""

import json
import pathlib

import pytest

from faceswap_lib.config_fields import options_to_dict
from faceswap_lib.errors import InputError
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig
from faceswap_lib.reenactment.run_notes import read_networks, read_training
from faceswap_lib.training.config import TrainConfig
from faceswap_lib.training.run_metadata import stored_training

SWAP = """{
    "steps": 1500, "schedule": "default", "batch_size": 8, "gradient_accumulation_steps": 1, "seed": 0,
    "precision": "auto", "learning_rate": 0.001, "beta_1": 0.9, "global_clipnorm": 1.0, "warmup_steps": 50,
    "discriminator_learning_rate": 0.0002, "rarity_exponent": 1.0, "rotation_range": 5.0, "zoom_range": 0.05,
    "shift_range": 0.03, "random_warp": 0.02, "elastic_deformation": 0.025, "color_augmentation_prob": 0.0,
    "motion_blur_prob": 0.0, "eye_weight": 4.0, "mouth_weight": 2.0, "use_occlusion_masks": "auto",
    "background_weight": 0.02, "dssim_weight": 3.0, "edge_weight": 1.0, "adversarial": "mixup",
    "adversarial_weight": 0.1, "perceptual": "onet", "perceptual_weight": 1.0, "perceptual_resolution": 112,
    "vggface": null, "landmarks_weight": 0.0, "cycle_weight": 0.0, "composite_weight": 0.3, "mask_prior_weight": 1.0,
    "mask_l1_weight": 0.01, "mask_hinge_weight": 1.0, "mask_tv_weight": 0.1, "weight_decay": 0.0, "ema_decay": 0.99
}"""
"""The options of a face swap with the defaults, as version 0.1 stored them."""

REENACTMENT = """{
    "steps": 2000, "batch_size": 8, "gradient_accumulation_steps": 1, "seed": 0, "precision": "auto",
    "learning_rate": 0.0004, "discriminator_learning_rate": 0.0002, "beta_1": 0.5, "global_clipnorm": 1.0,
    "warmup_steps": 50, "decay_from": 0.5, "ema_decay": 0.99, "rarity_exponent": 0.5, "rotation_range": 5.0,
    "zoom_range": 0.03, "shift_range": 0.02, "perceptual": "onet", "perceptual_resolution": 112, "vggface": null,
    "loss_weights": "", "hold_out": 0.0, "difficulty": "all"
}"""
"""The options of a reenactment with the defaults, as version 0.1 stored them."""

CHANGED = {"steps": 77, "batch_size": 3, "learning_rate": 0.25, "rotation_range": 9.5, "vggface": "weights/faces.h5"}


def write_run(folder: pathlib.Path, training: dict, **more: object) -> pathlib.Path:
    """Writes a `config.json` with these options."""
    (folder / "config.json").write_text(json.dumps({"schema": 2, "training": training, **more}), encoding="utf-8")
    return folder


def test_the_options_of_a_face_swap_are_read_as_they_were_stored(tmp_path):
    stored = json.loads(SWAP)
    assert stored_training(write_run(tmp_path, stored)) == TrainConfig()
    read = stored_training(write_run(tmp_path, stored | CHANGED | {"schedule": "faceswap-gan", "eye_weight": 1.5}))
    assert read == TrainConfig(
        steps=77,
        batch_size=3,
        learning_rate=0.25,
        rotation_range=9.5,
        vggface=pathlib.Path("weights/faces.h5"),
        schedule="faceswap-gan",
        eye_weight=1.5,
    )


def test_the_options_of_a_reenactment_are_read_as_they_were_stored(tmp_path):
    networks = {"system": "avatar", "resolution": 64, "capacity": "tiny"}
    stored = json.loads(REENACTMENT)
    run = write_run(tmp_path, stored, system="avatar", networks=networks)
    assert read_networks(run) == ReenactmentNetworkConfig(system="avatar", resolution=64, capacity="tiny")
    assert read_training(run) == ReenactmentTrainConfig()
    changed = stored | CHANGED | {"loss_weights": "l1=0", "difficulty": "easy"}
    assert read_training(write_run(tmp_path, changed, system="avatar", networks=networks)) == ReenactmentTrainConfig(
        steps=77,
        batch_size=3,
        learning_rate=0.25,
        rotation_range=9.5,
        vggface=pathlib.Path("weights/faces.h5"),
        loss_weights="l1=0",
        difficulty="easy",
    )


@pytest.mark.parametrize(("options", "text"), [(TrainConfig(), SWAP), (ReenactmentTrainConfig(), REENACTMENT)])
def test_the_same_options_are_stored_as_before(options, text):
    assert options_to_dict(options) == json.loads(text)


@pytest.mark.parametrize("options_class", [TrainConfig, ReenactmentTrainConfig])
def test_shared_options_are_checked_in_both_trainings(options_class):
    for name, value in (("steps", 0), ("learning_rate", 2.0), ("zoom_range", 0.4), ("perceptual_resolution", 16)):
        with pytest.raises(InputError, match=f"{name} must be between"):
            options_class(**{name: value})
