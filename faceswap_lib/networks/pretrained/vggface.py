"""VGGFace: face recognition networks for identity embeddings and perceptual losses.

The layers match the weight files of keras-vggface 0.6, which `vggface_files` finds. The input must be preprocessed as
in their training: RGB is converted to BGR, 0 to 255, and a mean per channel is subtracted.

    resnet50   (B, 224, 224, 3) -> 7x7 and four stages of bottlenecks -> (B, 2048)   version 2
    vgg16      (B, 224, 224, 3) -> five blocks of 3x3 convolutions    -> (B, 512)    version 1

Source: Cao et al., "VGGFace2: A dataset for recognizing faces across pose and age", 2018 (version 2); Parkhi et al.,
"Deep Face Recognition", 2015 (version 1); layers and their names: github.com/rcmalli/keras-vggface, version 0.6.
"""

import difflib
import pathlib
import typing

import keras
from keras import layers

from faceswap_lib.errors import InputError
from faceswap_lib.faces.weight_sums import note_first_sum
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.networks.pretrained.vggface_files import explain_missing, find_weights
from faceswap_lib.networks.pretrained.vggface_release import Architecture, usual_places
from faceswap_lib.networks.pretrained.weight_files import load_weights

INPUT_SIZE = 224
"""Side in pixels of the images that the networks were trained on."""

SMALLEST_INPUT = 32
"""Smallest input side in pixels; below it the outputs of the last layers are empty."""

VERSIONS: dict[str, int] = {"resnet50": 2, "vgg16": 1}
"""Version of the VGGFace dataset that each architecture was trained on."""

MEANS_BGR = {1: (93.5940, 104.7624, 129.1863), 2: (91.4953, 103.8827, 131.0912)}
"""Mean blue, green and red of the training images, by dataset version."""

FEATURE_LAYERS: dict[str, tuple[str, ...]] = {
    "resnet50": ("conv1_relu", "conv2_3_relu", "conv3_4_relu", "conv4_6_relu", "conv5_3_relu"),
    "vgg16": ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3"),
}
"""The last layer at each scale, for a perceptual distance. The perceptual loss of faceswap-GAN v2.2 uses the layers
`conv1_7x7_s2`, `conv2_3_relu`, `conv3_4_relu` and `conv5_3_relu` of `resnet50`, or, before the activation,
`conv2_1_add`, `conv2_3_add`, `conv3_4_add` and `conv5_3_add`."""


class Stage(typing.NamedTuple):
    """Residual bottleneck blocks at one scale.

    Attributes:
        number: Number of the stage in the layer names.
        blocks: Number of blocks.
        width: Channels of the 3x3 convolutions.
        stride: Stride of the first block.
    """

    number: int
    blocks: int
    width: int
    stride: int


STAGES = (Stage(2, 3, 64, 1), Stage(3, 4, 128, 2), Stage(4, 6, 256, 2), Stage(5, 3, 512, 2))
"""Stages of ResNet50 after the first convolution."""

CONVOLUTIONS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of convolutions of VGG16 at each scale."""

EPSILON = 1e-3
"""Epsilon of batch normalization, added to the variance; the default of Keras 2."""


def build_vggface(architecture: Architecture, input_size: int = INPUT_SIZE) -> keras.Model:
    """Builds a VGGFace network with random weights.

    Args:
        architecture: `resnet50` or `vgg16`.
        input_size: Side of the input in pixels, at least 32; 224 is what the published weights were trained for.

    Returns:
        A model from (B, S, S, 3), the output of `preprocess`, to the global average of the last feature maps: (B, 2048)
        or (B, 512), values at least 0.

    Raises:
        InputError: If the architecture is unknown or the input is too small.
    """
    builders = {"resnet50": _build_resnet50, "vgg16": _build_vgg16}
    if architecture not in builders:
        raise InputError(f"architecture: expected {' or '.join(builders)}, got {architecture!r}")
    if input_size < SMALLEST_INPUT:
        raise InputError(f"input_size: expected at least {SMALLEST_INPUT} pixels, got {input_size}")
    picture = keras.Input((input_size, input_size, 3), name="picture")
    # The published ResNet50 averages 7x7 positions, which are all positions at 224 pixels.
    pooled = layers.GlobalAveragePooling2D(name="avg_pool")(builders[architecture](picture))
    return keras.Model(picture, pooled, name=f"vggface_{architecture}")


def open_vggface(
    architecture: Architecture,
    path: pathlib.Path | None = None,
    fetch: bool = False,
    input_size: int = INPUT_SIZE,
) -> keras.Model:
    """Builds a VGGFace network and loads the published weights; for their location see `find_weights`.

    Args:
        architecture: `resnet50` or `vgg16`.
        path: The weight file; None searches the usual folders.
        fetch: Whether to download a missing weight file.
        input_size: Side of the input in pixels, at least 32.

    Returns:
        A model as from `build_vggface`.

    Raises:
        InputError: If there is no weight file, it cannot be downloaded, or the input is too small.
        CheckpointError: If the file is damaged or belongs to another network.
    """
    found = find_weights(architecture, path, fetch)
    if found is None:
        raise InputError(explain_missing(architecture))
    model = build_vggface(architecture, input_size)
    load_weights(model, found)
    if found in usual_places(architecture):  # next to a file that the user names nothing is written
        note_first_sum(found)
    return model


def preprocess(images, version: int):
    """Preprocesses images as in the training of the networks.

    Args:
        images: (..., 3) RGB, 0 to 255, of any numeric dtype; an array or a tensor of the backend.
        version: 1 for `vgg16`, 2 for `resnet50`; see `VERSIONS`.

    Returns:
        (..., 3) float32 BGR minus `MEANS_BGR`, about -131 to 164; a tensor of the backend.

    Raises:
        ValueError: If there is no such version.
    """
    if version not in MEANS_BGR:
        raise ValueError(f"version: expected {' or '.join(map(str, MEANS_BGR))}, got {version}")
    bgr = ops.flip(ops.cast(images, "float32"), axis=-1)
    return bgr - ops.convert_to_tensor(MEANS_BGR[version], "float32")


def build_feature_extractor(model: keras.Model, layer_names: typing.Sequence[str]) -> keras.Model:
    """Builds a model that returns the features of some layers of another model; both share their weights.

    Args:
        model: A model from `build_vggface`, or any functional model.
        layer_names: Names of the layers, for example from `FEATURE_LAYERS`.

    Returns:
        A model from the same input to a list of (B, H, W, C), in the order of the names; for one name, the output is
        (B, H, W, C) without a list.

    Raises:
        InputError: If a name is unknown.
    """
    known = {layer.name: layer for layer in model.layers}
    for name in layer_names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise InputError(f"{model.name} has no layer {name!r}" + (f"; did you mean {near[0]!r}" if near else ""))
    return keras.Model(model.input, [known[name].output for name in layer_names], name=f"{model.name}_features")


def _build_resnet50(x):
    x = layers.Conv2D(64, 7, strides=2, padding="same", use_bias=False, name="conv1_7x7_s2")(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name="conv1_7x7_s2_bn")(x)
    x = layers.ReLU(name="conv1_relu")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage in STAGES:
        for block in range(1, stage.blocks + 1):
            x = _bottleneck(x, f"conv{stage.number}_{block}", stage.width, stage.stride if block == 1 else None)
    return x


def _bottleneck(x, name: str, width: int, stride: int | None):
    """Applies a residual bottleneck block: 1x1 reduction, 3x3 convolution, 1x1 expansion, addition of the input.

    The first block of a stage has a `stride` and projects the input before the addition. The stride is in the first 1x1
    convolution, as in the Caffe networks; PyTorch has it in the 3x3 convolution.
    """
    y = layers.ReLU(name=f"{name}_1x1_reduce_relu")(_convolve(x, f"{name}_1x1_reduce", width, 1, stride or 1))
    y = layers.ReLU(name=f"{name}_3x3_relu")(_convolve(y, f"{name}_3x3", width, 3, 1))
    y = _convolve(y, f"{name}_1x1_increase", 4 * width, 1, 1)
    if stride is not None:
        x = _convolve(x, f"{name}_1x1_proj", 4 * width, 1, stride)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([y, x]))


def _convolve(x, name: str, channels: int, kernel: int, stride: int):
    x = layers.Conv2D(channels, kernel, strides=stride, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)


def _build_vgg16(x):
    for scale, (channels, count) in enumerate(CONVOLUTIONS, start=1):
        for index in range(1, count + 1):
            x = layers.Conv2D(channels, 3, padding="same", activation="relu", name=f"conv{scale}_{index}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{scale}")(x)
    return x
