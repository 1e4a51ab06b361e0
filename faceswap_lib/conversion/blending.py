"""Laying a corrected view over the frame: where it lies, what of the frame's detail stays, how the two are mixed."""

import dataclasses

import cv2
import numpy as np

from faceswap_lib.faces.alignment import map_points, resize_matrix

TEXTURE_LIMIT = 20
"""Largest step, of 255, that is taken for texture: skin and grain stay below it, the edges of a face do not."""

SHARE_SIZE, SHARE_SIGMA = 64, 1.5
"""Side of the pictures on which it is judged where texture belongs, and the blur of their difference, in pixels."""

ALIKE, UNLIKE = 10.0, 30.0
"""Differences, of 255, up to which two faces have all their detail in common at a place, and from which none."""

DETAIL_SIGMAS = (1 / 320, 1 / 102.4)
"""The two blurs between which detail is lifted, in sides of the view: 0.8 and 2.5 pixels of 256."""

FAINT = 1 / 1024
"""Weight below which nothing shows: less than half a gray level of any difference."""

CLONE_BORDER = 0.5
"""Weight at which a seamless clone ends."""

CLONE_MARGIN = 4
"""Pixels by which a region grows before it is cloned, so that there is a border to start from."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Region:
    """The rectangle of a frame in which a view shows.

    Attributes:
        left: First column in the frame.
        top: First row.
        size: Width and height in pixels; 0 where nothing shows.
        frame_from_view: (2, 3) matrix of the view whose place it is.
        view: Side of that view in pixels.
    """

    left: int
    top: int
    size: tuple[int, int]
    frame_from_view: np.ndarray
    view: int

    @classmethod
    def around(cls, weight: np.ndarray, frame_from_view: np.ndarray, frame: np.ndarray) -> "Region":
        """Finds the part of a frame that a view with these weights, (S, S) in [0, 1], can change."""
        x, y, width, height = cv2.boundingRect((weight > FAINT).astype(np.uint8))
        corners = [[x - 1, y - 1], [x + width, y - 1], [x - 1, y + height], [x + width, y + height]]
        corners = map_points(frame_from_view, np.array(corners, np.float64))
        limits = [frame.shape[1], frame.shape[0]]
        left, top = np.clip(np.floor(corners.min(0)).astype(int), 0, limits)
        right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, limits)
        size = (int(right - left), int(bottom - top)) if width else (0, 0)
        return cls(left=int(left), top=int(top), size=size, frame_from_view=frame_from_view, view=len(weight))

    @property
    def empty(self) -> bool:
        """Whether there is no such pixel."""
        return min(self.size) <= 0

    def crop(self, frame: np.ndarray) -> np.ndarray:
        """The frame's pixels in the region; not a copy."""
        width, height = self.size
        return frame[self.top : self.top + height, self.left : self.left + width]

    def matrix_of(self, size: int) -> np.ndarray:
        """The (2, 3) matrix from pixels of the view, were its side `size`, to those of the region."""
        matrix = self.frame_from_view - np.array([[0, 0, self.left], [0, 0, self.top]])
        return matrix @ np.vstack([resize_matrix(np.eye(2, 3), self.view / size), [0, 0, 1]])

    def warp(self, view: np.ndarray, *, frame_from_view: np.ndarray | None = None, outside: int) -> np.ndarray:
        """Shows a view in the region.

        Args:
            view: (S, S) or (S, S, 3).
            frame_from_view: Another place than the region's own.
            outside: OpenCV's border mode, for what lies beyond the view.

        Returns:
            (h, w) or (h, w, 3), of the view's type.
        """
        matrix = self.frame_from_view if frame_from_view is None else frame_from_view
        matrix = matrix - np.array([[0, 0, self.left], [0, 0, self.top]])
        return cv2.warpAffine(view, matrix, self.size, flags=cv2.INTER_LINEAR, borderMode=outside)


def sharpen(picture: np.ndarray, amount: float) -> np.ndarray:
    """Lifts the middle frequencies, which enlarging a network's small picture leaves weak; uint8 in and out.

    Adds `amount` times the difference of two blurs. A plain unsharp mask would lift the pixel grid of the enlarged
    picture with it.

    Taught in notebooks/06_video_conversion.
    """
    if amount == 0:
        return picture
    fine, coarse = (cv2.GaussianBlur(picture, (0, 0), sigma * len(picture)) for sigma in DETAIL_SIGMAS)
    return cv2.add(picture, cv2.addWeighted(fine, amount, coarse, -amount, 0, dtype=cv2.CV_16S), dtype=cv2.CV_8U)


def texture_share(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Says where the old face's finest detail belongs to the new one as well: where both look alike.

    Over a shut mouth the detail of an open one would draw its teeth, and around bare eyes that of glasses their rims.

    Args:
        new: (S, S, 3) uint8 RGB, the new face.
        old: (S, S, 3) uint8 RGB, the old one at the same place.

    Returns:
        (S, S) float32 in [0, 1].
    """
    small = [cv2.resize(picture, (SHARE_SIZE, SHARE_SIZE), interpolation=cv2.INTER_AREA) for picture in (new, old)]
    apart = cv2.GaussianBlur(cv2.absdiff(*small).max(axis=2).astype(np.float32), (0, 0), SHARE_SIGMA)
    share = np.clip((UNLIKE - apart) / (UNLIKE - ALIKE), 0, 1)
    return cv2.resize(share, (len(new), len(new)), interpolation=cv2.INTER_LINEAR)


def add_texture(painted: np.ndarray, region: np.ndarray, old: np.ndarray, amount: float | np.ndarray) -> np.ndarray:
    """Gives a face the frame's detail that the old view is too small to show.

    Args:
        painted: (h, w, 3) uint8 or float32, the new face in its place.
        region: (h, w, 3) uint8, the frame there.
        old: (h, w, 3) uint8, the old view in its place.
        amount: 0 to 1, for all of it or (h, w) float32 for each pixel.

    Returns:
        (h, w, 3) float32, not clipped to 0 to 255.

    Taught in notebooks/06_video_conversion.
    """
    detail = np.clip(cv2.subtract(region, old, dtype=cv2.CV_16S), -TEXTURE_LIMIT, TEXTURE_LIMIT)
    if np.ndim(amount):
        detail = cv2.multiply(detail, cv2.merge([amount] * 3), dtype=cv2.CV_32F)
    elif amount != 1:
        detail = np.float32(amount) * detail
    return cv2.add(painted, detail, dtype=cv2.CV_32F)


def alpha_blend(region: np.ndarray, painted: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Mixes two pictures: `region` where `share` is 0, `painted` where it is 1.

    Args:
        region: (h, w, 3) uint8.
        painted: (h, w, 3), uint8 or any signed type.
        share: (h, w) float32 in [0, 1].

    Returns:
        (h, w, 3) uint8.

    Taught in notebooks/06_video_conversion.
    """
    change = cv2.subtract(painted, region, dtype=cv2.CV_32F)
    change = cv2.multiply(change, cv2.merge([share, share, share]), dst=change)
    return cv2.add(region, change, dtype=cv2.CV_8U)


def poisson_blend(region: np.ndarray, painted: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Puts a picture's gradients into another, so that their border does not show.

    The region is continued beyond its own border, so that a face that leaves the frame is cloned like any other.
    Source: Perez et al., "Poisson Image Editing", 2003, as OpenCV's `seamlessClone`.

    Args:
        region: (h, w, 3) uint8, what lies around.
        painted: (h, w, 3) uint8, what is put in.
        inside: (h, w) bool, where.

    Returns:
        (h, w, 3) uint8; the region itself where nothing is inside.
    """
    if not inside.any():
        return region
    margin = (CLONE_MARGIN,) * 4
    wide = [cv2.copyMakeBorder(picture, *margin, cv2.BORDER_REPLICATE) for picture in (painted, region)]
    mask = cv2.copyMakeBorder(inside.astype(np.uint8) * 255, *margin, cv2.BORDER_CONSTANT)
    x, y, width, height = cv2.boundingRect(mask)
    cloned = cv2.seamlessClone(*wide, mask, (x + width // 2, y + height // 2), cv2.NORMAL_CLONE)
    return cloned[CLONE_MARGIN:-CLONE_MARGIN, CLONE_MARGIN:-CLONE_MARGIN]
