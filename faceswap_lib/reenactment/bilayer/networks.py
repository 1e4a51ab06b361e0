"""The published networks of the bilayer avatars, as Keras models.

    photo, its stick figure  ->  identity embedder    ->  6 embeddings
    embeddings               ->  texture generator    ->  texture
    embeddings               ->  inference projector  ->  parameters of the identity
    landmarks                ->  keypoints embedder   ->  start of the inference generator
    start, parameters        ->  inference generator  ->  flow, low-frequency picture, segmentation
    texture, gradient        ->  texture enhancer     ->  change of the texture

All arrays are channels-last. Every layer is named as its part in PyTorch, so that `state_dict` finds its weights. The
inference projector and the inference generator are one network in PyTorch.

Source: Zakharov et al., "Fast Bi-layer Neural Synthesis of One-Shot Realistic Head Avatars", 2020, and the program that
its authors published.
"""

import typing

import keras

from faceswap_lib.errors import CheckpointError
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.reenactment.bilayer.layers import (
    LearnedMap,
    SpatialNorm,
    Standardize,
    convolve,
    dense,
    double,
    halve,
    leaky_relu,
    pointwise,
)
from faceswap_lib.reenactment.bilayer.options import POOLED, BilayerOptions, channels_at, levels

Resize = typing.Literal["none", "down", "up"]

Pair = tuple[typing.Any, typing.Any]
"""Weight and bias."""


def build_embedder(options: BilayerOptions) -> keras.Model:
    """Builds the identity embedder.

    Returns:
        Model from the masked photo and its stick figure, (B, R, R, 6) in [-1, 1], to a list of embeddings,
        (B, h, h, C), one per halving between R and the coarsest side of the texture, and the output of the last block.
        Nothing reads this output, but its layers are in the file of the weights.
    """
    side = options.image_size
    image = keras.Input((side, side, 6), name="photo_and_stick")
    x = convolve("net.enc.0", options.emb_num_channels)(image)
    for index in range(1, levels(side, options.emb_output_tensor_size) + 1):
        channels = channels_at(options.emb_num_channels, options.emb_max_channels, index)
        x, _ = _plain_block(x, f"net.enc.{index}", channels, "down")
    embeddings = []
    for index, level in enumerate(reversed(range(levels(side, options.tex_input_tensor_size)))):
        channels = channels_at(options.tex_num_channels, options.tex_max_channels, level)
        x, features = _plain_block(x, f"net.dec_blocks.{index}", channels, "none")
        embeddings.append(features)
    return keras.Model(image, [*embeddings, x], name="identity_embedder")


def build_texture(options: BilayerOptions) -> keras.Model:
    """Builds the texture generator with its projector.

    Returns:
        Model from the embeddings to the texture, (B, R, R, 3) in [-1, 1].
    """
    count = levels(options.image_size, options.tex_input_tensor_size)
    embeddings = _embedding_inputs(options)
    top = channels_at(options.tex_num_channels, options.tex_max_channels, count)
    x = LearnedMap("gen_tex_input", options.tex_input_tensor_size, options.tex_max_channels)(embeddings[0])
    carried: list[Pair] = []
    before = top
    for index, embedding in enumerate(embeddings):
        name, level = f"gen_tex.blocks.{index}", count - 1 - index
        channels = channels_at(options.tex_num_channels, options.tex_max_channels, level)
        sizes = [channels, channels, before, channels, channels]
        pairs = _project(embedding, f"prj_tex.fc_blocks.{index}", before, _read_channels(options, level + 1), sizes)
        y = _first_norm(x, f"{name}.block_feats.0", carried)
        y = convolve(f"{name}.block_feats.3", channels)(double(leaky_relu(y)))
        y = SpatialNorm(f"{name}.block_feats.4")([y, *pairs[0], *pairs[1]])
        y = convolve(f"{name}.block.0", channels)(leaky_relu(y))
        x = y + double(pointwise(x, *pairs[2]))
        before, carried = channels, pairs[3:]
    x = leaky_relu(SpatialNorm(f"gen_tex.blocks.{count}")([x, *carried[0], *carried[1]]))
    return keras.Model(embeddings, ops.tanh(convolve("gen_tex.heads.0.0", 3)(x)), name="texture_generator")


def build_inference_projector(options: BilayerOptions) -> keras.Model:
    """Builds the part of the inference generator that runs once per photo.

    Returns:
        Model from the embeddings to a list of parameters of the generator. These are, for each of its blocks, weight
        and bias of the second normalization, (B, C) each, of the 1 x 1 convolution, (B, D, C) and (B, D), and of the
        first normalization of the next block.
    """
    count = levels(options.image_size, options.inf_input_tensor_size)
    embeddings = _embedding_inputs(options)
    if count > len(embeddings):
        raise CheckpointError(f"inf_input_tensor_size: expected at least {options.tex_input_tensor_size}")
    before = channels_at(options.inf_num_channels, options.inf_max_channels, count)
    parameters = []
    for index, embedding in enumerate(embeddings[:count]):
        level = count - 1 - index
        channels = channels_at(options.inf_num_channels, options.inf_max_channels, level)
        read = _read_channels(options, level + 1)
        pairs = _project(embedding, f"prj_inf.fc_blocks.{index}", before, read, [1, before, 1])
        for is_norm, (weight, bias) in zip((True, False, True), pairs, strict=True):
            parameters += [weight[..., 0] + 1.0 if is_norm else weight, bias]
        before = channels
    return keras.Model(embeddings, parameters, name="inference_projector")


def build_keypoints(options: BilayerOptions) -> keras.Model:
    """Builds the keypoints embedder.

    Returns:
        Model from the landmarks, (B, 136) in [-1, 1], to the start of the inference generator, (B, s, s, C).
    """
    landmarks = keras.Input((136,), name="landmarks")
    side, channels = options.inf_input_tensor_size, options.inf_max_channels
    x: typing.Any = landmarks
    for index in range(options.pse_num_blocks - 1):
        x = leaky_relu(dense(f"net.mlp.{2 * index}", options.pse_num_channels)(x))
    x = dense(f"net.mlp.{2 * options.pse_num_blocks - 2}", channels * side * side)(x)
    x = ops.transpose(ops.reshape(x, (-1, channels, side, side)), (0, 2, 3, 1))
    return keras.Model(landmarks, x, name="keypoints_embedder")


def build_inference(options: BilayerOptions) -> keras.Model:
    """Builds the part of the inference generator that runs for every frame.

    Returns:
        Model from the start, (B, s, s, C), and the parameters of the identity, to a list: the flow, (B, R, R, 2) in
        [-1, 1], the low-frequency picture, (B, R, R, 3) in [-1, 1], and the logit of the segmentation, (B, R, R, 1).
    """
    side, count = options.inf_input_tensor_size, levels(options.image_size, options.inf_input_tensor_size)
    start = keras.Input((side, side, options.inf_max_channels), name="start")
    before = channels_at(options.inf_num_channels, options.inf_max_channels, count)
    parameters, carried, x = [], [], start
    for index in range(count):
        name = f"gen_inf.blocks.{index}"
        channels = channels_at(options.inf_num_channels, options.inf_max_channels, count - 1 - index)
        shapes = [(channels,)] * 2 + [(channels, before), (channels,)] + [(channels,)] * 2
        own = [keras.Input(shape) for shape in shapes]
        parameters += own
        y = _adaptive_norm(x, f"{name}.block_feats.0", carried)
        y = convolve(f"{name}.block_feats.2", channels)(leaky_relu(y))
        y = _adaptive_norm(y, f"{name}.block_feats.3", own[:2])
        y = convolve(f"{name}.block.1", channels)(double(leaky_relu(y)))
        x = y + double(pointwise(x, *own[2:4]))
        before, carried = channels, own[4:]
    x = leaky_relu(_adaptive_norm(x, f"gen_inf.blocks.{count}", carried))
    flow, low, segmentation = (convolve(f"gen_inf.heads.{k}.0", n)(x) for k, n in enumerate((2, 3, 1)))
    outputs = [ops.tanh(flow), ops.tanh(low), segmentation]
    return keras.Model([start, *parameters], outputs, name="inference_generator")


def build_enhancer(options: BilayerOptions) -> keras.Model:
    """Builds the network of the texture enhancer.

    Returns:
        Model from the texture and the gradient of the photo's error, (B, R, R, 6), to the change of the texture,
        (B, R, R, 3) in [-1, 1].
    """
    side, least, most = options.image_size, options.enh_num_channels, options.enh_max_channels
    depth = levels(side, options.enh_bottleneck_tensor_size)
    texture = keras.Input((side, side, 6), name="texture_and_gradient")
    downs: list[tuple[int, Resize]] = [(channels_at(least, most, level), "down") for level in range(1, depth + 1)]
    stays: list[tuple[int, Resize]] = [(channels_at(least, most, depth), "none")] * options.enh_num_blocks
    ups: list[tuple[int, Resize]] = [(channels_at(least, most, level), "up") for level in reversed(range(depth))]
    x = convolve("net.blocks.0", least)(texture)
    steps = [*downs, *stays, *ups]
    for index, (channels, resize) in enumerate(steps, 1):
        x, _ = _plain_block(x, f"net.blocks.{index}", channels, resize)
    # The program counts a normalization that does nothing, and the activation.
    x = convolve(f"net.blocks.{len(steps) + 3}", 3)(leaky_relu(x))
    return keras.Model(texture, ops.tanh(x), name="texture_enhancer")


def _plain_block(x: typing.Any, name: str, channels: int, resize: Resize) -> Pair:
    """Applies a residual block without normalization; returns its output, and its features after the first half."""
    y, first = leaky_relu(x), 1
    if resize == "up":
        y, first = double(y), 2
    features = y = leaky_relu(convolve(f"{name}.block_feats.{first}", channels)(y))
    y = convolve(f"{name}.block.0", channels)(y)
    if resize != "none" or x.shape[-1] != channels:
        x = convolve(f"{name}.skip.{first - 1}", channels, 1)(x)
    if resize == "down":
        x, y = halve(x), halve(y)
    elif resize == "up":
        x = double(x)  # after the 1 x 1 convolution, which gives the same four times as fast
    return x + y, features


def _first_norm(x: typing.Any, name: str, pairs: list[Pair]) -> typing.Any:
    """Applies the first normalization of a block of the texture generator; that of the first block is not adaptive."""
    if not pairs:
        return Standardize(name, has_affine=True)(x)
    return SpatialNorm(name)([x, *pairs[0], *pairs[1]])


def _adaptive_norm(x: typing.Any, name: str, pair: list[typing.Any]) -> typing.Any:
    """Applies a normalization of the inference generator; without parameters, it is not adaptive."""
    x = Standardize(name, has_affine=not pair)(x)
    if not pair:
        return x
    weight, bias = pair
    return x * weight[:, None, None, :] + bias[:, None, None, :]


def _embedding_inputs(options: BilayerOptions) -> list[typing.Any]:
    """Builds the inputs of a network that reads the embeddings."""
    side, count = options.emb_output_tensor_size, levels(options.image_size, options.tex_input_tensor_size)
    channels = [channels_at(options.tex_num_channels, options.tex_max_channels, k) for k in reversed(range(count))]
    return [keras.Input((side, side, number), name=f"embedding_{k}") for k, number in enumerate(channels)]


def _read_channels(options: BilayerOptions, level: int) -> int:
    """Computes the hidden channels of a projector, those of the embedder at its level."""
    return channels_at(options.emb_num_channels, options.emb_max_channels, level)


def _project(embedding: typing.Any, name: str, before: int, hidden: int, sizes: list[int]) -> list[Pair]:
    """Computes weights and biases of layers from an embedding, with dense layers that share nothing.

    Args:
        embedding: (B, h, h, C).
        name: Name of the projectors in PyTorch.
        before: Input channels of the block whose parameters are computed.
        hidden: Hidden channels H. The embedding is read as C * before / H rows.
        sizes: Number of inputs k of each layer.

    Returns:
        Pairs of weights, (B, rows, k), and biases, (B, rows).

    Raises:
        CheckpointError: If the channels of the networks do not fit together.
    """
    _, height, _, channels = embedding.shape
    side, rows = int(POOLED**0.5 * before / hidden), int(channels * before / hidden)
    if rows * hidden != channels * before or side % height or channels * side * side % rows:
        raise CheckpointError(f"{name}: the channels of its networks do not fit together; use the published weights")
    x = ops.transpose(embedding, (0, 3, 1, 2))
    x = ops.repeat(ops.repeat(x, side // height, axis=2), side // height, axis=3)
    x = ops.reshape(x, (-1, rows, channels * side * side // rows))
    pairs = []
    for index, size in enumerate(sizes):
        y = x
        for layer, units in enumerate((hidden, hidden, size + 1)):
            y = dense(f"{name}.{index}.{layer}", units)(y)
        pairs.append((y[..., :-1], y[..., -1]))
    return pairs
