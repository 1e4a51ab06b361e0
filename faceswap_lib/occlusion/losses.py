"""Loss of an occlusion network, and the measure of its quality."""

import typing

import numpy as np


def occlusion_loss(truth: typing.Any, logits: typing.Any) -> typing.Any:
    """Computes the weighted binary cross-entropy plus the weighted Dice loss, averaged over the batch.

    Args:
        truth: (B, H, W, 2): masks in [0, 1], and the weight of each pixel.
        logits: (B, H, W, 1).

    Source: Milletari et al., "V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image Segmentation",
    2016, for the Dice loss.
    """
    from faceswap_lib.networks.keras_ops import ops

    logits = ops.cast(logits, "float32")
    truth, weight = truth[..., :1], truth[..., 1:]
    entropy = ops.maximum(logits, 0.0) - logits * truth + ops.log(1.0 + ops.exp(-ops.abs(logits)))
    found = ops.sigmoid(logits)
    both, either = (ops.sum(weight * value, axis=(1, 2, 3)) for value in (found * truth, found * found + truth * truth))
    dice = ops.mean(1 - (2 * both + 1) / (either + 1))
    return ops.sum(weight * entropy) / ops.sum(weight) + dice


def mask_iou(found: np.ndarray, truth: np.ndarray) -> float:
    """Computes the intersection over union of two masks, both binarized at 0.5; 1 if both are empty.

    Example:
        >>> mask_iou(np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]]))
        0.5
    """
    one, other = found > 0.5, truth > 0.5
    union = int((one | other).sum())
    return float((one & other).sum() / union) if union else 1.0
