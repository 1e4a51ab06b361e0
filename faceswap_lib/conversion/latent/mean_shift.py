"""Moving a code from one person's constant part to the other's.

A shared encoder is never quite shared: what is constant in A's codes still says "A", and decoder B paints it. The
average code of each person is that constant part, together with what the person happens to do on average. Taking A's
away and adding B's leaves what changes from frame to frame, pose and expression, and decoder B reads a code as it knows
them.

If one person keeps the mouth open where the other keeps it shut, the plain difference of the averages opens every
mouth. Where the facesets have 68 landmarks, what the codes owe to expression is found by regression within each person,
and the part of the difference that comes from it is left out.
"""

import numpy as np

from faceswap_lib.conversion.latent.expression import describe_expression
from faceswap_lib.conversion.latent.samples import SAMPLED_CROPS, encode_crops
from faceswap_lib.facesets import Faceset, Side, Workspace

RIDGE = 0.02
"""Of the regression, as a share of the number of crops; numbers for expression have a spread of 1 in it."""


def measure_shift(networks, workspace: Workspace, direction: str) -> np.ndarray:
    """Measures the way from the read person's constant part to the written person's.

    Args:
        networks: The run's `faceswap_lib.networks.Networks`.
        workspace: Holds both facesets.
        direction: "a2b" or "b2a".

    Returns:
        (8, 8, C) float32, to be added to codes of the person who is read.

    Raises:
        WorkspaceError: If a faceset is missing.
    """
    codes_a, expressions_a = _sample_codes(networks, workspace, "src")
    codes_b, expressions_b = _sample_codes(networks, workspace, "dst")
    way = mean_code_difference(codes_a, codes_b, expressions_a, expressions_b)
    return way if direction == "a2b" else -way


def mean_code_difference(
    codes_a: np.ndarray, codes_b: np.ndarray, expressions_a: np.ndarray | None, expressions_b: np.ndarray | None
) -> np.ndarray:
    """The difference of two people's codes at the same expression: analysis of covariance.

    Args:
        codes_a, codes_b: (N, ...) codes of each.
        expressions_a, expressions_b: (N, K) what their faces do; None if it is not known.

    Returns:
        (...) float32; without expressions the difference of the averages.

    Taught in notebooks/06_video_conversion.
    """
    plain = codes_b.mean(axis=0) - codes_a.mean(axis=0)
    if expressions_a is None or expressions_b is None:
        return plain
    spread = np.sqrt((expressions_a.var(axis=0) + expressions_b.var(axis=0)) / 2) + 1e-6
    within = [(group - group.mean(axis=0)) / spread for group in (expressions_a, expressions_b)]
    doings = np.concatenate(within)
    changes = np.concatenate([codes - codes.mean(axis=0) for codes in (codes_a, codes_b)])
    squares = doings.T @ doings + RIDGE * len(doings) * np.eye(doings.shape[1])
    owed = np.linalg.solve(squares, doings.T @ changes.reshape(len(changes), -1))  # (K, D): code per doing
    apart = (expressions_b.mean(axis=0) - expressions_a.mean(axis=0)) / spread
    return (plain - (apart @ owed).reshape(plain.shape)).astype(np.float32)


def _sample_codes(networks, workspace: Workspace, side: Side) -> tuple[np.ndarray, np.ndarray | None]:
    sampled = Faceset.open(workspace, side).sample(SAMPLED_CROPS)
    codes = encode_crops(networks, sampled, mirrored=False)
    if any(record.landmarks_68 is None for record in sampled.records):
        return codes, None
    return codes, describe_expression(np.stack([record.landmarks_in_crop() for record in sampled.records]))
