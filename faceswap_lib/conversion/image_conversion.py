"""Converting pictures: one, or a folder of them."""

import logging
import pathlib
import typing

import numpy as np

from faceswap_lib.config_fields import options_to_dict
from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.frame_pipeline import (
    FrameTask,
    composite_batches,
    sample_interval,
    swap_batches,
    uses_parts,
)
from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.resume import ChunkStats
from faceswap_lib.conversion.still_inputs import StillInputs, find_stills, list_folder
from faceswap_lib.conversion.still_outputs import StillOutputs
from faceswap_lib.conversion.swapper import ViewSwapper
from faceswap_lib.conversion.video_conversion import ConversionReport
from faceswap_lib.errors import InputError, VideoError
from faceswap_lib.faces import FaceDetector, TrackConfig
from faceswap_lib.faces.landmarks import open_landmark_detector
from faceswap_lib.faces.selection import ImageFaceSelector
from faceswap_lib.media import write_image
from faceswap_lib.media.images import compose, read_picture
from faceswap_lib.media.picture_decoding import SUFFIXES, Picture
from faceswap_lib.progress import show_progress
from faceswap_lib.provenance.visible_label import Label

logger = logging.getLogger(__name__)


def convert_stills(
    source: pathlib.Path,
    out: pathlib.Path,
    swapper: ViewSwapper,
    detector: FaceDetector,
    *,
    config: ConvertConfig | None = None,
    output_config: OutputConfig | None = None,
    track_config: TrackConfig | None = None,
    plan: dict | None = None,
    overwrite: bool = False,
    finish: typing.Callable[[pathlib.Path], None] | None = None,
    progress: bool = False,
) -> ConversionReport:
    """Swaps the wanted faces of pictures, each by itself.

    Colors are converted to sRGB. What is transparent stays so in a PNG that shows the result alone; elsewhere it is
    laid over white, which is said.

    Args:
        source: A picture, or a folder of them.
        out: For a picture the .png or .jpg to write; for a folder the folder, which gets the same names.
        swapper: Writes the new faces.
        detector: Finds the old ones.
        config: How faces are swapped.
        output_config: What is written; stretches and qualities of video mean nothing here.
        track_config: Whose faces.
        plan: Plain JSON that tells this conversion from others with the same options, such as the run and its step.
        overwrite: Replace pictures that are there already; without it, a folder's finished ones are passed over.
        finish: Called with each written picture before it gets its name, for what belongs into it; see
            `still_outputs.finished_name`.
        progress: Show a progress bar.

    Returns:
        What was done; `resumed_at` counts the pictures passed over.

    Raises:
        InputError: If there is no picture, no face in any of them, or `out` cannot be written.
    """
    config, output_config = config or ConvertConfig(), output_config or OutputConfig()
    track_config = track_config or TrackConfig()
    stills = _find_inputs(source)
    options = [options_to_dict(one) for one in (config, output_config, track_config)]
    plan = {"options": options, "plan": plan}
    outputs = StillOutputs(source, stills, out, output_config.mask_path, plan=plan, overwrite=overwrite)
    painter = _StillPainter(
        swapper,
        config,
        output_config,
        ImageFaceSelector(track_config.subject, detector),
        sample_interval(len(outputs.todo)),
    )
    notes, broken = ChunkStats(), 0
    for index, still in enumerate(show_progress(outputs.todo, "convert", disable=not progress)):
        try:
            picture = read_picture(still)
        except VideoError as error:
            if not source.is_dir():
                raise
            broken += 1
            logger.warning("passed over: %s", error)
            continue
        for note in picture.notes:
            logger.warning("%s: %s", still.name, note)
        shot, alpha = painter.paint(index, picture, outputs.names[still].picture)
        with outputs.writing(still) as unfinished:
            write_image(unfinished.picture, shot.shown, alpha)
            if unfinished.mask is not None:
                write_image(unfinished.mask, shot.mask)
            if finish is not None:
                finish(unfinished.picture)
        notes.add(shot.notes)
    if outputs.todo and not notes.swapped:
        raise InputError(f"{source}: no face in any of {len(outputs.todo)} pictures; nothing was swapped")
    if broken:
        logger.warning("%d of %d pictures could not be read", broken, len(stills))
    return ConversionReport(
        out=out,
        frames=notes.frames,
        swapped=notes.swapped,
        mask_mean=float(np.mean(notes.masks)) if notes.masks else float("nan"),
        resumed_at=len(outputs.finished),
        samples=tuple(notes.samples),
        points=tuple(notes.points),
    )


class _StillPainter:
    """Swaps the faces of one picture after the other, none of which knows of the others."""

    def __init__(
        self,
        swapper: ViewSwapper,
        config: ConvertConfig,
        output_config: OutputConfig,
        chooser: ImageFaceSelector,
        sample_every: int,
    ):
        self._swapper, self._config, self._output_config = swapper, config, output_config
        self._chooser, self._sample_every = chooser, sample_every
        self._finder = open_landmark_detector() if uses_parts(config) else None

    def paint(self, index: int, picture: Picture, out: pathlib.Path) -> tuple[FrameTask, np.ndarray | None]:
        """Swaps the wanted faces of a picture.

        Args:
            index: Its number.
            picture: The picture.
            out: Where it will be written, which says whether it may be transparent.

        Returns:
            The painted shot, and the opacity to write with it; None for an opaque picture.
        """
        image, alpha = picture.image, picture.alpha
        if alpha is not None and (out.suffix.lower() != ".png" or self._output_config.layout != "result"):
            image, alpha = compose(image, alpha), None
            logger.warning("%s: what was transparent is white; only a PNG of the result alone can be", out.name)
        shot = FrameTask(index=index, seconds=0.0, frame=image, faces=dict(enumerate(self._chooser.choose(image))))
        label = Label(image.shape[1], image.shape[0]) if self._output_config.label else None
        swapped = swap_batches(iter([[shot]]), self._swapper, self._finder)
        compositor = Compositor(self._config, self._swapper.coverage)  # a new one: colors of others mean nothing here
        next(composite_batches(swapped, compositor, self._output_config, label, sample_every=self._sample_every))
        if alpha is not None and label is not None:
            alpha = alpha.copy()
            left, top, right, bottom = label.box_xyxy
            alpha[top:bottom, left:right] = 255  # a label that nobody sees is none
        return shot, alpha


def _find_inputs(source: pathlib.Path) -> list[pathlib.Path]:
    """Finds the pictures, and says what is passed over."""
    found = list_folder(source) if source.is_dir() else StillInputs(stills=tuple(find_stills(source)), others=())
    others = found.describe_others()
    if not found.stills:
        raise InputError(
            f"{source}: no picture in it{f' ({others})' if others else ''}; expected files named {', '.join(SUFFIXES)}"
        )
    if others:
        logger.warning("%s: %s", source, others)
    return list(found.stills)
