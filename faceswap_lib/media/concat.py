"""Concatenation of video files without encoding them again."""

import contextlib
import fractions
import pathlib
import typing

import av
import av.error

from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import VideoError
from faceswap_lib.media.carrying import SourceTracks
from faceswap_lib.media.opening import open_container
from faceswap_lib.media.writer import open_output


def join_videos(
    pieces: typing.Sequence[tuple[pathlib.Path, fractions.Fraction]],
    out: pathlib.Path,
    *,
    audio_from: pathlib.Path | None = None,
    audio_start: float = 0.0,
    audio_stop: float | None = None,
    length: float | None = None,
) -> None:
    """Concatenates videos of the same size and codec, as written by several `VideoWriter`.

    Args:
        pieces: Files in order, each with the time in seconds of its first frame in the output.
        out: File to write, with the same suffix as the pieces; it appears only when it is complete.
        audio_from: Media file from which audio, subtitles, chapters and title are copied, as in `VideoWriter`; None for
            no audio.
        audio_start: Seconds after the first frame of `audio_from` at which its audio starts.
        audio_stop: Seconds after the first frame of `audio_from` at which its audio ends; None for the end of the file.
        length: Seconds from the first frame to the end of the last one, if the last frame is shown for longer than the
            others; None if it is not.

    Raises:
        ValueError: If there are no pieces.
        VideoError: If a piece or `audio_from` cannot be read, or `out` cannot be written.
    """
    if not pieces:
        raise ValueError("expected at least one piece, got none")
    try:
        with contextlib.ExitStack() as opened:
            temporary = opened.enter_context(replacing(out))
            container = opened.enter_context(open_output(temporary))
            with open_container(pieces[0][0]) as first:
                stream = container.add_stream_from_template(first.streams.video[0])
            sound = None
            if audio_from is not None:
                sound = SourceTracks(audio_from, container, start=audio_start, stop=audio_stop)
                opened.callback(sound.close)
            container.start_encoding()
            for packet in _with_length(_packets(pieces, stream), length):
                container.mux(packet)
                if sound is not None:
                    sound.advance(typing.cast(int, packet.dts) * packet.time_base)
            if sound is not None:
                sound.finish()
    except av.error.FFmpegError as error:
        reason = error.strerror or type(error).__name__
        raise VideoError(f"expected to write {out}, got: {reason}; check the free space") from error


def _packets(
    pieces: typing.Sequence[tuple[pathlib.Path, fractions.Fraction]], stream: av.VideoStream
) -> typing.Iterator[av.Packet]:
    """Yields all packets, each shifted by the start of its piece; the decoding timestamps (DTS) increase strictly."""
    last = None
    for path, start in pieces:
        with open_container(path) as piece:
            source = piece.streams.video[0]
            offset = round(start / typing.cast(fractions.Fraction, source.time_base))
            for packet in piece.demux(source):
                if not packet.size:
                    continue
                pts, dts = (typing.cast(int, ticks) + offset for ticks in (packet.pts, packet.dts))
                if last is not None and dts * packet.time_base <= last:
                    dts = min(pts, int(last / packet.time_base) + 1)
                packet.pts, packet.dts = pts, dts
                last = dts * packet.time_base
                packet.stream = stream
                yield packet


def _with_length(packets: typing.Iterator[av.Packet], length: float | None) -> typing.Iterator[av.Packet]:
    """Extends the last frame to the end of the video, if it is also the last one in decoding order."""
    before: av.Packet | None = None
    last = latest = 0  # presentation times in ticks: of the packet before, and of the latest frame
    for packet in packets:
        last = typing.cast(int, packet.pts)
        latest = last if before is None else max(latest, last)
        if before is not None:
            yield before
        before = packet
    if before is None:
        return
    if length is not None and last == latest:
        before.duration = max(round(length / before.time_base) - last, 1)
    yield before
