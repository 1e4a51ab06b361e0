"""Checks of a `.dfm` file: whether DeepFaceLive and FaceFusion can load and run it, one result per rule.

The file may come from an untrusted source. It is checked as a protocol buffer first, and then opened and run only in a
child process with limits on time and memory.
"""

import dataclasses
import json
import pathlib
import typing

import numpy as np

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.export.onnx_check import check_onnx_file
from faceswap_lib.export.onnx_runtime import import_onnxruntime, runtime_errors, unavailable_reason
from faceswap_lib.networks.child_process import run_child, to_line

if typing.TYPE_CHECKING:
    import onnx

NEWEST_OPSET, NEWEST_FORMAT = 15, 8
"""Newest ONNX operator set and file format that the programs' version of ONNX Runtime, 1.15, is sure to run."""

LARGEST_SIDE = 2048
"""Largest side of the whole-face crop, so that a file cannot fill the memory."""

TOLERANCE = 1e-3
"""How far outputs may be outside 0 to 1."""

RESULTS = "results.json"
"""File with the results of the child process."""

ADVICE = "export the model again, or take it from a source that you trust"
"""Advice in messages about a file that cannot be checked."""

RULES = {
    "safe": "an ONNX file without data of other files and without sizes that it does not have",
    "valid": "a valid ONNX model",
    "opset": f"operators of the standard set, version {NEWEST_OPSET} or older",
    "format": f"ONNX file format (IR version) {NEWEST_FORMAT} or older",
    "input_count": "one input, or two for an adjustable identity",
    "input_name": "in_face:0 as the name of the first input",
    "morph_name": "morph_value:0 as the name of a second input",
    "morph_shape": "the shape (1) of a second input",
    "layout": "the shape (N, S, S, 3) of the first input: channels last, a square crop",
    "static_size": f"a fixed side S from 16 to {LARGEST_SIDE}",
    "dynamic_batch": "a dynamic number of images N, or 1",
    "dtype": "float32 for all inputs and outputs",
    "output_order": "the outputs out_face_mask:0, out_celeb_face:0, out_celeb_face_mask:0, in this order",
    "runs": "that it runs with the inputs that the programs feed",
    "output_shape": "the shapes (N, S, S, 1), (N, S, S, 3), (N, S, S, 1) of the outputs",
    "output_range": "finite outputs from 0 to 1",
}
"""The rules, in the order in which they are checked, and what each of them expects."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RuleResult:
    """Result of one rule.

    Attributes:
        rule: Name of the rule, a key of `RULES`.
        passed: Whether the file follows it; None if it could not be checked because of another rule.
        found: What was found.
    """

    rule: str
    passed: bool | None
    found: str

    @property
    def expected(self) -> str:
        """Requirement of the rule, as text."""
        return RULES[self.rule]


def check_dfm(path: pathlib.Path | str) -> list[RuleResult]:
    """Checks a `.dfm` file against all rules of the programs that read it.

    Args:
        path: The file.

    Returns:
        One result per rule of `RULES`, in their order.

    Raises:
        InputError: If the file is missing, or the extra `export` is not installed.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise InputError(f"{path}: expected a .dfm file, got no file there")
    if reason := unavailable_reason():
        raise InputError(reason)
    try:
        check_onnx_file(path)
    except CheckpointError as error:
        return _fill([RuleResult(rule="safe", passed=False, found=_without_path(error, path))])
    found = [RuleResult(rule="safe", passed=True, found=f"{path.stat().st_size:,} bytes")]
    try:
        found += _read_results(run_child(_check_rules, path, {}, ADVICE))
    except CheckpointError as error:
        found.append(RuleResult(rule="valid", passed=False, found=_without_path(error, path)))
    return _fill(found)


def _read_results(written: dict[str, bytes]) -> list[RuleResult]:
    """Reads the results of the child process, which the file may have taken over.

    Raises:
        CheckpointError: If they are not results.
    """
    try:
        rows = json.loads(written[RESULTS])
        results = [RuleResult(rule=rule, passed=passed, found=to_line(text)) for rule, passed, text in rows]
        if not all(result.rule in RULES and result.passed in (True, False, None) for result in results):
            raise ValueError("unknown rule or result")
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"the process that checked it returned no results ({error}): it is malicious") from error
    return results


def _without_path(error: Exception, path: pathlib.Path) -> str:
    """Formats an error without the path and the advice."""
    return to_line(str(error).removeprefix(f"{path}: ").removesuffix(f"; {ADVICE}"))


def _fill(found: list[RuleResult]) -> list[RuleResult]:
    """Adds the rules that were not checked."""
    known = {result.rule: result for result in found}
    return [known.get(rule) or RuleResult(rule=rule, passed=None, found="not checked") for rule in RULES]


def _check_rules(file: pathlib.Path, folder: pathlib.Path) -> None:
    """Checks all rules but the first; for `child_process.run_child`."""
    import onnx

    rows: list[tuple[str, bool | None, str]] = []
    try:
        model = onnx.load(str(file))
        onnx.checker.check_model(model)
        rows.append(("valid", True, f"graph '{to_line(model.graph.name)}'"))
    except (onnx.checker.ValidationError, ValueError, OSError, RuntimeError) as error:
        rows.append(("valid", False, to_line(str(error))))
        (folder / RESULTS).write_text(json.dumps(rows))
        return
    rows += _check_versions(model)
    rows += _check_declarations(model)
    if all(passed is not False for rule, passed, _ in rows if rule not in ("opset", "format", "output_order")):
        rows += _check_run(file, model)
    (folder / RESULTS).write_text(json.dumps(rows))


def _check_versions(model: "onnx.ModelProto") -> list[tuple[str, bool, str]]:
    """Checks the versions of operators and file format."""
    opsets = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    standard = max([version for domain, version in opsets.items() if domain == "ai.onnx"], default=0)
    has_other = any(node.domain not in ("", "ai.onnx") for node in model.graph.node)
    return [
        ("opset", 0 < standard <= NEWEST_OPSET and not has_other, to_line(f"{opsets}")),
        ("format", model.ir_version <= NEWEST_FORMAT, str(model.ir_version)),
    ]


def _check_declarations(model: "onnx.ModelProto") -> list[tuple[str, bool | None, str]]:
    """Checks names, shapes and types of inputs and outputs as declared."""
    from faceswap_lib.export.dfm_readers import INPUT, MORPH, OUTPUTS

    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [entry for entry in model.graph.input if entry.name not in weights]
    outputs = list(model.graph.output)
    names, out_names = ([to_line(entry.name) for entry in entries] for entries in (inputs, outputs))
    shape = _shape_of(inputs[0]) if inputs else []
    morph = _shape_of(inputs[1]) if len(inputs) == 2 else None
    types = {int(entry.type.tensor_type.elem_type) for entry in (*inputs, *outputs)}
    side = shape[1] if len(shape) == 4 else None
    is_layout = len(shape) == 4 and shape[3] == 3 and shape[1] == shape[2]
    return [
        ("input_count", len(inputs) in (1, 2), f"{len(inputs)} inputs"),
        ("input_name", names[:1] == [INPUT], ", ".join(names[:1]) or "none"),
        ("morph_name", None if morph is None else names[1] == MORPH, "no second input" if morph is None else names[1]),
        ("morph_shape", None if morph is None else morph in ([1], [None]), _format_shape(morph)),
        ("layout", is_layout, _format_shape(shape)),
        ("static_size", (16 <= side <= LARGEST_SIDE if side else False) if is_layout else None, str(side or "dynamic")),
        ("dynamic_batch", bool(shape) and shape[0] in (None, 1), str((shape[:1] or [None])[0] or "dynamic")),
        ("dtype", types == {1}, "float32" if types == {1} else f"ONNX data types {sorted(types)}"),
        ("output_order", out_names == list(OUTPUTS), to_line(", ".join(out_names))),
    ]


def _shape_of(entry: "onnx.ValueInfoProto") -> list[int | None]:
    """Returns a declared shape, with None for a dynamic dimension."""
    return [
        int(dim.dim_value) if dim.HasField("dim_value") and dim.dim_value > 0 else None
        for dim in entry.type.tensor_type.shape.dim
    ]


def _format_shape(shape: list[int | None] | None) -> str:
    return "no second input" if shape is None else f"({', '.join(str(side or 'dynamic') for side in shape)})"


def _check_run(file: pathlib.Path, model: "onnx.ModelProto") -> list[tuple[str, bool, str]]:
    """Opens the model and runs it on one gray and colored crop, once with each program's morph value."""
    from faceswap_lib.export.dfm_readers import FUSION_MORPH, LIVE_MORPH, feed_model

    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [entry for entry in model.graph.input if entry.name not in weights]
    side, has_morph = int(_shape_of(inputs[0])[1] or 0), len(inputs) == 2
    crops = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8)
    answers = []
    try:
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        for morph in (LIVE_MORPH, FUSION_MORPH) if has_morph else (FUSION_MORPH,):
            answers.append(session.run(None, feed_model(crops, has_morph=has_morph, morph=morph)))
    except runtime_errors() as error:
        return [("runs", False, to_line(str(error)))]
    shapes = [[tuple(output.shape) for output in answer] for answer in answers]
    expected = [(1, side, side, channels) for channels in (1, 3, 1)]
    values = np.concatenate([np.ravel(output).astype(np.float64) for answer in answers for output in answer])
    low, high = (float(values.min()), float(values.max())) if values.size else (np.nan, np.nan)
    return [
        ("runs", True, f"{len(answers)} times"),
        ("output_shape", all(row == expected for row in shapes), to_line(f"{shapes[0]}")),
        ("output_range", bool(low >= -TOLERANCE and high <= 1 + TOLERANCE), f"{low:.4g} to {high:.4g}"),
    ]
