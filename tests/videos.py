"""Small videos made for tests with PyAV alone, so that the code under test does not check itself."""

import fractions
import pathlib
import typing

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

_INDEX_BITS = 8
_EXACT = int(Interpolation.BILINEAR) | 0x40000 | 0x2000  # SWS_ACCURATE_RND, SWS_FULL_CHR_H_INT
_MATRICES = {"bt709": (Colorspace.ITU709, 1), "bt601": (Colorspace.ITU601, 6), None: (Colorspace.ITU601, 2)}


def pattern_frame(index: int, width: int = 64, height: int = 48) -> np.ndarray:
    """Draws picture `index`: its number as black and white bars on top, a moving smooth color field below.

    Args:
        index: 0 to 255.
        width: Pixels.
        height: Pixels.

    Returns:
        (height, width, 3) uint8 RGB, without any symmetry, so that a turned copy is noticed.
    """
    y, x = np.mgrid[:height, :width]
    frame = np.empty((height, width, 3), np.uint8)
    frame[..., 0] = 40 + 170 * x / max(1, width - 1)
    frame[..., 1] = 40 + 170 * y / max(1, height - 1)
    frame[..., 2] = 128 + 80 * np.sin(2 * np.pi * (x / width + index / 16))
    edges = np.linspace(0, width, _INDEX_BITS + 1).astype(int)
    for bit in range(_INDEX_BITS):
        frame[: height // 4, edges[bit] : edges[bit + 1]] = 235 if index >> bit & 1 else 20
    return frame


def read_index(frame: np.ndarray) -> int:
    """Reads back the number that `pattern_frame` drew."""
    edges = np.linspace(0, frame.shape[1], _INDEX_BITS + 1).astype(int)
    row = frame[frame.shape[0] // 8].mean(axis=-1)
    return sum(int(row[(edges[bit] + edges[bit + 1]) // 2] > 128) << bit for bit in range(_INDEX_BITS))


def psnr(image: np.ndarray, reference: np.ndarray) -> float:
    """Gives the peak signal-to-noise ratio of two uint8 pictures in dB."""
    error = np.mean((image.astype(float) - reference.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def make_video(
    path: pathlib.Path,
    *,
    width: int = 64,
    height: int = 48,
    frames: int = 12,
    fps: fractions.Fraction = fractions.Fraction(30),
    audio_seconds: float = 0.0,
    audio_start: float = 0.0,
    audio_codec: str = "aac",
    audio_tracks: int = 1,
    rotation: int = 0,
    matrix: str | None = "bt601",
    video_codec: str = "libx264",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    title: str | None = None,
    pictures: typing.Sequence[np.ndarray] | None = None,
    pixel_format: str = "yuv420p",
    times: typing.Sequence[fractions.Fraction] | None = None,
) -> pathlib.Path:
    """Makes a video of `pattern_frame` pictures or of given ones, with an optional sine as sound.

    Args:
        path: Where to; the suffix chooses the container.
        width: Pixels, upright; even unless the codec takes odd sizes. Given pictures have their own.
        height: Pixels, upright.
        frames: Number of pictures, unless they are given.
        fps: Pictures per second.
        audio_seconds: Length of the sound; 0 makes no sound stream.
        audio_start: When the sound starts, in seconds after the first picture.
        audio_codec: FFmpeg's name of the sound encoder.
        audio_tracks: Number of sound streams; each has its own tone.
        rotation: Degrees by which the stored pictures must be turned clockwise to stand upright, noted in the file.
        matrix: "bt709" or "bt601", both named in the file, or None for BT.601 that the file does not name.
        video_codec: FFmpeg's name of the picture encoder.
        options: Encoder options.
        container_options: Container options.
        title: Title noted in the file.
        pictures: (H, W, 3) uint8 RGB, all of one size, upright; None for `pattern_frame` pictures.
        pixel_format: FFmpeg's name of how the pictures are stored.
        times: When each picture is shown, in seconds, multiples of 1/90000; None for a constant rate.

    Returns:
        `path`.
    """
    if pictures is None:
        pictures = [pattern_frame(index, width, height) for index in range(frames)]
    height, width = pictures[0].shape[:2]
    time_base = fractions.Fraction(1, 90000) if times else 1 / fps
    times = times or [index / fps for index in range(len(pictures))]
    colorspace, tag = _MATRICES[matrix]
    with av.open(str(path), "w", options=container_options or {}) as container:
        if title:
            container.metadata["title"] = title
        stream = container.add_stream(video_codec, rate=fps, options=options or {"crf": "8"})
        stream.width, stream.height = (height, width) if rotation in (90, 270) else (width, height)
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = time_base
        stream.codec_context.colorspace = tag
        stream.codec_context.color_range = ColorRange.MPEG
        if rotation:
            stream.set_display_rotation(-rotation)  # FFmpeg counts counter-clockwise
        tones = [
            container.add_stream(audio_codec, rate=48000, layout="mono")
            for _ in range(audio_tracks if audio_seconds else 0)
        ]
        for number, tone in enumerate(tones):
            container.mux(_sine_packets(tone, 440.0 * (number + 1), audio_seconds, audio_start))
        for upright, time in zip(pictures, times, strict=True):
            stored = np.rot90(upright, rotation // 90)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(stored)).reformat(
                format=pixel_format,
                dst_colorspace=colorspace,
                dst_color_range=ColorRange.MPEG,
                interpolation=_EXACT,
            )
            picture.pts, picture.time_base = int(time / time_base), time_base
            picture.duration = int(1 / fps / time_base)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def _sine_packets(stream: av.AudioStream, hertz: float, seconds: float, start: float) -> list[av.Packet]:
    rate = 48000
    wave = 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    samples = av.AudioFrame.from_ndarray((wave * 32767).astype(np.int16)[None], format="s16", layout="mono")
    samples.sample_rate, samples.pts, samples.time_base = rate, round(start * rate), fractions.Fraction(1, rate)
    return [*stream.encode(samples), *stream.encode(None)]


FLASHES = (0.5, 1.5)
"""Seconds at which `make_flashes` begins a flash and a beep of a tenth of a second each."""


def make_flashes(
    path: pathlib.Path,
    *,
    seconds: float = 2.0,
    sound_start: float = 0.0,
    video_start: float = 0.0,
    video_codec: str = "libx264",
    video_options: dict[str, str] | None = None,
    audio_codec: str | None = "aac",
    audio_rate: int = 48000,
    audio_layout: str = "mono",
    container_options: dict[str, str] | None = None,
) -> pathlib.Path:
    """Makes a video in which a white picture and a beep of 1 kHz come together at `FLASHES`.

    Args:
        path: Where to; the suffix chooses the container.
        seconds: Its length, at 30 pictures a second.
        sound_start: Seconds after time 0 at which the sound, though not the beeps, begins.
        video_start: The same for the pictures.
        video_codec: FFmpeg's name of the picture encoder.
        video_options: Its options.
        audio_codec: FFmpeg's name of the sound encoder; None for no sound.
        audio_rate: Samples per second.
        audio_layout: Channels.
        container_options: Container options.

    Returns:
        `path`.
    """
    options = {"crf": "8", "g": "30", "sc_threshold": "0"} if video_codec == "libx264" else {}
    base = fractions.Fraction(1, 90000 if video_codec == "libx264" else 30)
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(video_codec, rate=30, options=options | (video_options or {}))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = base
        sound = container.add_stream(audio_codec, rate=audio_rate, layout=audio_layout) if audio_codec else None
        for index in range(round(seconds * 30)):
            lit = any(0 <= index - round(flash * 30) < 3 for flash in FLASHES)
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 235 if lit else 20 + index % 40, np.uint8))
            picture.pts, picture.time_base = round(index / 30 / base), base
            if index >= round(video_start * 30):
                container.mux(stream.encode(picture))
            if sound is not None and index % 15 == 0:  # interleaved, as recordings are
                beeps = _beeps(index / 30, 0.5, sound_start, audio_rate, audio_layout)
                container.mux(sound.encode(beeps) if beeps is not None else [])
        container.mux(stream.encode(None))
        if sound is not None:
            container.mux(sound.encode(None))
    return path


def _beeps(begin: float, seconds: float, sound_start: float, rate: int, layout: str) -> av.AudioFrame | None:
    time = np.arange(round(begin * rate), round((begin + seconds) * rate)) / rate
    time = time[time >= sound_start - 1e-9]
    if not len(time):
        return None
    on = sum(((time >= flash) & (time < flash + 0.1)).astype(float) for flash in FLASHES)
    wave = (0.6 * 32767 * np.sin(2 * np.pi * 1000 * time) * on).astype(np.int16)
    count = av.AudioLayout(layout).nb_channels
    frame = av.AudioFrame.from_ndarray(np.repeat(wave, count)[None], format="s16", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, round(time[0] * rate), fractions.Fraction(1, rate)
    return frame


def flash_times(path: pathlib.Path) -> list[float]:
    """Finds when pictures become white, in seconds after the first picture."""
    with av.open(str(path)) as container:
        shown = [(frame.time, frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]
    lit = [False, *(level > 128 for _, level in shown)]
    return [shown[index][0] - shown[0][0] for index in range(len(shown)) if lit[index + 1] and not lit[index]]


def beep_times(path: pathlib.Path, track: int = 0) -> list[float]:
    """Finds when sound becomes loud, in seconds after the first picture."""
    with av.open(str(path)) as container:
        first = next(container.decode(video=0)).time
    found, last = [], -9.0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=track):
            samples = frame.to_ndarray().astype(float) / (32768 if frame.format.name.startswith("s16") else 1)
            mono = samples[0] if frame.format.is_planar else samples[0, :: frame.layout.nb_channels]
            for place in np.flatnonzero(np.abs(mono) > 0.2):
                at = frame.time + place / frame.sample_rate - first
                found += [at] if at - last > 0.2 else []
                last = at
    return found


def copy_packets(
    source: pathlib.Path, out: pathlib.Path, *, begin: float = 0.0, shift: float = 0.0, container_options=None
) -> pathlib.Path:
    """Copies the packets of all streams that are decoded from `begin` on, moved by `shift` seconds, into a new file."""
    with av.open(str(source)) as read, av.open(str(out), "w", options=container_options or {}) as written:
        targets = {stream.index: written.add_stream_from_template(stream) for stream in read.streams}
        packets = [packet for packet in read.demux() if packet.dts is not None]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            if packet.dts * packet.time_base >= begin - 1e-6:
                ticks = round(shift / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = targets[packet.stream.index]
                written.mux(packet)
    return out
