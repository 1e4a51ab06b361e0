"""Decoder of one video file: selects the video stream, decodes its frames and detects damage."""

import contextlib
import fractions
import pathlib
import typing

import av
import av.container
import av.error
import av.stream
from typing_extensions import Self

from faceswap_lib.errors import VideoError
from faceswap_lib.limits import FRAME_PIXELS, VIDEO_FRAMES
from faceswap_lib.media.clock import VideoClock, may_jump
from faceswap_lib.media.opening import check_frame_size, demux, open_container
from faceswap_lib.media.transport import count_later_videos

ONE_PICTURE_PER_PACKET = frozenset({"h264", "hevc", "mjpeg", "prores", "dnxhd", "ffv1", "png", "rawvideo"})
"""Codecs with exactly one shown frame per packet, so that the number of packets is the number of frames."""

_MISSING_SECONDS = 0.5  # seconds that may be missing at the end of an undamaged file (headers are rounded)
_JOIN_PACKETS = 4  # at a join, a packet may look damaged up to this many packets before the clock jumps
_USUAL_RATE = 1000
_LARGE_FRAME = 9_000_000
_PROGRESSIVE = 1
_STILL = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
_WHOLE_PICTURES = frozenset(
    {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi"}
)  # containers with both fields of a frame in one packet


class VideoDecoder:
    """Decoder of one video file that yields the frames in presentation order and records damage.

    It is a context manager; leaving the block closes the file.

    Attributes:
        path: The file.
        container: The open file.
        stream: First video stream that is not a cover image.
        clock: Corrects the times of the packets if the clock of the file jumps.
        frame_count: Number of frames decoded so far.
        lost_at_start: Number of frames before the first decoded one that cannot be decoded, because the frames that
            they depend on are missing.
        finished: Whether all readable frames were read.
    """

    def __init__(self, path: pathlib.Path | str):
        """Opens the file.

        Args:
            path: A video file.

        Raises:
            VideoError: If the file cannot be opened or has no video stream.
        """
        self.path = pathlib.Path(path)
        self.container = open_container(self.path)
        videos = [s for s in self.container.streams.video if not s.disposition & _STILL]
        if not videos or videos[0].codec_context is None:
            found = ", ".join(sorted({s.type for s in self.container.streams})) or "nothing"
            self.container.close()
            raise VideoError(f"expected a file with a video stream, got only {found}: {path}; choose another file")
        self.stream = videos[0]
        self.stream.codec_context.options = {"max_pixels": str(FRAME_PIXELS.value)}
        self.stream.thread_type = "AUTO"
        if self.stream.codec_context.width * self.stream.codec_context.height > _LARGE_FRAME:
            self.stream.codec_context.thread_count = 2  # each thread has its own frames in memory
        self.clock = VideoClock(may_jump(self.container), 1 / (self.frame_rate() or fractions.Fraction(25)))
        self.frame_count = 0
        self.lost_at_start = 0
        self.finished = False
        self._packet_times: list[int] = []
        self._packet_count = 0
        self._last_position = 0
        self._hidden_count = 0
        self._damaged_count = 0
        self._since_corrupt = _JOIN_PACKETS
        self._first_is_key = True
        self._first_pts: fractions.Fraction | None = None
        self._has_leading = False
        self._end: fractions.Fraction | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception_info: object) -> None:
        self.container.close()

    @property
    def time_base(self) -> fractions.Fraction:
        """Seconds per tick of the clock of the stream."""
        return typing.cast(fractions.Fraction, self.stream.time_base)  # None only before a file is opened

    def packets(self) -> typing.Iterator[av.Packet]:
        """Yields the packets of the stream with corrected timestamps, then an empty packet that flushes the decoder.

        Raises:
            VideoError: If there are more packets than `limits.VIDEO_FRAMES`.
        """
        demuxer = demux(self.container, [self.stream])
        while True:
            try:
                packet = next(demuxer, None)
            except av.error.FFmpegError:
                self._damaged_count += 1
                return
            if packet is None:
                return
            if packet.size:
                self._record(packet)
            yield packet

    def frames(self) -> typing.Iterator[av.VideoFrame]:
        """Yields every frame that can be decoded.

        Raises:
            VideoError: If a frame is larger than `limits.FRAME_PIXELS`, or there are more packets than
                `limits.VIDEO_FRAMES`.
        """
        for packet in self.packets():
            if self.frame_count == 0 and packet.pts is not None and not packet.is_discard:
                self._packet_times.append(packet.pts)
            try:
                decoded = typing.cast(list[av.VideoFrame], packet.decode())
            except av.error.FFmpegError:
                check_frame_size(self.stream.codec_context.width, self.stream.codec_context.height, self.path)
                self._damaged_count += 1
                continue
            for frame in decoded:
                check_frame_size(frame.width, frame.height, self.path)
                if self.frame_count == 0 and frame.pts is not None:
                    self.lost_at_start = sum(time < frame.pts for time in self._packet_times)
                self._packet_times = []
                self.frame_count += 1
                yield frame
        self.finished = True

    def counts_by_packets(self) -> bool:
        """Checks whether each packet contains exactly one frame, so that frames can be counted without decoding.

        Must be called after all packets were read.
        """
        context = self.stream.codec_context
        is_intact = self._first_is_key and not self._has_leading and self.damage() is None
        has_fields = context.field_order != _PROGRESSIVE and self.container.format.name not in _WHOLE_PICTURES
        is_single = context.codec.canonical_name in ONE_PICTURE_PER_PACKET
        return is_single and is_intact and not has_fields and len(self.clock.offsets) == 1

    def further_streams(self) -> int:
        """Counts the video streams that are not read; must be called after the last frame."""
        further = sum(not s.disposition & _STILL and s.index != self.stream.index for s in self.container.streams.video)
        if self.container.format.name == "mpegts" and self._last_position:
            known = frozenset(stream.id for stream in self.container.streams)
            further += count_later_videos(self.path, known, self._last_position)
        return further

    def damage(self) -> str | None:
        """Describes the damage in the data read so far; returns None if there is none."""
        if self._damaged_count:
            return f"{self._damaged_count} packets are broken"
        if self.finished and self.stream.frames > self._packet_count:
            return f"it should hold {self.stream.frames} packets but ends after {self._packet_count}"
        promised = self.promised_seconds()
        read = 0.0 if self._end is None else float(self._end - (self.stream.start_time or 0) * self.time_base)
        if self.finished and not self.stream.frames and promised and read < promised - _MISSING_SECONDS:
            return f"it should last {promised:.2f} s but ends after {read:.2f} s"
        return None

    def end(self) -> fractions.Fraction | None:
        """Returns the end of the last frame read so far in seconds, on the clock of `pts`; None if unknown."""
        return self._end

    def promised_seconds(self) -> float | None:
        """Returns the duration of the video stream in seconds as the file states it; None if it does not."""
        if self.stream.duration:
            return float(self.stream.duration * self.time_base)
        with contextlib.suppress(KeyError, ValueError):  # Matroska stores it as text, for example 00:01:02.5
            hours, minutes, seconds = self.stream.metadata["DURATION"].split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        return None

    def frame_rate(self) -> fractions.Fraction | None:
        """Returns the frame rate that the file states, the average if it varies; None if it states none.

        If the file states several rates, the first plausible one is used: the average rate of Matroska may be the rate
        of its clock.
        """
        stated = [self.stream.average_rate, self.stream.guessed_rate, self.stream.base_rate]
        stated = [rate for rate in stated if rate]
        return next((rate for rate in stated if rate <= _USUAL_RATE), stated[0] if stated else None)

    def sample_aspect(self) -> fractions.Fraction:
        """Returns the aspect ratio (width / height) of a stored pixel; 1 if the file does not state it."""
        return self.stream.sample_aspect_ratio or fractions.Fraction(1)

    def _record(self, packet: av.Packet) -> None:
        """Corrects the times of a packet, and updates the counts of packets and damage."""
        self._packet_count += 1
        self._last_position = packet.pos if packet.pos is not None else self._last_position
        VIDEO_FRAMES.check(self._packet_count, self.path, VideoError)
        self._since_corrupt += 1
        if self.clock.correct(packet) and self._since_corrupt <= _JOIN_PACKETS:
            self._damaged_count -= 1  # the packet only looked damaged, because of the join
        if packet.is_corrupt:
            self._damaged_count += 1
            self._since_corrupt = 0
        if self._packet_count == 1:
            self._first_is_key = packet.is_keyframe
        if packet.is_discard:
            self._hidden_count += 1
            return
        if packet.pts is None:
            return
        pts = packet.pts * packet.time_base
        if self._first_pts is None:
            self._first_pts = pts
        self._has_leading = self._has_leading or (pts < self._first_pts and self._hidden_count == 0)
        end = pts + (packet.duration or 0) * packet.time_base
        self._end = end if self._end is None else max(self._end, end)
