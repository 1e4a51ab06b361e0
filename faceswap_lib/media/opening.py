"""Opening of untrusted media files: only regular local files, known containers and sizes within the limits.

Some formats are scripts that refer to other files or addresses (HLS, FFmpeg's concat, SDP, image patterns), and such a
file can have any name. FFmpeg may therefore use only containers that contain their own data, and only the protocol
`file`.
"""

import os
import pathlib
import stat
import typing

import av
import av.container
import av.error
import av.stream

from faceswap_lib.errors import VideoError
from faceswap_lib.limits import FRAME_PIXELS, SEARCH_SECONDS, STREAMS, VIDEO_FRAMES
from faceswap_lib.media.mp4_tables import check_tables

_CONTAINERS = (
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "live_flv", "kux"),
    *("ogg", "asf", "asf_o", "wtv", "mxf", "gxf", "nut", "dv", "rm", "rpl", "nsv", "ty", "pva", "swf", "lxf"),
    *("mpegvideo", "m4v", "h261", "h263", "h264", "hevc", "vvc", "obu", "av1", "ivf", "vc1", "dirac", "dnxhd", "mjpeg"),
    *("cavsvideo", "avs2", "avs3", "evc", "apv", "yuv4mpegpipe", "smjpeg", "filmstrip", "flic", "film_cpk", "dhav"),
    *("gif", "apng", "webp_pipe", "png_pipe", "jpeg_pipe", "bmp_pipe", "tiff_pipe", "ppm_pipe", "pgm_pipe"),
    *("j2k_pipe", "jpegxl_anim", "jpegxl_pipe", "qoi_pipe", "exr_pipe", "dpx_pipe", "cine", "ser", "mlv"),
    *(
        "mp3",
        "aac",
        "wav",
        "w64",
        "flac",
        "ac3",
        "eac3",
        "aiff",
        "caf",
        "au",
        "amr",
        "ape",
        "tta",
        "wv",
        "dts",
        "truehd",
    ),
)
"""Containers that are read, by their FFmpeg names; none of them opens other files."""

_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(_CONTAINERS),
    "enable_drefs": "0",  # an MP4 file may refer to data in another file
    "use_absolute_path": "0",
}

_KINDS = (
    (stat.S_ISDIR, "a folder", "name one file in it"),
    (stat.S_ISFIFO, "a pipe", "write it to a file first"),
    (stat.S_ISSOCK, "a socket", "write it to a file first"),
    (stat.S_ISCHR, "a device", "name a file"),
    (stat.S_ISBLK, "a device", "name a file"),
)


def open_container(path: pathlib.Path) -> av.container.InputContainer:
    """Opens a media file for reading.

    Args:
        path: The file.

    Returns:
        The open container; the caller closes it.

    Raises:
        VideoError: If the file is missing, is not a regular file, is not a container that FFmpeg knows, has a format
            that can open other files, or exceeds `limits`.
    """
    path = pathlib.Path(path)
    _check_plain(path)
    check_tables(path)
    pixels, wait = FRAME_PIXELS.value, SEARCH_SECONDS.value
    options = _OPTIONS | {"max_streams": str(STREAMS.value + 1), "max_pixels": str(pixels)}
    try:
        # Without the prefix FFmpeg would interpret a name such as "12:30.mp4" as a network address.
        container = av.open(f"file:{os.fspath(path)}", options=options, metadata_errors="replace", timeout=wait)
    except av.error.FFmpegError as error:
        reason = error.strerror or type(error).__name__
        if isinstance(error, av.error.InvalidDataError | av.error.ArgumentError):
            reason = "it is damaged, or of a format that is not read"
        if isinstance(error, av.error.ExitError):
            reason = f"no data in {wait} s; set {SEARCH_SECONDS.variable} higher if its disk is that slow"
        message = f"expected a video file, got one that cannot be opened: {path} ({reason}); check that it plays"
        raise VideoError(message) from error
    try:
        _check_limits(container, path)
    except VideoError:
        container.close()
        raise
    return container


def demux(
    container: av.container.InputContainer, streams: typing.Sequence[av.stream.Stream]
) -> typing.Iterator[av.Packet]:
    """Yields the packets of streams in file order, and at the end an empty packet of each, which flushes its decoder.

    Streams that appear after the file was opened, such as those of another program in a transport stream, are ignored.

    Args:
        container: The open file.
        streams: The streams to read.

    Yields:
        The packets.

    Raises:
        av.error.FFmpegError: If reading fails.
    """
    flushed: set[int] = set()
    try:
        for packet in container.demux(streams):
            if not packet.size:
                flushed.add(packet.stream.index)
            yield packet
    except IndexError:  # PyAV does not know the index of a stream that appeared later
        pass
    for stream in streams:
        if stream.index not in flushed:
            packet = av.Packet()
            packet.stream = stream
            yield packet


def check_frame_size(width: int, height: int, path: pathlib.Path) -> None:
    """Raises an error for frames with more pixels than `limits.FRAME_PIXELS`.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        path: The file, for the message.

    Raises:
        VideoError: If the frame is too large; the message states how to raise the limit.
    """
    FRAME_PIXELS.check(width * height, f"{path} ({width}x{height})", VideoError)


def _check_plain(path: pathlib.Path) -> None:
    """Raises `VideoError` unless the path is a regular file with content."""
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise VideoError(f"no such file: {path}; check the name and the folder") from error
    except (OSError, ValueError) as error:  # a name that is too long, a folder without permission, a zero byte
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoError(f"expected a video file, got {path!s:.200} ({reason}); check the name") from error
    for is_kind, kind, advice in _KINDS:
        if is_kind(status.st_mode):
            raise VideoError(f"expected a video file, got {kind}: {path}; {advice}")
    if status.st_size == 0:  # also the files in /proc, some of which never end
        raise VideoError(f"expected a video file, got an empty one: {path}; copy or download it again")


def _check_limits(container: av.container.InputContainer, path: pathlib.Path) -> None:
    """Raises `VideoError` if the streams, the frame size or the number of frames exceed the limits."""
    STREAMS.check(len(container.streams), path, VideoError)
    for stream in container.streams.video:
        if stream.codec_context is not None:
            check_frame_size(stream.codec_context.width, stream.codec_context.height, path)
            VIDEO_FRAMES.check(stream.frames, path, VideoError)
