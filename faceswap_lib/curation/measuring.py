"""Computes the columns and descriptors that a sort or an audit needs, and stores the columns."""

import dataclasses
from collections.abc import Collection

import numpy as np

from faceswap_lib.curation.columns import IMAGE_COLUMNS, RECORD_COLUMNS
from faceswap_lib.curation.comparisons import embed_faceset, embedding_distances, histogram_differences
from faceswap_lib.curation.duplicates import nearest_distances
from faceswap_lib.curation.image_measures import Descriptor, measure_images
from faceswap_lib.curation.record_measures import measure_records
from faceswap_lib.curation.scores import read_scores, write_scores
from faceswap_lib.errors import InputError
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.facesets import Faceset
from faceswap_lib.facesets.occlusion_measure import measure_occluded

DESCRIPTORS_OF: dict[str, Descriptor] = {"histogram_difference": "face_histogram", "duplicate_distance": "signature"}
"""Descriptor from which a column is computed."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FacesetMeasures:
    """Measures of a faceset of N crops.

    Attributes:
        columns: By name, (N,) float64; NaN where a value is undefined.
        descriptors: By name; see `image_measures.ImageMeasures`.
    """

    columns: dict[str, np.ndarray]
    descriptors: dict[str, np.ndarray]


def measure_faceset(
    faceset: Faceset,
    columns: Collection[str],
    *,
    descriptors: Collection[Descriptor] = (),
    embedder: FaceEmbedder | None = None,
    progress: bool = False,
) -> FacesetMeasures:
    """Measures a faceset, and stores the columns in `scores.jsonl`.

    Stored values that depend on pixels are reused if the file of the crop has not changed.

    Args:
        faceset: The faceset.
        columns: Names of the columns that are needed; others that cost nothing more are computed, too.
        descriptors: Names of further descriptors that are needed.
        embedder: Recognition network, for "embedding_distance".
        progress: Show progress bars.

    Returns:
        The measures.

    Raises:
        InputError: If "embedding_distance" is needed without a network, or "occluded" without occlusion masks.
    """
    if "embedding_distance" in columns and embedder is None:
        raise InputError("embedding: expected a face recognition network, got none; pip install 'faceswap_lib[dlib]'")
    wanted: set[Descriptor] = {*descriptors, *(DESCRIPTORS_OF[name] for name in columns if name in DESCRIPTORS_OF)}
    values: dict[str, np.ndarray] = {}
    found: dict[str, np.ndarray] = {}
    states = None
    if set(columns) & set(RECORD_COLUMNS):
        values |= measure_records(faceset)
    if "occluded" in columns:
        values["occluded"] = measure_occluded(faceset)
    if wanted or set(columns) & set(IMAGE_COLUMNS):
        known = read_scores(faceset.folder)
        images = measure_images(faceset, descriptors=sorted(wanted), known=known, progress=progress)
        values, found, states = values | images.columns, images.descriptors, images.states
    if "histogram_difference" in columns:
        values["histogram_difference"] = histogram_differences(found["face_histogram"])
    if "duplicate_distance" in columns:
        values["duplicate_distance"] = nearest_distances(found["signature"])
    if "embedding_distance" in columns and embedder is not None:
        values["embedding_distance"] = embedding_distances(embed_faceset(faceset, embedder, progress=progress))
    write_scores(faceset.folder, [record.crop for record in faceset.records], values, states)
    return FacesetMeasures(columns=values, descriptors=found)
