"""ONNX graph of a generator: from a view to mask and swapped face, with all steps around the networks.

The steps are those of `networks.preprocessing` and `conversion.swapper`: color normalization inside the face region,
encoder, latent map, decoder, the tones of the input again, contrast and hues, color transfer, sharpening. All values
are float32 in the layout (B, C, H, W).
"""

import dataclasses
import typing

import numpy as np
import onnx

from faceswap_lib.export.color_graph import ColorTransfer, write_color_transfer
from faceswap_lib.export.graph_parts import PIXELS, clip, resample
from faceswap_lib.export.onnx_layers import GraphWriter
from faceswap_lib.export.whole_face import blur_matrix
from faceswap_lib.faces.color_normalization import DARKEST, LUMA, NEUTRAL_TONE, SPREAD
from faceswap_lib.networks.config import InputMode

if typing.TYPE_CHECKING:
    import keras

EMPTY_TONE = ((127.5,), (64.0,))
"""Mean and standard deviation of a face region without pixels, as in `color_statistics`."""

WriteMap = typing.Callable[[GraphWriter, str], str]
"""Function that writes a latent map: takes the graph and the name of codes (B, D), flattened in the order of Keras, and
returns the name of the mapped codes (B, D)."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Generator:
    """Networks of one direction, and the constants of the steps around them.

    Attributes:
        encoder: From (B, R, R, 3) in [-1, 1] to latent codes (B, H, W, C).
        decoder: From latent codes to mask (B, R, R, 1) and face (B, R, R, 3) in [-1, 1].
        input_mode: What the encoder reads; see `preprocess_views`.
        write_map: Writes the latent map; None leaves latent codes unchanged.
        contrast: Factor of the contrast of the swapped face.
        color_spread: (3,) of the wanted person, see `color_normalization.restore_colors`; with None, each color channel
            gets the standard deviation of the view.
        color: Transfer of the colors of the view to the swapped face; None for no transfer.
        sharpness: How strongly the swapped face is sharpened; 0 does not sharpen.
        sigmas: Standard deviations of the two blurs whose difference is amplified, in sides of the view.
    """

    encoder: "keras.Model"
    decoder: "keras.Model"
    input_mode: InputMode
    write_map: WriteMap | None = None
    contrast: float = 1.0
    color_spread: np.ndarray | None = None
    color: ColorTransfer | None = None
    sharpness: float = 0.0
    sigmas: tuple[float, float] = (1 / 320, 1 / 102.4)

    @property
    def resolution(self) -> int:
        """Side R of the view in pixels."""
        return int(self.encoder.input_shape[1])


def write_generator(graph: GraphWriter, generator: Generator, views: str, regions: str) -> tuple[str, str]:
    """Writes a generator.

    Args:
        graph: The graph.
        generator: The generator.
        views: Name of the views, (B, 3, R, R) RGB, 0 to 255.
        regions: Name of the masks of the face region, (B, 1, R, R) or (1, 1, R, R), 0 to 1.

    Returns:
        Names of the attention masks, (B, 1, R, R) in [0, 1], and of the swapped faces, (B, 3, R, R) RGB, 0 to 255.
    """
    from faceswap_lib.export.onnx_model import write_network

    mean, deviation = _write_tones(graph, generator.input_mode, views, regions)
    spread = graph.constant(np.float32(SPREAD))
    seen = graph.add("Div", [graph.add("Mul", [graph.add("Sub", [views, mean]), spread]), deviation])
    if generator.input_mode == "masked":
        seen = graph.add("Mul", [clip(graph, seen, -1, 1), regions])
    encoder, decoder = generator.encoder, generator.decoder
    (codes,) = write_network(graph, encoder.input, encoder.outputs, seen)
    if generator.write_map is not None:
        codes = _write_mapped(graph, generator.write_map, codes, encoder.output_shape[1:])
    masks, raw = write_network(graph, decoder.input, decoder.outputs[:2], codes)
    faces = clip(graph, _write_colors(graph, generator, graph.add("Div", [raw, spread]), mean, deviation), 0, 255)
    if generator.color is not None:
        faces = write_color_transfer(graph, generator.color, generator.resolution, views, masks, faces)
    return masks, _sharpen(graph, faces, generator)


def _write_tones(graph: GraphWriter, input_mode: InputMode, views: str, regions: str) -> tuple[str, str]:
    """Writes the mean and the standard deviation of the colors inside the region, (B, 3, 1, 1) each."""
    if input_mode == "full":
        mean, deviation = (graph.constant(tone.reshape(1, 3, 1, 1)) for tone in NEUTRAL_TONE)
        return mean, deviation
    axes = graph.integers(PIXELS)
    is_inside = graph.add("Greater", [regions, graph.constant(np.float32(0.5))])
    inside = graph.add("Cast", [is_inside], to=onnx.TensorProto.FLOAT)
    count = graph.add("ReduceSum", [inside, axes])
    divisor = graph.add("Max", [count, graph.constant(np.float32(1))])

    def average(values: str) -> str:
        return graph.add("Div", [graph.add("ReduceSum", [graph.add("Mul", [values, inside]), axes]), divisor])

    mean = average(views)
    offsets = graph.add("Sub", [views, mean])
    deviation = graph.add("Sqrt", [average(graph.add("Mul", [offsets, offsets]))])
    deviation = graph.add("Max", [deviation, graph.constant(np.float32(1))])
    is_empty = graph.add("Equal", [count, graph.constant(np.float32(0))])
    empty = (graph.constant(np.full((1, 3, 1, 1), value, np.float32)) for (value,) in EMPTY_TONE)
    mean, deviation = (
        graph.add("Where", [is_empty, instead, value]) for instead, value in zip(empty, (mean, deviation), strict=True)
    )
    return mean, deviation


def _write_colors(graph: GraphWriter, generator: Generator, raw: str, mean: str, deviation: str) -> str:
    """Writes `color_normalization.restore_colors` for faces with standard deviation 1 and tones (B, 3, 1, 1)."""
    if generator.input_mode == "full":  # such networks generate their own tones
        return graph.add("Add", [graph.add("Mul", [raw, deviation]), mean])
    deviation = graph.add("Mul", [deviation, graph.constant(np.float32(generator.contrast))])
    if generator.color_spread is None:
        return graph.add("Add", [graph.add("Mul", [raw, deviation]), mean])
    zero, one, darkest = (graph.constant(np.float32(value)) for value in (0, 1, DARKEST))
    luma, channels = graph.constant(LUMA.reshape(1, 3, 1, 1)), graph.integers([1])

    def weigh(values: str) -> str:
        return graph.add("ReduceSum", [graph.add("Mul", [values, luma]), channels])

    own = graph.add("Mul", [mean, graph.constant(generator.color_spread.reshape(1, 3, 1, 1))])
    gain = graph.add("Div", [weigh(deviation), weigh(own)])
    softer, stronger = graph.add("Min", [gain, one]), graph.add("Max", [gain, one])
    faces = graph.add("Add", [graph.add("Mul", [raw, graph.add("Mul", [own, softer])]), mean])
    faces = graph.add("Max", [faces, zero])
    middle, brightness = weigh(mean), weigh(faces)
    wanted = graph.add("Add", [graph.add("Mul", [graph.add("Sub", [brightness, middle]), stronger]), middle])
    wanted = graph.add("Max", [wanted, zero])
    ratio = graph.add("Div", [graph.add("Add", [wanted, darkest]), graph.add("Add", [brightness, darkest])])
    return graph.add("Mul", [faces, ratio])


def _write_mapped(graph: GraphWriter, write_map: WriteMap, codes: str, shape: typing.Sequence[int]) -> str:
    """Writes a latent map of codes (B, C, H, W); `shape` is (H, W, C)."""
    flat = graph.add("Flatten", [graph.add("Transpose", [codes], perm=[0, 2, 3, 1])])
    return graph.channels_first(graph.reshape(write_map(graph, flat), [-1, *shape]))


def _sharpen(graph: GraphWriter, faces: str, generator: Generator) -> str:
    """Writes the sharpening of faces (B, 3, R, R), 0 to 255, by the difference of two Gaussian blurs."""
    if generator.sharpness == 0:
        return faces
    size = generator.resolution
    matrices = (blur_matrix(size, sigma * size) for sigma in generator.sigmas)
    fine, coarse = (resample(graph, faces, matrix, matrix) for matrix in matrices)
    amount = graph.constant(np.float32(generator.sharpness))
    detail = graph.add("Mul", [graph.add("Sub", [fine, coarse]), amount])
    return clip(graph, graph.add("Add", [faces, detail]), 0, 255)
