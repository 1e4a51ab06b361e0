"""O-Net, the last network of MTCNN, as a perceptual network; its weights are part of the `mtcnn` package.

O-Net classifies 48x48 pixels as face or background and predicts the positions of eyes, nose and mouth corners. Its
features are used for perceptual losses, because the weights are available on every machine. Its convolutions accept
images of any size.

Source: Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks", 2016.
"""

import keras

from faceswap_lib.faces.mtcnn_networks import O_NET, O_NET_SIDE, build_onet, convolve, preprocess, with_weights

__all__ = ["SIDE", "SMALLEST_FEATURES", "build_onet_features", "build_onet_points", "preprocess"]

SIDE = O_NET_SIDE
"""Side in pixels of the input of the complete network."""

SMALLEST_FEATURES = 16
"""Smallest input side in pixels; below it the output of the last convolution is empty."""


def build_onet_features(side: int) -> keras.Model:
    """Builds the convolutional layers with their pretrained weights.

    Args:
        side: Side of the images in pixels, at least 16.

    Returns:
        A model from (B, side, side, 3), the output of `preprocess`, to a list of four feature maps (B, h, w, C); not
        trainable.

    Raises:
        ValueError: If the images are too small.
    """
    if side < SMALLEST_FEATURES:
        raise ValueError(f"side: expected at least {SMALLEST_FEATURES} pixels, got {side}")
    picture = keras.Input((side, side, 3), name="picture")
    return with_weights(keras.Model(picture, convolve(picture, O_NET), name="onet_features"), "onet")


def build_onet_points() -> keras.Model:
    """Builds the network that predicts five landmarks of a face, with its pretrained weights.

    Returns:
        A model from (B, 48, 48, 3), the output of `preprocess`, to (B, 10): x of left eye, right eye, nose, left and
        right mouth corner, then their y, as fractions of the side; not trainable.
    """
    whole = build_onet()
    points = keras.Model(whole.input, whole.outputs[1], name="onet_points")
    points.trainable = False
    return points
