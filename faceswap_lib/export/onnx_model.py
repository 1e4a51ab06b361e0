"""Conversion of encoder and decoder to ONNX models, layer by layer and independent of the Keras backend.

ONNX uses the layout (B, C, H, W). The input is transposed to it in the first step and the output back in the last. All
computations are in float32, even if the networks were built for another precision.
"""

import typing

import keras
import onnx

from faceswap_lib.export.onnx_layers import LAYERS, GraphWriter

OPSET = 17
"""Version of the ONNX operator set; ONNX Runtime supports it from version 1.12 on."""

FORMAT = 8
"""Version of the ONNX file format (IR version) that belongs to the operator set."""


def encoder_to_onnx(encoder: keras.Model) -> onnx.ModelProto:
    """Converts an encoder to an ONNX model.

    Args:
        encoder: Keras model from (B, R, R, 3) in [-1, 1] to (B, H, W, C).

    Returns:
        A model for any batch size B, from `views` (B, R, R, 3) to `codes` (B, H, W, C), float32.

    Raises:
        ValueError: If the encoder contains a layer that is not in `LAYERS`.
    """
    graph = GraphWriter()
    views = _declare("views", encoder.inputs[0].shape)
    (code,) = write_network(graph, encoder.input, encoder.outputs, graph.channels_first("views"))
    graph.add("Transpose", [code], "codes", perm=[0, 2, 3, 1])
    return _make_model(graph, "encoder", [views], [_declare("codes", encoder.outputs[0].shape)])


def decoder_to_onnx(decoder: keras.Model) -> onnx.ModelProto:
    """Converts a decoder to an ONNX model.

    Args:
        decoder: Keras model from (B, H, W, C) to mask (B, R, R, 1) in [0, 1] and face (B, R, R, 3) in [-1, 1]; further
            outputs are omitted.

    Returns:
        A model for any batch size B, from `codes` (B, H, W, C) to `masks` (B, R, R) and `faces` (B, R, R, 3), float32.

    Raises:
        ValueError: If the decoder contains a layer that is not in `LAYERS`.
    """
    graph = GraphWriter()
    codes = _declare("codes", decoder.inputs[0].shape)
    mask, face = write_network(graph, decoder.input, decoder.outputs[:2], graph.channels_first("codes"))
    graph.add("Squeeze", [mask, graph.integers([1])], "masks")
    graph.add("Transpose", [face], "faces", perm=[0, 2, 3, 1])
    masks = _declare("masks", decoder.outputs[0].shape[:3])
    return _make_model(graph, "decoder", [codes], [masks, _declare("faces", decoder.outputs[1].shape)])


def _make_model(
    graph: GraphWriter, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
) -> onnx.ModelProto:
    """Builds the ONNX model of a finished graph."""
    made = onnx.helper.make_graph(graph.nodes, name, inputs, outputs, graph.weights)
    opset = onnx.helper.make_opsetid("", OPSET)
    return onnx.helper.make_model(made, opset_imports=[opset], ir_version=FORMAT, producer_name="faceswap_lib")


def write_network(graph: GraphWriter, start, ends: typing.Sequence, name: str) -> list[str]:
    """Converts the layers between two tensors of a network; returns the names of the last values."""
    names = {id(start): name}
    for layer in keras.Model(start, list(ends)).operations:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        kind = type(layer).__name__
        if kind not in LAYERS:
            raise ValueError(f"layer {layer.name}: expected one of {', '.join(sorted(LAYERS))}, got {kind}; write it")
        inputs = layer.input if isinstance(layer.input, (list, tuple)) else [layer.input]
        written = LAYERS[kind](graph, layer, *(names[id(tensor)] for tensor in inputs))
        outputs = layer.output if isinstance(layer.output, (list, tuple)) else [layer.output]
        written = [written] if isinstance(written, str) else written
        names.update((id(tensor), value) for tensor, value in zip(outputs, written, strict=True))
    return [names[id(tensor)] for tensor in ends]


def _declare(name: str, shape: typing.Sequence[int | None]) -> onnx.ValueInfoProto:
    """Declares a float32 input or output of any batch size."""
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *shape[1:]])
