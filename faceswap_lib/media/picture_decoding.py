"""Decoding pictures of every common kind, after their header has said how much they ask for."""

import contextlib
import dataclasses
import functools
import pathlib
import stat
import struct
import threading
import typing
import zlib

import numpy as np
from PIL import Image

from faceswap_lib.errors import VideoError
from faceswap_lib.limits import PICTURE_BYTES, PICTURE_PIXELS
from faceswap_lib.media.color_profile import to_srgb

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "GIF", "JPEG2000", "PPM")
"""Pillow's names of what is read, whatever the file is called. Others run programs (EPS), or have no header that tells
them from text (TGA)."""

SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
    *(".avif", ".gif", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""What such files are called."""

ORIENTATION = 0x0112
"""EXIF's tag of how a picture must be turned."""

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
"""TIFF's tags of the width and height of its tiles, for which the decoder makes room whatever the picture's size."""

STRIP = 1024
"""Rows that are copied out of Pillow's memory at a time, so that a large picture is not there three times."""

ALPHA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")

_LOCK = threading.Lock()

_TROUBLES = (
    *(OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, SyntaxError, EOFError),
    *(OverflowError, ZeroDivisionError, MemoryError, RuntimeError, NotImplementedError, struct.error, zlib.error),
    *(Image.DecompressionBombError, Warning),
)
"""What a damaged picture makes Pillow raise; its warnings too, where Python was told to raise them."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A decoded picture, upright, in sRGB.

    Attributes:
        image: (H, W, 3) uint8 RGB, C-contiguous; where `alpha` is 0, whatever the file has there.
        alpha: (H, W) uint8, 0 where it is transparent; None if it is opaque all over.
        notes: What of the file is not in it, in words: further pictures, colors that could not be converted.
    """

    image: np.ndarray
    alpha: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def decode_picture(path: pathlib.Path) -> Picture:
    """Decodes a picture file.

    Args:
        path: The file; its content says what kind it is. Of several pictures the first is taken, 16 bits become 8.

    Returns:
        The picture.

    Raises:
        VideoError: If the file is missing, is no file, asks for more than `limits` allow, or cannot be decoded.
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
        reason = "" if isinstance(error, Image.UnidentifiedImageError) else f" ({' '.join(str(error).split())[:200]})"
        raise VideoError(
            f"expected a picture, got a file that cannot be decoded{reason}: {path}; open it in a viewer to check"
        ) from error


def _check_file(path: pathlib.Path) -> None:
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
    """Opens a picture without decoding it. Pillow's own limit of pixels, one for the whole process, is not asked."""
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
    """Lists those of `FORMATS` that this Pillow was built with."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _tile_pixels(opened: Image.Image) -> int:
    sides = [opened.tag_v2.get(tag, 1) for tag in TILE_TAGS]
    return int(sides[0]) * int(sides[1])


def _to_picture(opened: Image.Image) -> Picture:
    notes: list[str] = []
    opened.load()
    turn = TURNS.get(_read_orientation(opened))
    alpha = _read_alpha(opened)
    image = _to_rgb(opened, opened.info.get("icc_profile") or b"", notes)
    if turn is not None:
        image, alpha = image.transpose(turn), None if alpha is None else alpha.transpose(turn)
    arrays = _to_array(image), None if alpha is None else _to_array(alpha)
    if opened.format != "MPO" and _has_more(opened):  # a MPO's others are depth, brightness or a second eye's view
        notes.append("of several pictures the first is taken")
    return Picture(image=arrays[0], alpha=arrays[1], notes=tuple(notes))


def _read_orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ORIENTATION, 1)
    except _TROUBLES:  # viewers show a picture whose EXIF data is damaged, as it lies in the file
        return 1


def _has_more(opened: Image.Image) -> bool:
    """Whether a file has a second picture, at which it then stands; the others are not counted."""
    try:
        opened.seek(1)
    except (EOFError, *_TROUBLES):
        return False
    return True


def _read_alpha(image: Image.Image) -> Image.Image | None:
    """Gives the opacity as mode L; None where everything is opaque."""
    if image.mode not in ALPHA_MODES and not ("transparency" in image.info and image.mode in ("P", "L", "RGB", "1")):
        return None
    alpha = image.convert("RGBA").getchannel("A")
    return None if alpha.getextrema()[0] == 255 else alpha


def _to_rgb(image: Image.Image, profile: bytes, notes: list[str]) -> Image.Image:
    """Converts to 8 bits and sRGB; mode RGB."""
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
    """Takes the upper 8 of 16 bits.

    Raises:
        ValueError: If the numbers are not those of 16 bits.
    """
    values = np.asarray(image)
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"expected 8 or 16 bits a channel, got {values.dtype} from {values.min()} to {values.max()}")
    return Image.fromarray((values >> 8).astype(np.uint8))


def _to_array(image: Image.Image) -> np.ndarray:
    """Copies a picture of mode RGB or L out of Pillow's memory."""
    width, height = image.size
    array = np.empty((height, width, 3) if image.mode == "RGB" else (height, width), np.uint8)
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        array[top:bottom] = np.asarray(image if height <= STRIP else image.crop((0, top, width, bottom)))
    return array
