"""Moving a code from one person's average to the other's.

A shared encoder is never quite shared: what is constant in A's codes still says "A", and decoder B paints it. The
average code of each person is that constant part. Taking A's away and adding B's leaves what changes from frame to
frame, pose and expression, and decoder B reads a code as it knows them.
"""

import dataclasses

import numpy as np

from faceswap_lib.facesets import Faceset, Side, Workspace
from faceswap_lib.networks.views import to_network

SAMPLED_CROPS = 96
"""Crops per person whose codes are averaged, spread evenly over the faceset."""

BATCH = 16


def measure_shift(networks, workspace: Workspace, direction: str) -> np.ndarray:
    """Measures the way from the read person's average code to the written person's.

    Args:
        networks: The run's `faceswap_lib.networks.Networks`.
        workspace: Holds both facesets.
        direction: "a2b" or "b2a".

    Returns:
        (8, 8, C) float32, to be added to codes of the person who is read.

    Raises:
        WorkspaceError: If a faceset is missing.
    """
    average_a, average_b = (_average_code(networks, workspace, side) for side in ("src", "dst"))
    return average_b - average_a if direction == "a2b" else average_a - average_b


def _average_code(networks, workspace: Workspace, side: Side) -> np.ndarray:
    faceset, config = Faceset.open(workspace, side), networks.config
    chosen = np.linspace(0, len(faceset) - 1, min(SAMPLED_CROPS, len(faceset))).round().astype(int)
    sampled = dataclasses.replace(faceset, records=tuple(faceset.records[index] for index in chosen))
    seen, _ = to_network(*sampled.load(config.stored_size).views(config.resolution), config.view)
    batches = [networks.encoder.predict_on_batch(seen[at : at + BATCH]) for at in range(0, len(seen), BATCH)]
    return np.concatenate(batches).mean(axis=0)
