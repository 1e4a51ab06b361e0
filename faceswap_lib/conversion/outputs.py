"""Where a conversion goes: H.264 or exact video, GIF, or a folder of PNG files, by the name of the output."""

import fractions
import itertools
import os
import pathlib
import re
import shutil
import typing

from faceswap_lib.errors import InputError
from faceswap_lib.files import replacing
from faceswap_lib.media import VideoInfo, join_videos, read_frames, write_gif, write_image
from faceswap_lib.progress import show_progress

H264_SUFFIXES = (".mp4", ".m4v", ".mov")
EXACT_SUFFIX = ".mkv"
GIF_SUFFIX = ".gif"

_OURS = re.compile(r"\d{6}\.png")

Pieces = typing.Sequence[tuple[pathlib.Path, fractions.Fraction]]
"""Videos in order, each with the time in seconds of its first picture."""


def piece_suffix(out: pathlib.Path) -> str:
    """The suffix of the videos from which an output is made; pixels are kept exactly unless it is H.264 itself.

    Raises:
        InputError: If no such output can be written.
    """
    suffix = out.suffix.lower()
    if suffix in H264_SUFFIXES:
        return suffix
    if suffix in ("", EXACT_SUFFIX, GIF_SUFFIX):
        return EXACT_SUFFIX
    raise InputError(
        f"expected an output named {', '.join(H264_SUFFIXES)} (H.264), {EXACT_SUFFIX} (exact), {GIF_SUFFIX}, or a "
        f"folder for PNG, got {out}"
    )


def check_out(out: pathlib.Path, video: pathlib.Path, overwrite: bool) -> None:
    """Refuses an output that cannot be written, would replace the input, or is there already.

    Raises:
        InputError: With what to do.
    """
    if piece_suffix(out) and out.is_dir() and out.suffix:
        raise InputError(f"{out} is a folder; name the file to write")
    if out.exists() and out.samefile(video):
        raise InputError(f"{out} is the input; name another file to write")
    held = [path.name for path in out.iterdir()] if out.is_dir() else []
    if (held or out.is_file()) and not overwrite:
        raise InputError(f"{out} is already there; pass --overwrite or name another file")
    if others := [name for name in held if not _OURS.fullmatch(name)]:
        raise InputError(f"{out} holds {others[0]}, which no conversion wrote; it is not replaced: name another folder")


def write_output(
    out: pathlib.Path,
    pieces: Pieces,
    info: VideoInfo,
    *,
    with_sound: bool,
    start: float = 0.0,
    stop: float | None = None,
    finish: typing.Callable[[pathlib.Path], None] | None = None,
    progress: bool = False,
) -> None:
    """Makes the output from its pieces; it appears only when it is whole.

    Args:
        out: The file or folder.
        pieces: Made with `piece_suffix`.
        info: The video they were made from.
        with_sound: Whether to take its sound, where the output can have one.
        start: Seconds of the input at which the output begins.
        stop: Seconds at which it ends; None for the input's end.
        finish: Called with the finished file or folder before it gets its name.
        progress: Show a progress bar.
    """
    suffix = out.suffix.lower()
    finish = finish or (lambda path: None)
    if suffix in (*H264_SUFFIXES, EXACT_SUFFIX):
        audio = info.path if with_sound and info.has_audio else None
        with replacing(out) as unfinished:
            join_videos(pieces, unfinished, audio_from=audio, audio_start=start, audio_stop=stop)
            finish(unfinished)
        return
    frames = itertools.chain.from_iterable(read_frames(path) for path, _ in pieces)
    frames = show_progress(frames, "write", disable=not progress)
    if suffix == GIF_SUFFIX:
        with replacing(out) as unfinished:
            write_gif(frames, unfinished, fps=info.fps)
            finish(unfinished)
        return
    unfinished = out.with_name(f".{out.name}.partial")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    for index, frame in enumerate(frames):
        write_image(unfinished / f"{index:06d}.png", frame)
    finish(unfinished)
    if out.exists():
        shutil.rmtree(out)
    os.replace(unfinished, out)
