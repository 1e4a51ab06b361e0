"""Export of a generator to a plain ONNX file, with this library's own layout: views and face regions in, faces out."""

import json
import typing

import numpy as np
import onnx

from faceswap_lib.export.generator_graph import Generator, write_generator
from faceswap_lib.export.graph_parts import clip, declare, make_model
from faceswap_lib.export.onnx_layers import GraphWriter
from faceswap_lib.faces.alignment import EYE_DISTANCE, MEAN_FACE, VIEW_CENTER_BELOW_EYES

INPUTS, OUTPUTS = ("views", "regions"), ("masks", "faces")

LAYOUT = "views and faces: RGB from 0 to 1, (N, R, R, 3); regions and masks: 0 to 1, (N, R, R)"
"""Description of inputs and outputs in the metadata of the file."""


def build_onnx_swap(generator: Generator, coverage: float, facts: typing.Mapping[str, object]) -> onnx.ModelProto:
    """Builds one ONNX model of a generator with all steps around its networks.

    Args:
        generator: The generator.
        coverage: Side of the view as a fraction of the crop's side.
        facts: More entries of the metadata, such as the name of the run.

    Returns:
        The model, for any batch size; inputs and outputs are float32 in [0, 1]. Inputs: `views`, (N, R, R, 3) RGB, and
        `regions`, (N, R, R), 1 inside the face region. Outputs: `masks`, (N, R, R), the attention masks, and `faces`,
        (N, R, R, 3) RGB, the swapped faces. The metadata describe the crop.

    Raises:
        ValueError: If a network contains a layer that cannot be exported.
    """
    graph, size = GraphWriter(), generator.resolution
    views = graph.add("Mul", [graph.channels_first("views"), graph.constant(np.float32(255))])
    regions = graph.add("Unsqueeze", ["regions", graph.integers([1])])
    masks, faces = write_generator(graph, generator, views, regions)
    graph.add("Squeeze", [masks, graph.integers([1])], "masks")
    faces = clip(graph, graph.add("Div", [faces, graph.constant(np.float32(255))]), 0, 1)
    graph.add("Transpose", [faces], "faces", perm=[0, 2, 3, 1])
    inputs = [declare("views", size, size, 3), declare("regions", size, size)]
    model = make_model(graph, "swap", inputs, [declare("masks", size, size), declare("faces", size, size, 3)])
    onnx.helper.set_model_props(
        model, {name: _to_text(value) for name, value in (_describe_crop(size, coverage) | dict(facts)).items()}
    )
    return model


def _describe_crop(size: int, coverage: float) -> dict[str, object]:
    """Describes which part of a frame a view shows."""
    unit = EYE_DISTANCE * size / coverage
    points = (MEAN_FACE - [0, VIEW_CENTER_BELOW_EYES]) * unit + (size - 1) / 2
    return {
        "layout": LAYOUT,
        "resolution": size,
        "coverage": coverage,
        "alignment": "similarity transform of eyes, nose tip and mouth corners to five_points, in pixels of the view",
        "five_points": np.round(points, 3).tolist(),
    }


def _to_text(value: object) -> str:
    """Formats a value of the metadata."""
    return value if isinstance(value, str) else json.dumps(value)
