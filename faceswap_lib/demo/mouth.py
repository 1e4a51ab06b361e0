"""Animates the lower half of a portrait's face: jaw, lips, smile, and the inside of the open mouth."""

import cv2
import numpy as np

from faceswap_lib.demo.eyes import curve_heights
from faceswap_lib.demo.motion import smooth_step
from faceswap_lib.demo.points import Portrait

_CAVITY = np.array([58, 21, 20], np.float32)
_TONGUE = np.array([140, 66, 62], np.float32)
_TEETH = np.array([228, 184, 146], np.float32)


class MouthAnimator:
    """Renderer of mouth, cheeks and chin; the displacement fields, which the pose only scales, are computed once."""

    def __init__(self, portrait: Portrait):
        """Prepares the renderer at the size of the portrait's image."""
        mouth, unit = portrait.mouth, portrait.eye_distance
        self._unit, self._mouth = unit, mouth
        left, right = portrait.jaw[:, 0].min() - 0.1 * unit, portrait.jaw[:, 0].max() + 0.1 * unit
        low = np.floor([left, mouth.outer_upper[:, 1].min() - 0.65 * unit]).astype(int)
        high = np.ceil([right, portrait.chin[1] + 0.55 * unit]).astype(int)
        high = np.minimum(high, portrait.image.shape[0] - 1)
        self.area = (slice(low[1], high[1] + 1), slice(low[0], high[0] + 1))
        self._patch = np.ascontiguousarray(portrait.image[self.area])
        xs, ys = (np.arange(low[i], high[i] + 1, dtype=np.float32) for i in (0, 1))
        self._grid_x, self._grid_y = np.meshgrid(xs - np.float32(low[0]), ys - np.float32(low[1]))
        self._smile_x, self._smile_y = _smile_fields(portrait, xs, ys[:, None])
        seam = curve_heights(mouth.inner_lower, xs)
        corners = mouth.inner_lower[[0, -1], 0]
        across = (2 * xs - corners.sum()) / (corners[1] - corners[0])
        gap = np.clip(1 - across**2, 0, 1)
        below = ys[:, None] - seam
        drop = _drop_field(portrait, gap, across, below, ys[:, None])
        lift = gap**1.35 * np.exp(-(np.minimum(below, 0) ** 2) / (0.16 * unit) ** 2) * mouth.lift
        lip_drop = np.broadcast_to(gap**1.35 * mouth.travel, drop.shape)
        lip_lift = np.broadcast_to(gap**1.35 * mouth.lift, drop.shape)
        self._lips = np.dstack([below, lip_drop, lip_lift, np.broadcast_to(across, drop.shape)]).astype(np.float32)
        self._shifts = np.dstack([drop, lift]).astype(np.float32)

    def render(self, opening: float, smile: float) -> np.ndarray:
        """Renders the lower face.

        Args:
            opening: Opening of the mouth, from 0 (closed) to 1 (wide open).
            smile: Widening of the mouth in [-1, 1]; negative values make it narrower.

        Returns:
            (h, w, 3) RGB uint8, the new pixels of `area`.
        """
        smile = smile - 0.9 * opening
        x = self._grid_x - smile * self._smile_x
        y = self._grid_y - smile * self._smile_y
        if opening < 0.01:
            return cv2.remap(self._patch, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        lips = cv2.remap(self._lips, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        below, drop, lift, across = (lips[..., i] for i in range(4))
        drop, lift = opening * drop, opening * lift
        is_lower = below > (drop - lift) / 2
        seam = y - below
        from_y = y
        for _ in range(4):
            shifts = cv2.remap(self._shifts, x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            lower = np.maximum(y - opening * shifts[..., 0], seam + 0.9)
            upper = np.minimum(y + opening * shifts[..., 1], seam - 0.8)
            from_y = np.where(is_lower, lower, np.where(lift > 0.01, upper, y))
        image = cv2.remap(self._patch, x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return self._paint_inside(image, below + lift, drop - below, across)

    def _paint_inside(self, image: np.ndarray, depth: np.ndarray, rest: np.ndarray, across: np.ndarray) -> np.ndarray:
        """Paints the inside of the open mouth, in place.

        Args:
            image: (h, w, 3) RGB uint8 lower face.
            depth: (h, w) distance in pixels below the edge of the upper lip.
            rest: (h, w) distance in pixels above the edge of the lower lip.
            across: (h, w) horizontal position, -1 at the left corner of the mouth to 1 at the right corner.

        Returns:
            `image`.
        """
        height = depth + rest
        cover = np.clip(depth / 1.4 + 0.5, 0, 1) * np.clip(rest / 1.4 + 0.5, 0, 1) * np.clip(height - 0.4, 0, 1)
        rows, columns = np.nonzero(cover)
        if not len(rows):
            return image
        parts = (depth, rest, height, across, cover)
        depth, rest, height, across, cover = (part[rows, columns][:, None] for part in parts)
        deep = 0.03 * self._unit if self._mouth.teeth_height == 0 else 0.09 * self._unit
        tongue = np.clip((depth - deep) / (0.08 * self._unit), 0, 1) * np.clip(1.1 - across**2 * 2, 0, 1)
        inside = _CAVITY + (_TONGUE - _CAVITY) * tongue
        if self._mouth.teeth_height:
            edge = np.clip(self._mouth.teeth_height * (1 - 0.5 * across**2) - depth + 0.5, 0, 1)
            shadow = np.clip(0.35 + 0.5 * depth / (0.06 * self._unit), 0, 0.7) * np.clip(1.15 - across**2, 0, 1)
            shown = edge * np.clip((0.6 - np.abs(across)) / 0.4, 0, 1) * np.clip(height / (0.07 * self._unit), 0, 1)
            inside = inside + (_TEETH - inside) * (shown * shadow)
        inside = inside * (0.7 + 0.3 * np.clip(rest / (0.04 * self._unit), 0, 1))
        image[rows, columns] += np.round((inside - image[rows, columns]) * cover).astype(np.int16).astype(np.uint8)
        return image


def _smile_fields(portrait: Portrait, xs: np.ndarray, ys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the x and y displacement of a smile in pixels, (h, w) each: corners outwards and up, cheeks a little."""
    unit, curve = portrait.eye_distance, portrait.mouth.outer_upper
    field_x = field_y = 0.0
    for (x, y), side in ((curve[0], -1), (curve[-1], 1)):
        near = np.exp(-(((xs - x) / (0.3 * unit)) ** 2) - ((ys - y) / (0.26 * unit)) ** 2)
        field_x = field_x + side * 0.035 * unit * near
        field_y = field_y - 0.03 * unit * near
    return field_x.astype(np.float32), field_y.astype(np.float32)


def _drop_field(
    portrait: Portrait, gap: np.ndarray, across: np.ndarray, below: np.ndarray, ys: np.ndarray
) -> np.ndarray:
    """Computes how many pixels each point sinks at a wide open mouth: the lip at the seam, the jaw further down."""
    unit, travel = portrait.eye_distance, portrait.mouth.travel
    at_lip = gap**1.35
    at_jaw = np.exp(-((across / 1.25) ** 4)) * 0.85
    blend = smooth_step(below / (0.45 * unit))
    fade = 1 - smooth_step((ys - portrait.chin[1] - 0.02 * unit) / (0.5 * unit))
    return travel * (at_lip + (at_jaw - at_lip) * blend) * fade * (below > -0.5)
