"""Every layer of the generators in ONNX's operators, channels before rows and columns."""

import typing

import numpy as np
import onnx


class GraphWriter:
    """Collects nodes and weights, and gives every value its name."""

    def __init__(self):
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: typing.Sequence[str], name: str | None = None, **attributes) -> str:
        """Adds a node with one output; gives the output's name."""
        name = name or f"value_{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def split(self, value: str, sizes: typing.Sequence[int]) -> list[str]:
        """Splits channels into so many each; gives the names of the pieces."""
        names = [f"value_{len(self.nodes)}_{index}" for index in range(len(sizes))]
        self.nodes.append(onnx.helper.make_node("Split", [value, self.integers(sizes)], names, axis=1))
        return names

    def constant(self, values: np.ndarray) -> str:
        """Adds an array; gives its name."""
        name = f"constant_{len(self.weights)}"
        self.weights.append(onnx.numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def integers(self, values: typing.Sequence[int]) -> str:
        """Adds integers such as a shape; gives their name."""
        return self.constant(np.array(values, np.int64))

    def floats(self, variable) -> str:
        """Adds a layer's weights as they are; gives their name."""
        return self.constant(to_numpy(variable))

    def channels_first(self, value: str) -> str:
        """(B, H, W, C) to (B, C, H, W)."""
        return self.add("Transpose", [value], perm=[0, 3, 1, 2])

    def reshape(self, value: str, shape: typing.Sequence[int]) -> str:
        """Another shape for the same numbers; 0 keeps a side, -1 is what is left."""
        return self.add("Reshape", [value, self.integers(shape)])


def to_numpy(variable) -> np.ndarray:
    """A layer's weights as float32."""
    return np.asarray(variable.numpy(), np.float32)


def _convolution(graph: GraphWriter, layer, x: str) -> str:
    kernel = to_numpy(layer.kernel).transpose(3, 2, 0, 1)  # (H, W, in, out) to (out, in, H, W)
    inputs = [x, graph.constant(kernel), *([graph.floats(layer.bias)] if layer.use_bias else [])]
    pads = [0, 0, 0, 0]
    if layer.padding == "same":
        spare = [
            max((-(-side // stride) - 1) * stride + size - side, 0)
            for side, stride, size in zip(layer.input.shape[1:3], layer.strides, layer.kernel_size, strict=True)
        ]
        pads = [*(count // 2 for count in spare), *(count - count // 2 for count in spare)]
    return graph.add("Conv", inputs, kernel_shape=layer.kernel_size, strides=layer.strides, pads=pads)


def _dense_per_place(graph: GraphWriter, layer, x: str) -> str:
    """A dense layer over the channels of every place: a 1x1 convolution."""
    kernel = to_numpy(layer.kernel).T[:, :, None, None]
    inputs = [x, graph.constant(kernel), *([graph.floats(layer.bias)] if layer.use_bias else [])]
    return graph.add("Conv", inputs, kernel_shape=[1, 1])


def _dense(graph: GraphWriter, layer, x: str) -> str:
    return graph.add("Gemm", [x, graph.floats(layer.kernel), graph.floats(layer.bias)])


def _flatten(graph: GraphWriter, layer, x: str) -> str:
    return graph.add("Flatten", [graph.add("Transpose", [x], perm=[0, 2, 3, 1])])


def _reshape(graph: GraphWriter, layer, x: str) -> str:
    return graph.channels_first(graph.reshape(x, [-1, *layer.target_shape]))


def _concatenate(graph: GraphWriter, layer, *values: str) -> str:
    return graph.add("Concat", values, axis=1)


def _split(graph: GraphWriter, layer, x: str) -> list[str]:
    return graph.split(x, [tensor.shape[-1] for tensor in layer.output])


def _add(graph: GraphWriter, layer, x: str, y: str) -> str:
    return graph.add("Add", [x, y])


def _leaky_relu(graph: GraphWriter, layer, x: str) -> str:
    return graph.add("LeakyRelu", [x], alpha=layer.negative_slope)


def _relu(graph: GraphWriter, layer, x: str) -> str:
    return graph.add("Relu", [x])


def _sigmoid(graph: GraphWriter, layer, x: str) -> str:
    return graph.add("Sigmoid", [x])


def _tanh(graph: GraphWriter, layer, x: str) -> str:
    return graph.add("Tanh", [x])


def _cast(graph: GraphWriter, layer, x: str) -> str:
    """To float32, which everything is already."""
    return x


def _enlarge(graph: GraphWriter, layer, x: str) -> str:
    scales = graph.constant(np.array([1, 1, *layer.size], np.float32))
    how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return graph.add("Resize", [x, "", scales], **how)


def _pixel_shuffle(graph: GraphWriter, layer, x: str) -> str:
    return graph.add("DepthToSpace", [x], blocksize=layer.factor, mode="DCR")


def _reflect_pad(graph: GraphWriter, layer, x: str) -> str:
    return graph.add("Pad", [x, graph.integers([0, 0, layer.size, layer.size] * 2)], mode="reflect")


def _instance_norm(graph: GraphWriter, layer, x: str) -> str:
    weights = [graph.floats(layer.gamma), graph.floats(layer.beta)]
    return graph.add("InstanceNormalization", [x, *weights], epsilon=layer.epsilon)


def _group_norm(graph: GraphWriter, layer, x: str) -> str:
    height, width, channels = layer.input.shape[1:]
    groups = layer._groups
    plain = [graph.constant(np.full(groups, value, np.float32)) for value in (1, 0)]
    grouped = graph.reshape(x, [0, groups, -1])
    normed = graph.add("InstanceNormalization", [grouped, *plain], epsilon=layer.epsilon)
    normed = graph.reshape(normed, [0, channels, height, width])
    gamma, beta = (graph.constant(to_numpy(weight)[:, None, None]) for weight in (layer.gamma, layer.beta))
    return graph.add("Add", [graph.add("Mul", [normed, gamma]), beta])


def _hybrid_norm(graph: GraphWriter, layer, x: str) -> str:
    mixed, normed = graph.split(x, [layer._half, layer.input.shape[-1] - layer._half])
    return graph.add(
        "Concat", [_convolution(graph, layer.mix, mixed), _instance_norm(graph, layer.norm, normed)], axis=1
    )


def _batch_norm(graph: GraphWriter, layer, x: str) -> str:
    weights = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
    return graph.add("BatchNormalization", [x, *map(graph.floats, weights)], epsilon=layer.epsilon)


def _self_attention(graph: GraphWriter, layer, x: str, shape: typing.Sequence[int] | None = None) -> str:
    height, width, channels = shape or layer.input.shape[1:]
    query, key, value = (
        graph.reshape(_dense_per_place(graph, dense, x), [0, dense.units, -1])  # (B, C, N)
        for dense in (layer.query, layer.key, layer.value)
    )
    scores = graph.add("MatMul", [graph.add("Transpose", [query], perm=[0, 2, 1]), key])  # (B, N, N)
    shares = graph.add("Softmax", [scores], axis=-1)
    seen = graph.add("MatMul", [shares, graph.add("Transpose", [value], perm=[0, 2, 1])])  # (B, N, C)
    seen = graph.reshape(graph.add("Transpose", [seen], perm=[0, 2, 1]), [0, channels, height, width])
    return graph.add("Add", [x, graph.add("Mul", [seen, graph.floats(layer.scale)])])


def _channel_attention(graph: GraphWriter, layer, x: str, shape: typing.Sequence[int]) -> str:
    height, width, channels = shape
    places = graph.reshape(x, [0, channels, -1])  # (B, C, N)
    agreement = graph.add("MatMul", [places, graph.add("Transpose", [places], perm=[0, 2, 1])])  # (B, C, C)
    root = graph.constant(np.float32((height * width) ** 0.5))
    shares = graph.add("Softmax", [graph.add("Div", [agreement, root])], axis=-1)
    seen = graph.reshape(graph.add("MatMul", [shares, places]), [0, channels, height, width])
    return graph.add("Add", [x, graph.add("Mul", [seen, graph.floats(layer.scale)])])


def _dual_attention(graph: GraphWriter, layer, x: str) -> str:
    shape = layer.input.shape[1:]
    both = [_self_attention(graph, layer.position, x, shape), _channel_attention(graph, layer.channel, x, shape)]
    return graph.add("Mul", [graph.add("Add", both), graph.constant(np.float32(0.5))])


LAYERS: dict[str, typing.Callable[..., str | list[str]]] = {
    "Add": _add,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Concatenate": _concatenate,
    "Conv2D": _convolution,
    "Dense": _dense,
    "DualAttention": _dual_attention,
    "Flatten": _flatten,
    "GroupNorm": _group_norm,
    "HybridNorm": _hybrid_norm,
    "InstanceNorm": _instance_norm,
    "LeakyReLU": _leaky_relu,
    "PixelShuffle": _pixel_shuffle,
    "ReLU": _relu,
    "ReflectPad": _reflect_pad,
    "Reshape": _reshape,
    "SelfAttention": _self_attention,
    "Sigmoid": _sigmoid,
    "Split": _split,
    "Tanh": _tanh,
    "UpSampling2D": _enlarge,
}
"""Who writes a layer or a function of Keras, by its class's name: from the graph, the layer and its inputs' names to
the name of its output, or of each of them."""
