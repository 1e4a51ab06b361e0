"""Compositing: corrects the colors of a swapped face, warps it back into the frame and blends it in."""

import dataclasses
import typing

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
"""Side in pixels of the masks of a view before they are warped into the frame."""

BORDER = 8
"""Pixels at `PAINT_SIZE` over which all weights fade to 0 at the border of the view."""

BLENDS = ("attention", "face", "seamless", "overlay")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SwappedFace:
    """A target face and the face that the network generated for it.

    Attributes:
        target: (R, R, 3) uint8 RGB, the view of the face in the frame, which the network read.
        swapped: (R, R, 3) uint8 RGB, the generated face.
        mask: (R, R) float32 in [0, 1], the attention mask.
        landmarks: (5, 2) x, y in pixels of the view.
        view_from_frame: (2, 3) affine matrix from pixels of the frame to pixels of the view.
        landmarks_68: (68, 2) x, y in pixels of the view; None if 68 landmarks were not detected.
        outline: (N, 2) x, y in pixels of the view, the outline of the face; None for the ellipse.
        brows: (2, 5, 2) x, y in pixels of the view, a line along each eyebrow; None if they were not detected.
        mouth: (3,) opening and corners of the target's mouth, see `expression.describe_mouth`; None if not detected.
        placement: Where the swapped face is shown in the view; None shows it where the network generated it.
        detail: The wanted person's crops to take detail from; None without detail transfer.
        visible: (S, S) float32 in [0, 1] with side `PAINT_SIZE`, 0 where something covers the face in the view, which
            stays in the frame; None if the whole face may be replaced.
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
    visible: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompositeResult:
    """A frame into which a swapped face is blended.

    Attributes:
        frame: (H, W, 3) uint8 RGB, a new array.
        weight: (h, w) float32 in [0, 1], alpha of the swapped face in the region that was changed.
        corner: x, y of the region's upper left pixel in the frame.
    """

    frame: np.ndarray
    weight: np.ndarray
    corner: tuple[int, int]


class Compositor:
    """Compositor that blends swapped faces into frames; frames must come in order.

    Args:
        config: How faces are swapped.
        coverage: Side of the view as a fraction of the crop's side.

    Raises:
        InputError: If the options name an unknown color transfer or an unknown blend.
    """

    def __init__(self, config: ConvertConfig, coverage: float):
        if config.blend not in BLENDS:
            raise InputError(f"unknown blend '{config.blend}'{nearest(config.blend, BLENDS)}")
        self._config, self._coverage = config, coverage
        self._detail = DetailTransfer()
        self._colors = TemporalColorTransfer(find_match(config.color_transfer), config.color_smoothing)
        unit = EYE_DISTANCE * PAINT_SIZE / coverage
        overlay = config.blend == "overlay"
        self._window = border_window(
            max(BORDER, 3 * config.feather * unit * overlay), max(0, config.erode * unit * overlay)
        )

    def composite(self, frame: np.ndarray, face: SwappedFace, *, track: int | None = None) -> CompositeResult:
        """Blends a swapped face over its target face.

        Args:
            frame: (H, W, 3) uint8 RGB.
            face: The target face and the swapped face.
            track: Number of the face's track, along which colors and detail are smoothed; None for a single face.

        Returns:
            The new frame, whose pixels outside the view are unchanged, and the alpha of the swapped face.
        """
        scale = PAINT_SIZE / len(face.swapped)
        # 1. Alpha of the swapped face, and the region of the frame that changes.
        wanted, shown = self._masks(face, scale)
        sample = self._sample(face, wanted)
        if sample is not None and face.outline is not None:
            shown = shown * self._border_mask(face, sample, face.outline)
        frame_from_paint = invert_affine(resize_matrix(face.view_from_frame, scale))
        center = (face.landmarks.mean(0) + 0.5) * scale - 0.5
        remains = self._cover_remains(face)
        changed = wanted * shown if remains is None else np.maximum(wanted * shown, remains[1])
        region = Region.around(changed, _scale_about(frame_from_paint, center, self._config.face_scale), frame)
        result = frame.copy()
        if region.empty:
            return CompositeResult(frame=result, weight=np.zeros((0, 0), np.float32), corner=(0, 0))
        # 2. Color transfer in the view, where both faces have the same level of detail; then detail transfer.
        if self._config.color_transfer == "none":
            swapped = face.swapped
        else:
            swapped = self._colors.apply(face.swapped, typing.cast(SkinSample, sample), track)
        detailed = self._add_detail(swapped, face, track)
        if self._config.blend != "overlay":  # an overlay also shows what the network generated around the face
            shown = shown * _enlarge(detailed.bare, cv2.INTER_LINEAR)
        weight = wanted * shown
        # 3. Warp into the frame: skin over remains of the target face, the swapped face over both.
        before, after = region.crop(frame), region.crop(result)
        if remains is not None:
            skin, zone = remains
            _blend_into(result, skin, np.where(weight < 1 - FAINT, zone, 0), region.frame_from_view)
        painted = detailed.draw(region)
        if self._config.detail_transfer == "original":
            target = _enlarge(face.target, cv2.INTER_CUBIC)
            amount = _enlarge(texture_share(to_picture(detailed.picture), face.target), cv2.INTER_LINEAR)
            target, amount = (
                region.warp(image, frame_from_view=frame_from_paint, outside=cv2.BORDER_REPLICATE)
                for image in (target, amount)
            )
            painted = add_texture(painted, before, target, amount)
        if self._config.blend == "seamless":
            inside = region.warp(shown, outside=cv2.BORDER_CONSTANT) > CLONE_BORDER
            painted = poisson_blend(before, to_picture(painted), inside)
            alpha = region.warp(wanted, outside=cv2.BORDER_REPLICATE) * inside
        else:
            alpha = region.warp(weight, outside=cv2.BORDER_CONSTANT)
        after[...] = alpha_blend(after, painted, alpha)
        if remains is not None:
            zone = remains[1]
            alpha = region.warp(weight + zone * (1 - weight), outside=cv2.BORDER_CONSTANT)
        # 4. What covers the face stays as it was.
        if face.visible is not None:
            visible = region.warp(face.visible, frame_from_view=frame_from_paint, outside=cv2.BORDER_REPLICATE)
            after[...] = alpha_blend(before, after, visible)
            alpha = alpha * visible
        return CompositeResult(frame=result, weight=alpha, corner=(region.left, region.top))

    def state(self) -> dict[str, np.ndarray]:
        """Returns the smoothed parameters and selected crops of all tracks, to resume with another compositor."""
        return self._colors.state() | self._detail.state()

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Sets the state that `state` returned, to resume after those frames."""
        self._colors.restore(state)
        self._detail.restore(state)

    def _add_detail(self, swapped: np.ndarray, face: SwappedFace, track: int | None) -> DetailedFace:
        """Adds detail to the color-corrected swapped face, and applies its placement."""
        sharpness = self._config.sharpen
        if self._config.detail_transfer == "wanted" and face.detail is not None:
            detailed = self._detail.transfer(swapped, face.detail, track=track, sharpness=sharpness, mouth=face.mouth)
        else:
            detailed = DetailedFace(picture=sharpen(swapped, sharpness))
        return detailed if face.placement is None else detailed.move(face.placement)

    def _cover_remains(self, face: SwappedFace) -> tuple[np.ndarray, np.ndarray] | None:
        """Computes skin to draw over remains of the target face, and its alpha, at `PAINT_SIZE`; None if not needed."""
        is_mixed = self._config.blend in ("attention", "face") and "face" in self._config.parts
        if not is_mixed or face.brows is None or face.outline is None:
            return None
        found = cover_remains(face.target, face.brows, face.outline, self._coverage)
        skin, zone = (_enlarge(image, cv2.INTER_LINEAR) for image in found)
        return skin, zone * self._window

    def _masks(self, face: SwappedFace, scale: float) -> tuple[np.ndarray, np.ndarray]:
        """Returns the network's mask and the mask of the region that may be shown, (S, S) float32 at `PAINT_SIZE`.

        With the blend "face" all values of the first mask are 1.
        """
        if self._config.blend == "face":
            wanted = np.ones((PAINT_SIZE, PAINT_SIZE), np.float32)
        else:
            mask = face.mask if face.placement is None else face.placement.move(face.mask)
            wanted = np.clip(_enlarge(mask, cv2.INTER_LINEAR), 0, 1)
        if self._config.blend == "overlay" and "face" in self._config.parts:
            return wanted, self._window
        known = (face.landmarks_68, face.outline)
        points = (face.landmarks + 0.5) * scale - 0.5
        parts, outline = ((p + 0.5) * scale - 0.5 if p is not None else None for p in known)
        shown = draw_region_mask(points, parts, PAINT_SIZE, self._coverage, self._config, outline=outline)
        return wanted, shown * self._window

    def _sample(self, face: SwappedFace, wanted: np.ndarray) -> SkinSample | None:
        """Samples the skin of both faces; None if neither color transfer nor the border mask needs it."""
        if self._config.color_transfer == "none" and face.outline is None:
            return None
        swapped = face.swapped
        if face.placement is not None:
            swapped = face.placement.move(swapped)
        if face.visible is not None:  # colors of a hand or a cup are not those of the face
            wanted = wanted * face.visible
        return sample_skin(swapped, face.target, wanted, face.landmarks, self._coverage, outline=face.outline)

    def _border_mask(self, face: SwappedFace, sample: SkinSample, outline: np.ndarray) -> np.ndarray:
        """Computes where the swapped face may be shown near the outline, a mask, (S, S) float32 at `PAINT_SIZE`."""
        points, outline = ((p + 0.5) * (SKIN_SIZE / len(face.swapped)) - 0.5 for p in (face.landmarks, outline))
        return _enlarge(border_share(sample, points, outline, self._coverage), cv2.INTER_LINEAR)


def _enlarge(image: np.ndarray, interpolation: int) -> np.ndarray:
    """Resizes an image of a view to `PAINT_SIZE`."""
    return cv2.resize(image, (PAINT_SIZE, PAINT_SIZE), interpolation=interpolation)


def _blend_into(frame: np.ndarray, image: np.ndarray, alpha: np.ndarray, frame_from_paint: np.ndarray) -> None:
    """Blends an image of a view into a frame in place; the image and `alpha` have side `PAINT_SIZE`."""
    region = Region.around(alpha, frame_from_paint, frame)
    if not region.empty:
        part = region.crop(frame)
        part[...] = alpha_blend(part, *(region.warp(one, outside=cv2.BORDER_REPLICATE) for one in (image, alpha)))


def _scale_about(frame_from_view: np.ndarray, center: np.ndarray, factor: float) -> np.ndarray:
    """Returns the matrix of a view whose content is scaled by a factor about a point of the view."""
    if factor == 1:
        return frame_from_view
    shift = (1 - factor) * center
    return frame_from_view @ np.array([[factor, 0, shift[0]], [0, factor, shift[1]], [0, 0, 1]])


def border_window(border: float, inset: float) -> np.ndarray:
    """Computes a window, (S, S) float32 in [0, 1], so that the edges of the square view are never visible.

    It is 0 up to `inset` pixels from the edges, and then rises to 1 over `border` pixels.
    """
    ramp = np.clip((np.arange(PAINT_SIZE) + 0.5 - inset) / border, 0, 1)
    ramp = np.minimum(ramp, ramp[::-1]).astype(np.float32)
    return ramp[:, None] * ramp
