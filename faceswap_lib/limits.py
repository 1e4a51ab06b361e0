"""Limits: how much one file may ask for, so that a small file cannot fill memory or disk, or take an hour.

Every limit stands far above what the work needs. An environment variable of its name raises it.
"""

import dataclasses
import os

from faceswap_lib.errors import InputError


@dataclasses.dataclass(frozen=True)
class Limit:
    """How much of something is taken on.

    Attributes:
        variable: Name of the environment variable that replaces the default.
        default: The most that is taken on.
        unit: What is counted.
    """

    variable: str
    default: int
    unit: str

    @property
    def value(self) -> int:
        """What holds now.

        Raises:
            InputError: If the variable holds no positive whole number.
        """
        text = os.environ.get(self.variable, "").strip().replace("_", "").replace(",", "")
        if not text:
            return self.default
        if not (text.isascii() and text.isdecimal()) or len(text) > 18 or int(text) == 0:
            raise InputError(f"{self.variable}: expected a positive whole number, got {text!r:.50}")
        return int(text)

    def check(self, amount: int, origin: object, error: type[InputError] = InputError) -> None:
        """Refuses what is above the limit.

        Args:
            amount: How much is asked for.
            origin: What asks for it, for the message: a path, mostly.
            error: What is raised.

        Raises:
            InputError: If it is too much, with how to raise the limit.
        """
        if amount > self.value:
            raise error(
                f"{origin}: {amount:,} {self.unit} are more than the {self.value:,} that are taken on; "
                f"if you trust the file, set {self.variable}={amount}"
            )


PICTURE_PIXELS = Limit("FACESWAP_MAX_PICTURE_PIXELS", 100_000_000, "pixels of one picture")
PICTURE_BYTES = Limit("FACESWAP_MAX_PICTURE_BYTES", 1_000_000_000, "bytes of one picture file")
FRAME_PIXELS = Limit("FACESWAP_MAX_FRAME_PIXELS", 36_000_000, "pixels of a frame")
"""A frame of 8K has 33 million."""

VIDEO_FRAMES = Limit("FACESWAP_MAX_VIDEO_FRAMES", 10_000_000, "frames of a video")
"""92 hours at 30 a second."""

STREAMS = Limit("FACESWAP_MAX_STREAMS", 100, "streams of a video")
SEARCH_SECONDS = Limit("FACESWAP_MAX_SEARCH_SECONDS", 10, "seconds in which a video gives nothing")
"""A slow disk needs less; a damaged file may be searched for hours."""

TEXT_BYTES = Limit("FACESWAP_MAX_TEXT_BYTES", 256_000_000, "bytes of text")
JSON_BYTES = Limit("FACESWAP_MAX_JSON_BYTES", 20_000_000, "bytes of JSON")
"""As values they take up to 25 times as much memory; a report has some 10 MB for an hour of video."""

ARRAY_BYTES = Limit("FACESWAP_MAX_ARRAY_BYTES", 16_000_000_000, "bytes of arrays")
ARCHIVE_BYTES = Limit("FACESWAP_MAX_ARCHIVE_BYTES", 100_000_000_000, "bytes of unpacked files")
ARCHIVE_FILES = Limit("FACESWAP_MAX_ARCHIVE_FILES", 300_000, "files of an archive")
ARCHIVE_RATIO = Limit("FACESWAP_MAX_ARCHIVE_RATIO", 50, "times its size in the archive")
"""How much bigger a file may be than it is in an archive: text gets a tenth, pictures hardly smaller."""

SIDECAR_BYTES = Limit("FACESWAP_MAX_SIDECAR_BYTES", 8_000_000, "bytes of a sidecar")
"""One has some thousand; the names of 100,000 pictures that no consent is for have 4 million."""

CREDENTIALS_BYTES = Limit("FACESWAP_MAX_CREDENTIALS_BYTES", 32_000_000, "bytes of credentials")
MODEL_BYTES = Limit("FACESWAP_MAX_MODEL_BYTES", 4_000_000_000, "bytes of weights")

ALL = (
    *(PICTURE_PIXELS, PICTURE_BYTES, FRAME_PIXELS, VIDEO_FRAMES, STREAMS, SEARCH_SECONDS),
    *(TEXT_BYTES, JSON_BYTES, ARRAY_BYTES, ARCHIVE_BYTES, ARCHIVE_FILES, ARCHIVE_RATIO),
    *(SIDECAR_BYTES, CREDENTIALS_BYTES, MODEL_BYTES),
)
