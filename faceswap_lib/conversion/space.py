"""How much disk a conversion needs at least, looked at before hours of work."""

import pathlib
from collections.abc import Mapping

from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.output_formats import H264_SUFFIXES
from faceswap_lib.conversion.resume import parts_folder
from faceswap_lib.conversion.stages.annotate import num_panels
from faceswap_lib.conversion.time_range import TimeRange
from faceswap_lib.facesets.writable import check_room, nearest_folder

EXACT_BYTES = 0.3
"""Bytes of a pixel in exact video, PNG or GIF; pictures of a camera take 0.8 to 1.5, drawn ones as few as this."""

LOSSY_SHARE = 0.3
"""Bytes of H.264 at quality 18 as a share of the input's; most of what people convert is H.264 itself."""

LOSSY_BYTES = 0.02
"""Bytes of a pixel in H.264 at quality 18, where the input itself takes more than that would."""

HALVING = 6
"""Steps of the quality that halve the bytes."""

MASK_SHARE = 0.1
"""Bytes of a mask, most of which is black, as a share of the picture's."""


def check_space(outs: Mapping[str, pathlib.Path], stretch: TimeRange, config: OutputConfig) -> None:
    """Refuses a conversion that has no room: its pieces lie beside the first output until all outputs are there.

    The estimate is low, so that nobody is refused who had room; a disk may still become full, and nothing is lost then.

    Raises:
        InputError: With how much is needed and how much there is.
    """
    needed: dict[pathlib.Path, float] = {}
    parts = nearest_folder(outs["picture"].parent)
    for kind, out in outs.items():
        size = _estimate(out, stretch, config)
        size *= num_panels(config.layout) if kind == "picture" else MASK_SHARE
        for folder in (parts, nearest_folder(out.parent)):
            needed[folder] = needed.get(folder, 0) + size
    if (made := parts_folder(outs["picture"])).is_dir():
        needed[parts] -= sum(path.stat().st_size for path in made.iterdir())
    for folder, size in needed.items():
        check_room(folder, size, "the conversion", "convert a part with --start and --end")


def _estimate(out: pathlib.Path, stretch: TimeRange, config: OutputConfig) -> float:
    """How many bytes the result alone has at least."""
    info, frames = stretch.info, len(stretch.seconds)
    pixels = info.width * info.height * frames
    if out.suffix.lower() not in H264_SUFFIXES:
        return EXACT_BYTES * pixels
    share = 1.0 if stretch.is_whole else frames / max(info.frame_count or frames, frames)
    size = min(LOSSY_SHARE * info.path.stat().st_size * share, LOSSY_BYTES * pixels)
    return size * 2 ** ((18 - config.crf) / HALVING)
