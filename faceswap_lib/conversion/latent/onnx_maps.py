"""Latent maps as ONNX operators, for exported models."""

import functools

import numpy as np

from faceswap_lib.conversion.latent.mapping import LatentAlignment, LatentMap, LatentProjection, LatentShift
from faceswap_lib.export.generator_graph import WriteMap
from faceswap_lib.export.onnx_layers import GraphWriter


def map_writer(latent_map: LatentMap | None) -> WriteMap | None:
    """Returns the function that writes a latent map into a graph; None for no map.

    Raises:
        ValueError: If the map is of an unknown class.
    """
    if latent_map is None:
        return None
    writers = {LatentShift: _write_shift, LatentProjection: _write_projection, LatentAlignment: _write_alignment}
    if type(latent_map) not in writers:
        known = ", ".join(kind.__name__ for kind in writers)
        raise ValueError(f"expected one of {known}, got {type(latent_map).__name__}; write it as ONNX operators")
    return functools.partial(writers[type(latent_map)], latent_map)


def _write_shift(latent_map: LatentShift, graph: GraphWriter, codes: str) -> str:
    """Writes the addition of the shift."""
    return graph.add("Add", [codes, _constant(graph, latent_map.shift.ravel())])


def _write_projection(latent_map: LatentProjection, graph: GraphWriter, codes: str) -> str:
    """Writes the coordinates along the components, their limits, and the codes at them."""
    offsets = graph.add("Sub", [codes, _constant(graph, latent_map.mean)])
    coordinates = graph.add("MatMul", [offsets, _constant(graph, latent_map.components.T)])
    return _place(latent_map, graph, coordinates)


def _place(projection: LatentProjection, graph: GraphWriter, coordinates: str) -> str:
    """Writes the limits of coordinates, (B, K), and the codes at them, (B, D)."""
    reach = projection.limit * projection.deviations
    limited = graph.add("Min", [coordinates, _constant(graph, reach)])
    limited = graph.add("Max", [limited, _constant(graph, -reach)])
    flat = graph.add("MatMul", [limited, _constant(graph, projection.components)])
    return graph.add("Add", [flat, _constant(graph, projection.mean)])


def _write_alignment(latent_map: LatentAlignment, graph: GraphWriter, codes: str) -> str:
    """Writes the linear map to the wanted person's coordinates, one step of mean shift, and the limits."""
    offsets = graph.add("Sub", [codes, _constant(graph, latent_map.mean)])
    coordinates = graph.add("MatMul", [offsets, _constant(graph, latent_map.components.T)])
    wanted = graph.add("MatMul", [coordinates, _constant(graph, latent_map.weights)])
    wanted = graph.add("Add", [wanted, _constant(graph, latent_map.offset)])
    shifted = graph.add("Mul", [wanted, _constant(graph, 1 - latent_map.pull)])
    near = graph.add("Mul", [_mean_of_neighbors(latent_map, graph, wanted), _constant(graph, latent_map.pull)])
    return _place(latent_map.target, graph, graph.add("Add", [shifted, near]))


def _mean_of_neighbors(latent_map: LatentAlignment, graph: GraphWriter, wanted: str) -> str:
    """Writes the mean of the wanted person's codes, weighted by their distance, as a softmax.

    The squared distance is |w|^2 - 2 w k + |k|^2. The first term is the same for all codes k, so it does not change the
    softmax.
    """
    scale, width = latent_map.neighbor_scale, latent_map.kernel_width
    scaled = latent_map.known / scale
    products = graph.add("MatMul", [wanted, _constant(graph, (scaled / scale / width).T)])
    scores = graph.add("Sub", [products, _constant(graph, (scaled**2).sum(axis=1) / (2 * width))])
    weights = graph.add("Softmax", [scores], axis=1)
    return graph.add("MatMul", [weights, _constant(graph, latent_map.known)])


def _constant(graph: GraphWriter, values: np.ndarray | float) -> str:
    """Adds a float32 constant; returns its name."""
    return graph.constant(np.asarray(values, np.float32))
