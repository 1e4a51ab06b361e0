"""What Keras computes on, and how arrays get there; made-up GPUs stand for real ones."""

import importlib
import types

import keras
import numpy as np
import pytest

from faceswap_lib import devices
from faceswap_lib.devices import ALIGNMENT, Device, empty_aligned, has_accelerator, list_devices, to_device

HERE = keras.backend.backend()
BACKENDS = [HERE, *(name for name in ("tensorflow", "jax", "torch") if name != HERE)]


@pytest.fixture(params=[pytest.param(name, marks=[] if name == HERE else pytest.mark.parity) for name in BACKENDS])
def backend(request) -> types.ModuleType:
    pytest.importorskip(request.param)
    return importlib.import_module(f"faceswap_lib.devices.{request.param}")


def test_a_machine_without_accelerators_has_its_processor(backend):
    if any(not device.is_cpu for device in backend.list_devices()):
        pytest.skip("this machine has an accelerator")
    assert {device.name for device in backend.list_devices()} == {"cpu:0"}
    assert backend.peak_device_memory() is None


def test_arrays_become_tensors_without_a_copy_on_a_cpu(backend):
    if any(not device.is_cpu for device in backend.list_devices()):
        pytest.skip("this machine has an accelerator")
    array = empty_aligned((5, 4, 3))
    array[:] = np.arange(60).reshape(5, 4, 3)
    tensor = backend.to_device(array)
    assert np.array_equal(np.asarray(tensor), array) and np.asarray(tensor).dtype == np.uint8
    array[2, 1, 0] = 99
    assert int(np.asarray(tensor)[2, 1, 0]) == 99  # the same memory


def test_arrays_that_cannot_be_shared_are_copied(backend):
    array = empty_aligned((65,))[1:].reshape(8, 8)[:, ::2]
    array[:] = 7
    assert np.asarray(backend.to_device(np.ascontiguousarray(array))).tolist() == array.tolist()
    frozen = np.ones((4, 4), np.uint8)
    frozen.flags.writeable = False
    assert np.asarray(to_device(frozen)).tolist() == frozen.tolist()


@pytest.mark.parametrize(("shape", "dtype"), [((3, 5, 7), np.uint8), ((1,), np.float32), ((0, 4), np.uint8)])
def test_aligned_memory_begins_where_backends_want_it(shape, dtype):
    array = empty_aligned(shape, dtype)
    assert array.shape == shape and array.dtype == dtype and array.flags.c_contiguous and array.flags.writeable
    assert array.size == 0 or array.ctypes.data % ALIGNMENT == 0


def test_keras_own_backend_answers(monkeypatch):
    gpu = Device(name="gpu:0", description="Tesla T4", compute_capability=(7, 5), memory=15_000_000_000)
    monkeypatch.setattr(devices, "_backend", lambda: types.SimpleNamespace(list_devices=lambda: [gpu]))
    assert list_devices() == [gpu] and has_accelerator()
    assert str(gpu) == "gpu:0 (Tesla T4, capability 7.5, 15 GB)" and str(Device(name="cpu:0")) == "cpu:0"


def test_tensorflow_describes_its_gpus(monkeypatch):
    tf = pytest.importorskip("tensorflow")
    from faceswap_lib.devices import tensorflow as backend

    details = {"device_name": "Tesla T4", "compute_capability": (7, 5)}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["made up"] if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
    (device,) = backend.list_devices()
    assert device == Device(name="gpu:0", description="Tesla T4", compute_capability=(7, 5))
    assert not device.has_bfloat16


@pytest.mark.parity
@pytest.mark.parametrize(("hip", "capability"), [(None, (12, 0)), ("7.1", None)])
def test_pytorch_describes_its_gpus(monkeypatch, hip, capability):
    torch = pytest.importorskip("torch")
    from faceswap_lib.devices import torch as backend

    properties = types.SimpleNamespace(name="made up", major=12, minor=0, total_memory=16 * 10**9)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties)
    monkeypatch.setattr(torch.version, "hip", hip)
    (device,) = backend.list_devices()
    assert device.name == "gpu:0" and device.compute_capability == capability and device.memory == 16 * 10**9
    assert device.has_bfloat16 is (hip is None)  # AMD's number means something else


@pytest.mark.parity
def test_jax_describes_its_gpus(monkeypatch):
    jax = pytest.importorskip("jax")
    from faceswap_lib.devices import jax as backend

    def gpu(capability: str):
        memory = {"bytes_limit": 11, "peak_bytes_in_use": 7}
        return types.SimpleNamespace(
            platform="gpu", id=0, device_kind="card", compute_capability=capability, memory_stats=lambda: memory
        )

    monkeypatch.setattr(jax, "devices", lambda: [gpu("9.0"), gpu("gfx90a")])
    nvidia, amd = backend.list_devices()
    assert nvidia.has_bfloat16 and nvidia.compute_capability == (9, 0) and nvidia.memory == 11
    assert not amd.has_bfloat16 and amd.compute_capability is None and backend.peak_device_memory() == 7
