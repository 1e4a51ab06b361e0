"""Near-duplicates among crops: the same image again, re-encoded or slightly brighter, or a hardly moving face.

Crops are compared by small gray signatures without their mean, so a change of brightness does not count. The distance
is the root mean square of the difference, in gray levels. One matrix product gives the distances of many pairs.
"""

from collections.abc import Iterator

import numpy as np

ROWS = 1024
"""Number of crops that are compared with all others at a time; limits the memory."""


def nearest_distances(signatures: np.ndarray) -> np.ndarray:
    """Computes the distance of each crop from the most similar other crop.

    Args:
        signatures: (N, S, S) gray levels, uint8 or float.

    Returns:
        (N,) float64 in gray levels; NaN if there is no other crop.
    """
    vectors = _center(signatures)
    distances = np.full(len(vectors), np.nan)
    if len(vectors) > 1:
        for rows, block in _squared_distances(vectors, vectors):
            block[np.arange(len(block)), rows] = np.inf
            distances[rows] = np.sqrt(block.min(axis=1))
    return distances


def find_duplicates(signatures: np.ndarray, quality: np.ndarray, limit: float) -> np.ndarray:
    """Finds crops that duplicate a better one.

    The crops are examined from the best to the worst. A crop within `limit` of a crop that was kept duplicates it. So a
    face that moves slowly is not dropped as a whole: each kept crop replaces only those within the limit.

    Args:
        signatures: (N, S, S) gray levels, uint8 or float.
        quality: (N,), higher is better; NaN is the lowest.
        limit: Largest distance of duplicates, in gray levels.

    Returns:
        (N,) int: the index of the kept crop that a crop duplicates; -1 for a crop that is kept.
    """
    vectors, count = _center(signatures), len(signatures)
    order = np.argsort(-np.where(np.isfinite(quality), quality, -np.inf), kind="stable")
    copies, kept = np.full(count, -1), np.empty(0, int)
    for start in range(0, count, ROWS):
        block = order[start : start + ROWS]
        others = np.concatenate([kept, block])
        ((_, squared),) = _squared_distances(vectors[block], vectors[others])
        is_kept = np.concatenate([np.ones(len(kept), bool), np.zeros(len(block), bool)])
        for row, index in enumerate(block):
            near = np.where(is_kept, squared[row], np.inf)
            best = int(near.argmin())
            if near[best] <= limit**2:
                copies[index] = others[best]
            else:
                is_kept[len(kept) + row] = True
        kept = others[is_kept]
    return copies


def _center(signatures: np.ndarray) -> np.ndarray:
    """Subtracts the mean of each signature, and scales so that squared distances are mean squares; (N, D) float32."""
    vectors = signatures.reshape(len(signatures), -1).astype(np.float32)
    return (vectors - vectors.mean(axis=1, keepdims=True)) / np.float32(np.sqrt(max(1, vectors.shape[1])))


def _squared_distances(vectors: np.ndarray, others: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields, for blocks of vectors, their indices and their squared distances from all others, (B, M) float32."""
    squares = np.einsum("nd,nd->n", others, others)
    for start in range(0, len(vectors), ROWS):
        block = vectors[start : start + ROWS]
        squared = np.einsum("nd,nd->n", block, block)[:, None] + squares - 2 * block @ others.T
        yield np.arange(start, start + len(block)), np.maximum(squared, 0)
