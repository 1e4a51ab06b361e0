"""Transfer of subtitles from one file to another: copied if the output format allows it, else text is converted."""

import fractions
import re
import struct
import typing

import av
import av.container
import av.error
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle

_TEXT = frozenset({"subrip", "srt", "ass", "ssa", "webvtt", "text", "mov_text"})
_COPIED = {
    "mp4": frozenset({"mov_text"}),
    "matroska": frozenset({"subrip", "srt", "ass", "ssa", "webvtt", "hdmv_pgs_subtitle", "dvd_subtitle"}),
}
_WRITTEN = {"mp4": "mov_text", "matroska": "subrip"}
_OVERRIDE = re.compile(rb"\{\\[^}]*\}")  # style and position in ASS, which other formats do not support
_MOST_TEXT = 65_535
_MILLISECOND = fractions.Fraction(1, 1000)
_STYLE = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\nFormat: Name, Fontname, Fontsize, PrimaryColor, "
    b"SecondaryColor, OutlineColor, BackColor, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, "
    b"BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\r\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\r\n\r\n"
    b"[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)


def can_carry(output: av.container.OutputContainer, source: SubtitleStream) -> bool:
    """Checks whether an output supports a subtitle stream; MP4 does not support bitmap subtitles (DVD, DVB)."""
    if source.codec_context is None:
        return False
    return source.codec_context.codec.canonical_name in _TEXT | _COPIED[output.format.name]


class SubtitleTrack:
    """Subtitle stream that is copied or converted to the output.

    Attributes:
        target: The stream of the output.
        dropped: Number of damaged packets that were dropped.
        overlapping: Always 0.
    """

    def __init__(
        self,
        output: av.container.OutputContainer,
        source: SubtitleStream,
        start: fractions.Fraction,
        stop: fractions.Fraction | None,
    ):
        """Adds a subtitle stream to the output.

        Args:
            output: MP4 or Matroska container, before its header is written.
            source: A stream for which `can_carry` is true.
            start: Time of the source in seconds that becomes 0.
            stop: Seconds after `start` at which the output ends; None for no end.
        """
        self._output = output
        self._start, self._stop = start, stop
        self._last: int | None = None
        self.dropped = self.overlapping = 0
        self._is_copied = source.codec_context.codec.canonical_name in _COPIED[output.format.name]
        if self._is_copied:
            self.target = output.add_stream_from_template(source)
            return
        self.target = typing.cast(SubtitleStream, output.add_stream(_WRITTEN[output.format.name]))
        self.target.codec_context.subtitle_header = _STYLE
        self.target.codec_context.time_base = self.target.time_base = _MILLISECOND

    def feed(self, packet: av.Packet) -> None:
        """Writes a packet; a subtitle that begins before 0 or ends after the end of the output is shortened."""
        if packet.pts is None or not packet.size:
            return
        begin = packet.pts * packet.time_base - self._start
        end = begin + (packet.duration or 0) * packet.time_base
        end = end if self._stop is None else min(end, self._stop)
        written = packet
        if not self._is_copied:
            try:
                shown = typing.cast(list[AssSubtitle], packet.decode())
                text = b"\n".join(_OVERRIDE.sub(b"", subtitle.dialogue) for subtitle in shown)
            except av.error.FFmpegError:
                self.dropped += 1
                return
            written = av.Packet(self._encode(text))
            written.time_base = _MILLISECOND
        written.pts = round(max(begin, 0) / written.time_base)
        if self._last is not None and written.pts <= self._last:
            written.pts = self._last + 1
        self._last = written.dts = written.pts
        written.duration = max(1, round(end / written.time_base) - written.pts)
        written.stream = self.target
        self._output.mux(written)

    def _encode(self, text: bytes) -> bytes:
        """Encodes the content of a packet; MP4 stores the length before the text."""
        text = text[:_MOST_TEXT].decode("utf-8", "ignore").encode()
        return struct.pack(">H", len(text)) + text if self._output.format.name == "mp4" else text
