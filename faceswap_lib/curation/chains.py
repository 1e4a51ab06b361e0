"""Greedy chains: orders in which every image is followed by the nearest, or the farthest, of the remaining images."""

import typing
from collections.abc import Callable

import cv2
import numpy as np

from faceswap_lib.curation.histograms import bhattacharyya
from faceswap_lib.progress import show_progress

PART = 20_000
"""Maximum number of images in one chain; larger facesets are sorted in parts, which limits time and memory."""

CELLS = 8
"""Side of the grid of cells whose sums bound the distance of two images from below."""

BLOCK = 64
"""Number of images that are compared at a time; their pixels fit into the processor's cache."""

FIRST_CANDIDATES = 8
"""Number of images that are compared pixel by pixel first; doubled in each round."""

Extreme = typing.Literal["nearest", "farthest"]


def chain_histograms(histograms: np.ndarray, *, progress: bool = False) -> np.ndarray:
    """Orders color histograms by similarity, from the first on.

    The distance is the sum of the three channels' Bhattacharyya distances.

    Args:
        histograms: (N, 3, 256) from `histograms.color_histogram`.
        progress: Show a progress bar.

    Returns:
        (N,) indices.
    """

    def make_chain(part: np.ndarray) -> np.ndarray:
        channels = [np.ascontiguousarray(part[:, channel]) for channel in range(3)]

        def find_next(current: int, count: int) -> np.ndarray:
            total = np.zeros(count, np.float32)
            for channel in channels:
                total += bhattacharyya(channel[:count] @ channel[current])
            return np.flatnonzero(total == total.min())

        return _greedy_chain(len(part), find_next, channels, progress)

    return _chain_in_parts(histograms, make_chain)


def chain_images(images: np.ndarray, extreme: Extreme = "nearest", *, progress: bool = False) -> np.ndarray:
    """Orders images by their absolute pixel difference, from the first on.

    The nearest image is found without computing all differences: the differences of the sums over cells are a lower
    bound, so only images whose bound is below the best difference are compared pixel by pixel. The order is exact.

    Args:
        images: (N, S, S, 3) uint8; S is a multiple of `CELLS`.
        extreme: Whether the nearest or the farthest image follows.
        progress: Show a progress bar.

    Returns:
        (N,) indices.
    """

    def make_chain(part: np.ndarray) -> np.ndarray:
        rows, cells = part.reshape(len(part), -1).copy(), _sum_cells(part)

        def find_nearest(current: int, count: int) -> np.ndarray:
            bounds = np.abs(cells[:count] - cells[current]).sum(axis=1)
            return _search_bounded(rows, current, bounds)

        def find_farthest(current: int, count: int) -> np.ndarray:
            distances = absolute_differences(rows[:count], rows[current])
            return np.flatnonzero(distances == distances.max())

        find_next = find_nearest if extreme == "nearest" else find_farthest
        return _greedy_chain(len(part), find_next, [rows, cells], progress)

    return _chain_in_parts(images, make_chain)


def absolute_differences(rows: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Computes the sums of absolute differences of (N, D) uint8 rows to one (D,) row, (N,) int64."""
    sums = np.empty(len(rows), np.int64)
    repeated = np.repeat(row[None], min(BLOCK, len(rows)), axis=0)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        difference = cv2.absdiff(block, repeated[: len(block)])
        sums[start : start + BLOCK] = cv2.reduce(difference, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0]
    return sums


def _chain_in_parts(values: np.ndarray, make_chain: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Makes a chain of every `PART` values; returns the (N,) indices."""
    starts = range(0, len(values), PART)
    return np.concatenate([start + make_chain(values[start : start + PART]) for start in starts] or [np.empty(0, int)])


def _greedy_chain(
    count: int, find_next: Callable[[int, int], np.ndarray], arrays: list[np.ndarray], progress: bool
) -> np.ndarray:
    """Makes a greedy chain.

    The remaining items are always the first rows of the arrays: an item that joins the chain is swapped with the last
    remaining row, so that the arrays are read without gaps.

    Args:
        count: Number of items.
        find_next: Called with the row of the current item and the number of remaining items; returns the rows of the
            items that may follow. Of several, the one with the lowest index follows.
        arrays: Arrays with one row per item; they are reordered.
        progress: Show a progress bar.

    Returns:
        (count,) indices, 0 first.
    """
    names, chain = np.arange(count), np.empty(count, int)
    current = 0
    for place in show_progress(range(count), "sort", count, disable=not progress):
        remaining = count - 1 - place
        chain[place] = names[current]
        for array in (*arrays, names):
            array[[current, remaining]] = array[[remaining, current]]
        if remaining:
            rows = find_next(remaining, remaining)
            current = int(rows[names[rows].argmin()])
    return chain


def _search_bounded(rows: np.ndarray, current: int, bounds: np.ndarray) -> np.ndarray:
    """Searches the rows with the smallest absolute difference to row `current`.

    Args:
        rows: (N, D) uint8.
        current: Index of the row.
        bounds: (M,) lower bounds of the differences of the first M rows.

    Returns:
        Indices of the rows below M; several if they are equally near.
    """
    order = np.argsort(bounds, kind="stable")
    best, found, start, step = np.inf, order[:0], 0, FIRST_CANDIDATES
    while start < len(order) and bounds[order[start]] <= best:
        candidates = order[start : start + step]
        differences = absolute_differences(rows[candidates], rows[current])
        nearest = differences.min()
        if nearest <= best:
            others = found if nearest == best else order[:0]
            best, found = nearest, np.concatenate([others, candidates[differences == nearest]])
        start, step = start + step, 2 * step
    return found


def _sum_cells(images: np.ndarray) -> np.ndarray:
    """Computes the sums over `CELLS` x `CELLS` cells, (N, CELLS * CELLS * 3) int32."""
    count, side = images.shape[:2]
    cell = side // CELLS
    sums = images.reshape(count, CELLS, cell, CELLS, cell, 3).sum(axis=(2, 4), dtype=np.int32)
    return sums.reshape(count, -1)
