"""Decoding of untrusted images in all common formats, after a check of the size in their header."""

import contextlib
import dataclasses
import functools
import io
import pathlib
import stat
import struct
import threading
import typing
import zlib

import numpy as np
from PIL import Image, TiffImagePlugin

from faceswap_lib.errors import VideoError
from faceswap_lib.limits import PICTURE_BYTES, PICTURE_PIXELS, Limit
from faceswap_lib.media.color_profile import to_srgb

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "GIF", "JPEG2000", "PPM")
"""Formats that are read, by their Pillow names; the suffix of a file is ignored. Some other formats run programs
(EPS), or have no header that distinguishes them from text (TGA)."""

SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
    *(".avif", ".gif", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""Suffixes of files in these formats."""

ORIENTATION = 0x0112
"""EXIF tag of the orientation."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

TILE_TAGS = (322, 323)
"""TIFF tags of the tile width and height; the decoder allocates a whole tile even if the image is smaller."""

STRIP = 1024
"""Rows that are copied from Pillow's memory at a time, so that a large image is not in memory three times."""

ALPHA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")

_LOCK = threading.Lock()

_TROUBLES = (
    *(OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, SyntaxError, EOFError),
    *(OverflowError, ZeroDivisionError, MemoryError, RuntimeError, NotImplementedError, struct.error, zlib.error),
    *(Image.DecompressionBombError, Warning),
)
"""Errors that Pillow raises for a damaged image, including its warnings if Python raises warnings as errors."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """Decoded image, upright and in sRGB.

    Attributes:
        image: (H, W, 3) uint8 RGB, C-contiguous. Where `alpha` is 0, the colors are those stored in the file.
        alpha: Alpha channel, (H, W) uint8, 0 is transparent; None if the whole image is opaque.
        notes: Messages about content of the file that was not read, such as further images or a color profile.
    """

    image: np.ndarray
    alpha: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def decode_picture(path: pathlib.Path) -> Picture:
    """Decodes an image file.

    Args:
        path: The file; its format is detected from its content. Of several images the first is read; 16 bits are
            reduced to 8.

    Returns:
        The image.

    Raises:
        VideoError: If the file is missing, is not a regular file, exceeds `limits`, or cannot be decoded.
    """
    path = pathlib.Path(path)
    _check_file(path)
    try:
        with path.open("rb") as file, _open(file) as opened:
            width, height = opened.size
            PICTURE_PIXELS.check(width * height, path, VideoError)
            if opened.format == "TIFF":
                PICTURE_PIXELS.check(_tile_pixels(opened), path, VideoError)
            return _to_picture(opened)
    except PermissionError as error:
        raise VideoError(f"expected a readable picture, got {error.strerror}: {path}; check its permissions") from error
    except _TROUBLES as error:
        raise _undecodable_error(error, path) from error


def decode_picture_bytes(data: bytes, origin: object, *, limit: Limit = PICTURE_PIXELS) -> Picture:
    """Decodes an image in memory, such as one inside a larger file.

    Args:
        data: The bytes of an image file in PNG or JPEG format.
        origin: Where the bytes come from, for the message.
        limit: Limit on the number of pixels.

    Returns:
        The image.

    Raises:
        VideoError: If the image has more pixels than the limit allows, or cannot be decoded.
    """
    try:
        with _open(io.BytesIO(data)) as opened:
            if opened.format not in ("PNG", "JPEG", "MPO"):
                raise ValueError(f"expected PNG or JPEG, got {opened.format}")
            limit.check(opened.size[0] * opened.size[1], origin, VideoError)
            return _to_picture(opened)
    except _TROUBLES as error:
        raise _undecodable_error(error, origin) from error


def _undecodable_error(error: BaseException, origin: object) -> VideoError:
    """Builds the error for an image that Pillow cannot decode."""
    reason = "" if isinstance(error, Image.UnidentifiedImageError) else f" ({' '.join(str(error).split())[:200]})"
    return VideoError(
        f"expected a picture, got a file that cannot be decoded{reason}: {origin}; open it in a viewer to check"
    )


def _check_file(path: pathlib.Path) -> None:
    """Raises `VideoError` unless the path is a regular file within the limit."""
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        raise VideoError(
            f"no such file{'' if missing else f' ({error})'}: {path}; check the name and the folder"
        ) from error
    if stat.S_ISDIR(found.st_mode):
        raise VideoError(f"expected a picture file, got a folder: {path}; name one file in it")
    if not stat.S_ISREG(found.st_mode):
        raise VideoError(f"expected a picture file, got a pipe or a device: {path}; name a file")
    PICTURE_BYTES.check(found.st_size, path, VideoError)


@contextlib.contextmanager
def _open(file: typing.BinaryIO) -> typing.Iterator[Image.Image]:
    """Opens an image without decoding it, with Pillow's own pixel limit, which is global, switched off."""
    with _LOCK:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            opened = Image.open(file, formats=_formats())
        finally:
            Image.MAX_IMAGE_PIXELS = before
    with opened:
        yield opened


@functools.cache
def _formats() -> list[str]:
    """Lists the `FORMATS` that this build of Pillow supports."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _tile_pixels(opened: Image.Image) -> int:
    """Returns the number of pixels of a tile of a TIFF image."""
    tags = typing.cast(TiffImagePlugin.TiffImageFile, opened).tag_v2
    sides = [tags.get(tag, 1) for tag in TILE_TAGS]
    return int(sides[0]) * int(sides[1])


def _to_picture(opened: Image.Image) -> Picture:
    """Decodes an opened image, rotates it upright and converts it to sRGB."""
    notes: list[str] = []
    opened.load()
    turn = TURNS.get(_read_orientation(opened))
    alpha = _read_alpha(opened)
    image = _to_rgb(opened, opened.info.get("icc_profile") or b"", notes)
    if turn is not None:
        image, alpha = image.transpose(turn), None if alpha is None else alpha.transpose(turn)
    arrays = _to_array(image), None if alpha is None else _to_array(alpha)
    # The other images of an MPO file are depth, brightness or a stereo view.
    if opened.format != "MPO" and _has_more(opened):
        notes.append("of several pictures only the first is taken")
    return Picture(image=arrays[0], alpha=arrays[1], notes=tuple(notes))


def _read_orientation(image: Image.Image) -> int:
    """Reads the EXIF orientation; 1 (upright) if it is missing or damaged."""
    try:
        return image.getexif().get(ORIENTATION, 1)
    except _TROUBLES:  # image viewers ignore damaged EXIF data, too
        return 1


def _has_more(opened: Image.Image) -> bool:
    """Checks whether a file has a second image by seeking to it."""
    try:
        opened.seek(1)
    except (EOFError, *_TROUBLES):
        return False
    return True


def _read_alpha(image: Image.Image) -> Image.Image | None:
    """Returns the alpha channel as mode L; None if the whole image is opaque."""
    if image.mode not in ALPHA_MODES and not ("transparency" in image.info and image.mode in ("P", "L", "RGB", "1")):
        return None
    alpha = image.convert("RGBA").getchannel("A")
    return None if alpha.getextrema()[0] == 255 else alpha


def _to_rgb(image: Image.Image, profile: bytes, notes: list[str]) -> Image.Image:
    """Converts an image to 8 bits, sRGB and mode RGB; appends problems to `notes`."""
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_8_bits(image)
    if image.mode in ("P", "PA", "RGBA", "RGBa", "RGBX", "YCbCr", "HSV"):
        image = image.convert("RGBA").convert("RGB") if image.mode in ("RGBa", "PA") else image.convert("RGB")
    elif image.mode in ("1", "LA", "La"):
        image = image.convert("LA").convert("L") if image.mode == "La" else image.convert("L")
    if profile or image.mode == "LAB":
        try:
            image = to_srgb(image, b"" if image.mode == "LAB" else profile)
        except ValueError as error:
            notes.append(f"its color profile cannot be used ({error}); its colors are taken for sRGB")
    elif image.mode == "CMYK":
        notes.append("it has printing inks without a color profile; its colors are estimated")
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Reduces 16 bits to the upper 8.

    Raises:
        ValueError: If the values are not 16-bit integers.
    """
    values = np.asarray(image)
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"expected 8 or 16 bits a channel, got {values.dtype} from {values.min()} to {values.max()}")
    return Image.fromarray((values >> 8).astype(np.uint8))


def _to_array(image: Image.Image) -> np.ndarray:
    """Copies an image of mode RGB or L to an array."""
    width, height = image.size
    array = np.empty((height, width, 3) if image.mode == "RGB" else (height, width), np.uint8)
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        array[top:bottom] = np.asarray(image if height <= STRIP else image.crop((0, top, width, bottom)))
    return array
