"""Writing a video picture by picture, with the sound of another file."""

import contextlib
import fractions
import os
import pathlib
import typing

import av
import numpy as np
from typing_extensions import Self

from faceswap_lib.errors import VideoError
from faceswap_lib.files import replacing
from faceswap_lib.media.info import VideoInfo
from faceswap_lib.media.pixels import YuvConverter
from faceswap_lib.media.sound import SoundTracks

_SUFFIXES = (".mp4", ".m4v", ".mov")


class VideoWriter:
    """Writes H.264 video in MP4; a context manager whose file appears only when its block ends without an error.

    With an even width and height the pixels are yuv420p, which plays everywhere. With an odd one they are yuv444p,
    which keeps the size exactly but does not play in most browsers. Colours are tagged and survive a round trip.

    The sound of `audio_from` is copied packet by packet where MP4 carries its codec (AAC, MP3, AC-3, E-AC-3, ALAC,
    Opus, FLAC) and encoded to AAC otherwise: all streams, all of their length, starting where they started relative to
    the first picture. A source without sound gives a file without sound.

    Attributes:
        path: Where the file will be.
        frame_count: Pictures written so far; the file will hold exactly these.
    """

    def __init__(
        self,
        path: pathlib.Path,
        *,
        width: int,
        height: int,
        fps: fractions.Fraction,
        audio_from: pathlib.Path | None = None,
        crf: int = 18,
        preset: str = "veryfast",
        sample_aspect: fractions.Fraction = fractions.Fraction(1),
    ):
        """Checks the settings; nothing is opened before the block is entered.

        Args:
            path: Where to, ending in .mp4, .m4v or .mov; its folder is made if needed.
            width: Pixels, at least 1.
            height: Pixels, at least 1.
            fps: Pictures per second, kept exactly (30000/1001 stays 30000/1001).
            audio_from: A media file whose sound to take, or None for silence.
            crf: x264 quality, 0 (exact, large) to 51 (poor, small); 18 looks like the original.
            preset: x264 speed, `ultrafast` to `placebo`.
            sample_aspect: Width : height of one pixel, for players; above 0.

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
        if self.path.suffix.lower() not in _SUFFIXES:
            raise VideoError(f"expected a name ending in {', '.join(_SUFFIXES)}, got {path}; rename it")
        self.frame_count = 0
        self._shape = (height, width, 3)
        self._fps = fractions.Fraction(fps)
        self._sample_aspect = fractions.Fraction(sample_aspect)
        self._audio_from = audio_from
        self._options = {"crf": str(crf), "preset": preset}
        self._to_yuv = YuvConverter(width, height)
        self._resources = contextlib.ExitStack()
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._sound: SoundTracks | None = None

    @classmethod
    def like(
        cls, path: pathlib.Path, info: VideoInfo, *, audio: bool = True, crf: int = 18, preset: str = "veryfast"
    ) -> Self:
        """Makes a writer that keeps the size, the frame rate and, with `audio`, the sound of a probed video."""
        return cls(
            path,
            width=info.width,
            height=info.height,
            fps=info.fps,
            audio_from=info.path if audio and info.has_audio else None,
            crf=crf,
            preset=preset,
            sample_aspect=info.sample_aspect,
        )

    def __enter__(self) -> Self:
        """Opens the temporary file, the encoder and the sound; raises `VideoError` if one of them cannot be used."""
        with contextlib.ExitStack() as resources:
            temporary = resources.enter_context(replacing(self.path))
            with self._explained():
                self._open(temporary, resources)
            self._resources = resources.pop_all()
        return self

    def write(self, frame: np.ndarray) -> None:
        """Appends one picture, and the sound up to it.

        Args:
            frame: (height, width, 3) uint8 RGB.

        Raises:
            ValueError: If `frame` has another shape or dtype, or the writer is not inside its `with` block.
            VideoError: If the file cannot be written, for example because the disk is full.
        """
        if self._container is None:
            raise ValueError("expected write() inside `with VideoWriter(...) as writer:`, got it outside")
        if not isinstance(frame, np.ndarray) or frame.shape != self._shape or frame.dtype != np.uint8:
            got = f"{frame.shape} {frame.dtype}" if isinstance(frame, np.ndarray) else type(frame).__name__
            raise ValueError(f"expected a frame of shape {self._shape} uint8, got {got}")
        with self._explained():
            picture = self._to_yuv(frame)
            picture.pts, picture.duration, picture.time_base = self.frame_count, 1, 1 / self._fps
            self._container.mux(self._stream.encode(picture))
            self.frame_count += 1
            if self._sound is not None:
                self._sound.advance(self.frame_count / self._fps)

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

    def _open(self, temporary: pathlib.Path, resources: contextlib.ExitStack) -> None:
        # A browser can start playing before it has the whole file.
        index_first = {"movflags": "+faststart"}
        container = av.open(f"file:{os.fspath(temporary)}", "w", format="mp4", container_options=index_first)
        resources.callback(container.close)  # a second close does nothing
        self._stream = container.add_stream("libx264", rate=self._fps, options=self._options)
        self._stream.width, self._stream.height = self._shape[1], self._shape[0]
        self._stream.thread_type = "FRAME"
        self._stream.codec_context.time_base = 1 / self._fps
        self._stream.codec_context.sample_aspect_ratio = self._sample_aspect
        self._to_yuv.tag(self._stream.codec_context)
        if self._audio_from is not None:
            self._sound = SoundTracks(self._audio_from, container)
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
            message = f"expected to write {self.path} as H.264, got: {reason}; check the free space, size and preset"
            raise VideoError(message) from error
