"""MTCNN's last network, O-Net, built anew so that it runs on every backend; its weights come with the `mtcnn` package.

It decides whether 48x48 pixels show a face, and where its eyes, nose and mouth corners are. What it has learned for
that serves as a perceptual network that is on every machine: its convolutions take pictures of any side.

Source: Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks", 2016.
"""

import keras
from keras import layers

from faceswap_lib.faces.mtcnn import closing_quietly

SIDE = 48
"""Side in pixels at which it decides."""

SMALLEST_FEATURES = 16
"""Side below which nothing is left at the last convolution."""

CONVOLUTIONS = ((32, 3, (3, "same")), (64, 3, (3, "valid")), (64, 3, (2, "same")), (128, 2, None))
"""Channels, side of the kernel, and side and padding of the pooling that follows, which halves."""


def build_onet_features(side: int) -> keras.Model:
    """Builds the convolutions with their weights.

    Args:
        side: Side of the pictures in pixels, at least 16.

    Returns:
        (B, side, side, 3) from `preprocess` to a list of four feature maps (B, h, w, C); not trainable.

    Raises:
        ValueError: If the pictures are too small.
    """
    if side < SMALLEST_FEATURES:
        raise ValueError(f"side: expected at least {SMALLEST_FEATURES} pixels, got {side}")
    picture = keras.Input((side, side, 3), name="picture")
    return _with_weights(keras.Model(picture, _convolve(picture), name="onet_features"))


def build_onet_points() -> keras.Model:
    """Builds the network that points at a face's landmarks, with its weights.

    Returns:
        (B, 48, 48, 3) from `preprocess` to (B, 10): x of left eye, right eye, nose, left and right mouth corner, then
        their y, as shares of the side; not trainable.
    """
    picture = keras.Input((SIDE, SIDE, 3), name="picture")
    x = layers.Permute((2, 1, 3))(_convolve(picture)[-1])
    x = layers.PReLU()(layers.Dense(256)(layers.Flatten()(x)))
    heads = [layers.Dense(4, name="box")(x), layers.Dense(10, name="points")(x), layers.Dense(2, name="score")(x)]
    whole = _with_weights(keras.Model(picture, heads, name="onet"))
    points = keras.Model(picture, whole.outputs[1], name="onet_points")
    points.trainable = False
    return points


def preprocess(pictures):
    """Turns RGB, 0 to 255, into what the network reads: about -1 to 1."""
    return (pictures - 127.5) / 128.0


def _convolve(x) -> list:
    outputs = []
    for channels, kernel, pool in CONVOLUTIONS:
        x = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(channels, kernel)(x))
        outputs.append(x)
        if pool:
            x = layers.MaxPooling2D(pool[0], strides=2, padding=pool[1])(x)
    return outputs


def _with_weights(model: keras.Model) -> keras.Model:
    from mtcnn.utils.tensorflow import load_weights

    with closing_quietly():
        model.set_weights(load_weights("onet.lz4")[: len(model.weights)])
    model.trainable = False
    return model
