"""One open video file: finding its picture stream, decoding it, and noticing what is damaged."""

import contextlib
import fractions
import os
import pathlib
import typing

import av
import av.container
from typing_extensions import Self

from faceswap_lib.errors import VideoError

# A file may end this much earlier than its header says without being called damaged (headers round).
_MISSING_SECONDS = 0.5


def open_container(path: pathlib.Path) -> av.container.InputContainer:
    """Opens a media file for reading.

    Args:
        path: The file.

    Returns:
        The open container; the caller closes it.

    Raises:
        VideoError: If there is no such file, it is a folder, or it is no media file FFmpeg knows.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        raise VideoError(f"expected a video file, got a folder: {path}; name one file in it")
    if not path.exists():
        raise VideoError(f"no such file: {path}; check the name and the folder")
    try:
        # The prefix keeps a name such as "12:30.mp4" from being taken for a network address.
        return av.open(f"file:{os.fspath(path)}", metadata_errors="replace")
    except av.error.FFmpegError as error:
        reason = error.strerror or type(error).__name__
        message = f"expected a video file, got one that cannot be opened: {path} ({reason}); check that it plays"
        raise VideoError(message) from error


class VideoDecoder:
    """The pictures of one video file, in presentation order, with a record of what could not be read.

    Use it as a context manager; leaving the block closes the file.

    Attributes:
        path: The file.
        container: The open file.
        stream: Its first video stream that is no cover picture.
        frame_count: Pictures decoded so far.
        finished: Whether the end of what can be read was reached.
    """

    def __init__(self, path: pathlib.Path):
        """Opens the file; raises `VideoError` if it cannot be opened or has no video stream."""
        self.path = pathlib.Path(path)
        self.container = open_container(self.path)
        pictures = [s for s in self.container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        if not pictures or pictures[0].codec_context is None:
            found = ", ".join(sorted({s.type for s in self.container.streams})) or "nothing"
            self.container.close()
            raise VideoError(f"expected a file with a video stream, got only {found}: {path}; choose another file")
        self.stream = pictures[0]
        self.stream.thread_type = "AUTO"
        self.frame_count = 0
        self.finished = False
        self._packet_count = 0
        self._damaged_count = 0
        self._end_seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception_info: object) -> None:
        self.container.close()

    def packets(self) -> typing.Iterator[av.Packet]:
        """Yields the stream's packets, the empty one that flushes the decoder last; notes damaged ones."""
        demuxer = self.container.demux(self.stream)
        while True:
            try:
                packet = next(demuxer, None)
            except av.error.FFmpegError:
                self._damaged_count += 1
                return
            if packet is None:
                return
            if packet.size:
                self._packet_count += 1
                self._damaged_count += packet.is_corrupt
                self._note_end(packet)
            yield packet

    def frames(self) -> typing.Iterator[av.VideoFrame]:
        """Yields every picture that can be decoded."""
        for packet in self.packets():
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                self._damaged_count += 1
                continue
            for frame in decoded:
                self.frame_count += 1
                yield frame
        self.finished = True

    def damage(self) -> str | None:
        """Says what was wrong with what has been read so far, or None."""
        if self._damaged_count:
            return f"{self._damaged_count} packets are broken"
        if self.finished and self.stream.frames > self._packet_count:
            return f"it should hold {self.stream.frames} packets but ends after {self._packet_count}"
        promised = self.promised_seconds()
        if self.finished and not self.stream.frames and promised and self._end_seconds < promised - _MISSING_SECONDS:
            return f"it should last {promised:.2f} s but ends after {self._end_seconds:.2f} s"
        return None

    def promised_seconds(self) -> float | None:
        """Gives the length of the video stream that the file states, in seconds, or None."""
        if self.stream.duration:
            return float(self.stream.duration * self.stream.time_base)
        with contextlib.suppress(KeyError, ValueError):  # Matroska keeps it as text, for example 00:01:02.5
            hours, minutes, seconds = self.stream.metadata["DURATION"].split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        return None

    def frame_rate(self) -> fractions.Fraction | None:
        """Gives the pictures per second that the file states, the average if the rate varies, or None."""
        return self.stream.average_rate or self.stream.guessed_rate or self.stream.base_rate

    def sample_aspect(self) -> fractions.Fraction:
        """Gives width : height of one stored pixel; 1 if the file does not say."""
        return self.stream.sample_aspect_ratio or fractions.Fraction(1)

    def _note_end(self, packet: av.Packet) -> None:
        if packet.pts is not None:
            last = packet.pts - (self.stream.start_time or 0) + (packet.duration or 0)
            self._end_seconds = max(self._end_seconds, float(last * self.stream.time_base))
