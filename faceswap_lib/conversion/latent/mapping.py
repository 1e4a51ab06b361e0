"""Bringing the latent codes of one person to what the other person's decoder knows.

A decoder has only ever met its own person's codes. What it makes of others is not defined by anything it learned: it
may be a good face, or a plaid of colors. And an encoder that is shared still says the same thing about two people in
two ways: the direction in which the codes of one move as the head turns need not be that of the other.

So a code is brought among the codes that the decoder knows before it is decoded. `LatentAlignment` does it by what the
faces do: the code becomes the one that the wanted person's codes have at the same head pose and expression.
`LatentProjection` takes only away what the wanted person's codes never do. Both lay the code into the first principal
components of that person's codes and, along each of them, no further out than these reach. `LatentShift` only adds the
difference of two averages; see `shift`.
"""

import dataclasses
import functools
import typing

import numpy as np

from faceswap_lib.conversion.latent.expression import LID_NUMBERS

COMPONENTS = 40
"""Principal components onto which codes are projected: they hold 99.9 % of the variance of one person's codes."""

LIMIT = 2.0
"""Standard deviations that a code may be away from the mean along each of them."""

KERNEL_WIDTH = 3.0
"""Difference of what two faces do, root mean square over its numbers, at which they still count as alike."""

KERNEL_RIDGE, RIDGE = 0.3, 0.02
"""Regularization of both regressions."""

REACHED = (1.0, 99.0)
"""Percentiles between which a person is taken to do something; half a unit more is asked of her."""

PULL = 0.5
"""How far an aligned code is shifted towards the wanted person's own codes around it."""

NEIGHBORS, NEIGHBOR_SHARE = 5, 0.1
"""Which neighbor's squared distance, and what share of it, makes an own code count little."""

PRODUCTS = 2**17
"""Multiplications of one matrix product, so few that linear algebra libraries use one thread for them. While others
keep all cores busy, the threads of a product wait for each other up to a hundred times longer than they work."""

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
        """Gives the coordinates of codes, (B, H, W, C), along the components, (B, K), without a limit."""
        return _reduce(codes.reshape(len(codes), -1) - self.mean, self.components)

    def place(self, coordinates: np.ndarray) -> np.ndarray:
        """Gives the flattened codes, (B, D), at coordinates (B, K) that are limited before."""
        reach = self.limit * self.deviations
        return self.mean + _expand(np.clip(coordinates, -reach, reach), self.components)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LatentAlignment:
    """Maps one person's latent codes linearly to the other's codes of the same head pose and expression.

    Attributes:
        mean: (D,) float32 mean of the read person's codes, flattened.
        components: (K, D) float32 principal components of these, each over its standard deviation.
        weights: (K, L) float32 from coordinates along them to coordinates of the wanted person.
        offset: (L,) float32 added to these.
        target: Projection onto the wanted person's L components, with its limit.
        known: (P, L) float32 coordinates of the wanted person's own codes.
        pull: How far coordinates are shifted towards the mean of the own codes around them, 0 to 1.
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
    def _scale(self) -> np.ndarray:
        """(L,) by what coordinates are divided before they are compared: the root of the deviation lets large
        components count more than small ones, but not alone.
        """
        return np.sqrt(np.maximum(self.target.deviations, 1e-6))

    @functools.cached_property
    def _width(self) -> float:
        """Squared distance at which an own code counts little: a share of that to the fifth nearest, in the median."""
        scaled = self.known / self._scale
        squares = np.sort(_square_distances(scaled, scaled), axis=1)
        return NEIGHBOR_SHARE * max(float(np.median(squares[:, min(NEIGHBORS, len(squares) - 1)])), 1e-6)

    def _mean_of_neighbors(self, coordinates: np.ndarray) -> np.ndarray:
        """The mean of the wanted person's own codes, weighted by how near they are: one step of mean shift."""
        squares = _square_distances(coordinates / self._scale, self.known / self._scale)
        weights = np.exp((squares.min(axis=1, keepdims=True) - squares) / (2 * self._width))
        return (weights / weights.sum(axis=1, keepdims=True)) @ self.known


def fit_projection(codes: np.ndarray, *, components: int = COMPONENTS, limit: float = LIMIT) -> LatentProjection:
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
    """Fits the alignment of two people's latent codes, by regression in two steps.

    First the wanted person's codes are predicted from what the face does, by kernel ridge regression; asked for what
    the read person's faces do, it says which code each of them should have. What the wanted person never does is asked
    for only as far as she goes. Then these codes are predicted from the read person's own, by ridge regression. That
    one alone is needed afterwards, so no landmarks are looked for in the video.

    A regression gives means, and the mean of two gazes is an eye without a pupil. So each code is then shifted some of
    the way to the wanted person's own codes around it.

    Args:
        codes: (N, H, W, C) codes of the person who is read.
        motion: (N, M) what each face does, as `expression.describe_motion` gives.
        others: (P, H, W, C) codes of the person who is wanted.
        other_motion: (P, M) what these do.
        limit: As in `LatentProjection`.
        pull: As in `LatentAlignment`.
        openness: How many times as open as the read person's the eyes are asked to be; see `eye_openness`.

    Returns:
        The alignment.

    Source: kernel ridge regression, Saunders et al., "Ridge Regression Learning Algorithm in Dual Variables", 1998;
    mean shift, Fukunaga and Hostetler, "The estimation of the gradient of a density function", 1975.

    Taught in notebooks/06_video_conversion.
    """
    target = fit_projection(others, limit=limit)
    source = fit_projection(codes)
    places = target.coordinates(others)
    # 1. From what a face does to the wanted person's code.
    low, high = np.percentile(other_motion, REACHED, axis=0)
    asked = np.clip(motion, low - 0.5, high + 0.5)
    if openness != 1:
        asked[:, LID_NUMBERS] *= openness
    middle = other_motion.mean(axis=0)
    known = _kernel(other_motion - middle, other_motion - middle)
    weights = np.linalg.solve(known + KERNEL_RIDGE * np.eye(len(known)), places)
    wanted = _kernel(asked - middle, other_motion - middle) @ weights
    # 2. From the read person's code to that one.
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
    """Similarity of what faces do: a Gaussian, and a linear part that goes on where no face is near."""
    scale = one.shape[1] * KERNEL_WIDTH**2
    products = one @ other.T
    return np.exp(-_square_distances(one, other) / (2 * scale)) + products / scale


def _square_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.maximum((one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T, 0)


def _reduce(codes: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Multiplies flat codes, (B, D), with components, (K, D): their coordinates, (B, K); a piece of D at a time."""
    total = np.zeros((len(codes), len(components)), np.result_type(codes, components))
    for piece in _pieces(len(codes), components):
        total += codes[:, piece] @ components[:, piece].T
    return total


def _expand(coordinates: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Multiplies coordinates, (B, K), with components, (K, D): flat codes, (B, D); a piece of D at a time."""
    codes = np.empty((len(coordinates), components.shape[1]), np.result_type(coordinates, components))
    for piece in _pieces(len(coordinates), components):
        np.matmul(coordinates, components[:, piece], out=codes[:, piece])
    return codes


def _pieces(rows: int, components: np.ndarray) -> list[slice]:
    """Splits the numbers of a code so that no product of so many rows has more than `PRODUCTS` multiplications."""
    step = max(1, PRODUCTS // max(1, rows * len(components)))
    return [slice(start, start + step) for start in range(0, components.shape[1], step)]
