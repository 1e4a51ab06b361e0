"""Latent maps: map the latent codes of one person to codes that the other person's decoder knows.

A decoder was trained only on the codes of its own person. Its output for other codes is not defined by training: it may
be a good face or a pattern of colors. And even a shared encoder describes two people differently: the direction in
which the codes of one person move as the head turns may not be that of the other person.

So a code is mapped to the codes that the decoder knows before it is decoded. `LatentAlignment` does this by head pose
and expression: the code becomes the one that the wanted person's codes have at the same head pose and expression.
`LatentProjection` only removes what does not occur in the wanted person's codes. Both project the code onto the first
principal components of that person's codes and limit each coordinate to their range. `LatentShift` only adds the
difference of two means; see `mean_shift`.
"""

import dataclasses
import functools
import typing

import numpy as np

from faceswap_lib.conversion.latent.expression import LID_NUMBERS

COMPONENTS = 40
"""Number of principal components onto which codes are projected: 99.9 % of the variance of one person's codes."""

LIMIT = 2.0
"""Largest distance of a code from the mean along each component, in standard deviations."""

KERNEL_WIDTH = 3.0
"""Standard deviation of the kernel: root mean square difference of two descriptions of motion."""

KERNEL_RIDGE, RIDGE = 0.3, 0.02
"""Regularization of the kernel ridge regression and of the ridge regression."""

REACHED = (1.0, 99.0)
"""Percentiles of the wanted person's motion to which requested motion is clipped; `fit_alignment` adds half a unit on
both sides."""

PULL = 0.5
"""How far an aligned code is shifted toward the wanted person's own codes around it, 0 to 1."""

NEIGHBORS, NEIGHBOR_SHARE = 5, 0.1
"""Kernel width of the mean shift: rank of the neighbor, and the fraction of its squared distance that is used."""

PRODUCTS = 2**17
"""Maximum number of multiplications of one matrix product, so that linear algebra libraries use one thread for it. On a
busy machine, the threads of a product wait for each other up to a hundred times longer than they work."""

LatentMap = typing.Callable[[np.ndarray], np.ndarray]
"""Function that is applied to latent codes, (B, H, W, C) float32, between encoder and decoder; keeps their shape."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LatentShift:
    """Latent map that adds a constant to every latent code.

    Attributes:
        shift: (H, W, C) float32, the constant.
    """

    shift: np.ndarray

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """Shifts codes, (B, H, W, C)."""
        return codes + self.shift


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LatentProjection:
    """Latent map that projects codes onto the principal components of one person's codes, and limits each coordinate.

    Attributes:
        mean: (D,) float32 mean of that person's codes, flattened.
        components: (K, D) float32 principal components, orthonormal, in order of decreasing variance.
        deviations: (K,) float32 standard deviation of that person's codes along each component.
        limit: Largest distance of a code from the mean along each component, in standard deviations.

    Source: principal component analysis, Pearson, "On Lines and Planes of Closest Fit to Systems of Points in Space",
    1901.
    """

    mean: np.ndarray
    components: np.ndarray
    deviations: np.ndarray
    limit: float

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """Projects codes, (B, H, W, C)."""
        return self.place(self.coordinates(codes)).reshape(codes.shape)

    def coordinates(self, codes: np.ndarray) -> np.ndarray:
        """Computes the coordinates of codes, (B, H, W, C), along the components, (B, K), without a limit."""
        return _reduce(codes.reshape(len(codes), -1) - self.mean, self.components)

    def place(self, coordinates: np.ndarray) -> np.ndarray:
        """Limits coordinates, (B, K), and returns the flattened codes at them, (B, D)."""
        reach = self.limit * self.deviations
        return self.mean + _expand(np.clip(coordinates, -reach, reach), self.components)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LatentAlignment:
    """Latent map to the wanted person's codes of the same head pose and expression: linear, then a step of mean shift.

    Attributes:
        mean: (D,) float32 mean of the original person's codes, flattened.
        components: (K, D) float32 principal components of these codes, each divided by its standard deviation.
        weights: (K, L) float32 matrix from coordinates along these components to coordinates of the wanted person.
        offset: (L,) float32, added to the coordinates of the wanted person.
        target: Projection onto the L components of the wanted person, with its limit.
        known: (P, L) float32 coordinates of the wanted person's own codes.
        pull: How far coordinates are shifted toward the mean of the wanted person's codes around them, 0 to 1.
    """

    mean: np.ndarray
    components: np.ndarray
    weights: np.ndarray
    offset: np.ndarray
    target: LatentProjection
    known: np.ndarray
    pull: float = PULL

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        """Aligns codes, (B, H, W, C)."""
        coordinates = _reduce(codes.reshape(len(codes), -1) - self.mean, self.components)
        wanted = coordinates @ self.weights + self.offset
        shifted = (1 - self.pull) * wanted + self.pull * self._mean_of_neighbors(wanted)
        return self.target.place(shifted).reshape(codes.shape)

    @functools.cached_property
    def neighbor_scale(self) -> np.ndarray:
        """Divisors of coordinates before they are compared, (L,).

        The square root of the standard deviation gives large components more weight than small ones, but not all of it.
        """
        return np.sqrt(np.maximum(self.target.deviations, 1e-6))

    @functools.cached_property
    def kernel_width(self) -> float:
        """Squared kernel width: a fraction of the median squared distance to the fifth nearest neighbor."""
        scaled = self.known / self.neighbor_scale
        squares = np.sort(_square_distances(scaled, scaled), axis=1)
        return NEIGHBOR_SHARE * max(float(np.median(squares[:, min(NEIGHBORS, len(squares) - 1)])), 1e-6)

    def _mean_of_neighbors(self, coordinates: np.ndarray) -> np.ndarray:
        """Computes the mean of the wanted person's codes, weighted by their distance: one step of mean shift."""
        squares = _square_distances(coordinates / self.neighbor_scale, self.known / self.neighbor_scale)
        weights = np.exp((squares.min(axis=1, keepdims=True) - squares) / (2 * self.kernel_width))
        return (weights / weights.sum(axis=1, keepdims=True)) @ self.known


def fit_projection(codes: np.ndarray, *, components: int = COMPONENTS, limit: float = LIMIT) -> LatentProjection:
    """Fits the principal components of a person's latent codes.

    Args:
        codes: (N, H, W, C) codes of that person.
        components: Number K of components; at most N - 1 are kept.
        limit: As in `LatentProjection`.

    Returns:
        The projection.
    """
    flat = codes.reshape(len(codes), -1).astype(np.float64)
    mean = flat.mean(axis=0)
    # The N x N matrix of inner products has the same eigenvalues as the D x D covariance, and N is much smaller than D.
    values, vectors = np.linalg.eigh((flat - mean) @ (flat - mean).T)
    order = np.argsort(values)[::-1][: min(components, len(codes) - 1)]
    lengths = np.sqrt(np.maximum(values[order], 1e-12))
    return LatentProjection(
        mean=mean.astype(np.float32),
        components=((vectors[:, order] / lengths).T @ (flat - mean)).astype(np.float32),
        deviations=(lengths / np.sqrt(len(codes))).astype(np.float32),
        limit=limit,
    )


def fit_alignment(
    codes: np.ndarray,
    motion: np.ndarray,
    others: np.ndarray,
    other_motion: np.ndarray,
    *,
    limit: float = LIMIT,
    pull: float = PULL,
    openness: float = 1.0,
) -> LatentAlignment:
    """Fits the alignment of two people's latent codes by two regressions.

    First, kernel ridge regression predicts the wanted person's codes from motion (head pose and expression). Applied to
    the motion of the original person's faces, it predicts which code each of them should have; motion is clipped to the
    range of the wanted person. Second, ridge regression predicts these codes from the original person's own codes. Only
    the second regression is used for conversion, so no landmarks are needed in the converted video.

    A regression predicts means, and the mean of two gazes is an eye without a pupil. So each code is then shifted part
    of the way toward the wanted person's own codes around it.

    Args:
        codes: (N, H, W, C) codes of the original person.
        motion: (N, M) motion of each face, from `expression.describe_motion`.
        others: (P, H, W, C) codes of the wanted person.
        other_motion: (P, M) motion of these faces.
        limit: As in `LatentProjection`.
        pull: As in `LatentAlignment`.
        openness: Requested openness of the eyes, as a multiple of the original person's; see `eye_openness`.

    Returns:
        The alignment.

    Source: kernel ridge regression, Saunders et al., "Ridge Regression Learning Algorithm in Dual Variables", 1998;
    mean shift, Fukunaga and Hostetler, "The estimation of the gradient of a density function", 1975.
    """
    target = fit_projection(others, limit=limit)
    source = fit_projection(codes)
    places = target.coordinates(others)
    # 1. From motion to the wanted person's code.
    low, high = np.percentile(other_motion, REACHED, axis=0)
    requested = np.clip(motion, low - 0.5, high + 0.5)
    if openness != 1:
        requested[:, LID_NUMBERS] *= openness
    mean = other_motion.mean(axis=0)
    known = _kernel(other_motion - mean, other_motion - mean)
    weights = np.linalg.solve(known + KERNEL_RIDGE * np.eye(len(known)), places)
    wanted = _kernel(requested - mean, other_motion - mean) @ weights
    # 2. From the original person's code to that code.
    spread = np.maximum(source.deviations, 1e-6)
    read = source.coordinates(codes) / spread
    squares = read.T @ read + RIDGE * len(read) * np.eye(read.shape[1])
    offset = wanted.mean(axis=0)  # the coordinates of all codes have mean 0
    return LatentAlignment(
        mean=source.mean,
        components=source.components / spread[:, None],
        weights=np.linalg.solve(squares, read.T @ (wanted - offset)).astype(np.float32),
        offset=offset.astype(np.float32),
        target=target,
        known=places.astype(np.float32),
        pull=pull,
    )


def _kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Computes the kernel matrix of two sets of motions: a Gaussian, plus a linear part for unusual motions."""
    scale = one.shape[1] * KERNEL_WIDTH**2
    products = one @ other.T
    return np.exp(-_square_distances(one, other) / (2 * scale)) + products / scale


def _square_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.maximum((one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T, 0)


def _reduce(codes: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Computes coordinates, (B, K), of flat codes, (B, D), along components, (K, D), in blocks of D."""
    total = np.zeros((len(codes), len(components)), np.result_type(codes, components))
    for block in _blocks(len(codes), components):
        total += codes[:, block] @ components[:, block].T
    return total


def _expand(coordinates: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Computes flat codes, (B, D), from coordinates, (B, K), along components, (K, D), in blocks of D."""
    codes = np.empty((len(coordinates), components.shape[1]), np.result_type(coordinates, components))
    for block in _blocks(len(coordinates), components):
        np.matmul(coordinates, components[:, block], out=codes[:, block])
    return codes


def _blocks(rows: int, components: np.ndarray) -> list[slice]:
    """Splits the dimension D so that no product with `rows` rows has more than `PRODUCTS` multiplications."""
    step = max(1, PRODUCTS // max(1, rows * len(components)))
    return [slice(start, start + step) for start in range(0, components.shape[1], step)]
