"""Single pictures and masks on disk."""

import pathlib

import cv2
import numpy as np

from faceswap_lib.errors import VideoError
from faceswap_lib.files import replacing

_JPEG_QUALITY = 95
_ENCODE_OPTIONS = {
    ".png": [],
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY],
    ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY],
}


def read_image(path: pathlib.Path) -> np.ndarray:
    """Reads a picture in colour, turned upright as its EXIF orientation says.

    Args:
        path: A picture file. Grey becomes three equal channels, alpha is dropped, 16 bits become 8.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous.

    Raises:
        VideoError: If the file is missing, is a folder, or cannot be decoded.
    """
    return cv2.cvtColor(_decode(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def read_mask(path: pathlib.Path) -> np.ndarray:
    """Reads a picture as one channel.

    Args:
        path: A picture file; colour becomes grey.

    Returns:
        (H, W) uint8, C-contiguous.

    Raises:
        VideoError: If the file is missing, is a folder, or cannot be decoded.
    """
    return _decode(path, cv2.IMREAD_GRAYSCALE)


def write_image(path: pathlib.Path, image: np.ndarray) -> None:
    """Writes a picture or a mask, whole or not at all; makes the folder if needed.

    Args:
        path: Where to; the suffix chooses PNG (exact) or JPEG (quality 95).
        image: (H, W, 3) uint8 RGB, or (H, W) uint8 grey.

    Raises:
        ValueError: If `image` has another shape or dtype.
        VideoError: If the suffix is neither .png, .jpg nor .jpeg.
    """
    path = pathlib.Path(path)
    is_picture = isinstance(image, np.ndarray) and (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3))
    if not is_picture or image.dtype != np.uint8 or image.size == 0:
        got = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"expected a (H, W, 3) or (H, W) uint8 array, got {got}")
    if path.suffix.lower() not in _ENCODE_OPTIONS:
        raise VideoError(f"expected a name ending in .png, .jpg or .jpeg, got {path}; rename it")
    bgr = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(path.suffix.lower(), bgr, _ENCODE_OPTIONS[path.suffix.lower()])[1]
    with replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())


def _decode(path: pathlib.Path, flags: int) -> np.ndarray:
    path = pathlib.Path(path)
    if path.is_dir():
        raise VideoError(f"expected a picture file, got a folder: {path}; name one file in it")
    if not path.exists():
        raise VideoError(f"no such file: {path}; check the name and the folder")
    # Reading the bytes ourselves keeps names outside ASCII working on every system.
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise VideoError(f"expected a readable picture, got {error.strerror}: {path}; check its permissions") from error
    image = cv2.imdecode(data, flags) if data.size else None
    if image is None:
        raise VideoError(f"expected a picture, got a file that cannot be decoded: {path}; open it in a viewer to check")
    return image
