"""Mean shift of latent codes from one person to the other.

Latent codes of a shared encoder still contain the identity: a constant part of A's codes describes A, and decoder B
generates it. The mean code of each person is this constant part, plus the mean expression of that person. Subtracting
A's mean and adding B's mean keeps what changes from frame to frame, pose and expression, and gives codes as decoder B
knows them.

If one person usually has the mouth open and the other has it closed, the plain difference of the means opens every
mouth. If the facesets have 68 landmarks, the influence of expression on the codes is fitted by regression within each
person, and the part of the difference that comes from expression is removed.
"""

import numpy as np

from faceswap_lib.conversion.latent.expression import describe_expression
from faceswap_lib.conversion.latent.samples import SAMPLED_CROPS, encode_crops
from faceswap_lib.facesets import Faceset, Side, Workspace

RIDGE = 0.02
"""Regularization of the regression per crop; descriptions of expression are scaled to standard deviation 1."""


def measure_shift(networks, workspace: Workspace, direction: str) -> np.ndarray:
    """Computes the shift from the original person's mean latent code to the wanted person's.

    Args:
        networks: Networks of the run, a `faceswap_lib.networks.Networks`.
        workspace: Contains both facesets.
        direction: "a2b" or "b2a".

    Returns:
        (8, 8, C) float32, to be added to codes of the original person.

    Raises:
        WorkspaceError: If a faceset is missing.
    """
    codes_a, expressions_a = _sample_codes(networks, workspace, "src")
    codes_b, expressions_b = _sample_codes(networks, workspace, "dst")
    shift = mean_code_difference(codes_a, codes_b, expressions_a, expressions_b)
    return shift if direction == "a2b" else -shift


def mean_code_difference(
    codes_a: np.ndarray, codes_b: np.ndarray, expressions_a: np.ndarray | None, expressions_b: np.ndarray | None
) -> np.ndarray:
    """Computes the difference of two people's mean codes at the same expression (analysis of covariance).

    Args:
        codes_a: (N, ...) latent codes of A.
        codes_b: (P, ...) latent codes of B.
        expressions_a: (N, K) expressions of A's faces; None if they are not known.
        expressions_b: (P, K) expressions of B's faces; None if they are not known.

    Returns:
        (...) float32; without expressions, the difference of the means.

    Taught in notebooks/06b_conversion_options.
    """
    plain = codes_b.mean(axis=0) - codes_a.mean(axis=0)
    if expressions_a is None or expressions_b is None:
        return plain
    spread = np.sqrt((expressions_a.var(axis=0) + expressions_b.var(axis=0)) / 2) + 1e-6
    within = [(group - group.mean(axis=0)) / spread for group in (expressions_a, expressions_b)]
    expressions = np.concatenate(within)
    changes = np.concatenate([codes - codes.mean(axis=0) for codes in (codes_a, codes_b)])
    squares = expressions.T @ expressions + RIDGE * len(expressions) * np.eye(expressions.shape[1])
    slopes = np.linalg.solve(squares, expressions.T @ changes.reshape(len(changes), -1))  # (K, D)
    difference = (expressions_b.mean(axis=0) - expressions_a.mean(axis=0)) / spread
    return (plain - (difference @ slopes).reshape(plain.shape)).astype(np.float32)


def _sample_codes(networks, workspace: Workspace, side: Side) -> tuple[np.ndarray, np.ndarray | None]:
    sampled = Faceset.open(workspace, side).sample(SAMPLED_CROPS)
    codes = encode_crops(networks, sampled, mirrored=False)
    if any(record.landmarks_68 is None for record in sampled.records):
        return codes, None
    return codes, describe_expression(np.stack([record.landmarks_in_crop() for record in sampled.records]))
