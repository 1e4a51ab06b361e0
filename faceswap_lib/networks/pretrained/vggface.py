"""VGGFace: networks that learned to tell people apart, for identity embeddings and perceptual losses.

Built so that the files published with keras-vggface 0.6 fit as they are; `vggface_files` finds those. What they were
trained on decides how a picture must be given to them: RGB becomes BGR, 0 to 255, less a mean per channel.

    resnet50   (B, 224, 224, 3) -> 7x7 and four stages of bottlenecks -> (B, 2048)   version 2
    vgg16      (B, 224, 224, 3) -> five blocks of 3x3 convolutions    -> (B, 512)    version 1

Source: Cao et al., "VGGFace2: A dataset for recognizing faces across pose and age", 2018 (version 2); Parkhi et al.,
"Deep Face Recognition", 2015 (version 1); layers and their names: github.com/rcmalli/keras-vggface, version 0.6.
"""

import difflib
import pathlib
import typing

import keras
from keras import layers, ops

from faceswap_lib.errors import InputError
from faceswap_lib.networks.pretrained.vggface_files import Architecture, explain_missing, find_weights
from faceswap_lib.networks.pretrained.weight_files import load_weights

INPUT_SIZE = 224
"""Side in pixels of the pictures that the networks were trained on."""

SMALLEST_INPUT = 32
"""Side below which nothing is left at the last layers."""

VERSIONS: dict[str, int] = {"resnet50": 2, "vgg16": 1}
"""Which data an architecture was trained on."""

MEANS_BGR = {1: (93.5940, 104.7624, 129.1863), 2: (91.4953, 103.8827, 131.0912)}
"""Mean blue, green and red of the training pictures, by version."""

FEATURE_LAYERS: dict[str, tuple[str, ...]] = {
    "resnet50": ("conv1_relu", "conv2_3_relu", "conv3_4_relu", "conv4_6_relu", "conv5_3_relu"),
    "vgg16": ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3"),
}
"""The last layer at each scale, for a perceptual distance. The perceptual loss of faceswap-GAN v2.2 listens to
`resnet50` at `conv1_7x7_s2`, `conv2_3_relu`, `conv3_4_relu` and `conv5_3_relu`, or, before activation, at
`conv2_1_add`, `conv2_3_add`, `conv3_4_add` and `conv5_3_add`."""


class Stage(typing.NamedTuple):
    """Bottlenecks at one scale: their number in names, how many, their width, and by how much the first one shrinks."""

    number: int
    blocks: int
    width: int
    stride: int


STAGES = (Stage(2, 3, 64, 1), Stage(3, 4, 128, 2), Stage(4, 6, 256, 2), Stage(5, 3, 512, 2))
"""ResNet50 after its first convolution."""

CONVOLUTIONS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""VGG16: channels and number of convolutions per scale."""

EPSILON = 1e-3
"""What batch normalization adds to the variance: Keras 2's default."""


def build_vggface(architecture: Architecture, input_size: int = INPUT_SIZE) -> keras.Model:
    """Builds a VGGFace network with fresh weights.

    Args:
        architecture: `resnet50` or `vgg16`.
        input_size: Side of the input in pixels, at least 32; 224 is what the published weights were trained for.

    Returns:
        (B, S, S, 3) from `preprocess` to the last feature maps' average per channel: (B, 2048) or (B, 512), at least 0.

    Raises:
        InputError: If the architecture is unknown or the input too small.
    """
    builders = {"resnet50": _build_resnet50, "vgg16": _build_vgg16}
    if architecture not in builders:
        raise InputError(f"architecture: expected {' or '.join(builders)}, got {architecture!r}")
    if input_size < SMALLEST_INPUT:
        raise InputError(f"input_size: expected at least {SMALLEST_INPUT} pixels, got {input_size}")
    picture = keras.Input((input_size, input_size, 3), name="picture")
    # The published ResNet50 averages 7x7 positions, which at 224 pixels are all of them.
    pooled = layers.GlobalAveragePooling2D(name="avg_pool")(builders[architecture](picture))
    return keras.Model(picture, pooled, name=f"vggface_{architecture}")


def open_vggface(
    architecture: Architecture,
    path: pathlib.Path | None = None,
    fetch: bool = False,
    input_size: int = INPUT_SIZE,
) -> keras.Model:
    """Builds a VGGFace network and gives it the published weights; see `find_weights` for where they may be.

    Raises:
        InputError: If there is no weight file, or it cannot be fetched.
        CheckpointError: If the file is damaged or of another network.
    """
    found = find_weights(architecture, path, fetch)
    if found is None:
        raise InputError(explain_missing(architecture))
    model = build_vggface(architecture, input_size)
    load_weights(model, found)
    return model


def preprocess(images, version: int):
    """Turns pictures into what the networks were trained on.

    Args:
        images: (..., 3) RGB, 0 to 255, of any number type; an array or a tensor of the backend.
        version: 1 for `vgg16`, 2 for `resnet50`; see `VERSIONS`.

    Returns:
        (..., 3) float32 BGR less `MEANS_BGR`, about -131 to 164; a tensor of the backend.

    Raises:
        ValueError: If there is no such version.
    """
    if version not in MEANS_BGR:
        raise ValueError(f"version: expected {' or '.join(map(str, MEANS_BGR))}, got {version}")
    bgr = ops.flip(ops.cast(images, "float32"), axis=-1)
    return bgr - ops.convert_to_tensor(MEANS_BGR[version], "float32")


def build_feature_extractor(model: keras.Model, layer_names: typing.Sequence[str]) -> keras.Model:
    """Builds a network that gives what some layers of another one say; both share their weights.

    Args:
        model: Of `build_vggface`, or any functional one.
        layer_names: Names of layers, such as `FEATURE_LAYERS`.

    Returns:
        The same input to a list of (B, H, W, C), in the order of the names; for one name (B, H, W, C) alone.

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
    """Narrow, look around, widen, add to what came in; the first of a stage has a `stride` and projects what came in.

    It is the 1x1 convolution that skips pixels, as in Caffe's networks; PyTorch's skip in the 3x3 one.
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
