"""Networks in ONNX that reach for other files, claim more than they have, nest without end, or never end."""

import os
import pathlib
import sys
import time

import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError, FaceswapError, InputError
from faceswap_lib.evaluation.onnx_embedder import OnnxEmbedder
from faceswap_lib.export.onnx_check import check_onnx_file
from faceswap_lib.export.onnx_image_network import OnnxImageNetwork
from faceswap_lib.limits import MODEL_BYTES
from faceswap_lib.networks import child_process

onnx = pytest.importorskip("onnx", reason="onnx, with which the test makes its networks, is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

SHAPE = ["N", 3, 32, 32]


def tensor(values: object, name: str = "weights") -> "onnx.TensorProto":
    return numpy_helper.from_array(np.asarray(values), name)


def model(*nodes, weights=(), output=None, domain: str = "") -> "onnx.ModelProto":
    """A network from `picture` to `answer`; without nodes, the means over the picture."""
    if not nodes:
        nodes = (helper.make_node("ReduceMean", ["picture", "axes"], ["answer"], keepdims=0),)
        weights = (*weights, tensor(np.array([2, 3], np.int64), "axes"))
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, SHAPE)],
        [output or helper.make_tensor_value_info("answer", TensorProto.FLOAT, None)],
        list(weights),
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    opsets += [helper.make_opsetid(domain, 1)] if domain else []
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def external(location: str, *, offset: str = "0", shape=(4,)) -> "onnx.ModelProto":
    """A network with weights in another file."""
    weights = tensor(np.zeros(shape, np.float32))
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset)):
        weights.external_data.add(key=key, value=value)
    return model(weights=[weights])


def claiming(dims: list[int], *, raw: bytes = b"", kind: int = TensorProto.FLOAT) -> "onnx.ModelProto":
    weights = onnx.TensorProto(dims=dims, data_type=kind, name="w", raw_data=raw)
    return model(weights=[weights])


def nested(depth: int) -> "onnx.ModelProto":
    """Branches in branches."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("Identity", ["picture"], ["x"])], "inner", [], [value])
    for _ in range(depth):
        branch = helper.make_node("If", ["yes"], ["x"], then_branch=graph, else_branch=graph if _ < 2 else None)
        graph = helper.make_graph([branch], "outer", [], [value])
    end = helper.make_node("If", ["yes"], ["answer"], then_branch=graph)
    return model(end, weights=[tensor(np.array(True), "yes")])


def attribute_elsewhere() -> "onnx.ModelProto":
    """A constant inside a branch, whose numbers lie in another folder."""
    hidden = external("../secret.bin").graph.initializer[0]
    inner = helper.make_graph([helper.make_node("Constant", [], ["x"], value=hidden)], "inner", [], [])
    return model(
        helper.make_node("If", ["yes"], ["answer"], then_branch=inner), weights=[tensor(np.array(True), "yes")]
    )


CASES = {
    "another folder": (external("../secret.bin"), "plain file name"),
    "the root": (external("/etc/passwd"), "plain file name"),
    "a drive": (external("C:secret.bin"), "plain file name"),
    "a link": (external("link.bin"), "got a link to"),
    "nothing there": (external("gone.bin"), "which is not in the same folder"),
    "no name": (external(""), "plain file name"),
    "beyond the end": (external("own.bin", offset="1000000"), "beyond the end"),
    "far beyond": (external("own.bin", offset="9" * 18), "beyond the end"),
    "an odd place": (external("own.bin", offset="-5"), "its weights are at"),
    "too large for its file": (external("own.bin", shape=(1000,)), "beyond the end"),
    "hidden in a branch": (attribute_elsewhere(), "plain file name"),
    "gigantic": (claiming([1 << 20, 1 << 20, 4]), "its weights claim 17,592,186,044,416 bytes"),
    "gigantic in sum": (
        model(weights=[onnx.TensorProto(dims=[1 << 28], data_type=1, name=f"w{n}") for n in range(9)]),
        "claim",
    ),
    "negative": (claiming([-1], raw=b"1234"), "negative side"),
    "too few bytes": (claiming([4], raw=b"1234"), r"has 4 bytes instead of 16"),
    "too many bytes": (claiming([1], raw=bytes(400)), "has 400 bytes instead of 4"),
    "branches in branches": (nested(20), "nested deeper than"),
    "a page": (b"<!DOCTYPE html><html></html>", "cannot be read"),
    "nothing": (b"", "0 graphs"),
    "pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\n", "cannot be read"),
    "endless number": (b"\xff" * 40, "cannot be read"),
    "long claim": (b"\x3a\xff\xff\xff\xff\x07", "cannot be read"),
    "two graphs": (model().SerializeToString() * 2, "2 graphs"),
    "many parts": (b"\x08\x01" * 1_000_001, "more than 1,000,000 parts"),
}


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    (tmp_path / "secret.bin").write_bytes(np.full(1000, 4711, np.float32).tobytes())
    inside = tmp_path / "networks"
    inside.mkdir()
    (inside / "own.bin").write_bytes(np.full(16, 2, np.float32).tobytes())
    if hasattr(os, "symlink"):
        (inside / "link.bin").symlink_to(tmp_path / "secret.bin")
    return inside


def save(folder: pathlib.Path, network) -> pathlib.Path:
    path = folder / "net.onnx"
    path.write_bytes(network if isinstance(network, bytes) else network.SerializeToString())
    return path


@pytest.mark.parametrize("case", CASES)
def test_what_no_network_needs_is_refused_before_it_is_opened(folder, case):
    network, words = CASES[case]
    path = save(folder, network)
    start = time.perf_counter()
    with pytest.raises(CheckpointError) as caught:
        check_onnx_file(path)
    message = str(caught.value)
    assert words in message and str(path) in message and "\n" not in message and len(message) < 600
    assert time.perf_counter() - start < 5


def test_networks_as_exporters_write_them_pass(folder):
    for network in (model(), external("own.bin"), external("own.bin", offset="48"), nested(2)):
        check_onnx_file(save(folder, network))


def constant_of(shape: list[int]) -> "onnx.ModelProto":
    """One number, repeated so often at run time."""
    repeat = helper.make_node("ConstantOfShape", ["shape"], ["many"], value=tensor(np.ones(1, np.float32)))
    total = helper.make_node("ReduceSum", ["many"], ["sum"], keepdims=1)
    mean = helper.make_node("ReduceMean", ["picture", "axes"], ["means"], keepdims=0)
    add = helper.make_node("Mul", ["means", "sum"], ["answer"])
    weights = [tensor(np.array(shape, np.int64), "shape"), tensor(np.array([2, 3], np.int64), "axes")]
    return model(repeat, total, mean, add, weights=weights)


def endless() -> "onnx.ModelProto":
    """A loop of 2^62 turns."""
    outputs = [helper.make_tensor_value_info("go", TensorProto.BOOL, []), helper.make_tensor_value_info("y", 1, None)]
    inputs = [
        helper.make_tensor_value_info("i", TensorProto.INT64, []),
        helper.make_tensor_value_info("going", TensorProto.BOOL, []),
        helper.make_tensor_value_info("x", TensorProto.FLOAT, None),
    ]
    body = [helper.make_node("Identity", ["going"], ["go"]), helper.make_node("Sin", ["x"], ["y"])]
    loop = helper.make_node(
        "Loop", ["turns", "yes", "picture"], ["answer"], body=helper.make_graph(body, "b", inputs, outputs)
    )
    return model(loop, weights=[tensor(np.array(1 << 62), "turns"), tensor(np.array(True), "yes")])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no limit of memory")
def test_a_network_that_asks_for_40_gigabytes_when_it_runs(folder):
    """The whole machine's memory would have been filled."""
    with pytest.raises(CheckpointError, match=r"net\.onnx: .*name another network"):
        OnnxEmbedder(save(folder, constant_of([10_000, 1_000_000])))


def test_a_network_that_never_ends(folder, monkeypatch):
    monkeypatch.setattr(child_process, "SECONDS", 4)
    start = time.perf_counter()
    with pytest.raises(CheckpointError, match=r"net\.onnx: reading it took more than 4 seconds"):
        OnnxEmbedder(save(folder, endless()))
    assert time.perf_counter() - start < 12


def test_an_unknown_operator_is_refused_and_nobodys_library_loaded(folder):
    """ONNX Runtime loads a library of operators only where a program asks it to, which this one does not."""
    network = model(helper.make_node("Evil", ["picture"], ["answer"], domain="own.ops"), domain="own.ops")
    with pytest.raises(CheckpointError, match=r"net\.onnx: .*cannot be read"):
        OnnxEmbedder(save(folder, network))
    for opener in (OnnxEmbedder, OnnxImageNetwork):
        source = pathlib.Path(sys.modules[opener.__module__].__file__).read_text(encoding="utf-8")
        assert "register_custom_ops_library" not in source


def texts() -> "onnx.ModelProto":
    constant = helper.make_tensor("t", TensorProto.STRING, [1], [b"Anna"])
    return model(
        helper.make_node("Constant", [], ["answer"], value=constant),
        output=helper.make_tensor_value_info("answer", TensorProto.STRING, None),
    )


def whole_numbers() -> "onnx.ModelProto":
    return model(
        helper.make_node("Shape", ["picture"], ["answer"]),
        output=helper.make_tensor_value_info("answer", TensorProto.INT64, None),
    )


@pytest.mark.parametrize("make", [texts, whole_numbers])
def test_answers_that_are_no_numbers(folder, make):
    """Texts ended in a traceback."""
    with pytest.raises(InputError, match="expected an array of numbers for each face, got"):
        OnnxEmbedder(save(folder, make()), is_tried=False)


def test_files_larger_than_the_limit_are_not_opened(folder, monkeypatch):
    monkeypatch.setenv(MODEL_BYTES.variable, "100")
    with pytest.raises(CheckpointError, match=f"set {MODEL_BYTES.variable}="):
        OnnxEmbedder(save(folder, model()))


def test_flipped_bits_and_cuts_are_refused_or_pass(folder):
    """Every bit of a small network, and every length: checked, never a traceback."""
    data = save(folder, model(weights=[tensor(np.ones((2, 2), np.float32))])).read_bytes()
    refused = 0
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        for content in (bytes(damaged), data[: bit // 8]) if bit % 8 == 0 else (bytes(damaged),):
            try:
                check_onnx_file(save(folder, content))
            except FaceswapError:
                refused += 1
    assert refused > len(data)
