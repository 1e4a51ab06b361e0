"""What the version before called options, loss terms, arrays and metrics is still read."""

import dataclasses
import json

import numpy as np
import pytest

from faceswap_lib.config_fields import describe_options, options_from_dict, options_to_dict
from faceswap_lib.conversion import ConvertConfig, OutputConfig
from faceswap_lib.conversion.resume import ChunkStats, ChunkStore
from faceswap_lib.evaluation import EvaluateConfig
from faceswap_lib.evaluation.metrics import METRICS
from faceswap_lib.evaluation.report import Report
from faceswap_lib.faces import DetectConfig, TrackConfig
from faceswap_lib.faces.smoothing import SmoothConfig
from faceswap_lib.facesets import ExtractConfig
from faceswap_lib.networks import PRESETS, NetworkConfig
from faceswap_lib.training import LoopConfig, TrainConfig, read_history
from faceswap_lib.training.checkpoint_file import GROUPS
from faceswap_lib.training.run_metadata import CONFIG, read_config, stored_networks, stored_training
from faceswap_lib.upgrades import (
    ARRAYS,
    OPTIONS,
    TERMS,
    VALUES,
    downgrade_json,
    upgrade_array_name,
    upgrade_json,
    upgrade_options,
)
from faceswap_lib.upgrades import METRICS as OLD_METRICS

CLASSES = (
    *(DetectConfig, SmoothConfig, TrackConfig, ExtractConfig, NetworkConfig),
    *(TrainConfig, LoopConfig, ConvertConfig, OutputConfig, EvaluateConfig),
)
"""All that have renamed options."""

OLD_NETWORKS = {"resolution": 64, "layout": "reference", "view": "picture", "upsampling": "shuffle", "norm": "none"}


def old_options(options: object) -> dict:
    """Spells the options of a class as the version before did."""
    return downgrade_json(options_to_dict(options))


@pytest.mark.parametrize("options_class", CLASSES, ids=lambda each: each.__name__)
def test_old_names_stand_for_options_that_exist(options_class):
    names = OPTIONS[options_class.__name__]
    known = {row.name for row in describe_options(options_class)}
    assert set(names.values()) <= known
    assert not set(names) & known


def test_every_table_belongs_to_a_class():
    assert set(OPTIONS) == {each.__name__ for each in CLASSES}


@pytest.mark.parametrize("options_class", CLASSES[2:], ids=lambda each: each.__name__)
def test_options_of_the_version_before_are_read(options_class):
    default = options_class()
    old = old_options(default)
    assert set(OPTIONS[options_class.__name__]) <= set(old)
    assert options_from_dict(options_class, old) == default


def test_old_values_are_read():
    config = options_from_dict(NetworkConfig, OLD_NETWORKS)
    assert (config.architecture, config.input_mode, config.upsampling) == ("faceswap-gan", "full", "pixel-shuffle")
    assert options_from_dict(TrainConfig, {"schedule": "faithful"}).schedule == "faceswap-gan"
    assert options_from_dict(TrainConfig, {"schedule": "short"}) == TrainConfig()
    for name, words in VALUES.items():
        assert all(upgrade_options(NetworkConfig, {name: old}) == {name: new} for old, new in words.items())


def test_a_fingerprint_of_the_version_before_is_that_of_the_same_conversion(tmp_path):
    options = [options_to_dict(one) for one in (ConvertConfig(), OutputConfig(), DetectConfig(), TrackConfig())]
    now = {"version": "0.1.0", "run": ["r", "id", 40], "options": options}
    before = downgrade_json(now)
    assert {"colour", "code_shift"} <= set(before["options"][0]) and "who" in before["options"][3]
    assert upgrade_json(before) == now and upgrade_json(now) == now
    with ChunkStore(tmp_path / "o.mp4", now) as store:
        store.path("picture", 0, ".mp4").touch()
        store.finish(ChunkStats(frames=240))
    (store.folder / "plan.json").write_text(json.dumps(before))
    assert ChunkStore(tmp_path / "o.mp4", now).frames == 240
    other = now | {"options": [*options[:3], options_to_dict(TrackConfig(subject="all"))]}
    assert ChunkStore(tmp_path / "o.mp4", other).frames == 0


def test_the_config_of_a_run_of_the_version_before_is_read(tmp_path):
    training = dataclasses.replace(TrainConfig(), steps=77, rotation_range=3.0, ema_decay=0.9)
    networks = PRESETS["tiny"]
    stored = {"schema": 1, "networks": old_options(networks), "training": old_options(training)}
    stored["networks"] |= {"layout": "direct", "view": "face", "upsampling": "shuffle"}
    stored["training"]["schedule"] = "short"
    for name in ("architecture", "input_mode"):
        stored["networks"].pop(name, None)
    (tmp_path / CONFIG).write_text(json.dumps(stored))
    assert stored_networks(tmp_path) == dataclasses.replace(networks, face_region=networks.face_region)
    assert stored_training(tmp_path) == training
    assert read_config(tmp_path)["training"] == options_to_dict(training)


def test_loss_terms_of_the_version_before_are_read(tmp_path):
    path = tmp_path / "history.jsonl"
    old = {"step": 10, "structure_a": 1.5, "mask_variation_b": 0.1, "edges_a": 0.2, "mask_mean_a": 0.9}
    new = {"step": 20, "dssim_a": 1.4}
    path.write_text("".join(json.dumps(entry) + "\n" for entry in (old, new)))
    assert read_history(path) == [
        {"step": 10, "dssim_a": 1.5, "mask_tv_b": 0.1, "edges_a": 0.2, "mask_mean_a": 0.9},
        new,
    ]
    assert not set(TERMS) & set(TERMS.values())


def test_arrays_of_the_version_before_are_read():
    assert set(ARRAYS.values()) <= set(GROUPS)
    assert upgrade_array_name("generator_optimiser/012") == "generator_optimizer/012"
    assert upgrade_array_name("encoder/000") == "encoder/000" and upgrade_array_name("position") == "position"


def test_metrics_of_the_version_before_are_read(tmp_path):
    assert set(OLD_METRICS.values()) <= set(METRICS) and not set(OLD_METRICS) & set(METRICS)
    values = {name: 0.5 for name in METRICS}
    old = {new: old for old, new in OLD_METRICS.items()}
    plain = {
        "schema": 1,
        "version": "0.1.0",
        "inputs": {"swapped": "s.mp4", "original": "o.mp4", "identity": "i.mp4"},
        "networks": {"landmarks": "dlib"},
        "frames": 2,
        "fps": 25.0,
        "summary": {"score": 50.0, "parts": {"identity": 0.5}, "verdict": "A swap."},
        "values": {old.get(name, name): value for name, value in values.items()},
        "skipped": {"leaked": "no face"},
        "series": {"to_wanted": [0.5, None]},
        "baselines": {"swap": {"found": 90.0}},
        "breakdown": {"yaw": {"left": {"background": 40.0}}},
    }
    path = tmp_path / "report.json"
    path.write_text(json.dumps(plain))
    report = Report.read(path)
    assert report.values == values
    assert report.skipped == {"outside_face_ratio": "no face"}
    assert np.array_equal(report.series["identity_distance"], [0.5, np.nan], equal_nan=True)
    assert report.baselines == {"swap": {"detection_rate": 90.0}}
    assert report.breakdown == {"yaw": {"left": {"background_psnr": 40.0}}}
    report.write(path)
    assert json.loads(path.read_text())["schema"] == 2 and Report.read(path).values == values
