"""Reading and writing of image and mask files."""

import pathlib

import cv2
import numpy as np

from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import VideoError
from faceswap_lib.media.picture_decoding import Picture, decode_picture

_JPEG_QUALITY = 95
_ROWS = 256
_ENCODE_OPTIONS = {
    ".png": [],
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY],
    ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY],
}


def read_picture(path: pathlib.Path | str) -> Picture:
    """Reads an image with its alpha channel, rotated according to its EXIF orientation and converted to sRGB.

    Args:
        path: An image file in one of the `picture_decoding.FORMATS`; its suffix is ignored.

    Returns:
        The image. Gray is repeated in three channels, 16 bits are reduced to 8. Of several images the first is read.

    Raises:
        VideoError: If the file is missing, is not a regular file, cannot be decoded, or has more pixels or bytes than
            `limits.PICTURE_PIXELS` and `limits.PICTURE_BYTES` allow.
    """
    return decode_picture(pathlib.Path(path))


def read_image(path: pathlib.Path | str) -> np.ndarray:
    """Reads an image as `read_picture` does, without its alpha channel.

    Args:
        path: An image file.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous.

    Raises:
        VideoError: As `read_picture`.
    """
    return decode_picture(pathlib.Path(path)).image


def read_mask(path: pathlib.Path | str) -> np.ndarray:
    """Reads an image as one channel.

    Args:
        path: An image file; color is converted to gray.

    Returns:
        (H, W) uint8, C-contiguous.

    Raises:
        VideoError: As `read_picture`.
    """
    return to_gray(decode_picture(pathlib.Path(path)).image)


def to_gray(image: np.ndarray) -> np.ndarray:
    """Converts an image to one channel; gray values stay as they are.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) uint8, C-contiguous.
    """
    is_gray = np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 0], image[..., 2])
    return np.ascontiguousarray(image[..., 0]) if is_gray else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def compose(image: np.ndarray, alpha: np.ndarray, background: int = 255) -> np.ndarray:
    """Composites a partly transparent image over a uniform gray background.

    Args:
        image: (H, W, 3) uint8 RGB.
        alpha: (H, W) uint8, 0 where only the background is visible.
        background: Gray value, 0 to 255. The default is white, as in image viewers and on web pages.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    composed = np.empty_like(image)
    for top in range(0, len(image), _ROWS):  # a 16-bit copy of a large image would need several times its memory
        rows = slice(top, top + _ROWS)
        weight = alpha[rows, :, None].astype(np.uint16)
        composed[rows] = (image[rows] * weight + np.uint16(background) * (255 - weight) + 127) // 255
    return composed


def write_image(path: pathlib.Path | str, image: np.ndarray, alpha: np.ndarray | None = None) -> None:
    """Writes an image or a mask atomically; creates the folder if it does not exist.

    Args:
        path: File to write; the suffix selects PNG (lossless) or JPEG (quality 95).
        image: (H, W, 3) uint8 RGB, or (H, W) uint8 gray.
        alpha: Alpha channel, (H, W) uint8, for PNG only; None for an opaque image.

    Raises:
        ValueError: If `image` or `alpha` has the wrong shape or dtype.
        VideoError: If the suffix is not .png, .jpg or .jpeg (only .png with `alpha`), or the image is wider or higher
            than the format allows.
    """
    path = pathlib.Path(path)
    is_image = isinstance(image, np.ndarray) and (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3))
    if not is_image or image.dtype != np.uint8 or image.size == 0:
        got = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"expected a (H, W, 3) or (H, W) uint8 array, got {got}")
    if path.suffix.lower() not in _ENCODE_OPTIONS:
        raise VideoError(f"expected a name ending in .png, .jpg or .jpeg, got {path}; rename it")
    if alpha is not None:
        if alpha.shape != image.shape[:2] or alpha.dtype != np.uint8 or image.ndim != 3:
            raise ValueError(f"expected an alpha of {image.shape[:2]} uint8, got {alpha.shape} {alpha.dtype}")
        if path.suffix.lower() != ".png":
            raise VideoError(f"expected a name ending in .png for a picture that is partly transparent, got {path}")
        bgr = cv2.cvtColor(np.dstack([image, alpha]), cv2.COLOR_RGBA2BGRA)
    else:
        bgr = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    try:
        is_encoded, encoded = cv2.imencode(path.suffix.lower(), bgr, _ENCODE_OPTIONS[path.suffix.lower()])
    except cv2.error:
        is_encoded, encoded = False, np.empty(0, np.uint8)
    if not is_encoded:
        size = f"{image.shape[1]} x {image.shape[0]}"
        raise VideoError(
            f"{path}: a picture of {size} pixels cannot be written as {path.suffix}; write .png or shrink it"
        )
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
