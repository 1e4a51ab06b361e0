"""Transfer of one audio stream from one file to another: copied if the output format allows it, else encoded again."""

import fractions
import logging
import typing

import av
import av.container
import av.error
import numpy as np

from faceswap_lib.media.opening import demux

logger = logging.getLogger(__name__)

# Codecs that players support in MP4. The format allows more (Vorbis, PCM), but few players support them there.
_COPIED = {"mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})}
_COPIED["matroska"] = _COPIED["mp4"] | {
    *("vorbis", "mp2", "dts", "truehd", "pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le")
}
_AAC_RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000})
_AAC_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}  # by channel count
_AAC_BITS_PER_SECOND = 96_000
_SYNC = fractions.Fraction(1, 50)  # tolerated offset of decoded audio in seconds
_ADTS_BYTES = 4


def open_track(
    output: av.container.OutputContainer,
    source: av.AudioStream,
    video_start: fractions.Fraction,
    *,
    is_uniform: bool = True,
    rate: int,
    channels: int,
) -> "CopiedTrack | EncodedTrack":
    """Adds a stream to the output for one audio stream of the source.

    Args:
        output: MP4 or Matroska container opened for writing, before its header is written.
        source: The audio stream.
        video_start: Time of the source in seconds that becomes 0.
        is_uniform: Whether sample rate and channels are constant, so that one header describes the whole stream.
        rate: Samples per second.
        channels: Number of channels.

    Returns:
        A track that copies the packets, or one that encodes them again if they cannot be copied.
    """
    codec = source.codec_context.codec.canonical_name
    if is_uniform and codec in _COPIED[output.format.name]:
        return CopiedTrack(output, source, video_start)
    return EncodedTrack(output, video_start, rate, channels)


class CopiedTrack:
    """Audio stream whose packets are copied unchanged.

    Attributes:
        target: The stream of the output.
        dropped: Number of damaged packets that were dropped.
        overlapping: Number of packets that were dropped because they overlap earlier ones, at joins of recordings.
    """

    def __init__(self, output: av.container.OutputContainer, source: av.AudioStream, video_start: fractions.Fraction):
        self._output = output
        self.target = output.add_stream_from_template(source)
        self._shift = round(video_start / typing.cast(fractions.Fraction, source.time_base))
        self._last_dts: int | None = None
        self.dropped = self.overlapping = 0

    def feed(self, packet: av.Packet) -> None:
        """Writes a packet; the empty packet at the end is ignored."""
        if packet.dts is None or packet.pts is None:
            self.dropped += bool(packet.size)  # the empty packet at the end does not count
            return
        if self._last_dts is not None and packet.dts <= self._last_dts:
            self.overlapping += 1  # packets of one stream need strictly increasing times
            return
        self._last_dts = packet.dts
        packet.pts -= self._shift
        packet.dts -= self._shift
        packet.stream = self.target
        try:
            self._output.mux(packet)
        except av.error.InvalidDataError:  # the header of the packet cannot be read
            self.dropped += 1


class EncodedTrack:
    """Audio stream that cannot be copied; it is decoded and encoded to AAC.

    Attributes:
        target: The stream of the output.
        dropped: Number of damaged packets that were dropped.
        overlapping: Always 0; overlapping audio is cut off sample by sample.
    """

    def __init__(self, output: av.container.OutputContainer, video_start: fractions.Fraction, rate: int, channels: int):
        """Adds an AAC stream to the output.

        Args:
            output: MP4 or Matroska container, before its header is written.
            video_start: Time of the source in seconds that becomes 0.
            rate: Samples per second of the source.
            channels: Number of channels of the source.
        """
        self._output = output
        self._rate = rate if rate in _AAC_RATES else 48000
        layout = _AAC_LAYOUTS.get(channels, "stereo")
        if channels not in _AAC_LAYOUTS:
            logger.warning("sound of %d channels is mixed down to two", channels)
        bits = _AAC_BITS_PER_SECOND * max(2, min(channels, 6))
        self.target = output.add_stream("aac", rate=self._rate, layout=layout, bit_rate=bits)
        self._video_start = video_start
        self._resampler: av.AudioResampler | None = None
        self._input_format: tuple[str, int, str] | None = None
        self._waiting = np.zeros((self.target.layout.nb_channels, 0), np.float32)
        self._next: int | None = None
        self.dropped = self.overlapping = 0

    def feed(self, packet: av.Packet) -> None:
        """Decodes and writes a packet; the empty packet at the end writes the rest."""
        try:
            decoded = packet.decode()
        except av.error.FFmpegError:
            self.dropped += 1
            return
        for frame in decoded:
            self._append(frame)
        if not packet.size:
            self._drain()
            self._write(is_last=True)
            self._output.mux(self.target.encode(None))

    def _append(self, frame: av.AudioFrame) -> None:
        """Resamples a frame and appends it at its time; sample rate and channels may change between frames."""
        time_base = typing.cast(fractions.Fraction, frame.time_base)
        start = None if frame.pts is None else frame.pts * time_base - self._video_start
        input_format = frame.format.name, frame.sample_rate, frame.layout.name
        if self._resampler is None or input_format != self._input_format:
            self._drain()
            self._resampler = av.AudioResampler(format="fltp", layout=self.target.layout, rate=self._rate)
            self._input_format = input_format
        frame.pts = None
        samples = [piece.to_ndarray() for piece in self._resampler.resample(frame)]
        if not samples:
            return
        wave = np.concatenate(samples, axis=1)
        if start is not None:
            wave = self._align(wave, round(start * self._rate))
        self._waiting = np.concatenate([self._waiting, wave], axis=1)
        self._write()

    def _drain(self) -> None:
        """Appends the samples that the resampler still holds; it cannot be used afterwards."""
        if self._resampler is not None:
            rest = [piece.to_ndarray() for piece in self._resampler.resample(None)]
            self._waiting = np.concatenate([self._waiting, *rest], axis=1)
            self._resampler = None

    def _align(self, wave: np.ndarray, begin: int) -> np.ndarray:
        """Aligns samples with their time: restarts at `begin` after a gap, and cuts off an overlap."""
        if self._next is None:
            self._next = begin
        gap = begin - (self._next + self._waiting.shape[1])
        if abs(gap) <= _SYNC * self._rate:
            return wave
        if gap < 0:
            return wave[:, -gap:]
        self._write(is_last=True)
        self._next = begin
        return wave

    def _write(self, is_last: bool = False) -> None:
        """Encodes complete frames; with `is_last` also the rest, padded with silence."""
        size = self.target.codec_context.frame_size or 1024
        if is_last and (rest := self._waiting.shape[1] % size):
            self._waiting = np.pad(self._waiting, [(0, 0), (0, size - rest)])
        while self._waiting.shape[1] >= size:
            chunk, self._waiting = self._waiting[:, :size], self._waiting[:, size:]
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(chunk), format="fltp", layout=self.target.layout.name
            )
            frame.sample_rate, frame.time_base = self._rate, fractions.Fraction(1, self._rate)
            frame.pts = self._next or 0
            self._next = frame.pts + size
            self._output.mux(self.target.encode(frame))


def has_one_header(container: av.container.InputContainer, stream: av.AudioStream) -> bool:
    """Checks whether an AAC stream has a constant sample rate and channel count; reads the container to its end.

    Only AAC in transport streams (ADTS) has a header in every packet; an MP4 file has one header for all of them.

    Args:
        container: The open file.
        stream: Its AAC stream.

    Returns:
        Whether the profile, the sample rate and the channels are constant.
    """
    headers = set()
    try:
        for packet in demux(container, [stream]):
            head = bytes(packet)[:_ADTS_BYTES] if packet.size >= _ADTS_BYTES else b""
            if head[:1] == b"\xff" and head[1] & 0xF6 == 0xF0:
                headers.add((head[2] & 0xFD, head[3] & 0xC0))  # profile, rate and channels
    except av.error.FFmpegError:
        pass  # the audio ends early; a warning follows when it is transferred
    return len(headers) <= 1


def first_sound(container: av.container.InputContainer, stream: av.AudioStream) -> tuple[int, int] | None:
    """Decodes the first frame of an audio stream whose file header does not state its format; reads from the container.

    Args:
        container: The open file.
        stream: Its audio stream.

    Returns:
        Samples per second and number of channels; None if nothing can be decoded.
    """
    try:
        for packet in demux(container, [stream]):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue  # the next packet may be intact
            if frames:
                return frames[0].sample_rate, frames[0].layout.nb_channels
    except av.error.FFmpegError:
        return None
    return None
