"""Detail transfer: detail that a small network cannot generate is taken from filmed crops of the wanted person.

A generated face is soft, but the same network's reconstruction of a crop is soft in the same way. So for the eyes, the
mouth and the rest of a swapped face, the crop with the most similar reconstruction is selected. Dense optical flow
between the two soft images determines how the crop is warped, and all detail finer than the network can generate comes
from the warped crop. Light, color, pose and expression of the swapped face do not change. Where the two soft images
still differ, the person was never filmed with that expression, and the swapped face keeps its own detail.
Source: optical flow of Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016, in OpenCV.
"""

import cv2
import numpy as np

from faceswap_lib.conversion.blending import FAINT, sharpen
from faceswap_lib.conversion.detail.detailed_face import DetailedFace, DetailPiece
from faceswap_lib.conversion.detail.soft_view import (
    FLOW_SIZE,
    GRAY_SPREAD,
    THUMBNAIL,
    average_face,
    keep_large,
    pixel_grid,
    region_weights,
    standardize,
    to_gray,
    to_thumbnail,
)
from faceswap_lib.conversion.detail.sources import DetailSources

FLOW_SIGMA = 2.0
"""Sigma in pixels by which the flow is smoothed, so that it warps a face but does not copy single pixels."""

LARGE_SIGMA, DIFFERENCE_SIGMA = 3.0, 4.0
"""Sigmas in pixels of the blur of the difference of two soft images, before and after its absolute value is taken."""

ALIKE, UNLIKE = (0.8, 0.3, 0.3), (1.6, 0.6, 0.6)
"""Differences of two soft images, in standard deviations of a face, up to which they share all their detail at a pixel,
and from which they share none: in the eyes, in the mouth and elsewhere. The limits of the eyes are large, because
slightly wrong eyelids look better than an eye without an iris. Those of the mouth are small, because wrong lips would
draw teeth over a dark open mouth."""

LIFT = 1.15
"""Factor that strengthens detail, because warping, resizing and video encoding weaken it."""

BETTER = 0.75
"""Fraction of the cost of the current crop below which another crop replaces it; frequent changes would flicker."""

FADE = 4
"""Number of frames over which the detail of one crop fades into the detail of the next."""

FIT_ROUNDS, FIT_NEAR, FACTORS = 4, 0.2, (0.4, 2.5)
"""Fit of the contrast of two soft images: number of iterations, difference at which a pixel has half its weight, in
standard deviations of a face, and the range of the factor."""

HAIR_SIGMA = 2.0
"""Sigma in pixels, at `FLOW_SIZE`, of the soft border between the face and hair in front of it."""

EDGE = 3
"""Pixels at `FLOW_SIZE` from the border of the bare face within which no detail is taken. The outline of a jaw in front
of a bright wall is sharper than anything on the skin, and showed as a pale line on a wider face."""


class DetailTransfer:
    """Transfer of the wanted person's detail to swapped faces; frames must come in order."""

    def __init__(self):
        self._tracks: dict[int, np.ndarray] = {}
        self._flow = cv2.DISOpticalFlow_create(  # pyright: ignore[reportAttributeAccessIssue]  # OpenCV's stubs omit it
            cv2.DISOPTICAL_FLOW_PRESET_FAST
        )

    def transfer(
        self,
        swapped: np.ndarray,
        sources: DetailSources,
        *,
        track: int | None = None,
        sharpness: float = 0.0,
        mouth: np.ndarray | None = None,
    ) -> DetailedFace:
        """Transfers detail to a swapped face.

        Args:
            swapped: (R, R, 3) uint8 RGB, the generated face, in any colors.
            sources: Crops of the wanted person.
            track: Number of the face's track, along which selected crops are kept; None for a single face.
            sharpness: Amount of sharpening where the face keeps its own detail; see `blending.sharpen`.
            mouth: (3,) wanted opening and corners of the mouth, see `expression.describe_mouth`; None if not known.

        Returns:
            The face with detail.

        Taught in notebooks/06b_conversion_options.
        """
        standard, spread = standardize(swapped, sources.coverage)
        costs = sources.compare(to_thumbnail(standard), mouth)
        weights = self._select(costs, track)
        gray, regions = to_gray(standard), region_weights(FLOW_SIZE, sources.coverage)
        pieces, total, bare = [], np.zeros_like(regions[0]), np.zeros_like(regions[0])
        for source in np.flatnonzero(weights.any(axis=0)):
            flow, difference, uncovered, contrast = self._align(gray, sources, int(source))
            strength = np.zeros_like(total)
            inner = cv2.erode(uncovered, np.ones((2 * EDGE + 1,) * 2, np.uint8))
            for weight, region, alike, unlike in zip(weights[:, source], regions, ALIKE, UNLIKE, strict=True):
                if weight > 0:
                    taken = weight * region
                    bare += taken * uncovered
                    strength += taken * np.clip((unlike - difference) / (unlike - alike), 0, 1) * inner
            total += strength
            gain = LIFT * contrast * spread.mean() / sources.spreads[source % len(sources.spreads)].mean()
            pieces.append(DetailPiece(*sources.find_detail(int(source), flow), np.float32(gain) * strength))
        soft, remaining = keep_large(swapped), 1 - total
        if remaining.max() > FAINT:
            own = cv2.subtract(sharpen(swapped, sharpness), soft, dtype=cv2.CV_32F)
            soft = cv2.add(soft, cv2.multiply(own, cv2.merge([_enlarge(remaining, len(swapped))] * 3)))
        return DetailedFace(soft, pieces, bare)

    def state(self) -> dict[str, np.ndarray]:
        """Returns the selected crops of all tracks: "detail/N" for track N."""
        return {f"detail/{track}": chosen for track, chosen in self._tracks.items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Sets the state that `state` returned."""
        self._tracks = {
            int(name.removeprefix("detail/")): value for name, value in state.items() if name.startswith("detail/")
        }

    def _select(self, costs: np.ndarray, track: int | None) -> np.ndarray:
        """Selects crops; returns the weight of each crop in each region, (3, M) float32 with rows of sum 1."""
        best = costs.argmin(axis=1)
        rows = np.arange(len(costs))
        chosen = self._tracks.get(track) if track is not None else None
        if chosen is None:  # columns: current crop, previous crop, number of frames since the change
            chosen = np.stack([best, best, np.full(len(best), FADE)], axis=1)
        else:
            chosen = chosen + np.array([0, 0, 1])
            is_new = costs[rows, best] < BETTER * costs[rows, chosen[:, 0]]
            fresh = np.stack([best, chosen[:, 0], np.ones(len(best), int)], axis=1)
            chosen = np.where(is_new[:, None], fresh, chosen)
        if track is not None:
            self._tracks[track] = chosen
        weights = np.zeros_like(costs)
        fade = np.minimum(chosen[:, 2], FADE) / np.float32(FADE)
        weights[rows, chosen[:, 0]] += fade
        weights[rows, chosen[:, 1]] += 1 - fade
        return weights

    def _align(
        self, gray: np.ndarray, sources: DetailSources, source: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Computes the optical flow from a face to the soft image of a crop.

        Returns:
            The optical flow; the remaining difference, in standard deviations of a face; the mask of the bare face, in
            [0, 1], all at `FLOW_SIZE`; and the ratio of the contrast of the face to that of the soft image, both in
            standard tone.
        """
        soft = sources.soft[source]
        contrast, addend = _fit_contrast(soft, gray, sources.coverage)
        soft = cv2.addWeighted(soft, contrast, soft, 0, addend)  # optical flow assumes constant brightness
        flow = cv2.GaussianBlur(self._flow.calc(gray, soft, None), (0, 0), FLOW_SIGMA)
        difference = cv2.subtract(_warp(soft, flow), gray, dtype=cv2.CV_32F)
        difference = np.abs(cv2.GaussianBlur(difference, (0, 0), LARGE_SIGMA)) / GRAY_SPREAD
        difference = cv2.GaussianBlur(difference, (0, 0), DIFFERENCE_SIGMA)
        if sources.bare is None:
            return flow, difference, np.ones_like(gray), contrast
        bare = _warp(sources.find_bare(source), flow)
        uncovered = cv2.GaussianBlur(bare, (0, 0), HAIR_SIGMA) / np.float32(255)
        return flow, difference, uncovered, contrast


def _fit_contrast(image: np.ndarray, other: np.ndarray, coverage: float) -> tuple[float, float]:
    """Fits the factor and addend that map a gray image to another one, by iteratively reweighted least squares.

    Pixels with a large residual get a small weight, so that an open mouth in one of the images hardly counts.
    """
    inside = average_face(THUMBNAIL, coverage) > 0
    side = (THUMBNAIL, THUMBNAIL)
    x, y = (cv2.resize(gray, side, interpolation=cv2.INTER_AREA)[inside].astype(float) for gray in (image, other))
    factor, addend = 1.0, float(np.median(y) - np.median(x))
    for _ in range(FIT_ROUNDS):
        weight = 1 / (1 + ((factor * x + addend - y) / (FIT_NEAR * GRAY_SPREAD)) ** 2)
        total = weight.sum()
        mean_x, mean_y = weight @ x / total, weight @ y / total
        variance = weight @ (x - mean_x) ** 2
        factor = float(np.clip((weight @ ((x - mean_x) * (y - mean_y))) / max(variance, 1e-6), *FACTORS))
        addend = mean_y - factor * mean_x
    return factor, addend


def _warp(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Warps an image backward by an optical flow."""
    x, y = pixel_grid(len(image))
    return cv2.remap(image, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _enlarge(image: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)
