"""Export to `.dfm`, the model file that DeepFaceLive and FaceFusion read: one ONNX graph with fixed names.

The file reads the whole-face crop of these programs, (B, S, S, 3) BGR from 0 to 1, and returns three outputs in a fixed
order: the mask of the original face, the swapped face, and the mask of the swapped face. The networks of this library
read another square, so the graph first resamples the crop to their view, and in the end places the result back into the
crop. Where the mask is 0, the swapped face shows the input.

Source: the contract of DeepFaceLab's `export_dfm`; names, order and ranges only.
"""

import dataclasses

import cv2
import numpy as np
import onnx

from faceswap_lib.export.dfm_readers import GRAPH_NAME, INPUT, OUTPUTS
from faceswap_lib.export.generator_graph import Generator, write_generator
from faceswap_lib.export.graph_parts import clip, declare, make_model, resample
from faceswap_lib.export.onnx_layers import GraphWriter
from faceswap_lib.export.whole_face import SIZES, Kernel, sampling_matrix
from faceswap_lib.faces.alignment import invert_affine, map_points

LEAST_SIZE = 224
"""Smallest default side of the whole-face crop in pixels; DeepFaceLive recommends at least this."""

FULLY_SHOWN = 1 / 8
"""Alpha from which the swapped face contains nothing of the input."""

WIDENED = 4.0
"""Factor of the mask of the original face, so that the product and the minimum of both masks are about the same."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LiveModel:
    """Generator with the constants that take the place of landmarks in a live program.

    Attributes:
        generator: The generator.
        size: Side S of the whole-face crop in pixels.
        view_from_whole: (2, 3) matrix without rotation, from pixels of the whole-face crop to pixels of the view.
        region: (R, R) uint8, 255 inside the face region that the encoder reads.
        shown: (S, S) float32 in [0, 1], where the swapped face may be shown in the crop; 0 outside the view.
        view_from_new: (2, 3) matrix without rotation, from pixels of the generated face to pixels of the view.
        bend: (S, S, 2) float32, x, y offsets in pixels of the crop by which the swapped face is warped; None for no
            warp.
    """

    generator: Generator
    size: int
    view_from_whole: np.ndarray
    region: np.ndarray
    shown: np.ndarray
    view_from_new: np.ndarray = dataclasses.field(default_factory=lambda: np.eye(2, 3))
    bend: np.ndarray | None = None


def default_size(resolution: int, scale: float) -> int:
    """Chooses the side of the whole-face crop in which the view has at least the pixels of the networks.

    Args:
        resolution: Side of the view in pixels.
        scale: Side of the view as a fraction of the side of the whole-face crop.

    Returns:
        A multiple of 32, at least `LEAST_SIZE` and at most the largest of `SIZES`.
    """
    return min(max(LEAST_SIZE, 32 * int(np.ceil(resolution / scale / 32))), SIZES[1])


def build_dfm(model: LiveModel) -> onnx.ModelProto:
    """Builds the ONNX model of a `.dfm` file.

    Args:
        model: The generator and its constants.

    Returns:
        The model, float32, for any batch size and one size of the crop.

    Raises:
        ValueError: If a network contains a layer that cannot be exported.
    """
    graph, size = GraphWriter(), model.size
    crops = graph.add("Gather", [graph.channels_first(INPUT), graph.integers([2, 1, 0])], axis=1)  # BGR to RGB
    views = resample(graph, graph.add("Mul", [crops, graph.constant(np.float32(255))]), *_to_view(model))
    region = graph.constant(model.region[None, None].astype(np.float32) / 255)
    masks, faces = write_generator(graph, model.generator, views, region)
    placed = resample(graph, faces, *_to_crop(model, "cubic"))
    alpha = resample(graph, masks, *_to_crop(model, "linear"))
    if model.bend is not None:
        placed, alpha = (_bend(graph, image, model.bend) for image in (placed, alpha))
    alpha = clip(graph, graph.add("Mul", [alpha, graph.constant(model.shown[None, None])]), 0, 1)
    swapped = clip(graph, graph.add("Div", [placed, graph.constant(np.float32(255))]), 0, 1)
    amount = clip(graph, graph.add("Div", [alpha, graph.constant(np.float32(FULLY_SHOWN))]), 0, 1)
    result = graph.add("Add", [crops, graph.add("Mul", [graph.add("Sub", [swapped, crops]), amount])])
    result = graph.add("Gather", [clip(graph, result, 0, 1), graph.integers([2, 1, 0])], axis=1)
    own = graph.constant(np.clip(WIDENED * model.shown, 0, 1).astype(np.float32)[None, None])
    own = graph.add("Add", [own, graph.add("Mul", [alpha, graph.constant(np.float32(0))])])  # one per image
    for value, name in zip((own, result, alpha), OUTPUTS, strict=True):
        graph.add("Transpose", [value], name, perm=[0, 2, 3, 1])
    outputs = [declare(name, size, size, channels) for name, channels in zip(OUTPUTS, (1, 3, 1), strict=True)]
    return make_model(graph, GRAPH_NAME, [declare(INPUT, size, size, 3)], outputs)


def _to_view(model: LiveModel) -> tuple[np.ndarray, np.ndarray]:
    """Computes the matrices that resample rows and columns of the crop to the view."""
    places = np.arange(model.generator.resolution, dtype=float)
    x, y = map_points(invert_affine(model.view_from_whole), np.stack([places, places], axis=1)).T
    return sampling_matrix(y, model.size), sampling_matrix(x, model.size)


def _to_crop(model: LiveModel, kernel: Kernel) -> tuple[np.ndarray, np.ndarray]:
    """Computes the matrices that resample rows and columns of the generated face to the crop."""
    places = np.arange(model.size, dtype=float)
    in_view = map_points(model.view_from_whole, np.stack([places, places], axis=1))
    x, y = map_points(invert_affine(model.view_from_new), in_view).T
    resolution = model.generator.resolution
    return sampling_matrix(y, resolution, kernel), sampling_matrix(x, resolution, kernel)


def _bend(graph: GraphWriter, images: str, offsets: np.ndarray) -> str:
    """Writes a constant warp of images (B, C, S, S): each pixel is interpolated between four pixels of the input."""
    size = len(offsets)
    y, x = np.mgrid[0:size, 0:size]
    left, top = (np.clip(places, 0, size - 1) for places in (x - offsets[..., 0], y - offsets[..., 1]))
    column, row = (np.minimum(np.floor(places), size - 2).astype(np.int64) for places in (left, top))
    right, below = left - column, top - row
    flat = graph.reshape(images, [0, 0, -1])
    total = ""
    for down in (0, 1):
        for across in (0, 1):
            index = graph.constant(((row + down) * size + column + across).ravel())
            weight = (right if across else 1 - right) * (below if down else 1 - below)
            part = graph.add("Gather", [flat, index], axis=2)
            part = graph.add("Mul", [part, graph.constant(weight.ravel().astype(np.float32))])
            total = graph.add("Add", [total, part]) if total else part
    return graph.reshape(total, [0, 0, size, size])


def crop_alpha(shown: np.ndarray, view_from_whole: np.ndarray, resolution: int, size: int) -> np.ndarray:
    """Warps the mask of what may be shown in the view into the whole-face crop.

    Args:
        shown: (N, N) float32 in [0, 1], the mask in the view at any resolution.
        view_from_whole: (2, 3) matrix from pixels of the crop to pixels of the view of side `resolution`.
        resolution: Side of the view in pixels.
        size: Side of the crop in pixels.

    Returns:
        (size, size) float32 in [0, 1], 0 outside the view.
    """
    factor = len(shown) / resolution
    matrix = factor * view_from_whole
    matrix[:, 2] += (factor - 1) / 2
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.clip(cv2.warpAffine(shown, matrix, (size, size), flags=flags), 0, 1)
