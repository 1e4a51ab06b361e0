"""Carrying one sound stream of a file into another, untouched where the output's format allows it."""

import fractions
import logging

import av
import av.container
import numpy as np

from faceswap_lib.media.opening import demux

logger = logging.getLogger(__name__)

# What MP4 holds and players expect in it. MP4 may formally hold more (Vorbis, PCM), which then plays almost nowhere.
_COPIED = {"mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})}
_COPIED["matroska"] = _COPIED["mp4"] | {
    *("vorbis", "mp2", "dts", "truehd", "pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le")
}
_AAC_RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000})
_AAC_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}  # by channel count
_AAC_BITS_PER_SECOND = 96_000
_SYNC = fractions.Fraction(1, 50)  # seconds by which decoded sound may be off before it is moved to its time
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
    """Adds a stream to the output for a sound stream of a source.

    Args:
        output: Opened for writing MP4 or Matroska, header not yet written.
        source: The sound stream.
        video_start: Time of the source that becomes 0.
        is_uniform: Whether rate and channels stay the same throughout, so that one header describes all of it.
        rate: Samples per second.
        channels: Number of channels.
    """
    codec = source.codec_context.codec.canonical_name
    if is_uniform and codec in _COPIED[output.format.name]:
        return CopiedTrack(output, source, video_start)
    return EncodedTrack(output, video_start, rate, channels)


class CopiedTrack:
    """One sound stream whose packets are passed on as they are.

    Attributes:
        target: The stream of the output.
        dropped: Damaged packets that were left out.
        overlapping: Packets left out because their time was taken already, where recordings are joined.
    """

    def __init__(self, output: av.container.OutputContainer, source: av.AudioStream, video_start: fractions.Fraction):
        self._output = output
        self.target = output.add_stream_from_template(source)
        self._shift = round(video_start / source.time_base)
        self._last_dts: int | None = None
        self.dropped = self.overlapping = 0

    def feed(self, packet: av.Packet) -> None:
        """Writes a packet; the empty one at the end does nothing."""
        if packet.dts is None or packet.pts is None:
            self.dropped += bool(packet.size)  # the empty packet at the end is no loss
            return
        if self._last_dts is not None and packet.dts <= self._last_dts:
            self.overlapping += 1  # no file can hold two packets of one time
            return
        self._last_dts = packet.dts
        packet.pts -= self._shift
        packet.dts -= self._shift
        packet.stream = self.target
        try:
            self._output.mux(packet)
        except av.error.InvalidDataError:  # its header cannot be read
            self.dropped += 1


class EncodedTrack:
    """One sound stream that the output cannot carry, decoded and encoded to AAC.

    Attributes:
        target: The stream of the output.
        dropped: Damaged packets that were left out.
        overlapping: Always 0; sound whose time is taken already is cut off sample by sample.
    """

    def __init__(self, output: av.container.OutputContainer, video_start: fractions.Fraction, rate: int, channels: int):
        """Adds an AAC stream to the output, header not yet written."""
        self._output = output
        self._rate = rate if rate in _AAC_RATES else 48000
        layout = _AAC_LAYOUTS.get(channels, "stereo")
        if channels not in _AAC_LAYOUTS:
            logger.warning("sound of %d channels is mixed to two", channels)
        bits = _AAC_BITS_PER_SECOND * max(2, min(channels, 6))
        self.target = output.add_stream("aac", rate=self._rate, layout=layout, bit_rate=bits)
        self._video_start = video_start
        self._resampler: av.AudioResampler | None = None
        self._input: tuple | None = None
        self._waiting = np.zeros((self.target.layout.nb_channels, 0), np.float32)
        self._next: int | None = None
        self.dropped = self.overlapping = 0

    def feed(self, packet: av.Packet) -> None:
        """Writes a packet's sound; the empty packet at the end writes what is left."""
        try:
            decoded = packet.decode()
        except av.error.FFmpegError:
            self.dropped += 1
            return
        for frame in decoded:
            self._take(frame)
        if not packet.size:
            self._write(is_last=True)
            self._output.mux(self.target.encode(None))

    def _take(self, frame: av.AudioFrame) -> None:
        """Appends a frame at its time, whatever its rate and channels are."""
        start = None if frame.pts is None else frame.pts * frame.time_base - self._video_start
        kind = frame.format.name, frame.sample_rate, frame.layout.name
        if kind != self._input:
            self._resampler = av.AudioResampler(format="fltp", layout=self.target.layout, rate=self._rate)
            self._input = kind
        frame.pts = None
        samples = [piece.to_ndarray() for piece in self._resampler.resample(frame)]
        if not samples:
            return
        wave = np.concatenate(samples, axis=1)
        if start is not None:
            wave = self._moved(wave, round(start * self._rate))
        self._waiting = np.concatenate([self._waiting, wave], axis=1)
        self._write()

    def _moved(self, wave: np.ndarray, begin: int) -> np.ndarray:
        """Starts anew after a gap, and cuts off what overlaps."""
        if self._next is None:
            self._next = begin
        off = begin - (self._next + self._waiting.shape[1])
        if abs(off) <= _SYNC * self._rate:
            return wave
        if off < 0:
            return wave[:, -off:]
        self._write(is_last=True)
        self._next = begin
        return wave

    def _write(self, is_last: bool = False) -> None:
        """Encodes whole frames; with `is_last` also the rest, filled up with silence."""
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
    """Reads whether all packets of an AAC stream say the same about rate and channels; moves the container to its end.

    Only AAC in transport streams (ADTS) says so in every packet; an MP4 file has one header for all of them.
    """
    said = set()
    try:
        for packet in demux(container, [stream]):
            head = bytes(packet)[:_ADTS_BYTES] if packet.size >= _ADTS_BYTES else b""
            if head[:1] == b"\xff" and head[1] & 0xF6 == 0xF0:
                said.add((head[2] & 0xFD, head[3] & 0xC0))  # profile, rate and channels
    except av.error.FFmpegError:
        pass  # its sound ends early, which is said when it is carried over
    return len(said) <= 1


def first_sound(container: av.container.InputContainer, stream: av.AudioStream) -> tuple[int, int] | None:
    """Decodes a stream up to its first sound; moves the container on.

    Returns:
        Samples per second and channels, where the file's header does not tell them; None if nothing can be decoded.
    """
    try:
        for packet in demux(container, [stream]):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue  # the next packet may be whole
            if frames:
                return frames[0].sample_rate, frames[0].layout.nb_channels
    except av.error.FFmpegError:
        return None
    return None
