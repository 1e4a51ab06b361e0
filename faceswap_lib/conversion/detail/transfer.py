"""Detail transfer from the wanted person's own crops: what a small network cannot draw is taken from what was filmed.

A network's face is soft, but the same network's reconstruction of a crop is soft in the same way. So for the eyes, the
mouth and the rest of a new face the crop is looked up whose reconstruction is most like it; dense optical flow between
the two soft pictures says how to bend the crop; and everything finer than the network draws comes from the bent crop.
Light, color, pose and expression stay the new face's. Where the two soft pictures differ even so, the person never did
on camera what is asked, and the new face keeps its own detail.
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
"""Pixels over which the flow is smoothed: it bends a face, it does not copy one pixel by pixel."""

LARGE_SIGMA, DIFFERENCE_SIGMA = 3.0, 4.0
"""Pixels of blur before two soft pictures are compared, which leaves the large forms, and after it."""

ALIKE, UNLIKE = (0.8, 0.3, 0.3), (1.6, 0.6, 0.6)
"""Differences of two soft pictures, in standard deviations of a face, up to which they have all their detail in common
at a place, and from which none: in the eyes, in the mouth and elsewhere. Lids that are not quite right are far better
than an eye that has no iris; lips that are not drawn teeth over the dark of a mouth."""

LIFT = 1.15
"""How much stronger detail is put in than the crop has it: bending, enlarging and the video's own coding take some."""

BETTER = 0.75
"""Share of the cost of the crop in use that another must undercut to take its place: detail that changes from frame to
frame flickers."""

FADE = 4
"""Frames over which one crop's detail goes over into the next one's."""

FIT_ROUNDS, FIT_NEAR, FACTORS = 4, 0.2, (0.4, 2.5)
"""How often the contrast of two soft pictures is fitted, the difference at which a pixel counts half, in standard
deviations of a face, and the factors that are believed."""

HAIR_SIGMA = 2.0
"""Pixels over which a face ends at hair in front of it, at `FLOW_SIZE`."""


class DetailTransfer:
    """Puts the wanted person's detail into new faces, in the order of the frames."""

    def __init__(self):
        self._tracks: dict[int, np.ndarray] = {}
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def transfer(
        self,
        new: np.ndarray,
        sources: DetailSources,
        *,
        track: int | None = None,
        sharpness: float = 0.0,
        mouth: np.ndarray | None = None,
    ) -> DetailedFace:
        """Finds the detail of a new face.

        Args:
            new: (R, R, 3) uint8 RGB, the face as the network wrote it, in whatever colors.
            sources: The wanted person's crops.
            track: Number of the face's track, along which crops are kept; None for a face by itself.
            sharpness: How much the face's own detail is lifted there; see `blending.sharpen`.
            mouth: (3,) what the mouth shall do, see `expression.describe_mouth`; None where it is not known.

        Returns:
            The face with detail.

        Taught in notebooks/06_video_conversion.
        """
        standard, spread = standardize(new, sources.coverage)
        costs = sources.compare(to_thumbnail(standard), mouth)
        shares = self._choose(costs, track)
        gray, regions = to_gray(standard), region_weights(FLOW_SIZE, sources.coverage)
        pieces, total, bare = [], np.zeros_like(regions[0]), np.zeros_like(regions[0])
        for source in np.flatnonzero(shares.any(axis=0)):
            flow, apart, uncovered, contrast = self._lead(gray, sources, int(source))
            weight = np.zeros_like(total)
            for share, region, alike, unlike in zip(shares[:, source], regions, ALIKE, UNLIKE, strict=True):
                if share > 0:
                    taken = share * region
                    bare += taken * uncovered
                    weight += taken * np.clip((unlike - apart) / (unlike - alike), 0, 1)
            total += weight
            gain = LIFT * contrast * spread.mean() / sources.spreads[source % len(sources.spreads)].mean()
            pieces.append(DetailPiece(*sources.find_detail(int(source), flow), np.float32(gain) * weight))
        picture, left = keep_large(new), 1 - total
        if left.max() > FAINT:
            own = cv2.subtract(sharpen(new, sharpness), picture, dtype=cv2.CV_32F)
            picture = cv2.add(picture, cv2.multiply(own, cv2.merge([_enlarge(left, len(new))] * 3)))
        return DetailedFace(picture, pieces, bare)

    def state(self) -> dict[str, np.ndarray]:
        """What is remembered: "detail/N" for track N."""
        return {f"detail/{track}": chosen for track, chosen in self._tracks.items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Remembers what `state` gave."""
        self._tracks = {
            int(name.removeprefix("detail/")): value for name, value in state.items() if name.startswith("detail/")
        }

    def _choose(self, costs: np.ndarray, track: int | None) -> np.ndarray:
        """(3, M) float32, how much of each crop's detail each region takes; rows add up to 1."""
        best = costs.argmin(axis=1)
        rows = np.arange(len(costs))
        chosen = self._tracks.get(track) if track is not None else None
        if chosen is None:  # crop in use, the one before, frames since it was taken
            chosen = np.stack([best, best, np.full(len(best), FADE)], axis=1)
        else:
            chosen = chosen + [0, 0, 1]
            is_new = costs[rows, best] < BETTER * costs[rows, chosen[:, 0]]
            fresh = np.stack([best, chosen[:, 0], np.ones(len(best), int)], axis=1)
            chosen = np.where(is_new[:, None], fresh, chosen)
        if track is not None:
            self._tracks[track] = chosen
        shares = np.zeros_like(costs)
        newest = np.minimum(chosen[:, 2], FADE) / np.float32(FADE)
        shares[rows, chosen[:, 0]] += newest
        shares[rows, chosen[:, 1]] += 1 - newest
        return shares

    def _lead(
        self, gray: np.ndarray, sources: DetailSources, source: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | np.float32, float]:
        """Finds the way to a crop's soft picture.

        Returns:
            Optical flow, how far the two are apart even so, in standard deviations of a face, how much of it is the
            bare face, all at `FLOW_SIZE`, and how much stronger the face's contrasts are than those of the soft
            picture, both in their standard tone.
        """
        soft = sources.soft[source]
        contrast, addend = _fit_contrast(soft, gray, sources.coverage)
        soft = cv2.addWeighted(soft, contrast, soft, 0, addend)  # flow takes what belongs together for equally bright
        flow = cv2.GaussianBlur(self._flow.calc(gray, soft, None), (0, 0), FLOW_SIGMA)
        apart = cv2.subtract(_move(soft, flow), gray, dtype=cv2.CV_32F)
        apart = np.abs(cv2.GaussianBlur(apart, (0, 0), LARGE_SIGMA)) / GRAY_SPREAD
        apart = cv2.GaussianBlur(apart, (0, 0), DIFFERENCE_SIGMA)
        if sources.bare is None:
            return flow, apart, np.float32(1), contrast
        bare = _move(sources.find_bare(source), flow)
        uncovered = cv2.GaussianBlur(bare, (0, 0), HAIR_SIGMA) / np.float32(255)
        return flow, apart, uncovered, contrast


def _fit_contrast(picture: np.ndarray, other: np.ndarray, coverage: float) -> tuple[float, float]:
    """Finds factor and addend that make a gray picture another one in most of the face, by weighted least squares.

    Weighted again and again by how near it came, so that a gaping mouth in one of them does not count.
    """
    inside = average_face(THUMBNAIL, coverage) > 0
    side = (THUMBNAIL, THUMBNAIL)
    x, y = (cv2.resize(gray, side, interpolation=cv2.INTER_AREA)[inside].astype(float) for gray in (picture, other))
    factor, addend = 1.0, float(np.median(y) - np.median(x))
    for _ in range(FIT_ROUNDS):
        weight = 1 / (1 + ((factor * x + addend - y) / (FIT_NEAR * GRAY_SPREAD)) ** 2)
        total = weight.sum()
        middle_x, middle_y = weight @ x / total, weight @ y / total
        varied = weight @ (x - middle_x) ** 2
        factor = float(np.clip((weight @ ((x - middle_x) * (y - middle_y))) / max(varied, 1e-6), *FACTORS))
        addend = middle_y - factor * middle_x
    return factor, addend


def _move(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Takes every pixel from where the flow leads."""
    x, y = pixel_grid(len(picture))
    return cv2.remap(picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _enlarge(picture: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)
