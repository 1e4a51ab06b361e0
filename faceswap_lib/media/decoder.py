"""One open video file: finding its picture stream, decoding it, and noticing what is damaged."""

import contextlib
import fractions
import pathlib
import typing

import av
import av.container
from typing_extensions import Self

from faceswap_lib.errors import VideoError
from faceswap_lib.limits import FRAME_PIXELS, VIDEO_FRAMES
from faceswap_lib.media.clock import VideoClock, may_jump
from faceswap_lib.media.opening import check_frame_size, demux, open_container
from faceswap_lib.media.transport import count_later_videos

ONE_PICTURE_PER_PACKET = frozenset({"h264", "hevc", "mjpeg", "prores", "dnxhd", "ffv1", "png", "rawvideo"})
"""Codecs in which each packet holds exactly one shown picture, so that counting packets counts pictures."""

# A file may end this much earlier than its header says without being called damaged (headers round).
_MISSING_SECONDS = 0.5
_JOIN_PACKETS = 4  # at most between the packet that a join makes look damaged, and the jump of the clock
_USUAL_RATE = 1000
_LARGE_FRAME = 9_000_000
_PROGRESSIVE = 1
_STILL = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
_WHOLE_PICTURES = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi"})  # both fields in one packet


class VideoDecoder:
    """The pictures of one video file, in presentation order, with a record of what could not be read.

    Use it as a context manager; leaving the block closes the file.

    Attributes:
        path: The file.
        container: The open file.
        stream: Its first video stream that is no cover picture.
        clock: Corrects the packets' times where the file's clock jumps.
        frame_count: Pictures decoded so far.
        lost_at_start: Pictures before the first decoded one that cannot be decoded, because those they depend on are
            missing.
        finished: Whether the end of what can be read was reached.
    """

    def __init__(self, path: pathlib.Path):
        """Opens the file; raises `VideoError` if it cannot be opened or has no video stream."""
        self.path = pathlib.Path(path)
        self.container = open_container(self.path)
        pictures = [s for s in self.container.streams.video if not s.disposition & _STILL]
        if not pictures or pictures[0].codec_context is None:
            found = ", ".join(sorted({s.type for s in self.container.streams})) or "nothing"
            self.container.close()
            raise VideoError(f"expected a file with a video stream, got only {found}: {path}; choose another file")
        self.stream = pictures[0]
        self.stream.codec_context.options = {"max_pixels": str(FRAME_PIXELS.value)}
        self.stream.thread_type = "AUTO"
        if self.stream.codec_context.width * self.stream.codec_context.height > _LARGE_FRAME:
            self.stream.codec_context.thread_count = 2  # each thread holds frames of its own
        self.clock = VideoClock(may_jump(self.container), 1 / (self.frame_rate() or 25))
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

    def packets(self) -> typing.Iterator[av.Packet]:
        """Yields the stream's packets at their corrected times, the empty one that flushes the decoder last.

        Raises:
            VideoError: If there are more than `limits.VIDEO_FRAMES`.
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
                self._note(packet)
            yield packet

    def frames(self) -> typing.Iterator[av.VideoFrame]:
        """Yields every picture that can be decoded.

        Raises:
            VideoError: If the pictures become larger than `limits.FRAME_PIXELS`.
        """
        for packet in self.packets():
            if self.frame_count == 0 and packet.pts is not None and not packet.is_discard:
                self._packet_times.append(packet.pts)
            try:
                decoded = packet.decode()
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
        """Says, after all packets, whether every one of them gave one picture, so that none need be decoded."""
        context = self.stream.codec_context
        is_whole = self._first_is_key and not self._has_leading and self.damage() is None
        has_fields = context.field_order != _PROGRESSIVE and self.container.format.name not in _WHOLE_PICTURES
        is_one = context.codec.canonical_name in ONE_PICTURE_PER_PACKET
        return is_one and is_whole and not has_fields and len(self.clock.offsets) == 1

    def further_streams(self) -> int:
        """Counts the video streams that are not read; call it at the end."""
        further = sum(not s.disposition & _STILL and s.index != self.stream.index for s in self.container.streams.video)
        if self.container.format.name == "mpegts" and self._last_position:
            known = frozenset(stream.id for stream in self.container.streams)
            further += count_later_videos(self.path, known, self._last_position)
        return further

    def damage(self) -> str | None:
        """Says what was wrong with what has been read so far, or None."""
        if self._damaged_count:
            return f"{self._damaged_count} packets are broken"
        if self.finished and self.stream.frames > self._packet_count:
            return f"it should hold {self.stream.frames} packets but ends after {self._packet_count}"
        promised = self.promised_seconds()
        read = 0.0 if self._end is None else float(self._end - (self.stream.start_time or 0) * self.stream.time_base)
        if self.finished and not self.stream.frames and promised and read < promised - _MISSING_SECONDS:
            return f"it should last {promised:.2f} s but ends after {read:.2f} s"
        return None

    def end(self) -> fractions.Fraction | None:
        """Gives when the last picture read so far ends, on the clock of the frames' `pts`; None if nothing says."""
        return self._end

    def promised_seconds(self) -> float | None:
        """Gives the length of the video stream that the file states, in seconds, or None."""
        if self.stream.duration:
            return float(self.stream.duration * self.stream.time_base)
        with contextlib.suppress(KeyError, ValueError):  # Matroska keeps it as text, for example 00:01:02.5
            hours, minutes, seconds = self.stream.metadata["DURATION"].split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        return None

    def frame_rate(self) -> fractions.Fraction | None:
        """Gives the pictures per second that the file states, the average if the rate varies, or None.

        Of several that it states a usual one is taken: Matroska's average may be that of its clock.
        """
        stated = [self.stream.average_rate, self.stream.guessed_rate, self.stream.base_rate]
        stated = [rate for rate in stated if rate]
        return next((rate for rate in stated if rate <= _USUAL_RATE), stated[0] if stated else None)

    def sample_aspect(self) -> fractions.Fraction:
        """Gives width : height of one stored pixel; 1 if the file does not say."""
        return self.stream.sample_aspect_ratio or fractions.Fraction(1)

    def _note(self, packet: av.Packet) -> None:
        self._packet_count += 1
        self._last_position = packet.pos if packet.pos is not None else self._last_position
        VIDEO_FRAMES.check(self._packet_count, self.path, VideoError)
        self._since_corrupt += 1
        if self.clock.correct(packet) and self._since_corrupt <= _JOIN_PACKETS:
            self._damaged_count -= 1  # it was only followed by something else than it announced
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
