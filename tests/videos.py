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
    """Draws picture `index`: its number as black and white bars on top, a moving smooth colour field below.

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
