"""Putting the pieces of a video together without encoding them again."""

import fractions
import pathlib
import typing

import av

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
    """Joins videos of one size and codec, as one `VideoWriter` after the other wrote them.

    Args:
        pieces: Files in order, each with the time in seconds at which its first picture is shown.
        out: The file to write, with the pieces' suffix; it appears only when it is whole.
        audio_from: A media file whose sound, subtitles, chapters and title to take, as `VideoWriter` does; None for
            silence.
        audio_start: Seconds of that file from which its sound is wanted.
        audio_stop: Seconds up to which it is wanted; None for all.
        length: Seconds from the first picture to the end of the last, which may stay for longer than the others; None
            if it does not.

    Raises:
        ValueError: If there are no pieces.
        VideoError: If a piece cannot be read, or `out` not be written.
    """
    if not pieces:
        raise ValueError("expected at least one piece, got none")
    try:
        with replacing(out) as temporary, open_output(temporary) as container:
            with open_container(pieces[0][0]) as first:
                stream = container.add_stream_from_template(first.streams.video[0])
            sound = None
            if audio_from is not None:
                sound = SourceTracks(audio_from, container, start=audio_start, stop=audio_stop)
            container.start_encoding()
            for packet in _with_length(_packets(pieces, stream), length):
                container.mux(packet)
                if sound is not None:
                    sound.advance(packet.dts * packet.time_base)
            if sound is not None:
                sound.finish()
                sound.close()
    except av.error.FFmpegError as error:
        reason = error.strerror or type(error).__name__
        raise VideoError(f"expected to write {out}, got: {reason}; check the free space") from error


def _packets(
    pieces: typing.Sequence[tuple[pathlib.Path, fractions.Fraction]], stream: av.VideoStream
) -> typing.Iterator[av.Packet]:
    """The packets of all pieces, moved to their places in time; decoding times rise strictly, as files must have it."""
    last = None
    for path, start in pieces:
        with open_container(path) as piece:
            source = piece.streams.video[0]
            offset = round(start / source.time_base)
            for packet in piece.demux(source):
                if not packet.size:
                    continue
                packet.pts += offset
                packet.dts += offset
                if last is not None and packet.dts * packet.time_base <= last:
                    packet.dts = min(packet.pts, int(last / packet.time_base) + 1)
                last = packet.dts * packet.time_base
                packet.stream = stream
                yield packet


def _with_length(packets: typing.Iterator[av.Packet], length: float | None) -> typing.Iterator[av.Packet]:
    """Lets the last picture stay until the end, where it is the last one that is decoded, too."""
    before = latest = None
    for packet in packets:
        if before is not None:
            yield before
        before = packet
        latest = packet.pts if latest is None else max(latest, packet.pts)
    if before is None:
        return
    if length is not None and before.pts == latest:
        stays = round(length / before.time_base) - before.pts
        before.duration = max(stays, 1)
    yield before
