"""Writing a video picture by picture, with the sound of another file."""

import contextlib
import fractions
import os
import pathlib
import typing

import av
import numpy as np
from typing_extensions import Self

from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import VideoError
from faceswap_lib.media.carrying import SourceTracks
from faceswap_lib.media.color_conversion import YuvConverter
from faceswap_lib.media.video_info import VideoInfo

_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mp4", ".mkv": "matroska"}

LOSSLESS = ".mkv"
"""Suffix of video whose pixels are kept exactly."""

TICKS = 90_000
"""Ticks per second of the clock of a video whose pictures bring their own times."""


_LONGEST_TICKS = 2**31 - 1  # that MP4 can say how long a picture stays

_EXACT_PIXELS = "bgr0"


def open_output(path: pathlib.Path) -> av.container.OutputContainer:
    """Opens a file for writing in the format its suffix names; a browser can play MP4 before it has all of it."""
    container_format = _FORMATS[path.suffix.lower()]
    options = {"movflags": "+faststart"} if container_format == "mp4" else {}
    return av.open(f"file:{os.fspath(path)}", "w", format=container_format, container_options=options)


class VideoWriter:
    """Writes H.264 video in MP4, or FFV1 in Matroska; a context manager.

    The file appears only when the block ends without an error. FFV1 keeps every pixel exactly; it is large, and plays
    in VLC and mpv but in no browser. H.264 with an even width and height has yuv420p pixels, which play everywhere;
    with an odd one yuv444p, which keeps the size exactly but does not play in most browsers. Colors are tagged and
    survive a round trip.

    The sound of `audio_from` is copied packet by packet where the file carries its codec (AAC, MP3, AC-3, E-AC-3, ALAC,
    Opus, FLAC; Matroska more) and encoded to AAC otherwise: all streams, all of their length, starting where they
    started relative to the first picture, with languages, titles, defaults, subtitles and chapters; what is not carried
    over is said. A source without sound gives a file without sound.

    Attributes:
        path: Where the file will be.
        frame_count: Pictures written so far; the file will hold exactly these.
    """

    def __init__(
        self,
        path: pathlib.Path | str,
        *,
        width: int,
        height: int,
        fps: fractions.Fraction,
        audio_from: pathlib.Path | str | None = None,
        crf: int = 18,
        preset: str = "veryfast",
        sample_aspect: fractions.Fraction = fractions.Fraction(1),
        timed: bool = False,
    ):
        """Checks the settings; nothing is opened before the block is entered.

        Args:
            path: Where to, ending in .mp4, .m4v or .mov (H.264) or .mkv (FFV1); its folder is made if needed.
            width: Pixels, at least 1.
            height: Pixels, at least 1.
            fps: Pictures per second, kept exactly (30000/1001 stays 30000/1001).
            audio_from: A media file whose sound to take, or None for silence.
            crf: x264 quality, 0 (exact, large) to 51 (poor, small); 18 looks like the original.
            preset: x264 speed, `ultrafast` to `placebo`.
            sample_aspect: Width : height of one pixel, for players; above 0.
            timed: Whether every picture comes with its own time, for a rate that varies; `fps` is then its average.

        Raises:
            ValueError: If a size, rate or quality is out of range.
            VideoError: If the suffix is another.
        """
        if width < 1 or height < 1:
            raise ValueError(f"expected a size of at least 1x1, got {width}x{height}")
        if not isinstance(fps, fractions.Fraction | int) or fps <= 0:
            raise ValueError(f"expected fps to be a Fraction above 0, got {fps!r}")
        if sample_aspect <= 0:
            raise ValueError(f"expected sample_aspect above 0, got {sample_aspect}")
        if not 0 <= crf <= 51:
            raise ValueError(f"expected crf between 0 and 51, got {crf}")
        self.path = pathlib.Path(path)
        if self.path.suffix.lower() not in _FORMATS:
            raise VideoError(f"expected a name ending in {', '.join(_FORMATS)}, got {path}; rename it")
        self.frame_count = 0
        self._shape = (height, width, 3)
        self._fps = fractions.Fraction(fps)
        self._sample_aspect = fractions.Fraction(sample_aspect)
        self._audio_from = None if audio_from is None else pathlib.Path(audio_from)
        self._lossless = self.path.suffix.lower() == LOSSLESS
        self._options = {} if self._lossless else {"crf": str(crf), "preset": preset}
        if timed and not self._lossless:
            self._options["bf"] = "0"  # so that the last packet is the last picture, which may stay for long
        self._timed = timed
        self._last_tick = -1
        self._to_yuv = YuvConverter(width, height)
        self._resources = contextlib.ExitStack()
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._sound: SourceTracks | None = None

    @classmethod
    def like(cls, path: pathlib.Path | str, info: VideoInfo, *, audio: bool = True, **options) -> Self:
        """Makes a writer that keeps the size, the frame rate and, with `audio`, the sound of a probed video.

        Args:
            path: Where to.
            info: What the video says about itself.
            audio: Whether to take its sound.
            **options: Further ones of the constructor.
        """
        return cls(
            path,
            width=info.width,
            height=info.height,
            fps=info.fps,
            audio_from=info.path if audio and info.has_audio else None,
            sample_aspect=info.sample_aspect,
            **options,
        )

    def __enter__(self) -> Self:
        """Opens the temporary file, the encoder and the sound; raises `VideoError` if one of them cannot be used."""
        with contextlib.ExitStack() as resources:
            temporary = resources.enter_context(replacing(self.path))
            with self._explained():
                self._open(temporary, resources)
            self._resources = resources.pop_all()
        return self

    def write(self, frame: np.ndarray, seconds: float | None = None) -> None:
        """Appends one picture, and the sound up to it.

        Args:
            frame: (height, width, 3) uint8 RGB.
            seconds: When it is shown, counted from the first picture; if the writer is `timed`, and only then.

        Raises:
            ValueError: If `frame` has another shape or dtype, `seconds` does not rise or is not wanted, or the writer
                is not inside its `with` block.
            VideoError: If the file cannot be written, for example because the disk is full.
        """
        if self._container is None:
            raise ValueError("expected write() inside `with VideoWriter(...) as writer:`, got it outside")
        if not isinstance(frame, np.ndarray) or frame.shape != self._shape or frame.dtype != np.uint8:
            got = f"{frame.shape} {frame.dtype}" if isinstance(frame, np.ndarray) else type(frame).__name__
            raise ValueError(f"expected a frame of shape {self._shape} uint8, got {got}")
        if (seconds is not None) != self._timed:
            raise ValueError("expected seconds with every frame" if self._timed else "expected no seconds")
        with self._explained():
            picture = self._to_picture(frame)
            picture.time_base = self._clock
            picture.pts = self._next_tick(seconds)
            if not self._timed:
                picture.duration = 1
            self._container.mux(self._stream.encode(picture))
            self.frame_count += 1
            if self._sound is not None:
                self._sound.advance(self.frame_count / self._fps if seconds is None else fractions.Fraction(seconds))

    def __exit__(self, error_type: type | None, error: BaseException | None, traceback: object) -> None:
        """Finishes the file and gives it its name, or removes it after an error.

        Raises:
            VideoError: If no frame was written, or the file cannot be finished.
        """
        container, self._container = self._container, None
        if error_type is not None:
            with contextlib.suppress(av.error.FFmpegError):  # the block's own error is the one to show
                container.close()
            self._resources.__exit__(error_type, error, traceback)
            return
        with self._resources:
            if self.frame_count == 0:
                raise VideoError(f"expected at least one frame for {self.path}, got none; the file was not written")
            with self._explained():
                container.mux(self._stream.encode(None))
                if self._sound is not None:
                    self._sound.finish()
                container.close()

    @property
    def _clock(self) -> fractions.Fraction:
        return fractions.Fraction(1, TICKS) if self._timed else 1 / self._fps

    def _next_tick(self, seconds: float | None) -> int:
        tick = self.frame_count if seconds is None else round(seconds * TICKS)
        if seconds is not None and tick - max(self._last_tick, 0) > _LONGEST_TICKS:
            hours = _LONGEST_TICKS / TICKS / 3600
            raise VideoError(
                f"{self.path}: a picture would stay for more than {hours:.1f} h; convert the parts around it"
            )
        if tick <= self._last_tick:
            raise ValueError(f"expected a time after the last picture's, got {seconds} s")
        self._last_tick = tick
        return tick

    def _to_picture(self, frame: np.ndarray) -> av.VideoFrame:
        if self._lossless:
            return av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=_EXACT_PIXELS)
        return self._to_yuv(frame)

    def _open(self, temporary: pathlib.Path, resources: contextlib.ExitStack) -> None:
        container = open_output(temporary)
        resources.callback(container.close)  # a second close does nothing
        codec = "ffv1" if self._lossless else "libx264"
        self._stream = container.add_stream(codec, rate=self._fps, options=self._options)
        self._stream.width, self._stream.height = self._shape[1], self._shape[0]
        self._stream.thread_type = "FRAME"
        self._stream.codec_context.time_base = self._clock
        self._stream.codec_context.sample_aspect_ratio = self._sample_aspect
        if self._lossless:
            self._stream.codec_context.pix_fmt = _EXACT_PIXELS
        else:
            self._to_yuv.tag(self._stream.codec_context)
        if self._audio_from is not None:
            self._sound = SourceTracks(self._audio_from, container)
            resources.callback(self._sound.close)
        container.start_encoding()
        self._container = container

    @contextlib.contextmanager
    def _explained(self) -> typing.Iterator[None]:
        """Turns what FFmpeg raises into one line for the user."""
        try:
            yield
        except av.error.FFmpegError as error:
            reason = error.strerror or type(error).__name__
            message = f"expected to write {self.path}, got: {reason}; check the free space, size and preset"
            raise VideoError(message) from error
