"""Which numbers networks compute with."""

import keras
import numpy as np
import pytest

from faceswap_lib.devices import Device
from faceswap_lib.networks import PRESETS, build_networks
from faceswap_lib.networks import precision as module
from faceswap_lib.networks.precision import compute_in, resolve_precision

CPU = Device(name="cpu:0")


def gpu(*capability: int) -> Device:
    return Device(name="gpu:0", compute_capability=capability or None)


def resolve(monkeypatch, tmp_path, *, devices=(CPU,), flags="fma avx512f", backend="tensorflow") -> str:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\nbugs : none\n", encoding="utf-8")
    monkeypatch.setattr(module, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    return resolve_precision("auto", devices)


def test_auto_takes_bfloat16_where_it_is_faster(monkeypatch, tmp_path):
    assert resolve(monkeypatch, tmp_path) == "float32"
    assert resolve(monkeypatch, tmp_path, flags="fma avx512_bf16") == "bfloat16"
    assert resolve(monkeypatch, tmp_path, flags="fma avx512_bf16", backend="jax") == "float32"
    assert resolve(monkeypatch, tmp_path, devices=(CPU, gpu(9, 0)), backend="jax") == "bfloat16"


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (gpu(6, 0), "float32"),  # P100
        (gpu(7, 0), "float32"),  # V100
        (gpu(7, 5), "float32"),  # T4
        (gpu(8, 0), "bfloat16"),  # A100
        (gpu(8, 9), "bfloat16"),  # L4
        (gpu(9, 0), "bfloat16"),  # H100
        (gpu(12, 0), "bfloat16"),  # RTX 50
        (gpu(), "float32"),  # AMD, and whatever does not say
        (Device(name="mps:0"), "float32"),
        (Device(name="tpu:0"), "bfloat16"),
    ],
    ids=str,
)
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_auto_takes_bfloat16_only_where_the_accelerator_multiplies_it(monkeypatch, tmp_path, device, expected, backend):
    flags = "avx512_bf16 amx_bf16"  # what the processor beside it can do does not count
    assert resolve(monkeypatch, tmp_path, devices=(device,), flags=flags, backend=backend) == expected


def test_of_two_accelerators_the_weaker_one_decides(monkeypatch, tmp_path):
    assert resolve(monkeypatch, tmp_path, devices=(gpu(8, 0), gpu(7, 5))) == "float32"


@pytest.mark.parametrize("asked", ["float32", "bfloat16"])
def test_what_is_asked_for_is_taken(asked):
    assert resolve_precision(asked, [gpu(7, 5)]) == asked


def test_a_machine_that_lists_nothing_computes_in_float32(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "CPU_INFO", tmp_path / "nothing")
    assert resolve_precision("auto", [CPU]) == "float32"


def test_networks_of_both_precisions_hold_the_same_weights_and_nearly_agree():
    results = {}
    picture = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    for precision in ("float32", "bfloat16"):
        keras.utils.set_random_seed(3)
        with compute_in(precision):
            networks = build_networks(PRESETS["tiny"])
        assert {weight.dtype for weight in networks.encoder.weights} == {"float32"}
        mask, face = networks.generate(picture, "a2b")
        assert keras.backend.standardize_dtype(networks.encoder(picture).dtype) == precision
        results[precision] = [keras.ops.convert_to_numpy(keras.ops.cast(x, "float32")) for x in (mask, face)]
    assert keras.config.dtype_policy().name == "float32"
    for exact, rough in zip(results["float32"], results["bfloat16"], strict=True):
        assert 0 < np.abs(exact - rough).max() < 0.1  # eight bits of mantissa, through a dozen layers


def test_the_policy_comes_back_after_an_error():
    with pytest.raises(RuntimeError), compute_in("bfloat16"):
        raise RuntimeError
    assert keras.config.dtype_policy().name == "float32"
