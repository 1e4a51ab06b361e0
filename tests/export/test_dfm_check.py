"""Checks of `.dfm` files: a right one passes, and a file that breaks one rule fails with that rule alone."""

import pathlib
import typing

import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.export import dfm_check
from faceswap_lib.export.dfm_check import RULES, RuleResult, check_dfm
from faceswap_lib.limits import MODEL_BYTES
from tests.fakes import make_face

onnx = pytest.importorskip("onnx", reason="onnx, with which the test makes its models, is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from faceswap_lib.export.dfm_readers import DfmSwapper, feed_model  # noqa: E402

S = 32
INPUT, MORPH = "in_face:0", "morph_value:0"
OUTPUTS = ("out_face_mask:0", "out_celeb_face:0", "out_celeb_face_mask:0")


def value(name: str, *shape: int | str, kind: int = TensorProto.FLOAT) -> "onnx.ValueInfoProto":
    return helper.make_tensor_value_info(name, kind, list(shape))


def make_model(
    *,
    inputs: typing.Sequence["onnx.ValueInfoProto"] | None = None,
    names: typing.Sequence[str] = OUTPUTS,
    morph: bool = False,
    scale: float = 1.0,
    opset: int = 13,
    version: int = 7,
    mask_channels: int = 1,
    before: typing.Sequence["onnx.NodeProto"] = (),
    weights: typing.Sequence["onnx.TensorProto"] = (),
    kind: int = TensorProto.FLOAT,
) -> "onnx.ModelProto":
    """A model by the contract: the face is the negative of the input, both masks are its red channel."""
    inputs = inputs or [value(INPUT, "batch", S, S, 3), *([value(MORPH, 1)] if morph else [])]
    first, one = inputs[0].name, np.ones(1, np.float32) * scale
    channels = np.full(mask_channels, 2, np.int64)
    constants = [numpy_helper.from_array(array, name) for array, name in ((one, "one"), (channels, "red"))]
    nodes = [
        *before,
        helper.make_node("Gather", [first, "red"], ["mask"], axis=3),
        helper.make_node("Sub", ["one", first], ["negative"]),
        helper.make_node("Mul", ["negative", MORPH if morph else "one"], ["face"]),
    ]
    for result, name in zip(("mask", "face", "mask"), names, strict=True):
        nodes.append(helper.make_node("Cast", [result], [name], to=kind))
    shapes = [("batch", "h", "w", "c")] * 3
    outputs = [value(name, *shape, kind=kind) for name, shape in zip(names, shapes, strict=True)]
    graph = helper.make_graph(nodes, "SAEHD", list(inputs), outputs, [*constants, *weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=version)


def save(folder: pathlib.Path, model) -> pathlib.Path:
    path = folder / "model.dfm"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


def failed(results: list[RuleResult]) -> list[str]:
    assert [result.rule for result in results] == list(RULES)
    return [result.rule for result in results if result.passed is False]


def by_rule(results: list[RuleResult]) -> dict[str, RuleResult]:
    return {result.rule: result for result in results}


def test_a_right_file_follows_every_rule(tmp_path):
    results = by_rule(check_dfm(save(tmp_path, make_model())))
    unknown = {rule for rule, result in results.items() if not result.passed}
    assert unknown == {"morph_name", "morph_shape"} and results["morph_name"].passed is None
    assert results["static_size"].found == "32" and "side S" in results["static_size"].expected


@pytest.mark.parametrize("shape", [(1,), ("m",)])
def test_a_model_with_an_adjustable_identity_is_run_with_both_programs_values(shape, tmp_path):
    model = make_model(inputs=[value(INPUT, "batch", S, S, 3), value(MORPH, *shape)], morph=True)
    results = by_rule(check_dfm(save(tmp_path, model)))
    assert all(result.passed for result in results.values()) and results["runs"].found == "2 times"


def external() -> "onnx.ModelProto":
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    return make_model(weights=[tensor])


def failing_at_run_time() -> "onnx.ModelProto":
    shape = numpy_helper.from_array(np.array([7, 7], np.int64), "shape")
    return make_model(before=[helper.make_node("Reshape", [INPUT, "shape"], ["never"])], weights=[shape])


FACE = value(INPUT, "batch", S, S, 3)
BROKEN: dict[str, typing.Callable[[], "onnx.ModelProto"]] = {
    "safe": external,
    "valid": lambda: make_model(before=[helper.make_node("NoSuchOperator", [INPUT], ["nothing"])]),
    "opset": lambda: make_model(opset=17, version=8),
    "format": lambda: make_model(version=9),
    "input_count": lambda: make_model(inputs=[FACE, value(MORPH, 1), value("more:0", 1)]),
    "input_name": lambda: make_model(inputs=[value("in_face", "batch", S, S, 3)]),
    "morph_name": lambda: make_model(inputs=[FACE, value("morph_value", 1)]),
    "morph_shape": lambda: make_model(inputs=[FACE, value(MORPH, "batch", 2)]),
    "layout": lambda: make_model(inputs=[value(INPUT, "batch", 3, S, S)]),
    "layout ": lambda: make_model(inputs=[value(INPUT, "batch", S, S + 16, 3)]),
    "static_size": lambda: make_model(inputs=[value(INPUT, "batch", "side", "side", 3)]),
    "static_size ": lambda: make_model(inputs=[value(INPUT, "batch", 4096, 4096, 3)]),
    "dynamic_batch": lambda: make_model(inputs=[value(INPUT, 4, S, S, 3)]),
    "dtype": lambda: make_model(kind=TensorProto.DOUBLE),
    "output_order": lambda: make_model(names=[name.removesuffix(":0") for name in OUTPUTS]),
    "runs": failing_at_run_time,
    "output_shape": lambda: make_model(mask_channels=3),
    "output_range": lambda: make_model(scale=300.0),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_file_that_breaks_one_rule_fails_with_its_name(rule, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(100))
    results = check_dfm(save(tmp_path / "in", BROKEN[rule]()))
    assert failed(results) == [rule.strip()]
    assert all(result.found and "\n" not in result.found for result in results)


def test_outputs_in_another_order_fail(tmp_path):
    model = make_model(names=[OUTPUTS[1], OUTPUTS[0], OUTPUTS[2]])
    assert "output_order" in failed(check_dfm(save(tmp_path, model)))


def test_every_rule_but_those_of_a_run_is_broken_by_a_case():
    assert {rule.strip() for rule in BROKEN} == set(RULES)


@pytest.mark.parametrize(
    "data", [b"", b"<!DOCTYPE html>", b"\xff" * 40, make_model().SerializeToString() * 2, b"\x08\x01" * 1_000_001]
)
def test_a_file_of_another_kind_is_not_safe_and_nothing_else_is_checked(data, tmp_path):
    results = check_dfm(save(tmp_path, data))
    assert failed(results) == ["safe"] and {result.passed for result in results} == {False, None}


def test_a_model_that_asks_for_40_gigabytes_is_stopped(tmp_path):
    repeat = helper.make_node(
        "ConstantOfShape", ["many"], ["huge"], value=numpy_helper.from_array(np.ones(1, np.float32))
    )
    use = helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0)
    model = make_model(
        before=[repeat, use], weights=[numpy_helper.from_array(np.array([10_000, 1_000_000], np.int64), "many")]
    )
    model.graph.node[3].input[0] = "sum"  # the negative is taken of the sum
    assert set(failed(check_dfm(save(tmp_path, model)))) & {"runs", "valid"}


def test_a_file_larger_than_the_limit_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setenv(MODEL_BYTES.variable, "100")
    assert failed(check_dfm(save(tmp_path, make_model()))) == ["safe"]


@pytest.mark.parametrize("written", [{}, {"results.json": b"[[1, 2]]"}, {"results.json": b'[["safe", 1.5, "x"]]'}])
def test_results_that_are_none_are_refused(written, tmp_path, monkeypatch):
    """A file that takes over the process which opens it could write anything."""
    monkeypatch.setattr(dfm_check, "run_child", lambda *arguments: written)
    results = by_rule(check_dfm(save(tmp_path, make_model())))
    assert results["valid"].passed is False and "no results" in results["valid"].found


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"none\.dfm: expected a \.dfm file, got no file there"):
        check_dfm(tmp_path / "none.dfm")


# As the programs read it ---------------------------------------------------------------------------------------------


def test_inputs_are_fed_by_the_names_and_in_the_ranges_of_both_programs():
    crops = np.arange(2 * S * S * 3).reshape(2, S, S, 3).astype(np.uint8)
    feed = feed_model(crops)
    assert list(feed) == [INPUT] and feed[INPUT].dtype == np.float32
    np.testing.assert_allclose(feed[INPUT], crops / 255, atol=1e-7)
    both = feed_model(crops, has_morph=True, morph=0.75)
    assert list(both) == [INPUT, MORPH] and both[MORPH].tolist() == [0.75] and both[MORPH].dtype == np.float32


def test_a_face_in_a_frame_is_replaced_in_its_own_place(tmp_path):
    """The model gives the negative where red is bright."""
    frame = np.full((200, 240, 3), 40, np.uint8)
    frame[60:140, 80:160] = [255, 128, 40]
    swapper = DfmSwapper(save(tmp_path, make_model()))
    swapped = swapper.swap(frame, make_face(120, 85, 44, angle=10))
    assert swapper.size == S and swapped.shape == frame.shape and swapped.dtype == np.uint8
    np.testing.assert_allclose(swapped[100, 120], [0, 127, 215], atol=3)
    np.testing.assert_array_equal(swapped[:, :12], frame[:, :12])  # outside the crop nothing changes


def test_a_damaged_file_is_not_opened(tmp_path):
    with pytest.raises(CheckpointError):
        DfmSwapper(save(tmp_path, b"nothing"))
