"""MTCNN's last network, O-Net, as a perceptual network; its weights come with the `mtcnn` package.

It decides whether 48x48 pixels show a face, and where its eyes, nose and mouth corners are. What it has learned for
that serves as a perceptual network that is on every machine: its convolutions take pictures of any side.

Source: Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks", 2016.
"""

import keras

from faceswap_lib.faces.mtcnn_networks import O_NET, O_NET_SIDE, build_onet, convolve, preprocess, with_weights

__all__ = ["SIDE", "SMALLEST_FEATURES", "build_onet_features", "build_onet_points", "preprocess"]

SIDE = O_NET_SIDE
"""Side in pixels at which it decides."""

SMALLEST_FEATURES = 16
"""Side below which nothing is left at the last convolution."""


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
    return with_weights(keras.Model(picture, convolve(picture, O_NET), name="onet_features"), "onet")


def build_onet_points() -> keras.Model:
    """Builds the network that points at a face's landmarks, with its weights.

    Returns:
        (B, 48, 48, 3) from `preprocess` to (B, 10): x of left eye, right eye, nose, left and right mouth corner, then
        their y, as shares of the side; not trainable.
    """
    whole = build_onet()
    points = keras.Model(whole.input, whole.outputs[1], name="onet_points")
    points.trainable = False
    return points
