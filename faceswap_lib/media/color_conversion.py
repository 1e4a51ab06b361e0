"""Color conversion of decoded frames to upright RGB arrays, and of RGB arrays to frames for the encoder.

Convention. A video file stores luma and chroma, not RGB, and two color matrices are in use: BT.601 (standard
definition) and BT.709 (high definition). The wrong matrix makes skin look green or red, so the matrix that the file
states is used. If the file states none, it is guessed from the size, as players do. Written files state their matrix,
and it follows the same guess, so that programs that ignore the statement show the same colors.
"""

import logging
import pathlib

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter

from faceswap_lib.media.gamut import GamutConverter, converter_for
from faceswap_lib.media.orientation import Orientation, orientation_of

logger = logging.getLogger(__name__)

# Color matrices as numbered in files (AVColorSpace of FFmpeg); `Colorspace` does not contain them.
UNSPECIFIED_MATRIX = 2
BT709_MATRIX = 1
BT601_MATRIX = 6

# Without these two flags the fast paths of the scaler darken the image by about one level of 255. They are
# SWS_ACCURATE_RND and SWS_FULL_CHR_H_INT of FFmpeg, which PyAV names only since version 18.
_EXACT = int(Interpolation.BILINEAR) | 0x40000 | 0x2000


def matrix_for_size(width: int, height: int) -> Colorspace:
    """Guesses the color matrix of a video that states none: BT.709 above standard definition, else BT.601."""
    return Colorspace.ITU709 if width >= 1280 or height > 576 else Colorspace.ITU601


class RgbConverter:
    """Converter from the decoded frames of one video to upright RGB arrays in BT.709, all of the same size."""

    def __init__(self, path: pathlib.Path):
        """Creates the converter; `path` is the video, for log messages."""
        self._path = path
        self._size: tuple[int, int] | None = None
        self._changed_size: tuple[int, int] | None = None
        self._orientation: Orientation | None = None
        self._colors: tuple[int, int] | None = None
        self._convert: GamutConverter | None = None
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """Converts one frame.

        Args:
            frame: A decoded frame. It is scaled to the size of the first frame if its upright size differs.

        Returns:
            (H, W, 3) uint8 RGB, C-contiguous, upright; it shares no memory with the decoder.
        """
        orientation = orientation_of(frame)
        if self._orientation is None and not orientation.is_exact:
            logger.warning("%s asks to be turned or scaled by more than quarters; only quarters are done", self._path)
        size = (frame.height, frame.width) if orientation.swaps_axes else (frame.width, frame.height)
        if self._size is None:
            self._size = size
        elif size != self._size and size != self._changed_size:
            sizes = (*size, *self._size)
            logger.warning("%s changes its size to %dx%d; such frames are scaled to %dx%d", self._path, *sizes)
            self._changed_size = size
        self._orientation = orientation
        if (frame.color_primaries, frame.color_trc) != self._colors:
            self._set_colors(frame)
        width, height = reversed(self._size) if orientation.swaps_axes else self._size
        unnamed = frame.colorspace == UNSPECIFIED_MATRIX
        is_hdr = self._convert is not None and self._convert.is_hdr
        converted = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="gbrp16le" if is_hdr else "rgb24",
            src_colorspace=matrix_for_size(frame.width, frame.height) if unnamed else None,
            interpolation=_EXACT,
            threads=1,
        )
        image = np.ascontiguousarray(converted.to_ndarray())
        if self._convert is not None:
            image = self._convert(image)
        elif converted is frame:  # it was RGB already; the decoder may still use this memory
            image = image.copy()
        return image if orientation.is_upright else orientation.apply(image)

    def _set_colors(self, frame: av.VideoFrame) -> None:
        """Selects the conversion for the primaries and the transfer curve of a frame, and logs it."""
        self._colors = frame.color_primaries, frame.color_trc
        self._convert = converter_for(*self._colors)
        if self._convert is not None and self._convert.is_hdr:
            words = "%s has high dynamic range (%s); it is tone-mapped to the standard range of BT.709"
            logger.warning(words, self._path, self._convert.description)
        elif self._convert is not None:
            logger.info("%s: its colors (%s) are converted to BT.709", self._path, self._convert.description)


class YuvConverter:
    """Converter from RGB arrays of one size to frames for the H.264 encoder, with the matching color tags."""

    def __init__(self, width: int, height: int):
        """Selects the pixel format and the color matrix for a size in pixels."""
        self.pixel_format = "yuv420p" if width % 2 == 0 and height % 2 == 0 else "yuv444p"
        self._matrix = matrix_for_size(width, height)
        self._reformatter = VideoReformatter()

    def tag(self, codec_context: av.VideoCodecContext) -> None:
        """Sets the color tags of the encoder: limited range, color matrix, BT.709 primaries and transfer curve."""
        codec_context.pix_fmt = self.pixel_format
        codec_context.color_range = ColorRange.MPEG
        codec_context.colorspace = BT709_MATRIX if self._matrix == Colorspace.ITU709 else BT601_MATRIX
        codec_context.color_primaries = ColorPrimaries.BT709
        codec_context.color_trc = ColorTrc.BT709

    def __call__(self, image: np.ndarray) -> av.VideoFrame:
        """Converts one (H, W, 3) uint8 RGB array to a frame."""
        return self._reformatter.reformat(
            av.VideoFrame.from_ndarray(image, format="rgb24"),
            format=self.pixel_format,
            dst_colorspace=self._matrix,
            dst_color_range=ColorRange.MPEG,
            interpolation=_EXACT,
            threads=1,
        )
