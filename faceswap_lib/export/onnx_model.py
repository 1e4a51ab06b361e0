"""Encoder and decoder as ONNX models, written from their layers whatever Keras runs on.

ONNX has its channels before rows and columns; everything between the first and the last step is kept so. What ONNX
computes is float32, also where the networks were built for another precision.
"""

import typing

import keras
import onnx

from faceswap_lib.export.onnx_layers import LAYERS, GraphWriter

OPSET = 17
"""Version of ONNX's operators; every onnxruntime since 1.12 reads it."""

FORMAT = 8
"""Version of ONNX's files, the one that came with the operators."""


def encoder_to_onnx(encoder: keras.Model) -> onnx.ModelProto:
    """Writes an encoder as an ONNX network.

    Args:
        encoder: (B, R, R, 3) to (B, H, W, C).

    Returns:
        A model of any batch B, from `views` (B, R, R, 3) to `codes` (B, H, W, C), float32.

    Raises:
        ValueError: If there is a layer in it that this module does not know.
    """
    graph = GraphWriter()
    views = _declare("views", encoder.input.shape)
    (code,) = _walk(graph, encoder.input, encoder.outputs, graph.channels_first("views"))
    graph.add("Transpose", [code], "codes", perm=[0, 2, 3, 1])
    return _make_model(graph, "encoder", [views], [_declare("codes", encoder.outputs[0].shape)])


def decoder_to_onnx(decoder: keras.Model) -> onnx.ModelProto:
    """Writes a decoder as an ONNX network.

    Args:
        decoder: (B, H, W, C) to mask (B, R, R, 1), face (B, R, R, 3), and more that is left out.

    Returns:
        A model of any batch B, from `codes` (B, H, W, C) to `masks` (B, R, R) and `faces` (B, R, R, 3), all float32.

    Raises:
        ValueError: If there is a layer in it that this module does not know.
    """
    graph = GraphWriter()
    codes = _declare("codes", decoder.input.shape)
    mask, face = _walk(graph, decoder.input, decoder.outputs[:2], graph.channels_first("codes"))
    graph.add("Squeeze", [mask, graph.integers([1])], "masks")
    graph.add("Transpose", [face], "faces", perm=[0, 2, 3, 1])
    masks = _declare("masks", decoder.outputs[0].shape[:3])
    return _make_model(graph, "decoder", [codes], [masks, _declare("faces", decoder.outputs[1].shape)])


def _make_model(graph: GraphWriter, name: str, inputs: list, outputs: list) -> onnx.ModelProto:
    made = onnx.helper.make_graph(graph.nodes, name, inputs, outputs, graph.weights)
    opset = onnx.helper.make_opsetid("", OPSET)
    return onnx.helper.make_model(made, opset_imports=[opset], ir_version=FORMAT, producer_name="faceswap_lib")


def _walk(graph: GraphWriter, start, ends: typing.Sequence, name: str) -> list[str]:
    """Writes the layers between two points of a network; gives the names of the last values."""
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
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *shape[1:]])
