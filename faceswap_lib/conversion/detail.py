"""Detail transfer from the wanted person's own crops: what a small network cannot draw is taken from what was filmed.

A network's face is soft, but the same network's reconstruction of a crop is soft in the same way. So for the eyes, the
mouth and the rest of a new face the crop is looked up whose reconstruction is most like it; dense optical flow between
the two soft pictures says how to bend the crop; and everything finer than the network draws comes from the bent crop.
Light, color, pose and expression stay the new face's. Where the two soft pictures differ even so, the person never
did on camera what is asked, and the new face keeps its own detail.
Source: optical flow of Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016, in OpenCV.
"""

import dataclasses
import functools
import typing
from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lib.conversion.blend import FAINT, Region, sharpen
from faceswap_lib.conversion.colour import to_picture
from faceswap_lib.conversion.contrast import MIDDLE
from faceswap_lib.conversion.latent_samples import LatentSample
from faceswap_lib.conversion.placement import Placement
from faceswap_lib.faces import FaceCrop
from faceswap_lib.faces.align import (
    CROP_SIZE,
    EYE_DISTANCE,
    map_points,
    resize_matrix,
    scale_points,
    template_points,
    view_matrix,
    warp_frame,
)
from faceswap_lib.faces.hair import hair_mask
from faceswap_lib.faces.landmarks_mesh import MeshFinder
from faceswap_lib.faces.masks import middle_of_face
from faceswap_lib.faces.mesh import PRESENT
from faceswap_lib.faces.outline import face_outline, outline_mask
from faceswap_lib.faces.region import median_hairline, settle_region
from faceswap_lib.faces.tone import NEUTRAL_TONE, face_tone

if typing.TYPE_CHECKING:
    from faceswap_lib.conversion.swapper import GeneratorSwapper

FLOW_SIZE = 128
"""Side in pixels of the gray pictures between which flow is looked for."""

THUMBNAIL = 32
"""Side of the pictures by which the most similar crop is looked up."""

DETAIL_SIGMA = 0.047
"""Blur that leaves what a network draws, as a share of the view: 6 pixels of 128, 0.14 eye distances."""

FLOW_SIGMA = 2.0
"""Pixels over which the flow is smoothed: it bends a face, it does not copy one pixel by pixel."""

LARGE_SIGMA, DIFFERENCE_SIGMA = 3.0, 4.0
"""Pixels of blur before two soft pictures are compared, which leaves the large forms, and after it."""

ALIKE, UNLIKE = (0.8, 0.3, 0.3), (1.6, 0.6, 0.6)
"""Differences of two soft pictures, in standard deviations of a face, up to which they have all their detail in
common at a place, and from which none: in the eyes, in the mouth and elsewhere. Lids that are not quite right are far
better than an eye that has no iris; lips that are not drawn teeth over the dark of a mouth."""

LIFT = 1.15
"""How much stronger detail is put in than the crop has it: bending, enlarging and the video's own coding take some."""

COARSEST_STEP = 1.5
"""Pixels of a crop to one of the frame from which the crop is halved first: skipped pixels would flicker as grain."""

BETTER = 0.75
"""Share of the cost of the crop in use that another must undercut to take its place: detail that changes from frame to
frame flickers."""

FADE = 4
"""Frames over which one crop's detail goes over into the next one's."""

EYES_BELOW, EYES_HALF_AXES = -0.12, (1.0, 0.42)
"""Where the region of the eyes lies: its middle below that of the eyes, its half axes, in eye distances."""

MOUTH_BELOW, MOUTH_HALF_AXES = 0.05, (0.65, 0.42)
"""The same of the mouth, from the middle of its corners."""

SOFTNESS = 0.35
"""Over which share of its half axes a region fades."""

CONTRASTS = (0.7, 1.4)
"""Contrasts that a crop may be given when the most similar one is looked up."""

FIT_ROUNDS, FIT_NEAR, FACTORS = 4, 0.2, (0.4, 2.5)
"""How often the contrast of two soft pictures is fitted, the difference at which a pixel counts half, in standard
deviations of a face, and the factors that are believed."""

HAIRLINE_STEP = 5
"""Of every so many-th crop the end of the forehead is looked at."""

BARE_INSETS = (4, 1)
"""Pixels at `FLOW_SIZE` by which a face ends before hair and backdrop, which networks blur into it: down to the tip of
the nose, and from the mouth on."""

HAIR_SIGMA = 2.0
"""Pixels over which a face ends at hair in front of it, at `FLOW_SIZE`."""

GRAY_SPREAD = 40.0
"""Gray levels of a face's standard deviation in the pictures between which flow is looked for."""


@dataclasses.dataclass(frozen=True, eq=False)
class DetailSources:
    """A person's crops, ready to take detail from; N filmed, then the same mirrored.

    Attributes:
        soft: (2 N, FLOW_SIZE, FLOW_SIZE) uint8, what the network makes of each crop, gray and in a standard tone.
        thumbnails: (2 N, THUMBNAIL * THUMBNAIL * 3) float32, the same small and in color.
        detail: (N, S, S, 3) uint8, of each crop's view, pixel for pixel, what is finer than the network draws, in gray
            levels from 128.
        bare: (N, FLOW_SIZE, FLOW_SIZE) uint8, 255 on the face, 0 behind and on hair before it; None without outlines.
        spreads: (N, 3) float32, standard deviation of the channels of each face, to which its detail belongs.
        coverage: Side of the networks' view as a share of the crop's.
        detail_from_flow: (2, 3) matrix from pixels of a view at `FLOW_SIZE` to those of `detail`.
    """

    soft: np.ndarray
    thumbnails: np.ndarray
    detail: np.ndarray
    spreads: np.ndarray
    coverage: float
    detail_from_flow: np.ndarray
    bare: np.ndarray | None = None

    @functools.cached_property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """(3, 2 N) float32 each, the weighted means of the thumbnails and of their squares in each region."""
        weights = _cost_weights(self.coverage)
        return weights @ self.thumbnails.T, weights @ (self.thumbnails.T**2)

    def find_bare(self, source: int) -> np.ndarray:
        """Gives the bare face that belongs to a soft picture, mirrored where that is."""
        count = len(self.detail)
        return self.bare[source] if source < count else cv2.flip(self.bare[source - count], 1)

    def find_detail(self, source: int, flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Finds the detail that belongs to a soft picture.

        Args:
            source: Index of the soft picture.
            flow: (FLOW_SIZE, FLOW_SIZE, 2) from a face to the soft picture.

        Returns:
            (S, S, 3) uint8, the crop's detail, and (FLOW_SIZE, FLOW_SIZE, 2) float32, x, y in it, the place of each
            pixel of the face.
        """
        scale, shift = self.detail_from_flow[0, 0], self.detail_from_flow[:, 2]
        x, y = _grid(FLOW_SIZE)
        x, y = scale * (x + flow[..., 0]) + shift[0], scale * (y + flow[..., 1]) + shift[1]
        count = len(self.detail)
        if source >= count:
            x = self.detail.shape[2] - 1 - x
        return self.detail[source % count], cv2.merge([x, y]).astype(np.float32, copy=False)


@dataclasses.dataclass(frozen=True, eq=False)
class DetailPiece:
    """What a new face takes of one crop.

    Attributes:
        detail: (S, S, 3) uint8, the crop's detail, in gray levels from 128.
        places: (FLOW_SIZE, FLOW_SIZE, 2) float32, for each pixel of the new face the place x, y in `detail`.
        strength: (FLOW_SIZE, FLOW_SIZE) float32, by what it is multiplied.
    """

    detail: np.ndarray
    places: np.ndarray
    strength: np.ndarray

    def move(self, placement: Placement) -> "DetailPiece":
        """Gives the piece of a face in its place in the view."""
        x, y, strength = cv2.split(placement.move(cv2.merge([*cv2.split(self.places), self.strength])))
        return DetailPiece(self.detail, cv2.merge([x, y]), strength)

    def add_to(self, picture: np.ndarray, picture_from_flow: np.ndarray) -> None:
        """Adds the detail to a picture.

        Args:
            picture: (h, w, 3) float32, changed.
            picture_from_flow: (2, 3) matrix from pixels of the new face at `FLOW_SIZE` to those of the picture.
        """
        region = Region.around(self.strength, picture_from_flow, picture)
        if region.empty:
            return
        strength = region.place(self.strength, outside=cv2.BORDER_CONSTANT)
        places = region.place(self.places, outside=cv2.BORDER_REPLICATE)
        detail, step = self.detail, len(self.detail) / FLOW_SIZE / np.linalg.norm(picture_from_flow[:, 0])
        while step > COARSEST_STEP:  # pixels of the crop from one of the picture to the next
            detail, step = cv2.resize(detail, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), step / 2
        if len(detail) < len(self.detail):
            places = scale_points(places, np.float32(len(detail) / len(self.detail)))
        taken = cv2.remap(detail, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        taken = cv2.subtract(taken, (128, 128, 128, 0), dtype=cv2.CV_32F)
        part = region.cut(picture)
        part += cv2.multiply(taken, cv2.merge([strength] * 3), dst=taken)


@dataclasses.dataclass(frozen=True, eq=False)
class DetailedFace:
    """A new face with detail, which has no resolution of its own.

    Attributes:
        picture: (S, S, 3) uint8 or float32 RGB, the face without the detail of `pieces`.
        pieces: What it takes of crops.
        bare: (FLOW_SIZE, FLOW_SIZE) float32 in [0, 1], how much of it is the person's face: no hair before it, nothing
            behind it; 1 where that is not known.
    """

    picture: np.ndarray
    pieces: Sequence[DetailPiece] = ()
    bare: np.ndarray = dataclasses.field(default_factory=lambda: np.ones((FLOW_SIZE, FLOW_SIZE), np.float32))

    def move(self, placement: Placement) -> "DetailedFace":
        """Gives the face in its place in the view."""
        pieces = [piece.move(placement) for piece in self.pieces]
        picture = placement.move(self.picture, interpolation=cv2.INTER_CUBIC)
        return DetailedFace(picture, pieces, placement.move(self.bare))

    def draw_alone(self, size: int) -> np.ndarray:
        """Draws the face as a picture of its own, (size, size, 3) uint8 RGB."""
        return to_picture(self.draw(Region(left=0, top=0, size=(size, size), frame_from_view=np.eye(2, 3), view=size)))

    def draw(self, region: Region) -> np.ndarray:
        """Draws the face as finely as the frame shows it.

        Args:
            region: Where.

        Returns:
            (h, w, 3) float32 RGB, not clipped to 0 to 255.
        """
        options = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
        target = cv2.warpAffine(self.picture, region.matrix_of(len(self.picture)), region.size, **options)
        target = target.astype(np.float32, copy=False)
        target_from_flow = region.matrix_of(FLOW_SIZE)
        for piece in self.pieces:
            piece.add_to(target, target_from_flow)
        return target


def collect_detail(swapper: "GeneratorSwapper", sample: LatentSample) -> DetailSources:
    """Prepares a person's crops.

    Args:
        swapper: Its decoder is that person's; its latent map is not used.
        sample: The person's crops, with the codes that the swapper's encoder gives them.

    Returns:
        What to take detail from.
    """
    plain, coverage = swapper.with_latent_map(None), swapper.coverage
    _, written = plain.decode(sample.codes, np.repeat(NEUTRAL_TONE[None], len(sample.codes), axis=0))
    soft = [_standardize(picture, coverage)[0] for picture in written]
    stored = sample.crops.read_crops(stored_size=True)
    views, detail_from_flow = _cut_views([crop.image for crop in stored], coverage)
    has_outlines = settle_region(swapper.face_region) == "outline"
    return DetailSources(
        soft=np.stack([_to_gray(picture) for picture in soft]),
        thumbnails=np.stack([_shrink(picture) for picture in soft]),
        detail=np.stack([_fine(view) for view in views]),
        spreads=np.stack([_tone(view, coverage)[1] for view in views]),
        coverage=coverage,
        detail_from_flow=detail_from_flow,
        bare=_find_bare(sample.crops.read_crops(), coverage) if has_outlines else None,
    )


def _find_bare(crops: Sequence[FaceCrop], coverage: float) -> np.ndarray:
    """What of each crop's view is face and no hair before it; see `DetailSources`."""
    meshes = MeshFinder().find_meshes(crops, eyes=False)
    hairline = median_hairline(crops[::HAIRLINE_STEP], meshes[::HAIRLINE_STEP])
    hairline = None if hairline is None else np.array(hairline)
    bare = []
    for crop, mesh in zip(crops, meshes, strict=True):
        size = len(crop.image)
        if mesh.presence < PRESENT:
            bare.append(np.full((size, size), 255, np.uint8))
            continue
        outline = face_outline(crop.image, mesh, hairline)
        face = outline_mask(outline, size, softness=0.0)
        bare.append(np.where(hair_mask(crop.image, mesh, outline) > 0, 0, face).astype(np.uint8))
    return np.stack([_shrink_face(_cut_view(mask, FLOW_SIZE, coverage), coverage) for mask in bare])


def _shrink_face(bare: np.ndarray, coverage: float) -> np.ndarray:
    """Ends a face before hair and backdrop, which are beside and above it, and hardly before the neck."""
    points = _average_points(FLOW_SIZE, coverage)
    nose, mouth = points[2, 1], points[3:, 1].mean()
    share = np.clip((mouth - np.arange(FLOW_SIZE)) / (mouth - nose), 0, 1)[:, None]
    above, below = (cv2.erode(bare, np.ones((2 * inset + 1,) * 2, np.uint8)) for inset in BARE_INSETS)
    return np.round(share * above + (1 - share) * below).astype(np.uint8)


def _cut_views(crops: Sequence[np.ndarray], coverage: float) -> tuple[list[np.ndarray], np.ndarray]:
    """The networks' view of crops pixel for pixel, all as large as that of the largest crop, and `detail_from_flow`."""
    side = max(len(crop) for crop in crops)
    margin = int((1 - coverage) / 2 * side)
    inside = slice(margin, side - margin)
    views = [_resize(crop, side)[inside, inside] for crop in crops]
    detail_from_flow = resize_matrix(np.eye(2, 3), coverage * side / FLOW_SIZE)
    detail_from_flow[:, 2] += (1 - coverage) / 2 * side - margin  # what whole pixels leave of the margin
    return views, detail_from_flow


def _cut_view(crop: np.ndarray, size: int, coverage: float) -> np.ndarray:
    """The networks' view of a crop at another size."""
    return warp_frame(crop, view_matrix(np.eye(2, 3), len(crop), size, coverage), size)


class DetailTransfer:
    """Puts the wanted person's detail into new faces, in the order of the frames."""

    def __init__(self):
        self._tracks: dict[int, np.ndarray] = {}
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def transfer(
        self, new: np.ndarray, sources: DetailSources, *, track: int | None = None, sharpness: float = 0.0
    ) -> DetailedFace:
        """Finds the detail of a new face.

        Args:
            new: (R, R, 3) uint8 RGB, the face as the network wrote it, in whatever colors.
            sources: The wanted person's crops.
            track: Number of the face's track, along which crops are kept; None for a face by itself.
            sharpness: How much the face's own detail is lifted there; see `blend.sharpen`.

        Returns:
            The face with detail.

        Taught in notebooks/06_video_conversion.
        """
        standard, spread = _standardize(new, sources.coverage)
        costs = _costs(_shrink(standard), sources)
        shares = self._choose(costs, track)
        gray, regions = _to_gray(standard), _region_weights(FLOW_SIZE, sources.coverage)
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
        picture, left = _light(new), 1 - total
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


def _move(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Takes every pixel from where the flow leads."""
    x, y = _grid(len(picture))
    return cv2.remap(picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _enlarge(picture: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)


def _resize(picture: np.ndarray, size: int) -> np.ndarray:
    if len(picture) == size:
        return picture
    kind = cv2.INTER_AREA if len(picture) > size else cv2.INTER_CUBIC
    return cv2.resize(picture, (size, size), interpolation=kind)


def _costs(thumbnail: np.ndarray, sources: DetailSources) -> np.ndarray:
    """(3, 2 N) float32, what of the face each soft picture does not explain in each region, in variances of a face.

    Up to brightness, and a contrast within `CONTRASTS`: a gaping mouth changes both for the rest of the face.
    """
    weights = _cost_weights(sources.coverage)
    # einsum: the threads of a matrix product of this size wait for each other while others compute
    mean, square = (np.einsum("rk,k->r", weights, power)[:, None] for power in (thumbnail, thumbnail**2))
    product = np.einsum("rk,mk->rm", weights * thumbnail, sources.thumbnails)
    means, squares = sources.moments
    covariance, variance = product - mean * means, np.maximum(squares - means**2, 1e-6)
    contrast = np.clip(covariance / variance, *CONTRASTS)
    return np.maximum(square - mean**2 - 2 * contrast * covariance + contrast**2 * variance, 1e-6)


def _tone(picture: np.ndarray, coverage: float) -> np.ndarray:
    """(2, 3) float32, mean and standard deviation of the channels of a face."""
    small = cv2.resize(picture, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return face_tone(small, _average_face(THUMBNAIL, coverage))


def _fit_contrast(picture: np.ndarray, other: np.ndarray, coverage: float) -> tuple[float, float]:
    """Finds factor and addend that make a gray picture another one in most of the face, by weighted least squares.

    Weighted again and again by how near it came, so that a gaping mouth in one of them does not count.
    """
    inside = _average_face(THUMBNAIL, coverage) > 0
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


def _standardize(picture: np.ndarray, coverage: float) -> tuple[np.ndarray, np.ndarray]:
    """A view at `FLOW_SIZE`, float32, each channel with mean 0 and deviation 1 over the face; and the deviations."""
    mean, spread = _tone(picture, coverage)
    if len(picture) != FLOW_SIZE:
        picture = cv2.resize(picture, (FLOW_SIZE, FLOW_SIZE), interpolation=cv2.INTER_AREA)
    return (picture - mean) / spread, spread


def _to_gray(standard: np.ndarray) -> np.ndarray:
    gray = cv2.cvtColor(standard, cv2.COLOR_RGB2GRAY)
    return np.clip(np.round(128 + GRAY_SPREAD * gray), 0, 255).astype(np.uint8)


def _shrink(standard: np.ndarray) -> np.ndarray:
    return cv2.resize(standard, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).reshape(-1)


def _light(picture: np.ndarray) -> np.ndarray:
    """What a network draws of a view: (S, S, 3) float32 without what is finer."""
    sigma = DETAIL_SIGMA * FLOW_SIZE / 2  # at half the flow's size, where nothing of it is lost
    small = cv2.resize(picture, (FLOW_SIZE // 2, FLOW_SIZE // 2), interpolation=cv2.INTER_AREA).astype(np.float32)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma), picture.shape[:2], interpolation=cv2.INTER_LINEAR)


def _fine(picture: np.ndarray) -> np.ndarray:
    """What is finer than a network draws, (S, S, 3) uint8 in gray levels from 128."""
    return np.clip(np.round(128 + (picture - _light(picture))), 0, 255).astype(np.uint8)


@functools.cache
def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    return x, y


@functools.cache
def _average_face(size: int, coverage: float) -> np.ndarray:
    """(size, size) uint8, 255 in the middle of an average face in a view, where no hair hangs."""
    return np.where(middle_of_face(size, MIDDLE, coverage=coverage), 255, 0).astype(np.uint8)


@functools.cache
def _region_weights(size: int, coverage: float) -> np.ndarray:
    """(3, size, size) float32, how much eyes with brows, mouth, and all else count at each pixel of a view; sum 1."""
    points, unit = _average_points(size, coverage), EYE_DISTANCE * size / coverage
    x, y = _grid(size)
    eyes, mouth = (
        np.clip((1 - np.hypot((x - middle[0]) / (wide * unit), (y - middle[1]) / (high * unit))) / SOFTNESS + 0.5, 0, 1)
        for middle, (wide, high) in (
            (points[:2].mean(axis=0) + [0, EYES_BELOW * unit], EYES_HALF_AXES),
            (points[3:].mean(axis=0) + [0, MOUTH_BELOW * unit], MOUTH_HALF_AXES),
        )
    )
    return np.stack([eyes, mouth, np.clip(1 - eyes - mouth, 0, 1)]).astype(np.float32)


@functools.cache
def _cost_weights(coverage: float) -> np.ndarray:
    """(3, THUMBNAIL * THUMBNAIL * 3) float32, how much each number of a thumbnail counts; rows add up to 1."""
    inside = _average_face(FLOW_SIZE, coverage) / np.float32(255)
    regions = _region_weights(FLOW_SIZE, coverage) * np.stack([np.ones_like(inside), np.ones_like(inside), inside])
    rows = np.stack([_shrink(cv2.merge([region] * 3)) for region in regions])
    return rows / rows.sum(axis=1, keepdims=True)


def _average_points(size: int, coverage: float) -> np.ndarray:
    """(5, 2) where an average face has its landmarks in a view."""
    return map_points(view_matrix(np.eye(2, 3), CROP_SIZE, size, coverage), template_points(CROP_SIZE))
