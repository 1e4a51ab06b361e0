"""Blending of a swapped face with the frame: regions, sharpening, texture, alpha blending and Poisson blending."""

import dataclasses

import cv2
import numpy as np

from faceswap_lib.faces.alignment import map_points, resize_matrix

TEXTURE_LIMIT = 20
"""Largest difference in gray levels that counts as texture: skin and grain stay below it, edges of a face do not."""

SHARE_SIZE, SHARE_SIGMA = 64, 1.5
"""Side of the images in which faces are compared for texture, and sigma of the blur of their difference, in pixels."""

ALIKE, UNLIKE = 10.0, 30.0
"""Differences in gray levels up to which faces share all their detail at a pixel, and from which they share none."""

DETAIL_SIGMAS = (1 / 320, 1 / 102.4)
"""Sigmas of the two blurs whose difference is amplified, in sides of the view: 0.8 and 2.5 pixels of 256."""

FAINT = 1 / 1024
"""Alpha below which a face is invisible: it changes less than half a gray level."""

CLONE_BORDER = 0.5
"""Alpha at which the mask of a seamless clone ends."""

CLONE_MARGIN = 4
"""Pixels by which a region is padded before it is cloned, so that the clone has a border."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Region:
    """Rectangle of a frame in which a view is visible.

    Attributes:
        left: First column in the frame.
        top: First row in the frame.
        size: Width and height in pixels; 0 if nothing is visible.
        frame_from_view: (2, 3) affine matrix from pixels of the view to pixels of the frame.
        view: Side of the view in pixels.
    """

    left: int
    top: int
    size: tuple[int, int]
    frame_from_view: np.ndarray
    view: int

    @classmethod
    def around(cls, weight: np.ndarray, frame_from_view: np.ndarray, frame: np.ndarray) -> "Region":
        """Computes the rectangle of a frame that a view with weights (S, S) in [0, 1] can change."""
        x, y, width, height = cv2.boundingRect((weight > FAINT).astype(np.uint8))
        box = [[x - 1, y - 1], [x + width, y - 1], [x - 1, y + height], [x + width, y + height]]
        corners = map_points(frame_from_view, np.array(box, np.float64))
        limits = [frame.shape[1], frame.shape[0]]
        left, top = np.clip(np.floor(corners.min(0)).astype(int), 0, limits)
        right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, limits)
        size = (int(right - left), int(bottom - top)) if width else (0, 0)
        return cls(left=int(left), top=int(top), size=size, frame_from_view=frame_from_view, view=len(weight))

    @property
    def empty(self) -> bool:
        """Whether the region contains no pixel."""
        return min(self.size) <= 0

    def crop(self, frame: np.ndarray) -> np.ndarray:
        """Returns the pixels of the frame in the region, not copied."""
        width, height = self.size
        return frame[self.top : self.top + height, self.left : self.left + width]

    def matrix_of(self, size: int) -> np.ndarray:
        """Returns the (2, 3) matrix from pixels of the view, resized to side `size`, to pixels of the region."""
        matrix = self.frame_from_view - np.array([[0, 0, self.left], [0, 0, self.top]])
        return matrix @ np.vstack([resize_matrix(np.eye(2, 3), self.view / size), [0, 0, 1]])

    def warp(self, view: np.ndarray, *, frame_from_view: np.ndarray | None = None, outside: int) -> np.ndarray:
        """Warps a view into the region.

        Args:
            view: (S, S) or (S, S, 3).
            frame_from_view: (2, 3) matrix to use instead of the region's own.
            outside: Border mode of OpenCV for pixels outside the view.

        Returns:
            (h, w) or (h, w, 3), with the dtype of the view.
        """
        matrix = self.frame_from_view if frame_from_view is None else frame_from_view
        matrix = matrix - np.array([[0, 0, self.left], [0, 0, self.top]])
        return cv2.warpAffine(view, matrix, self.size, flags=cv2.INTER_LINEAR, borderMode=outside)


def sharpen(picture: np.ndarray, amount: float) -> np.ndarray:
    """Sharpens an enlarged image, (S, S, 3) uint8, by a difference of Gaussians; returns the same shape and dtype.

    Adds `amount` times the difference of two blurs. This amplifies the middle frequencies, which are weak after the
    small output of a network is enlarged. A plain unsharp mask would also amplify the pixel grid of the enlarged image.
    """
    if amount == 0:
        return picture
    fine, coarse = (cv2.GaussianBlur(picture, (0, 0), sigma * len(picture)) for sigma in DETAIL_SIGMAS)
    return cv2.add(picture, cv2.addWeighted(fine, amount, coarse, -amount, 0, dtype=cv2.CV_16S), dtype=cv2.CV_8U)


def texture_share(swapped: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Computes how much of the target's finest detail fits the swapped face: all of it where both look alike.

    Elsewhere the detail would be wrong: the teeth of an open mouth would appear on a closed one, or the rims of glasses
    around eyes without glasses.

    Args:
        swapped: (S, S, 3) uint8 RGB, the swapped face.
        target: (S, S, 3) uint8 RGB, the target face in the same view.

    Returns:
        (S, S) float32 in [0, 1].
    """
    small = [cv2.resize(image, (SHARE_SIZE, SHARE_SIZE), interpolation=cv2.INTER_AREA) for image in (swapped, target)]
    difference = cv2.GaussianBlur(cv2.absdiff(*small).max(axis=2).astype(np.float32), (0, 0), SHARE_SIGMA)
    share = np.clip((UNLIKE - difference) / (UNLIKE - ALIKE), 0, 1)
    return cv2.resize(share, (len(swapped), len(swapped)), interpolation=cv2.INTER_LINEAR)


def add_texture(painted: np.ndarray, region: np.ndarray, target: np.ndarray, amount: float | np.ndarray) -> np.ndarray:
    """Adds the detail of the frame that is finer than the pixels of the target's view.

    Args:
        painted: (h, w, 3) uint8 or float32, the swapped face, warped into the region.
        region: (h, w, 3) uint8, the frame in the region.
        target: (h, w, 3) uint8, the view of the target face, warped into the region.
        amount: Amount of detail, 0 to 1; a number for all pixels, or (h, w) float32.

    Returns:
        (h, w, 3) float32, not clipped to 0 to 255.
    """
    detail = np.clip(cv2.subtract(region, target, dtype=cv2.CV_16S), -TEXTURE_LIMIT, TEXTURE_LIMIT)
    if isinstance(amount, np.ndarray):
        detail = cv2.multiply(detail, cv2.merge([amount] * 3), dtype=cv2.CV_32F)
    elif amount != 1:
        detail = np.float32(amount) * detail
    return cv2.add(painted, detail, dtype=cv2.CV_32F)


def alpha_blend(region: np.ndarray, painted: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Blends two images: the result is `region` where alpha is 0, and `painted` where it is 1.

    Args:
        region: (h, w, 3) uint8, the background.
        painted: (h, w, 3), uint8 or any signed dtype, the foreground.
        share: (h, w) float32 in [0, 1], alpha.

    Returns:
        (h, w, 3) uint8.

    Taught in notebooks/06_video_conversion.
    """
    change = cv2.subtract(painted, region, dtype=cv2.CV_32F)
    change = cv2.multiply(change, cv2.merge([share, share, share]), dst=change)
    return cv2.add(region, change, dtype=cv2.CV_8U)


def poisson_blend(region: np.ndarray, painted: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Blends the gradients of one image into another, so that no border is visible (Poisson blending).

    The region is padded beyond its border, so that a face that leaves the frame can be cloned as well.
    Source: Perez et al., "Poisson Image Editing", 2003, as OpenCV's `seamlessClone`.

    Args:
        region: (h, w, 3) uint8, the background.
        painted: (h, w, 3) uint8, the foreground.
        inside: (h, w) bool, mask of the pixels that are blended.

    Returns:
        (h, w, 3) uint8; the region itself if the mask is empty.
    """
    if not inside.any():
        return region
    front, back = _pad(painted, cv2.BORDER_REPLICATE), _pad(region, cv2.BORDER_REPLICATE)
    mask = _pad(inside.astype(np.uint8) * 255, cv2.BORDER_CONSTANT)
    x, y, width, height = cv2.boundingRect(mask)
    cloned = cv2.seamlessClone(front, back, mask, (x + width // 2, y + height // 2), cv2.NORMAL_CLONE)
    return cloned[CLONE_MARGIN:-CLONE_MARGIN, CLONE_MARGIN:-CLONE_MARGIN]


def _pad(image: np.ndarray, border: int) -> np.ndarray:
    """Pads an image by `CLONE_MARGIN` pixels on all sides."""
    return cv2.copyMakeBorder(image, CLONE_MARGIN, CLONE_MARGIN, CLONE_MARGIN, CLONE_MARGIN, border)
