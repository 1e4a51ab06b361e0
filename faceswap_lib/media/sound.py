"""Carrying the sound of one file into another, untouched where MP4 allows it."""

import fractions
import logging
import pathlib
import typing

import av
import av.container

from faceswap_lib.media.decoding import open_container

logger = logging.getLogger(__name__)

# What MP4 holds and players expect in it. MP4 may formally hold more (Vorbis, PCM), which then plays almost nowhere.
_COPIED_CODECS = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})
_AAC_RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000})
_AAC_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}  # by channel count
_AAC_BITS_PER_SECOND = 192_000


class _CopiedTrack:
    """One sound stream whose packets are passed on as they are."""

    def __init__(self, output: av.container.OutputContainer, source: av.AudioStream, video_start: fractions.Fraction):
        self._output = output
        self._target = output.add_stream_from_template(source)
        self._shift = round(video_start / source.time_base)
        self._last_dts: int | None = None
        self.dropped = 0

    def feed(self, packet: av.Packet) -> None:
        if packet.dts is None or packet.pts is None:
            self.dropped += bool(packet.size)  # the empty packet at the end is no loss
            return
        if self._last_dts is not None and packet.dts <= self._last_dts:
            self.dropped += 1  # time runs backwards in a damaged file; MP4 cannot hold that
            return
        self._last_dts = packet.dts
        packet.pts -= self._shift
        packet.dts -= self._shift
        packet.stream = self._target
        self._output.mux(packet)


class _EncodedTrack:
    """One sound stream that MP4 cannot carry, decoded and encoded to AAC."""

    def __init__(self, output: av.container.OutputContainer, source: av.AudioStream, video_start: fractions.Fraction):
        self._output = output
        rate = source.rate if source.rate in _AAC_RATES else 48000
        layout = _AAC_LAYOUTS.get(source.layout.nb_channels, "stereo")
        self._target = output.add_stream("aac", rate=rate, layout=layout, bit_rate=_AAC_BITS_PER_SECOND)
        self._video_start = video_start
        self.dropped = 0

    def feed(self, packet: av.Packet) -> None:
        try:
            decoded = packet.decode()
        except av.error.FFmpegError:
            self.dropped += 1
            return
        for frame in decoded:
            if frame.pts is not None:
                frame.pts -= round(self._video_start / frame.time_base)
            self._output.mux(self._target.encode(frame))  # resamples and cuts into AAC frames as needed
        if not packet.size:  # the empty packet at the end
            self._output.mux(self._target.encode(None))


class SoundTracks:
    """Every sound stream of a source file, carried into an output file little by little, in step with the pictures.

    The start of the sound relative to the first picture stays as it was. A source without sound is no error.
    """

    def __init__(
        self,
        source_path: pathlib.Path,
        output: av.container.OutputContainer,
        *,
        start: float = 0.0,
        stop: float | None = None,
    ):
        """Opens the source and adds one stream to the output for each of its sound streams.

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
        self._start = fractions.Fraction(start).limit_denominator(1_000_000)
        self._stop = None if stop is None else fractions.Fraction(stop).limit_denominator(1_000_000) - self._start
        self._source = open_container(source_path)
        videos = self._source.streams.video
        video_start = fractions.Fraction(0)
        if videos and videos[0].start_time is not None:
            video_start = videos[0].start_time * videos[0].time_base
        video_start += self._start
        self._tracks: dict[int, _CopiedTrack | _EncodedTrack] = {}
        for stream in self._source.streams.audio:
            if stream.codec_context is None:
                logger.warning("%s: sound stream %d has an unknown codec; left out", source_path, stream.index)
                continue
            copied = stream.codec_context.codec.canonical_name in _COPIED_CODECS
            self._tracks[stream.index] = (_CopiedTrack if copied else _EncodedTrack)(output, stream, video_start)
        self._video_start = video_start
        self._packets = self._demux()
        self._next = next(self._packets, None)

    def advance(self, seconds: fractions.Fraction) -> None:
        """Writes the sound up to a time after the first picture that is wanted, in seconds."""
        while self._next is not None and self._seconds(self._next) <= seconds:
            self._feed_next()

    def finish(self) -> None:
        """Writes the rest of the sound, and reports what could not be carried over."""
        while self._next is not None:
            self._feed_next()
        dropped = sum(track.dropped for track in self._tracks.values())
        if dropped:
            logger.warning("%s: %d damaged sound packets were left out", self._path, dropped)

    def close(self) -> None:
        """Closes the source."""
        self._source.close()

    def _demux(self) -> typing.Iterator[av.Packet]:
        if not self._tracks:
            return
        packets = self._source.demux([self._source.streams[index] for index in self._tracks])
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                logger.warning("%s is damaged: its sound ends early (%s)", self._path, error.strerror)
                return
            if packet is None:
                return
            yield packet

    def _feed_next(self) -> None:
        packet = self._next
        self._next = next(self._packets, None)
        if self._is_wanted(packet):
            self._tracks[packet.stream.index].feed(packet)

    def _is_wanted(self, packet: av.Packet) -> bool:
        """Whether a packet sounds in the stretch that is wanted; the empty packets at the end always pass."""
        if not packet.size:
            return True
        seconds = self._seconds(packet)
        return not (self._start and seconds < 0) and not (self._stop is not None and seconds >= self._stop)

    def _seconds(self, packet: av.Packet) -> fractions.Fraction:
        """When a packet sounds, counted from the first picture; 0 where it does not say."""
        return fractions.Fraction(0) if packet.pts is None else packet.pts * packet.time_base - self._video_start
