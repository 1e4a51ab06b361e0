"""Check of the free disk space before a conversion, by a lower bound of what it needs."""

import pathlib
from collections.abc import Mapping

from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.output_formats import H264_SUFFIXES
from faceswap_lib.conversion.resume import parts_folder
from faceswap_lib.conversion.stages.annotate import num_panels
from faceswap_lib.conversion.time_range import TimeRange
from faceswap_lib.facesets.writable import check_room, nearest_folder

EXACT_BYTES = 0.3
"""Bytes per pixel of lossless video, PNG or GIF; camera images need 0.8 to 1.5, drawings as little as this."""

LOSSY_SHARE = 0.3
"""Size of H.264 at CRF 18 as a fraction of the input's size; most input videos are H.264 themselves."""

LOSSY_BYTES = 0.02
"""Bytes per pixel of H.264 at CRF 18; an upper limit of the estimate for inputs with large files."""

HALVING = 6
"""Increase of CRF that halves the size."""

MASK_SHARE = 0.1
"""Size of a mask video, which is mostly black, as a fraction of the result's size."""


def check_space(outs: Mapping[str, pathlib.Path], time_range: TimeRange, config: OutputConfig) -> None:
    """Checks that the disks have space for the outputs, and for the chunks, which are kept until all outputs are done.

    The estimate is a lower bound, so that no possible conversion is refused. The disk may still become full; then the
    finished chunks are kept.

    Args:
        outs: Output paths by kind, as in `ConversionJob.outputs`; chunks are stored beside "picture".
        time_range: The converted part of the video.
        config: Layout and quality of the output.

    Raises:
        InputError: If space is missing; the message says how much is needed and how much is free.
    """
    needed: dict[pathlib.Path, float] = {}
    parts = nearest_folder(outs["picture"].parent)
    for kind, out in outs.items():
        size = _estimate(out, time_range, config)
        size *= num_panels(config.layout) if kind == "picture" else MASK_SHARE
        for folder in (parts, nearest_folder(out.parent)):
            needed[folder] = needed.get(folder, 0) + size
    if (chunks := parts_folder(outs["picture"])).is_dir():
        needed[parts] -= sum(path.stat().st_size for path in chunks.iterdir())
    for folder, size in needed.items():
        check_room(folder, size, "the conversion", "convert a part with --start and --end")


def _estimate(out: pathlib.Path, time_range: TimeRange, config: OutputConfig) -> float:
    """Estimates the smallest size in bytes of an output in layout "result"."""
    info, frames = time_range.info, len(time_range.seconds)
    pixels = info.width * info.height * frames
    if out.suffix.lower() not in H264_SUFFIXES:
        return EXACT_BYTES * pixels
    fraction = 1.0 if time_range.is_whole else frames / max(info.frame_count or frames, frames)
    size = min(LOSSY_SHARE * info.path.stat().st_size * fraction, LOSSY_BYTES * pixels)
    return size * 2 ** ((18 - config.crf) / HALVING)
