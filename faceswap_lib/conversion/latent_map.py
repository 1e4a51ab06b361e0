"""Bringing the latent codes of one person to what the other person's decoder knows.

A decoder has only ever met its own person's codes. What it makes of others is not defined by anything it learned: it
may be a good face, or a plaid of colors. So a code is brought among the codes that the decoder knows before it is
decoded: onto the first principal components of the wanted person's codes, and along each of them no further out than
that person's own codes reach. What this takes away is what the wanted person never does, and what says "this is
somebody else".

A code may be shifted before: from the original person's average towards the wanted person's, see `shift`.
"""

import dataclasses
import typing
from collections.abc import Sequence

import numpy as np

LatentMap = typing.Callable[[np.ndarray], np.ndarray]
"""What is done to latent codes, (B, H, W, C) float32, between encoder and decoder; gives codes of the same shape."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LatentShift:
    """Adds a constant to every latent code.

    Attributes:
        shift: (H, W, C) float32.
    """

    shift: np.ndarray

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """Shifts codes, (B, H, W, C)."""
        return codes + self.shift


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LatentProjection:
    """Projects latent codes onto the principal components of one person's codes, and limits each coordinate.

    Attributes:
        mean: (D,) float32 mean of that person's codes, flattened.
        components: (K, D) float32 principal components, orthonormal, the one of the largest variance first.
        deviations: (K,) float32 standard deviation of that person's codes along each.
        limit: How far from the mean a code may lie along each component, in standard deviations.

    Source: principal component analysis, Pearson 1901; taught in notebooks/06_video_conversion.
    """

    mean: np.ndarray
    components: np.ndarray
    deviations: np.ndarray
    limit: float

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """Projects codes, (B, H, W, C)."""
        coordinates = (codes.reshape(len(codes), -1) - self.mean) @ self.components.T
        reach = self.limit * self.deviations
        return (self.mean + np.clip(coordinates, -reach, reach) @ self.components).reshape(codes.shape)


def fit_projection(codes: np.ndarray, *, components: int, limit: float) -> LatentProjection:
    """Fits the principal components of a person's latent codes.

    Args:
        codes: (N, H, W, C) codes of that person.
        components: How many components are kept, K; fewer where N is smaller.
        limit: As in `LatentProjection`.

    Returns:
        The projection.
    """
    flat = codes.reshape(len(codes), -1).astype(np.float64)
    mean = flat.mean(axis=0)
    # The N x N matrix of inner products has the same eigenvalues as the D x D covariance, and N is far below D.
    values, vectors = np.linalg.eigh((flat - mean) @ (flat - mean).T)
    order = np.argsort(values)[::-1][: min(components, len(codes) - 1)]
    lengths = np.sqrt(np.maximum(values[order], 1e-12))
    return LatentProjection(
        mean=mean.astype(np.float32),
        components=((vectors[:, order] / lengths).T @ (flat - mean)).astype(np.float32),
        deviations=(lengths / np.sqrt(len(codes))).astype(np.float32),
        limit=limit,
    )


def chain(maps: Sequence[LatentMap]) -> LatentMap:
    """Joins latent maps into one that applies them in order."""

    def apply(codes: np.ndarray) -> np.ndarray:
        for one in maps:
            codes = one(codes)
        return codes

    return apply
