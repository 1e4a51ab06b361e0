"""Writing of a video frame by frame, with the audio of another file."""

import contextlib
import fractions
import os
import pathlib
import types
import typing

import av
import av.container
import av.error
import numpy as np
from typing_extensions import Self

from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import VideoError
from faceswap_lib.media.carrying import SourceTracks
from faceswap_lib.media.color_conversion import YuvConverter
from faceswap_lib.media.video_info import VideoInfo

_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mp4", ".mkv": "matroska"}

LOSSLESS = ".mkv"
"""Suffix of lossless video."""

TICKS = 90_000
"""Ticks per second of the clock of a video with a variable frame rate."""


_LONGEST_TICKS = 2**31 - 1  # longest duration of a frame in MP4

_EXACT_PIXELS = "bgr0"


def check_video_name(path: pathlib.Path) -> None:
    """Checks that the suffix of a video's name says in which format it is written.

    Raises:
        VideoError: If it does not.
    """
    if path.suffix.lower() not in _FORMATS:
        raise VideoError(f"expected a name ending in {', '.join(_FORMATS)}, got {path}; rename it")


def open_output(path: pathlib.Path) -> av.container.OutputContainer:
    """Opens a file for writing in the format of its suffix; a browser can play an MP4 file while it is loading."""
    container_format = _FORMATS[path.suffix.lower()]
    options = {"movflags": "+faststart"} if container_format == "mp4" else {}
    return av.open(f"file:{os.fspath(path)}", "w", format=container_format, container_options=options)


class VideoWriter:
    """Writer of H.264 video in MP4, or of FFV1 video in Matroska; a context manager.

    The file appears only when the block ends without an error. FFV1 is lossless; the files are large and play in VLC
    and mpv, but not in browsers. H.264 with an even width and height uses yuv420p, which plays everywhere. With an odd
    width or height it uses yuv444p, which keeps the exact size but does not play in most browsers. Colors are tagged
    and are the same after reading the file.

    All audio streams of `audio_from` are copied packet by packet if the output supports their codec (AAC, MP3, AC-3,
    E-AC-3, ALAC, Opus, FLAC; Matroska supports more), and encoded to AAC otherwise. They keep their length, their
    offset to the first frame, their language, title and default flag. Subtitles and chapters are copied, too. A warning
    names everything that cannot be copied. A source without audio results in a file without audio.

    Attributes:
        path: Path of the file.
        frame_count: Number of frames written so far; the file contains exactly these.
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
            path: File to write, ending in .mp4, .m4v or .mov (H.264) or .mkv (FFV1); its folder is created if it does
                not exist.
            width: Width in pixels, at least 1.
            height: Height in pixels, at least 1.
            fps: Frames per second, stored exactly (30000/1001 stays 30000/1001).
            audio_from: Media file whose audio is copied; None for no audio.
            crf: Quality of x264, 0 (lossless, large) to 51 (poor, small); 18 looks like the original.
            preset: Speed preset of x264, `ultrafast` to `placebo`.
            sample_aspect: Aspect ratio (width / height) of one pixel, for players; above 0.
            timed: Whether each frame has its own time, for a variable frame rate; `fps` is then the average.

        Raises:
            ValueError: If a size, rate or quality is out of range.
            VideoError: If the suffix is not supported.
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
        check_video_name(self.path)
        self.frame_count = 0
        self._shape = (height, width, 3)
        self._fps = fractions.Fraction(fps)
        self._sample_aspect = fractions.Fraction(sample_aspect)
        self._audio_from = None if audio_from is None else pathlib.Path(audio_from)
        self._lossless = self.path.suffix.lower() == LOSSLESS
        self._options = {} if self._lossless else {"crf": str(crf), "preset": preset}
        if timed and not self._lossless:
            self._options["bf"] = "0"  # no B-frames: the last packet is the last frame, whose duration can be set
        self._timed = timed
        self._last_tick = -1
        self._to_yuv = YuvConverter(width, height)
        self._resources = contextlib.ExitStack()
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._sound: SourceTracks | None = None

    @classmethod
    def like(cls, path: pathlib.Path | str, info: VideoInfo, *, audio: bool = True, **options) -> Self:
        """Creates a writer with the size, the frame rate and, with `audio`, the audio of another video.

        Args:
            path: File to write.
            info: Properties of the other video.
            audio: Whether its audio is copied.
            **options: Further arguments of the constructor.

        Returns:
            The writer.
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
        """Opens the temporary file, the encoder and the audio; raises `VideoError` if one of them fails."""
        with contextlib.ExitStack() as resources:
            temporary = resources.enter_context(replacing(self.path))
            with self._as_video_error():
                self._open(temporary, resources)
            self._resources = resources.pop_all()
        return self

    def write(self, frame: np.ndarray, seconds: float | None = None) -> None:
        """Writes one frame, and the audio up to it.

        Args:
            frame: (height, width, 3) uint8 RGB.
            seconds: Presentation time in seconds after the first frame; required if the writer is `timed`, else None.

        Raises:
            ValueError: If `frame` has the wrong shape or dtype, `seconds` is missing, not expected or does not
                increase, or the call is outside of the `with` block.
            VideoError: If the file cannot be written, for example because the disk is full.
        """
        if self._container is None or self._stream is None:
            raise ValueError("expected write() inside `with VideoWriter(...) as writer:`, got it outside")
        if not isinstance(frame, np.ndarray) or frame.shape != self._shape or frame.dtype != np.uint8:
            got = f"{frame.shape} {frame.dtype}" if isinstance(frame, np.ndarray) else type(frame).__name__
            raise ValueError(f"expected a frame of shape {self._shape} uint8, got {got}")
        if (seconds is not None) != self._timed:
            raise ValueError("expected seconds with every frame" if self._timed else "expected no seconds")
        with self._as_video_error():
            encoded = self._to_video_frame(frame)
            encoded.time_base = self._clock
            encoded.pts = self._next_tick(seconds)
            if not self._timed:
                encoded.duration = 1
            self._container.mux(self._stream.encode(encoded))
            self.frame_count += 1
            if self._sound is not None:
                self._sound.advance(self.frame_count / self._fps if seconds is None else fractions.Fraction(seconds))

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Finishes the file and renames it to `path`, or removes it after an error.

        Raises:
            VideoError: If no frame was written, or the file cannot be finished.
        """
        container = typing.cast(av.container.OutputContainer, self._container)  # `__enter__` has opened it
        stream = typing.cast(av.VideoStream, self._stream)
        self._container = None
        if error_type is not None:
            with contextlib.suppress(av.error.FFmpegError):  # the error of the block is raised instead
                container.close()
            self._resources.__exit__(error_type, error, traceback)
            return
        with self._resources:
            if self.frame_count == 0:
                raise VideoError(f"expected at least one frame for {self.path}, got none; the file was not written")
            with self._as_video_error():
                container.mux(stream.encode(None))
                if self._sound is not None:
                    self._sound.finish()
                container.close()

    @property
    def _clock(self) -> fractions.Fraction:
        """Seconds per tick of the video."""
        return fractions.Fraction(1, TICKS) if self._timed else 1 / self._fps

    def _next_tick(self, seconds: float | None) -> int:
        """Computes the presentation time of the next frame in ticks."""
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

    def _to_video_frame(self, frame: np.ndarray) -> av.VideoFrame:
        """Converts a frame, (height, width, 3) uint8 RGB, to the pixel format of the encoder."""
        if self._lossless:
            return av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=_EXACT_PIXELS)
        return self._to_yuv(frame)

    def _open(self, temporary: pathlib.Path, resources: contextlib.ExitStack) -> None:
        """Opens the temporary file, and adds the video and audio streams to it."""
        container = open_output(temporary)
        resources.callback(container.close)  # a second close does nothing
        codec = "ffv1" if self._lossless else "libx264"
        stream = typing.cast(av.VideoStream, container.add_stream(codec, rate=self._fps, options=self._options))
        stream.width, stream.height = self._shape[1], self._shape[0]
        stream.thread_type = "FRAME"
        stream.codec_context.time_base = self._clock
        stream.codec_context.sample_aspect_ratio = self._sample_aspect
        if self._lossless:
            stream.codec_context.pix_fmt = _EXACT_PIXELS
        else:
            self._to_yuv.tag(stream.codec_context)
        self._stream = stream
        if self._audio_from is not None:
            self._sound = SourceTracks(self._audio_from, container)
            resources.callback(self._sound.close)
        container.start_encoding()
        self._container = container

    @contextlib.contextmanager
    def _as_video_error(self) -> typing.Iterator[None]:
        """Converts errors of FFmpeg to `VideoError`."""
        try:
            yield
        except av.error.FFmpegError as error:
            reason = error.strerror or type(error).__name__
            message = f"expected to write {self.path}, got: {reason}; check the free space, size and preset"
            raise VideoError(message) from error
