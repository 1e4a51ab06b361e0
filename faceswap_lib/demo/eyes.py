"""Animates one eye of a portrait: the gaze within the eye opening, and the lid over it."""

import cv2
import numpy as np

from faceswap_lib.demo.points import Eye

_LID_TINT = np.array([0.95, 0.93, 0.92], np.float32)
_LASH_DARKENING = np.array([0.52, 0.6, 0.62], np.float32)


def curve_heights(points: np.ndarray, xs: np.ndarray) -> np.ndarray:
    """Smooths a left-to-right curve and evaluates it at the given columns.

    Args:
        points: (N, 2) points x, y with increasing x.
        xs: (W,) x of the columns; outside the curve, the y of its nearest end is returned.

    Returns:
        (W,) float32 y.
    """
    dense = np.linspace(points[0, 0], points[-1, 0], 257)
    heights = np.interp(dense, points[:, 0], points[:, 1])
    spread = 256 / max(float(points[-1, 0] - points[0, 0]), 1.0)
    padded = np.pad(heights, 256, mode="reflect", reflect_type="odd")
    smooth = cv2.GaussianBlur(padded[None], (0, 0), 1.2 * spread)[0, 256:-256]
    return np.interp(xs, dense, smooth).astype(np.float32)


class EyeAnimator:
    """Renderer of one eye; everything that does not depend on the pose is computed once."""

    def __init__(self, image: np.ndarray, eye: Eye, unit: float):
        """Prepares the renderer of an eye.

        Args:
            image: (H, W, 3) RGB uint8 portrait.
            eye: Control points of the eye in the portrait.
            unit: Eye distance in pixels.
        """
        self._unit = unit
        pad = 0.13 * unit
        low = np.floor(eye.upper_lid.min(axis=0) - pad - [0, eye.lid_height]).astype(int)
        high = np.ceil(np.maximum(eye.upper_lid.max(axis=0), eye.lower_lid.max(axis=0)) + pad).astype(int)
        self.area = (slice(low[1], high[1] + 1), slice(low[0], high[0] + 1))
        self._patch = image[self.area].astype(np.float32)
        tall = image[low[1] : high[1] + 1 + round(0.25 * unit), self.area[1]]
        self._source = tall.astype(np.float32)
        xs = np.arange(low[0], high[0] + 1, dtype=np.float32)
        ys = np.arange(low[1], high[1] + 1, dtype=np.float32)[:, None]
        self._origin, self._xs, self._ys, self._eye = low.astype(np.float32), xs, ys, eye
        self._upper = curve_heights(eye.upper_lid, xs)
        self._lower = np.maximum(curve_heights(eye.lower_lid, xs), self._upper)
        self._top = self._upper - eye.lid_height
        corners = eye.upper_lid[0, 0], eye.upper_lid[-1, 0]
        soft = 0.045 * unit
        self._across = np.clip((xs - corners[0]) / soft + 0.6, 0, 1) * np.clip((corners[1] - xs) / soft + 0.6, 0, 1)
        self._opening = _coverage(ys - self._upper) * _coverage(self._lower - ys)
        self._skin = self._lid_skin()

    def render(self, image: np.ndarray, lids: float, gaze_x: float, gaze_y: float) -> None:
        """Draws the eye into an image in which brow and cheek may already have moved.

        Args:
            image: (H, W, 3) RGB uint8, changed in place.
            lids: 0 open to 1 closed.
            gaze_x: Horizontal gaze in [-1, 1], positive to the right of the image.
            gaze_y: Vertical gaze in [-1, 1], positive downwards.
        """
        patch = image[self.area].astype(np.float32)
        if lids < 0.98:
            patch = self._move_gaze(patch, gaze_x, gaze_y)
        if lids > 0.01:
            patch = self._close(patch, lids)
        image[self.area] = np.clip(np.round(patch), 0, 255)

    def _move_gaze(self, patch: np.ndarray, gaze_x: float, gaze_y: float) -> np.ndarray:
        """Shifts the iris within the eye opening, so that the skin around it does not move."""
        radius, (x0, y0) = self._eye.iris_radius, self._eye.iris_center
        shift_x, shift_y = 0.045 * self._unit * gaze_x, 0.012 * self._unit * gaze_y
        near_x = np.exp(-(((self._xs - x0 - shift_x) / (1.9 * radius)) ** 2))
        near_y = np.exp(-(((self._ys - y0) / (1.2 * radius)) ** 2))
        from_x = self._xs - shift_x * near_x
        upper, lower = (np.interp(from_x, self._xs, edge) for edge in (self._upper, self._lower))
        part = (self._ys - self._upper) / np.maximum(self._lower - self._upper, 1.0)
        from_y = upper + np.clip(part, -0.5, 1.5) * np.maximum(lower - upper, 1.0) - shift_y * near_x * near_y
        map_x = np.broadcast_to(from_x - self._origin[0], from_y.shape).astype(np.float32)
        moved = cv2.remap(
            self._patch,
            map_x,
            (from_y - self._origin[1]).astype(np.float32),
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return patch + (moved - self._patch) * self._opening[..., None]

    def _close(self, patch: np.ndarray, lids: float) -> np.ndarray:
        """Paints skin from the crease down to the edge of the lid, and darkens this edge like lashes."""
        edge = self._upper + lids * (self._lower - self._upper)
        present = min(1.0, 4 * lids)
        cover = _coverage(edge - self._ys) * np.clip((self._ys - self._top) / (self._eye.lid_height * 0.8), 0, 1)
        cover = (cover * self._across * present)[..., None]
        patch = patch + (self._skin - patch) * cover
        thick = 0.017 * self._unit
        lash = np.exp(-(((self._ys - edge) / thick) ** 2)) * self._across * present
        return patch * (1 - lash[..., None] * _LASH_DARKENING)

    def _lid_skin(self) -> np.ndarray:
        """Mirrors the skin below the eye onto the lid, blends it into the crease, and shades it like a rounded lid."""
        reach = 0.045 * self._unit
        columns = np.broadcast_to(np.arange(len(self._xs), dtype=np.float32), self._opening.shape)
        rows = np.clip(2 * (self._lower + reach) - self._ys, self._ys, None) - self._origin[1]
        below = cv2.remap(
            self._source, columns, rows.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        below = cv2.GaussianBlur(below, (0, 0), sigmaX=0.02 * self._unit, sigmaY=0.014 * self._unit)
        blurred = cv2.GaussianBlur(self._patch, (0, 0), 0.015 * self._unit)
        top_rows = np.broadcast_to(self._top - self._origin[1], columns.shape).astype(np.float32)
        above = cv2.remap(blurred, columns, top_rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        above = cv2.GaussianBlur(above, (0, 0), sigmaX=0.05 * self._unit, sigmaY=0.01)
        part = np.clip((self._ys - self._top) / np.maximum(self._lower - self._top, 1.0), 0, 1)[..., None]
        shade = 0.95 + 0.04 * np.sin(np.pi * part) - 0.15 * np.clip(part - 0.75, 0, 1)
        return (above + (below - above) * np.clip(0.25 + 1.3 * part, 0, 1)) * (shade * _LID_TINT)


def _coverage(distance: np.ndarray) -> np.ndarray:
    """Converts a signed distance in pixels into an anti-aliased coverage in [0, 1]."""
    return np.clip(distance + 0.5, 0, 1)
