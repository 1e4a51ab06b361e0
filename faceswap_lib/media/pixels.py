"""From a decoded picture to an upright RGB array, and from an RGB array to what an encoder eats.

Convention. A video file holds luma and chroma, not RGB, and two matrices are in use: BT.601 (standard definition) and
BT.709 (high definition). Mixing them up turns skin green or red, so the matrix named in the file is obeyed; where the
file names none, it is guessed from the size as players do. What we write names its matrix and follows the same guess,
so that programs that ignore the name see the same colours.
"""

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter

# FFmpeg's numbers for colour matrices in a file (AVColorSpace), which `Colorspace` does not list.
UNSPECIFIED_MATRIX = 2
BT709_MATRIX = 1
BT601_MATRIX = 6

# Without these two flags the fast paths of the scaler darken the picture by about one level of 255. They are
# FFmpeg's SWS_ACCURATE_RND and SWS_FULL_CHR_H_INT, which PyAV names only since version 18.
_EXACT = int(Interpolation.BILINEAR) | 0x40000 | 0x2000
_CV2_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
_HDR_CURVES = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)


def matrix_for_size(width: int, height: int) -> Colorspace:
    """Guesses the colour matrix of a video that names none: BT.709 above standard definition, else BT.601."""
    return Colorspace.ITU709 if width >= 1280 or height > 576 else Colorspace.ITU601


def rotation_of(frame: av.VideoFrame) -> int:
    """Says how far a decoded picture must be turned clockwise to stand upright.

    FFmpeg reports the display matrix as a counter-clockwise turn in [-180, 180]; a phone held upright typically gives
    -90 there, which is 90 here.

    Args:
        frame: A decoded picture with its side data.

    Returns:
        0, 90, 180 or 270; an odd angle goes to the nearest of them.
    """
    return round(-frame.rotation / 90) % 4 * 90


def is_hdr(frame: av.VideoFrame) -> bool:
    """Says whether a picture uses a high dynamic range curve (PQ or HLG), which 8-bit RGB cannot show as meant."""
    return frame.color_trc in _HDR_CURVES


class RgbConverter:
    """Turns decoded pictures of one video into upright RGB arrays, all of one size."""

    def __init__(self):
        self._size: tuple[int, int] | None = None
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """Converts one picture.

        Args:
            frame: A decoded picture; one whose size differs from the first is scaled to the first.

        Returns:
            (H, W, 3) uint8 RGB, C-contiguous, upright; the caller owns it.
        """
        if self._size is None:
            self._size = frame.width, frame.height
        unnamed = frame.colorspace == UNSPECIFIED_MATRIX
        converted = self._reformatter.reformat(
            frame,
            width=self._size[0],
            height=self._size[1],
            format="rgb24",
            src_colorspace=matrix_for_size(frame.width, frame.height) if unnamed else None,
            interpolation=_EXACT,
            threads=1,
        )
        image = np.ascontiguousarray(converted.to_ndarray())
        if converted is frame:  # it was RGB already; the decoder may still need its copy
            image = image.copy()
        turn = rotation_of(frame)
        return cv2.rotate(image, _CV2_TURNS[turn]) if turn else image


class YuvConverter:
    """Turns RGB arrays of one size into pictures for the H.264 encoder, with the colour tags to go with them."""

    def __init__(self, width: int, height: int):
        self.pixel_format = "yuv420p" if width % 2 == 0 and height % 2 == 0 else "yuv444p"
        self._matrix = matrix_for_size(width, height)
        self._reformatter = VideoReformatter()

    def tag(self, codec_context: av.VideoCodecContext) -> None:
        """Writes the meaning of the numbers into the encoder's settings: limited range, our matrix, BT.709 curve."""
        codec_context.pix_fmt = self.pixel_format
        codec_context.color_range = ColorRange.MPEG
        codec_context.colorspace = BT709_MATRIX if self._matrix == Colorspace.ITU709 else BT601_MATRIX
        codec_context.color_primaries = ColorPrimaries.BT709
        codec_context.color_trc = ColorTrc.BT709

    def __call__(self, image: np.ndarray) -> av.VideoFrame:
        """Converts one (H, W, 3) uint8 RGB array."""
        return self._reformatter.reformat(
            av.VideoFrame.from_ndarray(image, format="rgb24"),
            format=self.pixel_format,
            dst_colorspace=self._matrix,
            dst_color_range=ColorRange.MPEG,
            interpolation=_EXACT,
            threads=1,
        )
