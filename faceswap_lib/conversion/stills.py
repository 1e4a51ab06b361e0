"""Converting pictures: one, or a folder of them."""

import dataclasses
import logging
import pathlib
import typing

import numpy as np
from tqdm.auto import tqdm

from faceswap_lib.conversion.composite import Compositor
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.convert import ConversionReport
from faceswap_lib.conversion.label import Label
from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.pieces import Notes
from faceswap_lib.conversion.stages import Shot, paint_batches, sample_interval, swap_batches, uses_parts
from faceswap_lib.conversion.still_outputs import StillOutputs
from faceswap_lib.conversion.swapper import FaceSwapper
from faceswap_lib.errors import InputError, VideoError
from faceswap_lib.faces import FaceDetector, TrackConfig
from faceswap_lib.faces.choose import StillChooser
from faceswap_lib.faces.landmarks import open_landmark_finder
from faceswap_lib.media.stills import compose, read_picture

logger = logging.getLogger(__name__)


def convert_stills(
    source: pathlib.Path,
    out: pathlib.Path,
    swapper: FaceSwapper,
    detector: FaceDetector,
    *,
    config: ConvertConfig | None = None,
    output_config: OutputConfig | None = None,
    track_config: TrackConfig | None = None,
    overwrite: bool = False,
    finish: typing.Callable[[pathlib.Path], None] | None = None,
    progress: bool = False,
) -> ConversionReport:
    """Swaps the wanted faces of pictures, each by itself.

    Args:
        source: A picture, or a folder of them.
        out: For a picture the .png or .jpg to write; for a folder the folder, which gets the same names.
        swapper: Writes the new faces.
        detector: Finds the old ones.
        config: How faces are swapped.
        output_config: What is written; stretches and qualities of video mean nothing here.
        track_config: Whose faces.
        overwrite: Replace pictures that are there already; without it, a folder's finished ones are passed over.
        finish: Called with each written picture.
        progress: Show a progress bar.

    Returns:
        What was done; `resumed_at` counts the pictures passed over.

    Raises:
        InputError: If there is no picture, no face in any of them, or `out` cannot be written.
    """
    config, output_config = config or ConvertConfig(), output_config or OutputConfig()
    names = _name_outputs(source, out, overwrite)
    todo = {path: name for path, name in names.items() if overwrite or not name.exists()}
    chooser = StillChooser((track_config or TrackConfig()).who, detector)
    finder = open_landmark_finder() if uses_parts(config) else None
    every, notes, broken = sample_interval(len(todo)), Notes(), 0
    for index, (path, name) in enumerate(show_progress(todo.items(), "convert", disable=not progress)):
        try:
            image = read_image(path)
        except VideoError as error:
            if len(names) == 1:
                raise
            broken += 1
            logger.warning("passed over: %s", error)
            continue
        faces = dict(enumerate(chooser.choose(image)))
        shot = Shot(index=index, seconds=0.0, frame=image, faces=faces)
        label = Label(image.shape[1], image.shape[0]) if output_config.label else None
        swapped = swap_batches(iter([[shot]]), swapper, finder)
        compositor = Compositor(config, swapper.coverage)  # a new one: colours of other pictures mean nothing here
        next(paint_batches(swapped, compositor, output_config, label, sample_every=every))
        write_image(name, shot.shown)
        if output_config.mask_out is not None:
            write_image(_mask_name(output_config.mask_out, name, source), shot.mask)
        if finish is not None:
            finish(name)
        notes.add(shot.notes)
    if todo and not notes.swapped:
        raise InputError(f"{source}: no face in any of {len(todo)} pictures; nothing was swapped")
    if broken:
        logger.warning("%d of %d pictures could not be read", broken, len(names))
    return ConversionReport(
        out=out,
        frames=notes.frames,
        swapped=notes.swapped,
        mask_mean=float(np.mean(notes.masks)) if notes.masks else float("nan"),
        resumed_at=len(names) - len(todo),
        samples=tuple(notes.samples),
        points=tuple(notes.points),
    )


def _name_outputs(source: pathlib.Path, out: pathlib.Path, overwrite: bool) -> dict[pathlib.Path, pathlib.Path]:
    """Which picture is written where."""
    stills = find_stills(source)
    if not stills:
        raise InputError(f"{source}: no picture in it; expected files named {', '.join(READ)}")
    if source.is_dir():
        if out.suffix or out.is_file():
            raise InputError(f"expected a folder to write the pictures of {source} to, got {out}")
        if out.exists() and out.samefile(source):
            raise InputError(f"{out} is the input; name another folder")
        return {path: out / (path.name if path.suffix.lower() in WRITTEN else f"{path.name}.png") for path in stills}
    if out.suffix.lower() not in WRITTEN:
        raise InputError(f"expected an output named {', '.join(WRITTEN)}, got {out}")
    if out.exists() and out.samefile(source):
        raise InputError(f"{out} is the input; name another file to write")
    if out.exists() and not overwrite:
        raise InputError(f"{out} is already there; pass --overwrite or name another file")
    return {source: out}


def _mask_name(mask_out: pathlib.Path, name: pathlib.Path, source: pathlib.Path) -> pathlib.Path:
    return mask_out / f"{name.stem}.png" if source.is_dir() else mask_out
