"""Output formats of a video, by the name of the output: H.264 or lossless video, GIF, or a folder of PNG files.

Images and folders of images are written by `image_outputs`.
"""

import fractions
import itertools
import json
import os
import pathlib
import typing
from collections.abc import Mapping

from faceswap_lib.atomic_io import replacing
from faceswap_lib.conversion.output_paths import check_names, check_no_link, check_paths, names_made
from faceswap_lib.conversion.replaced_folder import (
    PICTURE,
    clear_unfinished,
    replace_folder,
    replaced_folder,
    unfinished_folder,
)
from faceswap_lib.conversion.resume import is_interrupted, parts_folder
from faceswap_lib.conversion.time_range import TimeRange
from faceswap_lib.conversion.written import WrittenFiles, name_some
from faceswap_lib.errors import InputError
from faceswap_lib.facesets.writable import check_writable
from faceswap_lib.limits import JSON_BYTES
from faceswap_lib.media import join_videos, read_frames, write_gif, write_image
from faceswap_lib.progress import show_progress
from faceswap_lib.provenance.sidecar import sidecar_path

H264_SUFFIXES = (".mp4", ".m4v", ".mov")
EXACT_SUFFIX = ".mkv"
GIF_SUFFIX = ".gif"
FILE_SUFFIXES = (*H264_SUFFIXES, EXACT_SUFFIX, GIF_SUFFIX)

Chunks = typing.Sequence[tuple[pathlib.Path, fractions.Fraction]]
"""Videos of the chunks in order, each with the time in seconds of its first frame."""


def chunk_suffix(out: pathlib.Path) -> str:
    """Returns the suffix of the chunks of an output; chunks are lossless unless the output is H.264 itself.

    Raises:
        InputError: If the suffix of the output is not supported.
    """
    if out.suffix.lower() in H264_SUFFIXES:
        return out.suffix.lower()
    if out.suffix.lower() in FILE_SUFFIXES or is_folder_name(out):
        return EXACT_SUFFIX
    raise InputError(
        f"expected an output named {', '.join(H264_SUFFIXES)} (H.264), {EXACT_SUFFIX} (lossless), {GIF_SUFFIX}, or a "
        f"folder for PNG, got {out}"
    )


def is_folder_name(out: pathlib.Path) -> bool:
    """Returns whether an output is a folder of PNG files: no suffix, or an existing folder such as `frames.v2`."""
    return out.suffix == "" or (out.suffix.lower() not in FILE_SUFFIXES and os.path.isdir(out))


def check_outputs(
    out: pathlib.Path,
    mask_path: pathlib.Path | None,
    read: Mapping[str, pathlib.Path],
    *,
    overwrite: bool,
    fingerprint: dict | None = None,
    also: Mapping[str, pathlib.Path] | None = None,
) -> None:
    """Checks, before any work, that the outputs of a video can be written and replace no other files.

    Args:
        out: Output path of the video, GIF or folder.
        mask_path: Output path of the mask; None if no mask is written.
        read: Every path that is read, by its description, for example {"the input": ...}.
        overwrite: Whether existing outputs are replaced.
        fingerprint: Fingerprint of this conversion, see `resume.ChunkStore`; outputs that it finished before it was
            stopped may be replaced.
        also: Other paths that will be written, by their description.

    Raises:
        InputError: If an output cannot be written; the message says what to do.
    """
    outs = {"picture": out} | ({"mask": mask_path} if mask_path is not None else {})
    labels = {"picture": "the output", "mask": "the mask"}
    for path in outs.values():
        suffix = chunk_suffix(path)
        check_names(path.parent, [*names_made(path), *(hidden.name for hidden in _hidden(path)), f"o{suffix}"])
    hidden = {f"{path.name}, made for {labels[kind]}": path for kind, each in outs.items() for path in _hidden(each)}
    written = {labels[kind]: path for kind, path in outs.items()} | dict(also or {})
    check_paths(written | hidden, read)
    for label, path in (written | hidden).items():
        check_no_link(path, label)
    for kind, path in outs.items():
        _check_present(path, overwrite or is_interrupted(out, kind, path, fingerprint))
        _check_sidecar(sidecar_path(path))
        check_writable(path.parent)


def _hidden(out: pathlib.Path) -> list[pathlib.Path]:
    """Lists the hidden files and folders that a conversion creates beside an output."""
    temporary = out.with_name(f".{out.stem}.partial{out.suffix}")
    folders = [parts_folder(out), out.with_name(f".{out.name}.faces")]
    if is_folder_name(out):
        return [*folders, unfinished_folder(out), replaced_folder(out), sidecar_path(out)]
    return [*folders, temporary, sidecar_path(out)]


def _check_present(out: pathlib.Path, may_replace: bool) -> None:
    """Refuses an existing output, unless it may be replaced and is of the same kind.

    In a folder, only files that a conversion wrote may be replaced.
    """
    if not is_folder_name(out):
        if os.path.isdir(out):
            raise InputError(f"{out} is a folder; name the file to write")
        if os.path.lexists(out) and not (out.is_file() and may_replace):
            raise InputError(f"{out} is already there; pass --overwrite or name another file")
        return
    if os.path.lexists(out) and not out.is_dir():
        raise InputError(f"{out} is not a folder; name a folder for PNG files, or a video with its suffix")
    clear_unfinished(out)
    if out.is_dir() and any(out.iterdir()):
        if not may_replace:
            raise InputError(f"{out} is already there; pass --overwrite or name another folder")
        if foreign := WrittenFiles(out).foreign():
            raise InputError(
                f"{out} holds {name_some(foreign)}, which no conversion wrote, or which was changed since; it is not "
                "replaced: name another folder, or move it elsewhere"
            )


def _check_sidecar(path: pathlib.Path) -> None:
    """Refuses to replace a file that has the name of a sidecar but is not one."""
    if not os.path.lexists(path):
        return
    try:
        is_ours = path.is_file() and path.stat().st_size <= JSON_BYTES.value
        found = json.loads(path.read_bytes()) if is_ours else None
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not {"schema", "facts"} <= found.keys():
        raise InputError(f"{path} is there already and was not written by a conversion; move it elsewhere")


def write_output(
    out: pathlib.Path,
    chunks: Chunks,
    time_range: TimeRange,
    *,
    with_sound: bool,
    audio_stop: float | None = None,
    on_written: typing.Callable[[pathlib.Path], None] | None = None,
    progress: bool = False,
) -> None:
    """Joins chunks into the output, which appears under its name only when it is complete.

    Args:
        out: Output path of the file or folder.
        chunks: Videos whose suffix is `chunk_suffix` of the output.
        time_range: The converted part of the video.
        with_sound: Whether the sound of the video is copied, if the output format can contain sound.
        audio_stop: Time in seconds at which the sound ends; None for the end of the video.
        on_written: Called with the complete file or folder before it gets its final name.
        progress: Whether a progress bar is shown.
    """
    suffix = out.suffix.lower()
    on_written = on_written or (lambda path: None)
    if suffix in (*H264_SUFFIXES, EXACT_SUFFIX):
        with replacing(out) as unfinished:
            join_videos(
                chunks,
                unfinished,
                audio_from=time_range.info.path if with_sound else None,
                audio_start=0.0 if time_range.start == 0 else float(time_range.seconds[0]),
                audio_stop=audio_stop,
                length=time_range.length,
            )
            on_written(unfinished)
        return
    frames = itertools.chain.from_iterable(read_frames(path) for path, _ in chunks)
    frames = show_progress(frames, "write", disable=not progress)
    if suffix == GIF_SUFFIX:
        with replacing(out) as unfinished:
            length = None if time_range.times is None else time_range.length  # frames of a constant rate say it all
            write_gif(frames, unfinished, fps=time_range.info.fps, times=time_range.times, length=length)
            on_written(unfinished)
        return
    clear_unfinished(out)
    unfinished = unfinished_folder(out)
    for index, frame in enumerate(frames):
        write_image(unfinished / PICTURE.format(index), frame)
    WrittenFiles(unfinished).write()
    on_written(unfinished)
    replace_folder(unfinished, out)
