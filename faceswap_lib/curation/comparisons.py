"""Columns that compare every crop with all others: histogram and embedding."""

import dataclasses

import numpy as np

from faceswap_lib.curation.histograms import sum_distances
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.facesets import Faceset
from faceswap_lib.progress import show_progress

BATCH = 32
"""Number of crops per call of the recognition network."""

TRIM = 0.25
"""Fraction of the faces that are farthest from the median embedding and do not count for the mean."""


def histogram_differences(histograms: np.ndarray) -> np.ndarray:
    """Computes the mean Bhattacharyya distance of each face's histogram from all others.

    Args:
        histograms: (N, 256) from `histograms.face_histogram`.

    Returns:
        (N,) float64, 0 to 1.
    """
    return sum_distances(histograms) / max(1, len(histograms) - 1)


def embed_faceset(faceset: Faceset, embedder: FaceEmbedder, *, progress: bool = False) -> np.ndarray:
    """Computes the embedding of every crop of a faceset.

    Args:
        faceset: The faceset.
        embedder: The recognition network.
        progress: Show a progress bar.

    Returns:
        (N, D) float64.
    """
    starts = range(0, len(faceset), BATCH)
    parts = []
    for start in show_progress(starts, f"recognize {faceset.folder.name}", disable=not progress):
        batch = dataclasses.replace(faceset, records=faceset.records[start : start + BATCH])
        parts.append(embedder.embed(batch.read_crops()))
    return np.concatenate(parts)


def embedding_distances(embeddings: np.ndarray) -> np.ndarray:
    """Computes the Euclidean distance of each embedding from the person's mean embedding.

    The quarter of the faces that are farthest from the median embedding does not count for the mean, so that other
    people among the faces hardly move it.

    Args:
        embeddings: (N, D).

    Returns:
        (N,) float64.
    """
    distances = np.linalg.norm(embeddings - np.median(embeddings, axis=0), axis=1)
    kept = distances <= np.quantile(distances, 1 - TRIM)
    return np.linalg.norm(embeddings - embeddings[kept].mean(axis=0), axis=1)
