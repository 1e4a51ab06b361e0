"""Color transfer as ONNX operators: mean and standard deviation of the new face become those of the face in the frame.

As in `conversion.color_transfer`, the statistics compare light, not detail: skin is blurred, and the eyes and the mouth
of the frame are replaced by those of the new face in the light of the frame. The masks of these regions are constants.

Source: Huang and Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", 2017, on
pixels instead of features.
"""

import dataclasses

import numpy as np

from faceswap_lib.export.graph_parts import PIXELS, clip, resample
from faceswap_lib.export.onnx_layers import GraphWriter
from faceswap_lib.export.whole_face import blur_matrix, sampling_matrix

FLOOR = 1.0
"""Gray levels added to every standard deviation, so that flat images cause no division by a small number."""

TINY = 1e-6
"""Added to sums of weights, which may be 0."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ColorTransfer:
    """Constants of the color transfer, in a small image of the view of side S.

    Attributes:
        inside: (S, S) float32 in [0, 1], 1 inside the face region.
        bare: (S, S) float32 in [0, 1], 1 where the region is skin, 0 at eyes and mouth.
        sigma: Standard deviation in pixels of the blur that keeps light and removes detail.
    """

    inside: np.ndarray
    bare: np.ndarray
    sigma: float


def write_color_transfer(
    graph: GraphWriter, transfer: ColorTransfer, resolution: int, views: str, masks: str, faces: str
) -> str:
    """Writes the color transfer from the views to the swapped faces; all values are float32.

    Args:
        graph: The graph.
        transfer: The constants.
        resolution: Side R of the view in pixels.
        views: Name of the views, (B, 3, R, R) RGB, 0 to 255.
        masks: Name of the attention masks, (B, 1, R, R), 0 to 1.
        faces: Name of the swapped faces, (B, 3, R, R) RGB, 0 to 255.

    Returns:
        Name of the swapped faces in the colors of the views, (B, 3, R, R), 0 to 255.
    """
    size = len(transfer.inside)
    smaller = sampling_matrix((np.arange(size) + 0.5) * resolution / size - 0.5, resolution)
    mask, new, old = (resample(graph, value, smaller, smaller) for value in (masks, faces, views))
    weights = graph.add("Mul", [mask, _constant(graph, transfer.inside)])
    new, old = _write_lights(graph, transfer, weights, new, old)
    (new_mean, new_deviation), (old_mean, old_deviation) = (
        _write_statistics(graph, image, weights) for image in (new, old)
    )
    gain = graph.add("Div", [old_deviation, new_deviation])
    matched = graph.add("Mul", [graph.add("Sub", [faces, new_mean]), gain])
    return clip(graph, graph.add("Add", [matched, old_mean]), 0, 255)


def _write_lights(graph: GraphWriter, transfer: ColorTransfer, weights: str, new: str, old: str) -> tuple[str, str]:
    """Writes the images to compare: the light on the skin, and the new face's eyes and mouth in both lights."""
    bare, other = _constant(graph, transfer.bare), _constant(graph, 1 - transfer.bare)
    skin = graph.add("Mul", [weights, bare])
    blur = blur_matrix(len(transfer.inside), transfer.sigma)
    tiny = _constant(graph, TINY)
    total = graph.add("Add", [resample(graph, skin, blur, blur), tiny])
    lights = [
        graph.add("Div", [resample(graph, graph.add("Mul", [image, skin]), blur, blur), total]) for image in (new, old)
    ]
    means = [graph.add("Add", [_average(graph, light, skin), _constant(graph, 1)]) for light in lights]
    rest = graph.add("Mul", [new, other])
    in_old_light = graph.add("Mul", [rest, graph.add("Div", [means[1], means[0]])])
    compared = [
        graph.add("Add", [graph.add("Mul", [light, bare]), image])
        for light, image in zip(lights, (rest, in_old_light), strict=True)
    ]
    return compared[0], compared[1]


def _write_statistics(graph: GraphWriter, image: str, weights: str) -> tuple[str, str]:
    """Writes the weighted mean and standard deviation of each channel, (B, 3, 1, 1)."""
    mean = _average(graph, image, weights)
    offsets = graph.add("Sub", [image, mean])
    variance = _average(graph, graph.add("Mul", [offsets, offsets]), weights)
    return mean, graph.add("Add", [graph.add("Sqrt", [variance]), _constant(graph, FLOOR)])


def _average(graph: GraphWriter, image: str, weights: str) -> str:
    """Writes the weighted mean of each channel, (B, 3, 1, 1)."""
    axes = graph.integers(PIXELS)
    total = graph.add("ReduceSum", [graph.add("Mul", [image, weights]), axes])
    weight = graph.add("Max", [graph.add("ReduceSum", [weights, axes]), _constant(graph, TINY)])
    return graph.add("Div", [total, weight])


def _constant(graph: GraphWriter, values: np.ndarray | float) -> str:
    """Adds a float32 constant; returns its name."""
    return graph.constant(np.asarray(values, np.float32))
