"""Splits a JPEG file into its segments, and puts it together again, without decoding the image.

A segment is the byte 0xFF, a marker, and for most markers two bytes of length and the data. The image data follow the
segment "start of scan". Source: ITU-T T.81, annex B.
"""

import struct
import typing

START, START_OF_SCAN, END = 0xD8, 0xDA, 0xD9
APP0, APP15 = 0xE0, 0xEF

FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of the segments that state the size of the image."""

MOST_SEGMENTS = 1_000
MOST_DATA = 65_533
"""Maximum length of the data of a segment: two bytes of length, which count themselves."""


class Segment(typing.NamedTuple):
    """Segment of a JPEG file.

    Attributes:
        marker: Its second byte.
        begin: Offset of its data in the file.
        end: Offset of the first byte after its data.
    """

    marker: int
    begin: int
    end: int


def split_segments(data: bytes) -> list[Segment]:
    """Finds the segments before the image data.

    Args:
        data: The whole file.

    Returns:
        The segments in the order of the file; the last one is "start of scan".

    Raises:
        ValueError: If it is not a JPEG file, is cut off before the image data, or has too many segments.
    """
    if data[:2] != bytes([0xFF, START]):
        raise ValueError("expected a JPEG file, got something else")
    segments, at = [], 2
    while len(segments) < MOST_SEGMENTS:
        if data[at : at + 1] != b"\xff":
            raise ValueError(f"expected a segment of a JPEG file at byte {at:,}, got something else or its end")
        if data[at + 1 : at + 2] == b"\xff":  # fill byte
            at += 1
            continue
        if at + 4 > len(data):
            raise ValueError(f"the JPEG file is cut off after {len(data):,} bytes, before the image")
        marker, length = struct.unpack_from(">BH", data, at + 1)
        if length < 2 or at + 2 + length > len(data) or marker in (0x00, 0x01, START, END):
            raise ValueError(f"segment {marker:#04x} at byte {at:,} states {length:,} bytes, which are not there")
        segments.append(Segment(marker, at + 4, at + 2 + length))
        at += 2 + length
        if marker == START_OF_SCAN:
            return segments
    raise ValueError(f"expected at most {MOST_SEGMENTS} segments before the image, got more")


def image_size(data: bytes, segments: list[Segment]) -> tuple[int, int]:
    """Reads width and height of the image in pixels.

    Raises:
        ValueError: If no segment states them.
    """
    for segment in segments:
        if segment.marker in FRAME_HEADERS and segment.end - segment.begin >= 6:
            height, width = struct.unpack_from(">HH", data, segment.begin + 1)
            return width, height
    raise ValueError("no segment of the JPEG file states the size of the image")


def replace_segment(data: bytes, marker: int, content: bytes) -> bytes:
    """Replaces all segments of one marker by a single one, which follows the first segments of applications.

    Args:
        data: The whole file.
        marker: The marker.
        content: Data of the new segment.

    Returns:
        The new file.

    Raises:
        ValueError: If it is not a JPEG file, or the content is too long.
    """
    if len(content) > MOST_DATA:
        raise ValueError(f"{len(content):,} bytes do not fit into a segment of at most {MOST_DATA:,} bytes")
    kept = [segment for segment in split_segments(data) if segment.marker != marker]
    parts = [data[segment.begin - 4 : segment.end] for segment in kept]
    place = next(index for index, segment in enumerate(kept) if not APP0 <= segment.marker < APP15)
    parts.insert(place, bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content)
    return bytes([0xFF, START]) + b"".join(parts) + data[kept[-1].end :]
