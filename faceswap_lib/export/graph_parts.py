"""Parts that the graphs of exported models share: their ONNX version, resampling, limits and declarations."""

import numpy as np
import onnx

from faceswap_lib.export.onnx_layers import GraphWriter

OPSET = 13
"""Version of the ONNX operator set of exported models. Live programs ship old versions of ONNX Runtime, and converters
for other runtimes know the older operators best."""

FORMAT = 7
"""Version of the ONNX file format (IR version) that belongs to the operator set."""

PIXELS = [2, 3]
"""Axes of the pixels in the layout (B, C, H, W)."""


def resample(graph: GraphWriter, images: str, rows: np.ndarray, columns: np.ndarray) -> str:
    """Writes separable resampling of images (B, C, H, W) by two matrices, (H', H) and (W', W)."""
    tall = graph.add("MatMul", [graph.constant(rows), images])
    return graph.add("MatMul", [tall, graph.constant(np.ascontiguousarray(columns.T))])


def clip(graph: GraphWriter, value: str, low: float, high: float) -> str:
    """Writes the limits of a value."""
    return graph.add("Clip", [value, graph.constant(np.float32(low)), graph.constant(np.float32(high))])


def make_model(
    graph: GraphWriter, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
) -> onnx.ModelProto:
    """Builds the ONNX model of a finished graph, which old versions of ONNX Runtime can read, too.

    Args:
        graph: The graph.
        name: Name of the graph.
        inputs: Inputs of the model.
        outputs: Outputs of the model, in their order.

    Returns:
        The model.
    """
    made = onnx.helper.make_graph(graph.nodes, name, inputs, outputs, graph.weights)
    opset = onnx.helper.make_opsetid("", OPSET)
    return onnx.helper.make_model(made, opset_imports=[opset], ir_version=FORMAT, producer_name="faceswap_lib")


def declare(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    """Declares a float32 input or output of any batch size; `shape` is that of one image."""
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *shape])
