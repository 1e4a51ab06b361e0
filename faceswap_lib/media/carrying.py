"""Transfer of everything but the video from a source file to an output: audio, subtitles, chapters and titles."""

import collections
import fractions
import logging
import pathlib
import typing

import av
import av.container
import av.error
import av.stream
from av.stream import Disposition
from av.subtitles.stream import SubtitleStream

from faceswap_lib.media.audio import CopiedTrack, EncodedTrack, first_sound, has_one_header, open_track
from faceswap_lib.media.clock import SoundClock, VideoClock, may_jump
from faceswap_lib.media.opening import demux, open_container
from faceswap_lib.media.reader import first_picture_time
from faceswap_lib.media.subtitles import SubtitleTrack, can_carry

if typing.TYPE_CHECKING:
    from av.container.core import Chapter

logger = logging.getLogger(__name__)

_KEPT_DETAILS = ("title", "artist", "album", "copyright")
"""Metadata that is copied to the output; place, device and date of the recording are not."""

_ZERO = fractions.Fraction(0)
_STILL = Disposition.attached_pic | Disposition.timed_thumbnails
_LEAD = fractions.Fraction(1, 4)  # tolerated seconds of audio before the first frame


class SourceTracks:
    """Audio and subtitles of a source file, transferred to an output step by step together with the frames.

    The offset between audio and first frame is kept. If frames at the beginning cannot be decoded, the audio before the
    first decoded frame is dropped. Languages, titles, default tracks, chapters and the title of the file are kept. A
    warning names everything that cannot be kept. A source without audio is not an error.
    """

    def __init__(
        self,
        source_path: pathlib.Path,
        output: av.container.OutputContainer,
        *,
        start: float = 0.0,
        stop: float | None = None,
    ):
        """Opens the source and adds one stream to the output for each of its audio and subtitle streams.

        Args:
            source_path: A media file.
            output: MP4 or Matroska container opened for writing, before its header is written.
            start: Seconds after the first frame of the source at which the audio starts; 0 also includes the audio
                before the first frame.
            stop: Seconds after the first frame at which the audio ends; None for the end of the file.

        Raises:
            VideoError: If the source cannot be opened.
        """
        self._path = source_path
        self._output = output
        exact_start = fractions.Fraction(start).limit_denominator(1_000_000)
        self._stop = None if stop is None else fractions.Fraction(stop).limit_denominator(1_000_000) - exact_start
        self._source = open_container(source_path)
        videos = [s for s in self._source.streams.video if not s.disposition & _STILL]
        self._video = videos[0] if videos else None
        first, lost, period = first_picture_time(source_path) if videos else (_ZERO, 0, _ZERO)
        self._video_start = first + exact_start
        self._cuts_beginning = bool(exact_start or lost)
        self._clock = VideoClock(may_jump(self._source), period)
        self._clocks: dict[int, SoundClock] = {}
        self._tracks: dict[int, CopiedTrack | EncodedTrack | SubtitleTrack] = {}
        self._left_out: collections.Counter[str] = collections.Counter()
        self._add_tracks()
        self._keep_details()
        self._packets = self._demux()
        self._next = next(self._packets, None)
        lead = _ZERO if self._next is None else -self._seconds(self._next)
        if lead > _LEAD and self._output.format.name == "mp4" and not self._cuts_beginning:
            words = "%s: its sound begins %.1f s before its first picture; players begin with the picture"
            logger.warning(words, source_path, lead)

    def advance(self, seconds: fractions.Fraction) -> None:
        """Writes the audio and subtitles up to a time in seconds after the first frame of the output."""
        while self._next is not None and self._seconds(self._next) <= seconds:
            self._feed(self._next)

    def finish(self) -> None:
        """Writes the rest of the audio and subtitles, and logs what could not be transferred."""
        while self._next is not None:
            self._feed(self._next)
        dropped = sum(track.dropped for track in self._tracks.values())
        dropped += sum(clock.dropped for clock in self._clocks.values())
        if len(self._clock.offsets) == 1:  # without joins, only damaged packets overlap
            dropped += sum(track.overlapping for track in self._tracks.values())
        if dropped:
            logger.warning("%s: %d damaged sound packets were left out", self._path, dropped)
        if self._left_out:
            what = ", ".join(f"{count} {kind}" for kind, count in sorted(self._left_out.items()))
            logger.warning("%s: not in the output: %s", self._path, what)

    def close(self) -> None:
        """Closes the source."""
        self._source.close()

    def _add_tracks(self) -> None:
        """Adds a track for every stream that the output supports, and counts the others."""
        for stream in self._source.streams:
            if self._video is not None and stream.index == self._video.index:
                continue
            if isinstance(stream, av.AudioStream) and (track := self._open_sound(stream)) is not None:
                self._tracks[stream.index] = track
                self._clocks[stream.index] = SoundClock(self._clock)
            elif isinstance(stream, SubtitleStream) and can_carry(self._output, stream):
                self._tracks[stream.index] = SubtitleTrack(self._output, stream, self._video_start, self._stop)
            elif not self._is_chapters(stream):
                self._left_out[_kind_of(stream)] += 1
        for index, track in self._tracks.items():
            _keep_description(self._source.streams[index], track.target)

    def _open_sound(self, stream: av.AudioStream) -> CopiedTrack | EncodedTrack | None:
        """Adds an audio stream to the output; returns None if it cannot be decoded."""
        if stream.codec_context is None:
            return None
        is_uniform, rate, channels = self._is_uniform(stream), stream.rate, stream.layout.nb_channels
        if not rate or not channels:  # the stream begins so late that its header is unknown
            with open_container(self._path) as container:
                found = first_sound(container, _audio_of(container, stream))
            if found is None:
                return None
            is_uniform, (rate, channels) = False, found
        start = self._video_start
        return open_track(self._output, stream, start, is_uniform=is_uniform, rate=rate, channels=channels)

    def _is_uniform(self, stream: av.AudioStream) -> bool:
        """Checks whether the sample rate and the channels of an audio stream are constant."""
        if stream.codec_context.codec.canonical_name != "aac" or self._source.format.name != "mpegts":
            return True
        with open_container(self._path) as container:
            is_uniform = has_one_header(container, _audio_of(container, stream))
        if not is_uniform:
            logger.info("%s: its sound changes rate or channels midway; it is encoded again", self._path)
        return is_uniform

    def _is_chapters(self, stream: av.stream.Stream) -> bool:
        """Checks whether a stream stores the chapters of an MP4 file, which `_keep_details` copies."""
        return stream.type == "data" and stream.name == "bin_data" and bool(self._source.chapters())

    def _keep_details(self) -> None:
        """Copies the title and similar metadata, and the chapters within the transferred part."""
        metadata = {key.lower(): value for key, value in self._source.metadata.items()}
        self._output.metadata.update({key: metadata[key] for key in _KEPT_DETAILS if metadata.get(key)})
        kept: list[Chapter] = []
        for chapter in self._source.chapters():
            base = chapter["time_base"] or fractions.Fraction(1, av.time_base)
            begin, end = (ticks * base - self._video_start for ticks in (chapter["start"], chapter["end"]))
            end = end if self._stop is None else min(end, self._stop)
            if end > max(begin, 0):
                kept.append(
                    {
                        "id": len(kept) + 1,
                        "metadata": dict(chapter["metadata"]),
                        "start": round(max(begin, 0) / base),
                        "end": round(end / base),
                        "time_base": base,
                    }
                )
        if kept:
            self._output.set_chapters(kept)

    def _demux(self) -> typing.Iterator[av.Packet]:
        """Yields the packets of all tracks with corrected times."""
        if not self._tracks:
            return
        streams = [self._source.streams[index] for index in self._tracks]
        if self._video is not None and (self._clock.has_jumps_forward or self._source.format.name == "matroska,webm"):
            streams.append(self._video)  # its clock is the reference
        packets = demux(self._source, streams)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                logger.warning("%s is damaged: its sound ends early (%s)", self._path, error.strerror)
                return
            if packet is None:
                return
            if self._video is not None and packet.stream.index == self._video.index:
                self._clock.correct(packet)
            elif packet.stream.index in self._clocks:
                yield from self._clocks[packet.stream.index].correct(packet)
            else:
                self._clock.follow(packet)
                yield packet

    def _feed(self, packet: av.Packet) -> None:
        """Writes the current packet if it is in the transferred part, and reads the next one."""
        self._next = next(self._packets, None)
        if self._is_wanted(packet):
            self._tracks[packet.stream.index].feed(packet)

    def _is_wanted(self, packet: av.Packet) -> bool:
        """Checks whether a packet is in the transferred part; the empty packets at the end always are."""
        if not packet.size:
            return True
        seconds = self._seconds(packet)
        if self._stop is not None and seconds >= self._stop:
            return False
        if packet.stream.type == "subtitle":
            return seconds + (packet.duration or 0) * packet.time_base > 0
        return seconds >= 0 or not self._cuts_beginning

    def _seconds(self, packet: av.Packet) -> fractions.Fraction:
        """Returns the time of a packet in seconds after the first frame of the output; 0 if it has no time."""
        return _ZERO if packet.pts is None else packet.pts * packet.time_base - self._video_start


def _audio_of(container: av.container.InputContainer, stream: av.AudioStream) -> av.AudioStream:
    """Returns the audio stream of a newly opened container that corresponds to `stream`."""
    return typing.cast(av.AudioStream, container.streams[stream.index])


def _keep_description(source: av.stream.Stream, target: av.stream.Stream) -> None:
    """Copies the language, the title and the disposition (such as "default") of a track."""
    metadata = {key.lower(): value for key, value in source.metadata.items()}
    title = metadata.get("title") or metadata.get("name")
    if metadata.get("language"):
        target.metadata["language"] = metadata["language"]
    if title:
        target.metadata["title"] = target.metadata["handler_name"] = title
    target.disposition = source.disposition & ~_STILL


def _kind_of(stream: av.stream.Stream) -> str:
    """Describes a stream that is not transferred, for the warning."""
    if stream.type == "video":
        return "cover picture" if stream.disposition & _STILL else "further video stream"
    if stream.type == "subtitle":
        codec = stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"
        return f"subtitle stream ({codec})"
    return f"{stream.type} stream" + (" that cannot be decoded" if stream.type == "audio" else "")
