"""Painting a new face into its frame: where it shows, in which colors, back to where the old one was."""

import dataclasses

import cv2
import numpy as np

from faceswap_lib.config_fields import nearest
from faceswap_lib.conversion.blending import (
    CLONE_BORDER,
    FAINT,
    Region,
    add_texture,
    alpha_blend,
    poisson_blend,
    sharpen,
    texture_share,
)
from faceswap_lib.conversion.color_transfer.registry import find_match, to_picture
from faceswap_lib.conversion.color_transfer.skin_mask import SKIN_SIZE, SkinSample, border_share, sample_skin
from faceswap_lib.conversion.color_transfer.temporal import TemporalColorTransfer
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.detail.detailed_face import DetailedFace
from faceswap_lib.conversion.detail.sources import DetailSources
from faceswap_lib.conversion.detail.transfer import DetailTransfer
from faceswap_lib.conversion.placement import Placement
from faceswap_lib.conversion.region_masks import draw_region_mask
from faceswap_lib.conversion.remains import cover_remains
from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import EYE_DISTANCE, invert_affine, resize_matrix

PAINT_SIZE = 256
"""Side in pixels at which a view is corrected before it goes back into the frame."""

BORDER = 8
"""Pixels at that size over which everything ends at the border of the view."""

BLENDS = ("attention", "face", "seamless", "overlay")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SwappedFace:
    """A face before and after.

    Attributes:
        old: (R, R, 3) uint8 RGB, the view of this frame that the network read.
        new: (R, R, 3) uint8 RGB, the face it wrote.
        mask: (R, R) float32 in [0, 1], the attention mask.
        landmarks: (5, 2) x, y in pixels of the view.
        view_from_frame: (2, 3) matrix.
        parts: (68, 2) x, y in pixels of the view, where 68 points are known.
        outline: (N, 2) x, y in pixels of the view, the face's outline; None for the ellipse.
        brows: (2, 5, 2) like it, a line along either eyebrow; None where they are not known.
        mouth: (3,) what the original's mouth does, see `expression.describe_mouth`; None where it is not known.
        placement: Where the new face is shown in the view; None shows it where the network wrote it.
        detail: The wanted person's crops to take detail from; None where there are none.
    """

    target: np.ndarray
    swapped: np.ndarray
    mask: np.ndarray
    landmarks: np.ndarray
    view_from_frame: np.ndarray
    landmarks_68: np.ndarray | None = None
    outline: np.ndarray | None = None
    brows: np.ndarray | None = None
    mouth: np.ndarray | None = None
    placement: Placement | None = None
    detail: DetailSources | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompositeResult:
    """A frame with a new face in it.

    Attributes:
        frame: (H, W, 3) uint8 RGB, a new array.
        weight: (h, w) float32 in [0, 1], how far the new face shows, over the region that was painted.
        corner: x, y of the region's first pixel in the frame.
    """

    frame: np.ndarray
    weight: np.ndarray
    corner: tuple[int, int]


class Compositor:
    """Paints new faces into frames, in the order of the frames.

    Args:
        config: Options.
        coverage: Side of the views as a share of the crop's.

    Raises:
        InputError: If the options name a color match or a blend that is none.
    """

    def __init__(self, config: ConvertConfig, coverage: float):
        if config.blend not in BLENDS:
            raise InputError(f"unknown blend '{config.blend}'{nearest(config.blend, BLENDS)}")
        self._config, self._coverage = config, coverage
        self._detail = DetailTransfer()
        self._colors = TemporalColorTransfer(find_match(config.color_transfer), config.color_smoothing)
        unit = EYE_DISTANCE * PAINT_SIZE / coverage
        overlay = config.blend == "overlay"
        self._window = _window(max(BORDER, 3 * config.feather * unit * overlay), max(0, config.erode * unit * overlay))

    def composite(self, frame: np.ndarray, face: SwappedFace, *, track: int | None = None) -> CompositeResult:
        """Paints a swapped face over the face it was made from.

        Args:
            frame: (H, W, 3) uint8 RGB.
            face: The face before and after.
            track: Number of the face's track, along which its colors are kept steady; None for a face by itself.

        Returns:
            The frame, whose pixels outside the view are the input's own, and where the new face shows.
        """
        larger = PAINT_SIZE / len(face.swapped)
        # 1. How far the new face shows, and where that is.
        wanted, shown = self._shares(face, larger)
        sample = self._sample(face, wanted)
        if sample is not None and face.outline is not None:
            shown = shown * self._border_share(face, sample)
        frame_from_paint = invert_affine(resize_matrix(face.view_from_frame, larger))
        middle = (face.landmarks.mean(0) + 0.5) * larger - 0.5
        skin, zone = self._cover_remains(face)
        reached = wanted * shown if zone is None else np.maximum(wanted * shown, zone)
        region = Region.around(reached, _scale_about(frame_from_paint, middle, self._config.face_scale), frame)
        result = frame.copy()
        if region.empty:
            return CompositeResult(frame=result, weight=np.zeros((0, 0), np.float32), corner=(0, 0))
        # 2. The old face's colors, in the view, where both have the same detail; then the wanted person's detail.
        new = face.swapped if self._config.color_transfer == "none" else self._colors.apply(face.swapped, sample, track)
        detailed = self._find_detail(new, face, track)
        if self._config.blend != "overlay":  # that shows whatever the network wrote around the face
            shown = shown * _enlarge(detailed.bare, cv2.INTER_LINEAR)
        weight = wanted * shown
        # 3. Back to the frame: skin over what is left of the original, the new face over both.
        before, after = region.crop(frame), region.crop(result)
        if zone is not None:
            _lay_over(result, skin, np.where(weight < 1 - FAINT, zone, 0), region.frame_from_view)
        painted = detailed.draw(region)
        if self._config.detail_transfer == "original":
            old = _enlarge(face.target, cv2.INTER_CUBIC)
            amount = _enlarge(texture_share(to_picture(detailed.picture), face.target), cv2.INTER_LINEAR)
            old, amount = (
                region.warp(picture, frame_from_view=frame_from_paint, outside=cv2.BORDER_REPLICATE)
                for picture in (old, amount)
            )
            painted = add_texture(painted, before, old, amount)
        if self._config.blend == "seamless":
            inside = region.warp(shown, outside=cv2.BORDER_CONSTANT) > CLONE_BORDER
            painted = poisson_blend(before, to_picture(painted), inside)
            share = region.warp(wanted, outside=cv2.BORDER_REPLICATE) * inside
        else:
            share = region.warp(weight, outside=cv2.BORDER_CONSTANT)
        after[...] = alpha_blend(after, painted, share)
        if zone is not None:
            share = region.warp(weight + zone * (1 - weight), outside=cv2.BORDER_CONSTANT)
        return CompositeResult(frame=result, weight=share, corner=(region.left, region.top))

    def state(self) -> dict[str, np.ndarray]:
        """What it remembers of the frames before, so that another compositor can go on."""
        return self._colors.state() | self._detail.state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Goes on where the compositor stood whose `state` this is."""
        self._colors.restore(state)
        self._detail.restore(state)

    def _find_detail(self, new: np.ndarray, face: SwappedFace, track: int | None) -> DetailedFace:
        """The new face in its place, with the detail that there is for it."""
        sharpness = self._config.sharpen
        if self._config.detail_transfer == "wanted" and face.detail is not None:
            detailed = self._detail.transfer(new, face.detail, track=track, sharpness=sharpness, mouth=face.mouth)
        else:
            detailed = DetailedFace(picture=sharpen(new, sharpness))
        return detailed if face.placement is None else detailed.move(face.placement)

    def _cover_remains(self, face: SwappedFace) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
        """Skin for what may be left of the original beside the new face, and where, at `PAINT_SIZE`; None for none."""
        is_mixed = self._config.blend in ("attention", "face") and "face" in self._config.parts
        if not is_mixed or face.brows is None or face.outline is None:
            return None, None
        found = cover_remains(face.target, face.brows, face.outline, self._coverage)
        skin, zone = (_enlarge(picture, cv2.INTER_LINEAR) for picture in found)
        return skin, zone * self._window

    def _shares(self, face: SwappedFace, larger: float) -> tuple[np.ndarray, np.ndarray]:
        """Where the network wants the new face and where it may show, both (S, S) float32 at `PAINT_SIZE`."""
        if self._config.blend == "face":
            wanted = np.ones((PAINT_SIZE, PAINT_SIZE), np.float32)
        else:
            mask = face.mask if face.placement is None else face.placement.move(face.mask)
            wanted = np.clip(_enlarge(mask, cv2.INTER_LINEAR), 0, 1)
        if self._config.blend == "overlay" and "face" in self._config.parts:
            return wanted, self._window
        known = (face.landmarks, face.landmarks_68, face.outline)
        points, parts, outline = ((p + 0.5) * larger - 0.5 if p is not None else None for p in known)
        shown = draw_region_mask(points, parts, PAINT_SIZE, self._coverage, self._config, outline=outline)
        return wanted, shown * self._window

    def _sample(self, face: SwappedFace, wanted: np.ndarray) -> SkinSample | None:
        """The skin of both faces, where somebody asks for it."""
        if self._config.color_transfer == "none" and face.outline is None:
            return None
        new = face.swapped
        if face.placement is not None:
            new = face.placement.move(new)
        return sample_skin(new, face.target, wanted, face.landmarks, self._coverage, outline=face.outline)

    def _border_share(self, face: SwappedFace, sample: SkinSample) -> np.ndarray:
        """Where the new face may show near the outline, (S, S) float32 at `PAINT_SIZE`."""
        points, outline = ((p + 0.5) * (SKIN_SIZE / len(face.swapped)) - 0.5 for p in (face.landmarks, face.outline))
        share = border_share(sample, points, outline, self._coverage)
        return cv2.resize(share, (PAINT_SIZE, PAINT_SIZE), interpolation=cv2.INTER_LINEAR)


def _enlarge(picture: np.ndarray, interpolation: int) -> np.ndarray:
    """Shows a picture of a view at `PAINT_SIZE`."""
    return cv2.resize(picture, (PAINT_SIZE, PAINT_SIZE), interpolation=interpolation)


def _lay_over(frame: np.ndarray, picture: np.ndarray, share: np.ndarray, frame_from_paint: np.ndarray) -> None:
    """Shows a picture in a frame, which is changed, as far as `share` says; both at `PAINT_SIZE`."""
    region = Region.around(share, frame_from_paint, frame)
    if not region.empty:
        part = region.crop(frame)
        part[...] = alpha_blend(part, *(region.warp(one, outside=cv2.BORDER_REPLICATE) for one in (picture, share)))


def _scale_about(frame_from_view: np.ndarray, middle: np.ndarray, factor: float) -> np.ndarray:
    """The matrix of a view whose content is drawn larger by a factor about a point of the view."""
    if factor == 1:
        return frame_from_view
    shift = (1 - factor) * middle
    return frame_from_view @ np.array([[factor, 0, shift[0]], [0, factor, shift[1]], [0, 0, 1]])


def _window(border: float, inset: float) -> np.ndarray:
    """(S, S) float32 that goes to 0 at the border of the view, so that the view's square never shows."""
    ramp = np.clip((np.arange(PAINT_SIZE) + 0.5 - inset) / border, 0, 1)
    ramp = np.minimum(ramp, ramp[::-1]).astype(np.float32)
    return ramp[:, None] * ramp
