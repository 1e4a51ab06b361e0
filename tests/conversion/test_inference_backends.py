"""What a generator runs on: `conversion/inference_backends.py`, `export/onnx_model.py`."""

import dataclasses
import logging
import os
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from faceswap_lib.conversion import KerasSwapper, inference_backends
from faceswap_lib.conversion.inference_backends import measure_swappers, open_backend
from faceswap_lib.conversion.latent.mapping import LatentShift
from faceswap_lib.conversion.swapper import OnnxSwapper
from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks import PRESETS, NetworkConfig, Networks, build_networks, precision
from faceswap_lib.networks.preprocessing import preprocess_views
from faceswap_lib.training import load_run
from tests.conftest import ROOT
from tests.fakes import IdentitySwapper

TINY = {"capacity": "tiny", "resolution": 64}


def build_lively(config: NetworkConfig, seed: int = 3) -> Networks:
    """Networks in which every weight matters: nothing is 0, 1 or the same in both decoders."""
    networks = build_networks(config)
    random = np.random.default_rng(seed)
    for network in networks.generators:
        for weight in network.weights:
            value = weight.numpy()
            if weight.path.endswith("moving_variance"):
                weight.assign(random.uniform(0.5, 2, value.shape))
            elif weight.path.endswith("kernel"):
                weight.assign(random.normal(0, value.std(), value.shape))
            else:
                weight.assign(value + random.normal(0, 0.3, value.shape))
    return networks


def draw_views(config: NetworkConfig, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Views and faces of noise in large blocks."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 256, (count, 8, 8, 3), np.uint8)
    side = config.resolution // 8
    faces = np.zeros((count, config.resolution, config.resolution), np.uint8)
    faces[:, 4:-4, 8:-8] = 255
    return blocks.repeat(side, axis=1).repeat(side, axis=2), faces


def draw_shift(networks: Networks) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.5, networks.encoder.output_shape[1:]).astype(np.float32)


def assert_same_pixels(one, other, views: np.ndarray, faces: np.ndarray) -> None:
    """Masks within 1e-3 and faces within one level, of pictures that have something in them."""
    (masks, pictures), (other_masks, other_pictures) = one.swap(views, faces), other.swap(views, faces)
    assert masks.std() > 0.02 and pictures.std() > 10
    assert other_masks.dtype == np.float32 and other_pictures.dtype == np.uint8
    np.testing.assert_allclose(other_masks, masks, rtol=0, atol=1e-3)
    apart = np.abs(other_pictures.astype(int) - pictures)
    assert apart.max() <= 1 and (apart > 0).mean() < 0.01


@pytest.fixture
def onnx():
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    return pytest.importorskip("onnx", reason="onnx is not installed")


@pytest.fixture(scope="module")
def tiny() -> Networks:
    return build_lively(NetworkConfig(**TINY))


# How many at a time ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("xla", "sizes"), [(True, {6}), (False, {1, 2, 4, 16})])
def test_networks_are_compiled_for_one_size_where_xla_compiles(tiny, monkeypatch, xla, sizes):
    """Whatever number of faces comes; where they are only traced, few sizes save work."""
    monkeypatch.setattr("faceswap_lib.conversion.swapper.compiles_with_xla", lambda: xla)
    one, other = KerasSwapper(tiny, "a2b", batch_size=6), KerasSwapper(tiny, "a2b")
    other._batch_size, seen = None, set()
    run = one._decoder.predict_on_batch
    monkeypatch.setattr(one._decoder, "predict_on_batch", lambda codes: (seen.add(len(codes)), run(codes))[1])
    for count in (1, 2, 3, 13):
        views, faces = draw_views(tiny.config, count)
        assert_same_pixels(other, one, views, faces)
        assert len(one.swap(views, faces)[0]) == count
    assert seen == sizes


# The same pixels ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_onnx_gives_the_pixels_of_keras_for_every_preset_in_both_directions(preset, onnx):
    networks = build_lively(PRESETS[preset])
    views, faces = draw_views(networks.config, 2)
    shift = LatentShift(shift=draw_shift(networks))
    pictures = []
    for direction in ("a2b", "b2a"):
        swapper = OnnxSwapper(networks, direction, shift)
        assert (swapper.resolution, swapper.coverage) == (networks.config.resolution, networks.config.view_coverage)
        assert_same_pixels(KerasSwapper(networks, direction, shift), swapper, views, faces)
        pictures.append(swapper.swap(views, faces)[1].astype(int))
    assert np.abs(pictures[0] - pictures[1]).mean() > 1


@pytest.mark.parametrize(
    "options",
    [
        {"norm": "instance", "attention": "dual"},
        {"norm": "batch", "upsampling": "nearest"},
        {"norm": "layer"},
        {"norm": "group", "architecture": "faceswap-gan", "attention": "none"},
        {"norm": "none", "architecture": "faceswap-gan", "upsampling": "nearest", "input_mode": "full"},
        {"norm": "hybrid", "architecture": "faceswap-gan", "attention": "dual", "resolution": 128},
    ],
    ids=lambda options: " ".join(map(str, options.values())),
)
def test_onnx_gives_the_pixels_of_keras_for_every_kind_of_layer(options, onnx):
    networks = build_lively(NetworkConfig(**{**TINY, **options}))
    views, faces = draw_views(networks.config, 2)
    assert_same_pixels(KerasSwapper(networks, "a2b"), OnnxSwapper(networks, "a2b"), views, faces)


def test_a_batch_of_any_size_is_faces_one_by_one(tiny, onnx):
    views, faces = draw_views(tiny.config, 5)
    swapper = OnnxSwapper(tiny, "a2b", LatentShift(shift=draw_shift(tiny)))
    masks, pictures = swapper.swap(views, faces)
    for index in range(5):
        (mask,), (picture,) = swapper.swap(views[index : index + 1], faces[index : index + 1])
        np.testing.assert_allclose(mask, masks[index], atol=1e-4)
        assert np.abs(picture.astype(int) - pictures[index]).max() <= 1


@pytest.mark.parametrize("swapper_class", [KerasSwapper, OnnxSwapper])
def test_another_latent_map_needs_no_new_network(swapper_class, tiny, onnx):
    views, faces = draw_views(tiny.config, 2)
    plain, shift = swapper_class(tiny, "b2a"), draw_shift(tiny)
    moved = plain.with_latent_map(LatentShift(shift=shift))
    code = tiny.encoder.predict_on_batch(preprocess_views(views, faces)[0])
    for swapper, way in ((moved, shift), (plain, 0)):
        mask = tiny.decoder_a.predict_on_batch(code + way)[0][..., 0]
        np.testing.assert_allclose(swapper.swap(views, faces)[0], mask, atol=1e-4)
    assert np.abs(moved.swap(views, faces)[0] - plain.swap(views, faces)[0]).max() > 0.01


def test_networks_built_for_bfloat16_are_written_in_float32(tiny, onnx):
    views, faces = draw_views(tiny.config, 2)
    other = OnnxSwapper(inference_backends._in_bfloat16(tiny), "a2b")
    assert_same_pixels(KerasSwapper(tiny, "a2b"), other, views, faces)


def test_the_model_is_valid_and_says_what_it_takes(tiny, onnx):
    from faceswap_lib.export.onnx_model import decoder_to_onnx, encoder_to_onnx

    def shapes(model) -> dict[str, list]:
        onnx.checker.check_model(model, full_check=True)
        values = (*model.graph.input, *model.graph.output)
        return {
            value.name: [dim.dim_value or dim.dim_param for dim in value.type.tensor_type.shape.dim] for value in values
        }

    codes = {"codes": ["batch", *tiny.encoder.output_shape[1:]]}
    assert shapes(encoder_to_onnx(tiny.encoder)) == {"views": ["batch", 64, 64, 3]} | codes
    assert shapes(decoder_to_onnx(tiny.decoder_a)) == codes | {
        "masks": ["batch", 64, 64],
        "faces": ["batch", 64, 64, 3],
    }


def test_only_what_mask_and_face_need_is_written(onnx):
    from faceswap_lib.export.onnx_model import decoder_to_onnx

    networks = build_networks(NetworkConfig(capacity="tiny", resolution=128, attention="none", norm="none"))
    assert len(networks.decoder_a.outputs) == 3  # a face at 64 pixels besides
    model = decoder_to_onnx(networks.decoder_a)
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("Tanh") == kinds.count("Sigmoid") == 1


def test_a_layer_it_does_not_know_is_named(tiny, onnx):
    from faceswap_lib.export.onnx_model import encoder_to_onnx

    last = keras.layers.Softmax(name="unheard_of")(tiny.encoder.output)
    with pytest.raises(ValueError, match="layer unheard_of: expected one of Add, .*, got Softmax"):
        encoder_to_onnx(keras.Model(tiny.encoder.input, last))


@pytest.mark.parity
@pytest.mark.parametrize("backend", [name for name in ("jax", "torch") if name != keras.backend.backend()])
def test_onnx_is_written_whatever_keras_runs_on(backend, onnx):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    program = (
        "from tests.conversion.test_inference_backends import *\n"
        "networks = build_lively(NetworkConfig(**TINY))\n"
        "views, faces = draw_views(networks.config, 2)\n"
        "assert_same_pixels(KerasSwapper(networks, 'a2b'), open_backend(networks, 'a2b', 'onnx'), views, faces)\n"
        "assert open_backend(networks, 'a2b', batch_size=1).swap(views, faces)[1].std() > 10\n"
        "print(keras.backend.backend())"
    )
    environment = {**os.environ, "KERAS_BACKEND": backend}
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.split() == [backend]


# Which one ---------------------------------------------------------------------------------------------------------


class SlowSwapper(IdentitySwapper):
    """Needs a while for every batch."""

    def __init__(self, seconds: float):
        super().__init__(64)
        self.seconds = seconds

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        time.sleep(self.seconds)
        return super().swap(views, faces)


def test_an_engine_can_be_named(tiny, onnx):
    assert isinstance(open_backend(tiny, "a2b", "keras"), KerasSwapper)
    assert isinstance(open_backend(tiny, "a2b", "onnx"), OnnxSwapper)
    with pytest.raises(InputError, match="inference_backend must be one of auto, keras, onnx, got tensorrt"):
        open_backend(tiny, "a2b", "tensorrt")
    for engine in ("auto", "keras", "onnx"):
        with pytest.raises(ValueError, match="expected direction a2b or b2a, got a2c"):
            open_backend(tiny, "a2c", engine)


def test_swappers_are_timed_in_turn_a_batch_at_a_time():
    swappers = {"slow": SlowSwapper(0.02), "fast": SlowSwapper(0.004)}
    times = measure_swappers(swappers, 4)
    assert times["slow"] >= 0.005 > times["fast"] >= 0.001  # seconds a face
    for swapper in swappers.values():
        assert swapper.batches == [4] * (1 + inference_backends.MEASURED_CALLS)  # the first is not timed


def test_timing_ends_when_its_time_is_up(monkeypatch):
    """By a clock of its own: on a busy machine a wait takes as long as it likes."""
    now = [0.0]
    monkeypatch.setattr(inference_backends.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(inference_backends, "MEASURED_SECONDS", 0.05)
    swappers = {"one": SlowSwapper(0.02), "other": SlowSwapper(0.02)}
    assert measure_swappers(swappers, 1) == pytest.approx({"one": 0.02, "other": 0.02})
    assert len(swappers["one"].batches) == len(swappers["other"].batches) == 3


@pytest.mark.parametrize(
    ("times", "chosen"),
    [
        ({"Keras": 0.004, "Keras in bfloat16": 0.003, "ONNX Runtime": 0.002}, OnnxSwapper),
        ({"Keras": 0.002, "Keras in bfloat16": 0.003, "ONNX Runtime": 0.004}, KerasSwapper),
    ],
)
def test_the_fastest_is_taken_and_all_times_are_said(times, chosen, tiny, onnx, monkeypatch, caplog):
    asked = []

    def measured(swappers, batch_size):
        asked.append((list(swappers), batch_size))
        return times

    monkeypatch.setattr(inference_backends, "measure_swappers", measured)
    monkeypatch.setattr(precision, "resolve_precision", lambda asked, devices: "bfloat16")
    with caplog.at_level(logging.INFO, "faceswap_lib"):
        swapper = open_backend(tiny, "a2b", batch_size=3)
    assert isinstance(swapper, chosen)
    assert asked == [(list(times), 3)]
    (message,) = caplog.messages
    fastest = min(times, key=times.get)
    assert message.startswith(f"faces are swapped by {fastest}, the fastest here (milliseconds a face: Keras ")
    assert all(f"{name} {1000 * seconds:.1f}" in message for name, seconds in times.items())


def test_bfloat16_is_tried_only_where_it_is_fast(tiny, onnx, monkeypatch):
    monkeypatch.setattr(precision, "resolve_precision", lambda asked, devices: "float32")
    assert list(inference_backends._open_all(tiny, "a2b", 8)) == ["Keras", "ONNX Runtime"]


def test_bfloat16_shows_the_same_face(tiny_run):
    """What is pasted, the face under its mask, is within 1e-2 for the trained run."""
    networks = load_run(tiny_run.workspace)[0]
    views, faces = Faceset.open(tiny_run.workspace, "src").load(networks.config.stored_size).views(64)
    old = views / 255
    exact, rough = (
        masks[..., None] * pictures / 255 + (1 - masks[..., None]) * old
        for masks, pictures in (
            KerasSwapper(chosen, "a2b").swap(views, faces)
            for chosen in (networks, inference_backends._in_bfloat16(networks))
        )
    )
    assert 0 < np.abs(exact - rough).max() < 1e-2
    assert keras.config.dtype_policy().name == "float32"


def test_without_onnxruntime_keras_is_taken_and_that_is_said(tiny, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(precision, "resolve_precision", lambda asked, devices: "float32")
    with caplog.at_level(logging.INFO, "faceswap_lib"):
        assert isinstance(open_backend(tiny, "a2b"), KerasSwapper)
    (message,) = caplog.messages
    assert message.startswith("faces are swapped by Keras: ONNX Runtime cannot be used")
    assert message.endswith("pip install 'faceswap_lib[export]'")
    with pytest.raises(InputError, match="ONNX Runtime cannot be used .*; pip install 'faceswap_lib.export.'"):
        open_backend(tiny, "a2b", "onnx")


def test_a_network_of_one_view_keeps_its_numbers(tiny, onnx):
    """The whole picture in its own colors takes another way to the network."""
    config = dataclasses.replace(tiny.config, input_mode="full")
    networks = dataclasses.replace(tiny, config=config)
    views, faces = draw_views(config, 2)
    assert_same_pixels(KerasSwapper(networks, "a2b"), OnnxSwapper(networks, "a2b"), views, faces)
    other = OnnxSwapper(tiny, "a2b").swap(views, faces)[0]
    assert np.abs(OnnxSwapper(networks, "a2b").swap(views, faces)[0] - other).max() > 0.01
