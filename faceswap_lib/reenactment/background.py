"""Puts a reenacted crop back into the frame of its photo, although the head has moved: two methods.

`shift_and_scale` moves the whole photo with the head, and continues its edges. `matting_and_fill` cuts the person out,
moves only the person, and fills the place behind. The first keeps every pixel of the photo but moves the room; the
second keeps the room but invents a part of it.
Source: the two ways in which the landmark GAN of the BIGO challenge, see `systems.landmark_gan`, is put into a frame.
"""

import dataclasses
import functools
from typing import Literal

import cv2
import numpy as np

from faceswap_lib.conversion.blending import Region, alpha_blend
from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import CROP_SIZE, invert_affine, resize_matrix
from faceswap_lib.reenactment.hole_filling import fill_hole
from faceswap_lib.reenactment.matting import cut_out_person
from faceswap_lib.reenactment.warping import check_image

EdgeMode = Literal["replicate", "inpaint"]
"""How a moved photo is continued beyond its edges: by its last pixels, or by inpainting."""

EDGE_MODES = ("replicate", "inpaint")

BORDER = 0.12
"""Width of the soft border of a pasted crop, in its sides."""

SHRINK = 0.75
"""Scale below which an image is made smaller before it is warped, because interpolation alone would alias."""

INPAINT_SIDE, INPAINT_RADIUS = 256, 5
"""Longer side of the image that is inpainted, and the neighborhood of a pixel in it."""

UNCERTAIN = 0.03
"""How far the hole of a cut-out person extends beyond the matte, in sides of the crop: shadows and loose hair."""

HEAD_MARGIN = 0.05
"""How far a head may extend beyond its outline in the photo, in sides of the crop: hair moves, and cheeks turn."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PhotoBackground:
    """A photo, and what `matting_and_fill` needs of it; computed when it is first used, and then kept.

    Attributes:
        photo: (H, W, 3) uint8 RGB.
        crop_from_photo: (2, 3) matrix from the photo to the aligned crop of its face, of side `CROP_SIZE`.

    Raises:
        ValueError: If a shape or dtype is wrong.
        InputError: If the matrix has no inverse.
    """

    photo: np.ndarray
    crop_from_photo: np.ndarray

    def __post_init__(self):
        _check_photo(self.photo)
        object.__setattr__(self, "crop_from_photo", _check_matrix(self.crop_from_photo, "crop_from_photo"))

    def prepare(self) -> None:
        """Computes everything that is kept, so that several threads do not compute it at the same time."""
        _ = self.filled, self.head_mask

    @functools.cached_property
    def matte(self) -> np.ndarray:
        """The person in the photo, (H, W) float32, 1 on the person."""
        return cut_out_person(self.photo, self.crop_from_photo)

    @functools.cached_property
    def filled(self) -> np.ndarray:
        """The photo without the person, (H, W, 3) uint8 RGB."""
        scale = 1 / np.sqrt(np.linalg.det(self.crop_from_photo[:, :2]))
        radius = max(1, round(UNCERTAIN * CROP_SIZE * scale))
        hole = cv2.dilate(self.matte, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)) > 0.02
        return fill_hole(self.photo, hole)

    @functools.cached_property
    def head_mask(self) -> np.ndarray:
        """Alpha with which a reenacted crop is pasted over the person, (`CROP_SIZE`, `CROP_SIZE`) float32."""
        matte = _warp(self.matte, self.crop_from_photo, (CROP_SIZE, CROP_SIZE))
        radius = round(HEAD_MARGIN * CROP_SIZE)
        grown = cv2.dilate(matte, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2))
        return cv2.GaussianBlur(grown, (0, 0), radius / 3) * paste_window(CROP_SIZE)


def shift_and_scale(
    photo: np.ndarray,
    crop_from_photo: np.ndarray,
    crop: np.ndarray,
    crop_from_output: np.ndarray,
    *,
    edges: EdgeMode = "replicate",
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Moves a whole photo to the new position of the head, and pastes the reenacted crop.

    Args:
        photo: (H, W, 3) uint8 RGB.
        crop_from_photo: (2, 3) matrix from the photo to the aligned crop of its face, of side `CROP_SIZE`.
        crop: (S, S, 3) uint8 RGB, the reenacted crop, of any side.
        crop_from_output: (2, 3) matrix from the output to this crop (of side `CROP_SIZE`): where the head shall be.
        edges: How the photo is continued beyond its edges. Inpainting takes 7 to 17 ms and is rarely better.
        mask: (S, S) float32, alpha of the crop; None for the whole crop with a soft border.

    Returns:
        (H, W, 3) uint8 RGB, the output, of the photo's size.

    Raises:
        ValueError: If a shape or dtype is wrong.
        InputError: If a matrix has no inverse, or `edges` is unknown.
    """
    _check_photo(photo)
    if edges not in EDGE_MODES:
        raise InputError(f"edges: expected one of {', '.join(EDGE_MODES)}, got {edges!r}")
    before = _check_matrix(crop_from_photo, "crop_from_photo")
    after = _check_matrix(crop_from_output, "crop_from_output")
    output_from_photo = _chain(invert_affine(after), before)
    size = (photo.shape[1], photo.shape[0])
    moved = _warp(photo, output_from_photo, size)
    if edges == "inpaint":
        covered = np.full(photo.shape[:2], 255, np.uint8)
        inside = cv2.warpAffine(covered, output_from_photo, size, flags=cv2.INTER_NEAREST, borderValue=0)
        moved = _inpaint(moved, inside == 0)
    return soft_paste(moved, crop, after, mask)


def matting_and_fill(
    background: PhotoBackground, crop: np.ndarray, crop_from_output: np.ndarray, *, mask: np.ndarray | None = None
) -> np.ndarray:
    """Moves only the person of a photo to the new position of the head, and pastes the reenacted crop.

    Args:
        background: The photo; its person is cut out once.
        crop: (S, S, 3) uint8 RGB, the reenacted crop, of any side.
        crop_from_output: (2, 3) matrix from the output to this crop (of side `CROP_SIZE`): where the head shall be.
        mask: (S, S) float32, alpha of the crop; None for the person in the photo with a margin.

    Returns:
        (H, W, 3) uint8 RGB, the output, of the photo's size.

    Raises:
        ValueError: If a shape or dtype is wrong.
        InputError: If the matrix has no inverse.
    """
    after = _check_matrix(crop_from_output, "crop_from_output")
    output_from_photo = _chain(invert_affine(after), background.crop_from_photo)
    size = (background.photo.shape[1], background.photo.shape[0])
    person, matte = (_warp(image, output_from_photo, size) for image in (background.photo, background.matte))
    moved = alpha_blend(background.filled, person, matte)
    if mask is None:
        mask = cv2.resize(background.head_mask, (len(crop), len(crop)), interpolation=cv2.INTER_LINEAR)
    return soft_paste(moved, crop, after, mask)


def soft_paste(
    frame: np.ndarray, crop: np.ndarray, crop_from_frame: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    """Pastes a crop into a frame with a soft border.

    Args:
        frame: (H, W, 3) uint8 RGB.
        crop: (S, S, 3) uint8 RGB, of any side.
        crop_from_frame: (2, 3) matrix from the frame to the crop of side `CROP_SIZE`.
        mask: (S, S) float32 alpha, 0 to 1; None for `paste_window`.

    Returns:
        (H, W, 3) uint8 RGB, a new array. Pixels where the alpha is 0 are unchanged.

    Raises:
        ValueError: If a shape or dtype is wrong.
        InputError: If the matrix has no inverse.
    """
    _check_photo(frame)
    check_image(crop, "crop")
    mask = paste_window(len(crop)) if mask is None else mask
    if mask.shape != crop.shape[:2]:
        raise ValueError(f"mask: expected the side of the crop, {crop.shape[:2]}, got {mask.shape}")
    frame_from_crop = invert_affine(_check_matrix(crop_from_frame, "crop_from_frame"))
    side = len(crop)
    scale = float(np.sqrt(abs(np.linalg.det(frame_from_crop[:, :2])))) * CROP_SIZE / side
    if scale < SHRINK:
        side = max(1, round(side * scale))
        crop, mask = (cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in (crop, mask))
    frame_from_crop = invert_affine(resize_matrix(crop_from_frame, side / CROP_SIZE))
    region = Region.around(mask, frame_from_crop, frame)
    result = frame.copy()
    if region.empty:
        return result
    part = region.crop(result)
    alpha = region.warp(mask.astype(np.float32), outside=cv2.BORDER_CONSTANT)
    part[...] = alpha_blend(part, region.warp(crop, outside=cv2.BORDER_REPLICATE), alpha)
    return result


@functools.cache
def paste_window(size: int) -> np.ndarray:
    """Computes the alpha of a crop whose borders fade out, (size, size) float32: 1 inside, 0 at the edges."""
    ramp = np.clip((np.arange(size) + 0.5) / (BORDER * size), 0, 1)
    ramp = np.minimum(ramp, ramp[::-1])
    ramp = (ramp**2 * (3 - 2 * ramp)).astype(np.float32)
    window = ramp[:, None] * ramp
    window.flags.writeable = False
    return window


def _warp(image: np.ndarray, output_from_image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Warps an image, without aliasing, to an output of a given width and height; edges are replicated."""
    scale = float(np.sqrt(abs(np.linalg.det(output_from_image[:, :2]))))
    if scale < SHRINK:
        height, width = image.shape[:2]
        small = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        x, y = width / small[0], height / small[1]
        larger = np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]])
        output_from_image = _chain(output_from_image, larger)
    return cv2.warpAffine(image, output_from_image, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _inpaint(image: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """Inpaints the unknown pixels of an image in a smaller copy, and enlarges what was inpainted."""
    if not unknown.any():
        return image
    height, width = unknown.shape
    scale = min(1.0, INPAINT_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    hole = (cv2.resize(unknown.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    painted = cv2.inpaint(small, hole, INPAINT_RADIUS, cv2.INPAINT_TELEA)
    painted = cv2.resize(painted, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.where(unknown[..., None], painted, image)


def _chain(c_from_b: np.ndarray, b_from_a: np.ndarray) -> np.ndarray:
    """Computes the (2, 3) matrix `c_from_a`."""
    return c_from_b @ np.vstack([b_from_a, [0, 0, 1]])


def _check_photo(photo: np.ndarray) -> None:
    """Raises `ValueError` unless a photo or frame is (H, W, 3) uint8."""
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
        raise ValueError(f"expected an image (H, W, 3) uint8, got {photo.shape} {photo.dtype}")


def _check_matrix(matrix: np.ndarray, name: str) -> np.ndarray:
    """Checks that a matrix is (2, 3), finite and invertible; returns it as float64."""
    matrix = np.asarray(matrix, np.float64)
    if matrix.shape != (2, 3) or not np.isfinite(matrix).all():
        raise ValueError(f"{name}: expected (2, 3) finite numbers, got shape {matrix.shape}")
    if abs(np.linalg.det(matrix[:, :2])) < 1e-9:
        raise InputError(f"{name}: expected a matrix with an inverse, got {matrix.tolist()}; align the face again")
    return matrix
