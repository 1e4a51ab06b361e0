"""Conversion of the layers of the generators to ONNX operators, in the layout (B, C, H, W)."""

import typing

import numpy as np
import numpy.typing as npt
import onnx


class GraphWriter:
    """Builder of an ONNX graph: collects nodes and weights, and assigns a name to every value.

    Attributes:
        nodes: Nodes in the order of computation.
        weights: Constants of the graph.
    """

    def __init__(self):
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: typing.Sequence[str], name: str | None = None, **attributes) -> str:
        """Adds a node with one output; returns the name of the output."""
        name = name or f"value_{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def split(self, value: str, sizes: typing.Sequence[int]) -> list[str]:
        """Splits the channels into parts of the given sizes; returns the names of the parts."""
        names = [f"value_{len(self.nodes)}_{index}" for index in range(len(sizes))]
        self.nodes.append(onnx.helper.make_node("Split", [value, self.integers(sizes)], names, axis=1))
        return names

    def constant(self, values: npt.ArrayLike) -> str:
        """Adds a constant array; returns its name."""
        name = f"constant_{len(self.weights)}"
        self.weights.append(onnx.numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def integers(self, values: typing.Sequence[int]) -> str:
        """Adds constant int64 values, such as a shape; returns their name."""
        return self.constant(np.array(values, np.int64))

    def floats(self, variable) -> str:
        """Adds a weight of a layer as float32; returns its name."""
        return self.constant(to_numpy(variable))

    def channels_first(self, value: str) -> str:
        """Transposes (B, H, W, C) to (B, C, H, W); returns the name of the result."""
        return self.add("Transpose", [value], perm=[0, 3, 1, 2])

    def reshape(self, value: str, shape: typing.Sequence[int]) -> str:
        """Reshapes a value; 0 keeps a dimension, -1 is inferred. Returns the name of the result."""
        return self.add("Reshape", [value, self.integers(shape)])


def to_numpy(variable) -> np.ndarray:
    """Converts a weight of a layer to a float32 array."""
    return np.asarray(variable.numpy(), np.float32)


def _convolution(graph: GraphWriter, layer, x: str) -> str:
    """Converts a 2D convolution; "same" padding is computed as in TensorFlow."""
    kernel = to_numpy(layer.kernel).transpose(3, 2, 0, 1)  # (H, W, in, out) to (out, in, H, W)
    inputs = [x, graph.constant(kernel), *([graph.floats(layer.bias)] if layer.use_bias else [])]
    pads = [0, 0, 0, 0]
    if layer.padding == "same":
        padding = [
            max((-(-side // stride) - 1) * stride + size - side, 0)
            for side, stride, size in zip(layer.input.shape[1:3], layer.strides, layer.kernel_size, strict=True)
        ]
        pads = [*(count // 2 for count in padding), *(count - count // 2 for count in padding)]
    return graph.add("Conv", inputs, kernel_shape=layer.kernel_size, strides=layer.strides, pads=pads)


def _dense_per_position(graph: GraphWriter, layer, x: str) -> str:
    """Converts a dense layer over the channels at every position to a 1x1 convolution."""
    kernel = to_numpy(layer.kernel).T[:, :, None, None]
    inputs = [x, graph.constant(kernel), *([graph.floats(layer.bias)] if layer.use_bias else [])]
    return graph.add("Conv", inputs, kernel_shape=[1, 1])


def _dense(graph: GraphWriter, layer, x: str) -> str:
    """Converts a dense layer."""
    return graph.add("Gemm", [x, graph.floats(layer.kernel), graph.floats(layer.bias)])


def _flatten(graph: GraphWriter, layer, x: str) -> str:
    """Converts a flatten layer; the values keep the order of Keras (H, W, C)."""
    return graph.add("Flatten", [graph.add("Transpose", [x], perm=[0, 2, 3, 1])])


def _reshape(graph: GraphWriter, layer, x: str) -> str:
    """Converts a reshape layer from a vector to (H, W, C)."""
    return graph.channels_first(graph.reshape(x, [-1, *layer.target_shape]))


def _concatenate(graph: GraphWriter, layer, *values: str) -> str:
    """Converts a concatenation of channels."""
    return graph.add("Concat", values, axis=1)


def _split(graph: GraphWriter, layer, x: str) -> list[str]:
    """Converts a split of channels."""
    return graph.split(x, [tensor.shape[-1] for tensor in layer.output])


def _add(graph: GraphWriter, layer, x: str, y: str) -> str:
    """Converts an addition."""
    return graph.add("Add", [x, y])


def _leaky_relu(graph: GraphWriter, layer, x: str) -> str:
    """Converts a leaky ReLU."""
    return graph.add("LeakyRelu", [x], alpha=layer.negative_slope)


def _relu(graph: GraphWriter, layer, x: str) -> str:
    """Converts a ReLU."""
    return graph.add("Relu", [x])


def _sigmoid(graph: GraphWriter, layer, x: str) -> str:
    """Converts a sigmoid."""
    return graph.add("Sigmoid", [x])


def _tanh(graph: GraphWriter, layer, x: str) -> str:
    """Converts a tanh."""
    return graph.add("Tanh", [x])


def _cast(graph: GraphWriter, layer, x: str) -> str:
    """Removes a cast: all values are float32 already."""
    return x


def _upsample(graph: GraphWriter, layer, x: str) -> str:
    """Converts nearest-neighbor upsampling."""
    scales = graph.constant(np.array([1, 1, *layer.size], np.float32))
    options = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return graph.add("Resize", [x, "", scales], **options)


def _pixel_shuffle(graph: GraphWriter, layer, x: str) -> str:
    """Converts a pixel shuffle (depth to space)."""
    return graph.add("DepthToSpace", [x], blocksize=layer.factor, mode="DCR")


def _reflect_pad(graph: GraphWriter, layer, x: str) -> str:
    """Converts reflection padding."""
    return graph.add("Pad", [x, graph.integers([0, 0, layer.size, layer.size] * 2)], mode="reflect")


def _instance_norm(graph: GraphWriter, layer, x: str) -> str:
    """Converts instance normalization."""
    weights = [graph.floats(layer.gamma), graph.floats(layer.beta)]
    return graph.add("InstanceNormalization", [x, *weights], epsilon=layer.epsilon)


def _group_norm(graph: GraphWriter, layer, x: str) -> str:
    """Converts group normalization: instance normalization of (B, groups, N), then scale and shift per channel."""
    height, width, channels = layer.input.shape[1:]
    groups = layer._groups
    plain = [graph.constant(np.full(groups, value, np.float32)) for value in (1, 0)]
    grouped = graph.reshape(x, [0, groups, -1])
    normed = graph.add("InstanceNormalization", [grouped, *plain], epsilon=layer.epsilon)
    normed = graph.reshape(normed, [0, channels, height, width])
    gamma, beta = (graph.constant(to_numpy(weight)[:, None, None]) for weight in (layer.gamma, layer.beta))
    return graph.add("Add", [graph.add("Mul", [normed, gamma]), beta])


def _hybrid_norm(graph: GraphWriter, layer, x: str) -> str:
    """Converts hybrid normalization: a convolution of the first channels, instance normalization of the others."""
    mixed, normed = graph.split(x, [layer._half, layer.input.shape[-1] - layer._half])
    return graph.add(
        "Concat", [_convolution(graph, layer.mix, mixed), _instance_norm(graph, layer.norm, normed)], axis=1
    )


def _batch_norm(graph: GraphWriter, layer, x: str) -> str:
    """Converts batch normalization in inference mode."""
    weights = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
    return graph.add("BatchNormalization", [x, *map(graph.floats, weights)], epsilon=layer.epsilon)


def _self_attention(graph: GraphWriter, layer, x: str, shape: typing.Sequence[int] | None = None) -> str:
    """Converts self-attention over the N = H * W positions; `shape` is (H, W, C) if the layer is nested."""
    height, width, channels = shape or layer.input.shape[1:]
    query, key, value = (
        graph.reshape(_dense_per_position(graph, dense, x), [0, dense.units, -1])  # (B, C, N)
        for dense in (layer.query, layer.key, layer.value)
    )
    scores = graph.add("MatMul", [graph.add("Transpose", [query], perm=[0, 2, 1]), key])  # (B, N, N)
    weights = graph.add("Softmax", [scores], axis=-1)
    attended = graph.add("MatMul", [weights, graph.add("Transpose", [value], perm=[0, 2, 1])])  # (B, N, C)
    attended = graph.reshape(graph.add("Transpose", [attended], perm=[0, 2, 1]), [0, channels, height, width])
    return graph.add("Add", [x, graph.add("Mul", [attended, graph.floats(layer.scale)])])


def _channel_attention(graph: GraphWriter, layer, x: str, shape: typing.Sequence[int]) -> str:
    """Converts attention over the channels."""
    height, width, channels = shape
    features = graph.reshape(x, [0, channels, -1])  # (B, C, N)
    scores = graph.add("MatMul", [features, graph.add("Transpose", [features], perm=[0, 2, 1])])  # (B, C, C)
    root = graph.constant(np.float32((height * width) ** 0.5))
    weights = graph.add("Softmax", [graph.add("Div", [scores, root])], axis=-1)
    attended = graph.reshape(graph.add("MatMul", [weights, features]), [0, channels, height, width])
    return graph.add("Add", [x, graph.add("Mul", [attended, graph.floats(layer.scale)])])


def _dual_attention(graph: GraphWriter, layer, x: str) -> str:
    """Converts dual attention: the mean of position attention and channel attention."""
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
    "UpSampling2D": _upsample,
}
"""Converters by the class name of a Keras layer or operation. A converter takes the graph, the layer and the names of
the inputs. It returns the name of the output, or a list of names for several outputs."""
