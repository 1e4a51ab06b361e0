"""Single pictures and masks on disk."""

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
    """Reads a picture in color with its opacity, turned upright as its EXIF orientation says, its colors in sRGB.

    Args:
        path: A picture file of any kind in `picture_decoding.FORMATS`, whatever its name ends in.

    Returns:
        The picture. Gray becomes three equal channels, 16 bits become 8, of several pictures the first is taken.

    Raises:
        VideoError: If the file is missing, is no file, cannot be decoded, or has more pixels or bytes than
            `limits.PICTURE_PIXELS` and `limits.PICTURE_BYTES` allow.
    """
    return decode_picture(pathlib.Path(path))


def read_image(path: pathlib.Path | str) -> np.ndarray:
    """Reads a picture in color as `read_picture` does, without its opacity.

    Args:
        path: A picture file.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous.

    Raises:
        VideoError: As `read_picture`.
    """
    return decode_picture(pathlib.Path(path)).image


def read_mask(path: pathlib.Path | str) -> np.ndarray:
    """Reads a picture as one channel.

    Args:
        path: A picture file; color becomes gray.

    Returns:
        (H, W) uint8, C-contiguous.

    Raises:
        VideoError: As `read_picture`.
    """
    image = decode_picture(pathlib.Path(path)).image
    is_gray = np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 0], image[..., 2])
    return np.ascontiguousarray(image[..., 0]) if is_gray else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def compose(image: np.ndarray, alpha: np.ndarray, background: int = 255) -> np.ndarray:
    """Lays a picture that is partly transparent over one gray.

    Args:
        image: (H, W, 3) uint8 RGB.
        alpha: (H, W) uint8, 0 where the background shows.
        background: 0 to 255; white unless given, as picture viewers and pages show it.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    composed = np.empty_like(image)
    for top in range(0, len(image), _ROWS):  # 16 bits for all of a large picture would be several times its size
        rows = slice(top, top + _ROWS)
        share = alpha[rows, :, None].astype(np.uint16)
        composed[rows] = (image[rows] * share + np.uint16(background) * (255 - share) + 127) // 255
    return composed


def write_image(path: pathlib.Path | str, image: np.ndarray, alpha: np.ndarray | None = None) -> None:
    """Writes a picture or a mask, whole or not at all; makes the folder if needed.

    Args:
        path: Where to; the suffix chooses PNG (exact) or JPEG (quality 95).
        image: (H, W, 3) uint8 RGB, or (H, W) uint8 gray.
        alpha: (H, W) uint8, the opacity, which only PNG has; None for an opaque picture.

    Raises:
        ValueError: If `image` or `alpha` has another shape or dtype.
        VideoError: If the suffix is neither .png, .jpg nor .jpeg, not .png with an alpha, or the picture has more
            pixels on a side than the format can say.
    """
    path = pathlib.Path(path)
    is_picture = isinstance(image, np.ndarray) and (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3))
    if not is_picture or image.dtype != np.uint8 or image.size == 0:
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
    except cv2.error as error:
        is_encoded, encoded = False, error
    if not is_encoded:
        size = f"{image.shape[1]} x {image.shape[0]}"
        raise VideoError(f"{path}: a picture of {size} pixels cannot be written as {path.suffix}; write .png or less")
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
