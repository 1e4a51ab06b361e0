"""Limits on the resources of one file, so that a small file cannot fill the memory or the disk, or take an hour.

Every limit is far above what normal work needs. It can be raised with an environment variable; see `Limit.variable`.
"""

import dataclasses
import os

from faceswap_lib.errors import InputError


@dataclasses.dataclass(frozen=True)
class Limit:
    """Upper limit of one resource.

    Attributes:
        variable: Name of the environment variable that replaces the default.
        default: Largest amount that is accepted.
        unit: What is counted, for messages.
    """

    variable: str
    default: int
    unit: str

    @property
    def value(self) -> int:
        """Current limit: the value of the environment variable if it is set, else the default.

        Raises:
            InputError: If the variable is not a positive whole number.
        """
        text = os.environ.get(self.variable, "").strip().replace("_", "").replace(",", "")
        if not text:
            return self.default
        if not (text.isascii() and text.isdecimal()) or len(text) > 18 or int(text) == 0:
            raise InputError(f"{self.variable}: expected a positive whole number, got {text!r:.50}")
        return int(text)

    def check(self, amount: int, origin: object, error: type[InputError] = InputError) -> None:
        """Raises an error if an amount is above the limit.

        Args:
            amount: Requested amount.
            origin: What requests it, for the message; usually a path.
            error: Class of the error that is raised.

        Raises:
            InputError: If the amount is above the limit; the message states how to raise it. Its class is `error`.
        """
        if amount > self.value:
            raise error(
                f"{origin}: {amount:,} {self.unit} are more than the {self.value:,} allowed; "
                f"if you trust the file, set {self.variable}={amount}"
            )


PICTURE_PIXELS = Limit("FACESWAP_MAX_PICTURE_PIXELS", 100_000_000, "pixels of one picture")
PICTURE_BYTES = Limit("FACESWAP_MAX_PICTURE_BYTES", 1_000_000_000, "bytes of one picture file")
FACE_PIXELS = Limit("FACESWAP_MAX_FACE_PIXELS", 20_000_000, "pixels of a face in a foreign faceset")
"""DeepFaceLab writes faces of up to 2048 x 2048, which are 4 million pixels."""

FRAME_PIXELS = Limit("FACESWAP_MAX_FRAME_PIXELS", 36_000_000, "pixels of a frame")
"""An 8K frame has 33 million pixels."""

VIDEO_FRAMES = Limit("FACESWAP_MAX_VIDEO_FRAMES", 10_000_000, "frames of a video")
"""92 hours at 30 frames per second."""

STREAMS = Limit("FACESWAP_MAX_STREAMS", 100, "streams of a video")
SEARCH_SECONDS = Limit("FACESWAP_MAX_SEARCH_SECONDS", 10, "seconds without data from a video")
"""A slow disk needs less; FFmpeg may search a damaged file for hours."""

TEXT_BYTES = Limit("FACESWAP_MAX_TEXT_BYTES", 256_000_000, "bytes of text")
JSON_BYTES = Limit("FACESWAP_MAX_JSON_BYTES", 20_000_000, "bytes of JSON")
"""The parsed values take up to 25 times as much memory; the report of one hour of video has about 10 MB."""

ARRAY_BYTES = Limit("FACESWAP_MAX_ARRAY_BYTES", 16_000_000_000, "bytes of arrays")
ARCHIVE_BYTES = Limit("FACESWAP_MAX_ARCHIVE_BYTES", 100_000_000_000, "bytes of unpacked files")
ARCHIVE_FILES = Limit("FACESWAP_MAX_ARCHIVE_FILES", 300_000, "files of an archive")
ARCHIVE_RATIO = Limit("FACESWAP_MAX_ARCHIVE_RATIO", 50, "times its size in the archive")
"""Largest ratio of unpacked to packed size: text shrinks to about a tenth, images hardly shrink."""

SIDECAR_BYTES = Limit("FACESWAP_MAX_SIDECAR_BYTES", 8_000_000, "bytes of a sidecar")
"""A usual sidecar has a few thousand bytes; the names of 100,000 images without consent have 4 million."""

CREDENTIALS_BYTES = Limit("FACESWAP_MAX_CREDENTIALS_BYTES", 32_000_000, "bytes of credentials")
MODEL_BYTES = Limit("FACESWAP_MAX_MODEL_BYTES", 4_000_000_000, "bytes of weights")
PACK_INDEX_BYTES = Limit("FACESWAP_MAX_PACK_INDEX_BYTES", 1_000_000_000, "bytes of the index of a packed faceset")
"""The entry of a face has about 2,000 bytes, with a mask up to 50,000."""

ALL = (
    *(PICTURE_PIXELS, PICTURE_BYTES, FACE_PIXELS, FRAME_PIXELS, VIDEO_FRAMES, STREAMS, SEARCH_SECONDS),
    *(TEXT_BYTES, JSON_BYTES, ARRAY_BYTES, ARCHIVE_BYTES, ARCHIVE_FILES, ARCHIVE_RATIO),
    *(SIDECAR_BYTES, CREDENTIALS_BYTES, MODEL_BYTES, PACK_INDEX_BYTES),
)
