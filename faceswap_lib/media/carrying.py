"""Everything of a source file but its pictures, carried into an output: sound, subtitles, chapters, titles."""

import collections
import fractions
import logging
import pathlib
import typing

import av
import av.container
from av.stream import Disposition

from faceswap_lib.media.audio import CopiedTrack, EncodedTrack, first_sound, has_one_header, open_track
from faceswap_lib.media.clock import SoundClock, VideoClock, may_jump
from faceswap_lib.media.opening import demux, open_container
from faceswap_lib.media.reader import first_picture_time
from faceswap_lib.media.subtitles import SubtitleTrack, can_carry

logger = logging.getLogger(__name__)

_KEPT_DETAILS = ("title", "artist", "album", "copyright")
"""What the output says of the whole file; place, device and date are the original's own."""

_ZERO = fractions.Fraction(0)
_STILL = Disposition.attached_pic | Disposition.timed_thumbnails
_LEAD = fractions.Fraction(1, 4)  # seconds of sound before the first picture that nobody misses


class SourceTracks:
    """All sound and subtitles of a source file, carried into an output little by little, in step with the pictures.

    Sound starts relative to the first picture as it did; where pictures at the beginning cannot be decoded, what
    sounds before the first one that can is left out. Languages, titles and which track is the default one are kept,
    and so are chapters and the title. What cannot be kept is said. A source without sound is no error.
    """

    def __init__(
        self,
        source_path: pathlib.Path,
        output: av.container.OutputContainer,
        *,
        start: float = 0.0,
        stop: float | None = None,
    ):
        """Opens the source and adds one stream to the output for each of its sound and subtitle streams.

        Args:
            source_path: A media file.
            output: Opened for writing MP4 or Matroska, header not yet written.
            start: Seconds after the first picture of the source from which its sound is wanted; 0 takes all that
                comes before, too.
            stop: Seconds up to which it is wanted; None for all.

        Raises:
            VideoError: If the source cannot be opened.
        """
        self._path = source_path
        self._output = output
        start = fractions.Fraction(start).limit_denominator(1_000_000)
        self._stop = None if stop is None else fractions.Fraction(stop).limit_denominator(1_000_000) - start
        self._source = open_container(source_path)
        pictures = [s for s in self._source.streams.video if not s.disposition & _STILL]
        self._video = pictures[0] if pictures else None
        first, lost, period = first_picture_time(source_path) if pictures else (_ZERO, 0, _ZERO)
        self._video_start = first + start
        self._cuts_beginning = bool(start or lost)
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
        """Writes the sound up to a time after the first picture that is wanted, in seconds."""
        while self._next is not None and self._seconds(self._next) <= seconds:
            self._feed_next()

    def finish(self) -> None:
        """Writes the rest of the sound, and says what could not be carried over."""
        while self._next is not None:
            self._feed_next()
        dropped = sum(track.dropped for track in self._tracks.values())
        dropped += sum(clock.dropped for clock in self._clocks.values())
        if len(self._clock.offsets) == 1:  # time runs backwards in a damaged file only
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
        for stream in self._source.streams:
            if self._video is not None and stream.index == self._video.index:
                continue
            if stream.type == "audio" and (track := self._open_sound(stream)) is not None:
                self._tracks[stream.index] = track
                self._clocks[stream.index] = SoundClock(self._clock)
            elif stream.type == "subtitle" and can_carry(self._output, stream):
                self._tracks[stream.index] = SubtitleTrack(self._output, stream, self._video_start, self._stop)
            elif not self._is_chapters(stream):
                self._left_out[_kind_of(stream)] += 1
        for index, track in self._tracks.items():
            _keep_description(self._source.streams[index], track.target)

    def _open_sound(self, stream: av.AudioStream) -> CopiedTrack | EncodedTrack | None:
        """Adds a sound stream to the output; None if it cannot be decoded."""
        if stream.codec_context is None:
            return None
        is_uniform, rate, channels = self._is_uniform(stream), stream.rate, stream.layout.nb_channels
        if not rate or not channels:  # it begins too late for the header to be known
            with open_container(self._path) as container:
                found = first_sound(container, container.streams[stream.index])
            if found is None:
                return None
            is_uniform, (rate, channels) = False, found
        start = self._video_start
        return open_track(self._output, stream, start, is_uniform=is_uniform, rate=rate, channels=channels)

    def _is_uniform(self, stream: av.AudioStream) -> bool:
        if stream.codec_context.codec.canonical_name != "aac" or self._source.format.name != "mpegts":
            return True
        with open_container(self._path) as container:
            is_uniform = has_one_header(container, container.streams[stream.index])
        if not is_uniform:
            logger.info("%s: its sound changes rate or channels midway; it is encoded anew", self._path)
        return is_uniform

    def _is_chapters(self, stream: av.stream.Stream) -> bool:
        """Whether it is how MP4 stores chapters, which are kept in another way."""
        return stream.type == "data" and stream.name == "bin_data" and bool(self._source.chapters())

    def _keep_details(self) -> None:
        """Hands on the title and the like, and the chapters that are in the part that is wanted."""
        said = {key.lower(): value for key, value in self._source.metadata.items()}
        self._output.metadata.update({key: said[key] for key in _KEPT_DETAILS if said.get(key)})
        kept = []
        for chapter in self._source.chapters():
            base = chapter["time_base"] or fractions.Fraction(1, av.time_base)
            begin, end = (chapter[edge] * base - self._video_start for edge in ("start", "end"))
            end = end if self._stop is None else min(end, self._stop)
            if end > max(begin, 0):
                places = {"start": round(max(begin, 0) / base), "end": round(end / base), "time_base": base}
                kept.append({"id": len(kept) + 1, "metadata": dict(chapter["metadata"]), **places})
        if kept:
            self._output.set_chapters(kept)

    def _demux(self) -> typing.Iterator[av.Packet]:
        """Yields the packets of all tracks at their corrected times."""
        if not self._tracks:
            return
        streams = [self._source.streams[index] for index in self._tracks]
        if self._video is not None and (self._clock.has_jumps_forward or self._source.format.name == "matroska,webm"):
            streams.append(self._video)  # its clock leads
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

    def _feed_next(self) -> None:
        packet = self._next
        self._next = next(self._packets, None)
        if self._is_wanted(packet):
            self._tracks[packet.stream.index].feed(packet)

    def _is_wanted(self, packet: av.Packet) -> bool:
        """Whether a packet is in the part that is wanted; the empty packets at the end always pass."""
        if not packet.size:
            return True
        seconds = self._seconds(packet)
        if self._stop is not None and seconds >= self._stop:
            return False
        if packet.stream.type == "subtitle":
            return seconds + (packet.duration or 0) * packet.time_base > 0
        return seconds >= 0 or not self._cuts_beginning

    def _seconds(self, packet: av.Packet) -> fractions.Fraction:
        """When a packet sounds, counted from the first picture; 0 where it does not say."""
        return _ZERO if packet.pts is None else packet.pts * packet.time_base - self._video_start


def _keep_description(source: av.stream.Stream, target: av.stream.Stream) -> None:
    """Hands on language, title and what a track is for."""
    said = {key.lower(): value for key, value in source.metadata.items()}
    title = said.get("title") or said.get("name")
    if said.get("language"):
        target.metadata["language"] = said["language"]
    if title:
        target.metadata["title"] = target.metadata["handler_name"] = title
    target.disposition = source.disposition & ~_STILL


def _kind_of(stream: av.stream.Stream) -> str:
    """Names a stream that is left out."""
    if stream.type == "video":
        return "cover picture" if stream.disposition & _STILL else "further video stream"
    if stream.type == "subtitle":
        codec = stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"
        return f"subtitle stream ({codec})"
    return f"{stream.type} stream" + (" that cannot be decoded" if stream.type == "audio" else "")
