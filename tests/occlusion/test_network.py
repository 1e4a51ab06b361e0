"""The occlusion network: shapes, the same on every backend, its file, and networks of other programs."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.facesets import Workspace
from faceswap_lib.occlusion.choice import find_occlusion_network, open_occlusion_network
from faceswap_lib.occlusion.network import OcclusionNetwork, build_occlusion_network
from faceswap_lib.occlusion.weights import read_network, write_network
from tests.conftest import ROOT

SMALL = (4, 4, 6)

ELSEWHERE = """
import json, pathlib, sys
import numpy as np
from faceswap_lib.occlusion.network import OcclusionNetwork
from faceswap_lib.occlusion.weights import read_network
images = np.random.default_rng(0).integers(0, 256, (3, 256, 256, 3), np.uint8)
found = OcclusionNetwork(read_network(pathlib.Path(sys.argv[1]))).predict(images)
print(json.dumps(found[:, ::32, ::32].tolist()))
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("network") / "network.npz"
    write_network(path, build_occlusion_network(SMALL, seed=3), SMALL)
    return path


def test_a_prediction_has_one_probability_per_pixel(stored: pathlib.Path):
    network = open_occlusion_network(stored)
    images = np.random.default_rng(0).integers(0, 256, (3, 256, 256, 3), np.uint8)
    found = network.predict(images)
    assert found.shape == (3, 256, 256) and found.dtype == np.float32
    assert 0 <= found.min() < found.max() <= 1
    assert np.allclose(network.predict(images[1:2])[0], found[1], atol=1e-5)  # batches do not matter
    assert network.predict(images[:0]).shape == (0, 256, 256)


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_every_backend_predicts_the_same(stored: pathlib.Path, backend: str):
    import keras

    if backend == keras.backend.backend():
        pytest.skip("this is the backend of the tests")
    pytest.importorskip(backend)
    images = np.random.default_rng(0).integers(0, 256, (3, 256, 256, 3), np.uint8)
    here = OcclusionNetwork(read_network(stored)).predict(images)[:, ::32, ::32]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    command = [sys.executable, "-c", ELSEWHERE, str(stored)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert np.allclose(json.loads(done.stdout.splitlines()[-1]), here, atol=1e-3)


def test_the_same_seed_gives_the_same_network():
    one, same, other = (build_occlusion_network(SMALL, seed=seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def rewrite(path: pathlib.Path, target: pathlib.Path, **changes: np.ndarray | None) -> None:
    """Changes arrays of a file and gives it a valid digest."""
    from faceswap_lib.training.checkpoint_file import digest_arrays

    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name != "digest"}
    arrays = {name: value for name, value in (arrays | changes).items() if value is not None}
    digest = np.frombuffer(digest_arrays(arrays), np.uint8)
    np.savez(target, **arrays, digest=digest)


HOSTILE = {
    "channels of a giant": {"channels": np.array([10**6, 10**6])},
    "too many scales": {"channels": np.array([4] * 9)},
    "channels of another network": {"channels": np.array([4, 4, 8])},
    "no channels": {"channels": None},
    "weights are missing": {"weights/003": None},
    "NaN": {"weights/000": np.full((5, 5, 3, 4), np.nan, np.float16)},
    "double precision": {"weights/000": np.zeros((5, 5, 3, 4))},
    "schema of the future": {"schema": np.int64(99)},
    "no schema": {"schema": None},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_network_files_are_refused(stored: pathlib.Path, tmp_path: pathlib.Path, name: str):
    rewrite(stored, tmp_path / "network.npz", **HOSTILE[name])
    with pytest.raises(CheckpointError, match="network.npz"):
        read_network(tmp_path / "network.npz")


def test_damaged_and_missing_network_files_are_refused(stored: pathlib.Path, tmp_path: pathlib.Path):
    path = tmp_path / "network.npz"
    with pytest.raises(CheckpointError, match="faceswap mask --train"):
        read_network(path)
    data = bytearray(stored.read_bytes())
    for damaged in (b"", data[: len(data) // 2], data[:3000] + b"\x55" * 40 + data[3040:]):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="cannot be read"):
            read_network(path)


def test_the_choice_of_a_network(tmp_path: pathlib.Path, stored: pathlib.Path):
    workspace = Workspace(tmp_path)
    assert find_occlusion_network(workspace, "none") is None and find_occlusion_network(workspace, "auto") is None
    for choice, advice in (("network", "faceswap mask --train"), (str(tmp_path / "x.onnx"), "check the path")):
        with pytest.raises(InputError, match=advice):
            find_occlusion_network(workspace, choice)
    workspace.occlusion_network.parent.mkdir()
    workspace.occlusion_network.write_bytes(stored.read_bytes())
    assert find_occlusion_network(workspace, "auto") == workspace.occlusion_network
    assert find_occlusion_network(workspace, "none") is None


def write_onnx(path: pathlib.Path, *, shape: tuple = ("n", 256, 256, 3), channels: int = 1, scale: float = 1.0) -> None:
    """A network that says how green a pixel is, as a mask (N, 256, 256, 1)."""
    onnx = pytest.importorskip("onnx")
    kernel = np.zeros((channels, 3, 1, 1), np.float32)
    kernel[:, 1] = scale
    helper = onnx.helper
    nodes = [
        helper.make_node("Transpose", ["in"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["nchw", "kernel"], ["green"]),
        helper.make_node("Transpose", ["green"], ["out"], perm=[0, 2, 3, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "xseg",
        [helper.make_tensor_value_info("in", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, (*shape[:3], channels))],
        [onnx.numpy_helper.from_array(kernel, "kernel")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize("shape", [("n", 256, 256, 3), (1, 256, 256, 3), (4, 128, 128, 3)])
def test_an_onnx_network_reads_rgb_from_0_to_1(tmp_path: pathlib.Path, shape: tuple):
    pytest.importorskip("onnxruntime")
    write_onnx(tmp_path / "xseg.onnx", shape=shape)
    images = np.zeros((5, 256, 256, 3), np.uint8)
    images[..., 1] = np.array([0, 51, 102, 153, 255])[:, None, None]
    found = open_occlusion_network(tmp_path / "xseg.onnx").predict(images)
    assert found.shape == (5, 256, 256)
    assert np.allclose(found.mean(axis=(1, 2)), [0, 0.2, 0.4, 0.6, 1], atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [{"channels": 2}, {"scale": float("inf")}, {"shape": ("n", 256, 128, 3)}, {"shape": ("n", 256, 256, 3, 1)}],
)
def test_onnx_networks_of_another_kind_are_refused(tmp_path: pathlib.Path, options: dict):
    pytest.importorskip("onnxruntime")
    write_onnx(tmp_path / "xseg.onnx", **options)
    with pytest.raises(InputError, match="xseg.onnx"):
        open_occlusion_network(tmp_path / "xseg.onnx")


def test_a_file_that_is_no_onnx_network_is_refused(tmp_path: pathlib.Path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "xseg.onnx").write_bytes(b"\x08\x07" + b"\xff" * 200)
    with pytest.raises(CheckpointError, match="xseg.onnx"):
        open_occlusion_network(tmp_path / "xseg.onnx")
