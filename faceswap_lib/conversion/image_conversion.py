"""Conversion of an image, or of a folder of images."""

import logging
import pathlib

import numpy as np

from faceswap_lib.config_fields import options_to_dict
from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.image_inputs import ImageInputs, find_images, list_folder
from faceswap_lib.conversion.image_outputs import ImageOutputs
from faceswap_lib.conversion.job import ConversionJob, ConversionReport
from faceswap_lib.conversion.resume import ChunkStats
from faceswap_lib.conversion.stages.annotate import AnnotateStage
from faceswap_lib.conversion.stages.composite import CompositeStage
from faceswap_lib.conversion.stages.frame_task import FrameTask
from faceswap_lib.conversion.stages.swap import SwapStage
from faceswap_lib.conversion.swapper import ViewSwapper
from faceswap_lib.errors import InputError, VideoError
from faceswap_lib.faces import FaceDetector
from faceswap_lib.faces.selection import ImageFaceSelector
from faceswap_lib.media import write_image
from faceswap_lib.media.images import compose, read_picture
from faceswap_lib.media.picture_decoding import SUFFIXES, Picture
from faceswap_lib.progress import show_progress

logger = logging.getLogger(__name__)


def convert_images(job: ConversionJob, swapper: ViewSwapper, detector: FaceDetector) -> ConversionReport:
    """Swaps faces in an image, or in every image of a folder independently.

    Colors are converted to sRGB. Transparency is kept only in a PNG file that shows the result alone; otherwise the
    image is composited over white, and a warning is logged. Time ranges and video quality do not apply.

    Args:
        job: What to convert. In a folder, images that an earlier call has finished are skipped, unless the job
            overwrites.
        swapper: Generates the new faces.
        detector: Detects the faces to replace.

    Returns:
        What was done; `resumed_at` counts the skipped images.

    Raises:
        InputError: If there is no image, no face in any of them, or the output cannot be written.
    """
    images = _find_inputs(job.source)
    options = [options_to_dict(one) for one in (job.config, job.output_config, job.track_config)]
    outputs = ImageOutputs(
        job.source,
        images,
        job.out,
        job.output_config.mask_path,
        fingerprint={"options": options, "plan": job.fingerprint},  # the keys are part of stored digests
        overwrite=job.overwrite,
    )
    converter = _ImageConverter(job, swapper, detector, length=len(outputs.todo))
    stats, broken = ChunkStats(), 0
    for index, path in enumerate(show_progress(outputs.todo, "convert", disable=not job.progress)):
        try:
            picture = read_picture(path)
        except VideoError as error:
            if not job.source.is_dir():
                raise
            broken += 1
            logger.warning("skipped: %s", error)
            continue
        for note in picture.notes:
            logger.warning("%s: %s", path.name, note)
        task, alpha = converter.convert(index, picture, outputs.names[path].picture)
        with outputs.writing(path) as unfinished:
            write_image(unfinished.picture, task.written, alpha)
            if unfinished.mask is not None:
                write_image(unfinished.mask, task.written_mask)
            if job.on_written is not None:
                job.on_written(unfinished.picture)
        stats.add(task.stats)
    if broken:
        logger.warning("%d of %d pictures could not be read", broken, len(images))
    if outputs.todo and broken == len(outputs.todo):
        raise InputError(f"{job.source}: none of {broken} pictures could be read; nothing was swapped")
    if outputs.todo and not stats.swapped:
        raise InputError(f"{job.source}: no face in any of {len(outputs.todo) - broken} pictures; nothing was swapped")
    return ConversionReport(
        out=job.out,
        frames=stats.frames,
        swapped=stats.swapped,
        mask_mean=float(np.mean(stats.masks)) if stats.masks else float("nan"),
        resumed_at=len(outputs.finished),
        samples=tuple(stats.samples),
        points=tuple(stats.points),
    )


class _ImageConverter:
    """Converter of single images, by the stages swap, composite and annotate."""

    def __init__(self, job: ConversionJob, swapper: ViewSwapper, detector: FaceDetector, *, length: int):
        self._job, self._length, self._coverage = job, length, swapper.coverage
        self._selector = ImageFaceSelector(job.track_config.subject, detector)
        self._swap = SwapStage(swapper, job.config)

    def convert(self, index: int, picture: Picture, out: pathlib.Path) -> tuple[FrameTask, np.ndarray | None]:
        """Swaps the wanted faces of an image.

        Args:
            index: Number of the image.
            picture: The image.
            out: Output path; only a PNG file may be transparent.

        Returns:
            The task with its output, and the (H, W) alpha channel to write with it; None for an opaque image.
        """
        output_config = self._job.output_config
        image, alpha = picture.image, picture.alpha
        if alpha is not None and (out.suffix.lower() != ".png" or output_config.layout != "result"):
            image, alpha = compose(image, alpha), None
            logger.warning(
                "%s: transparent parts are white; only a PNG file that shows the result alone can be transparent",
                out.name,
            )
        task = FrameTask(index=index, seconds=0.0, frame=image, faces=dict(enumerate(self._selector.choose(image))))
        height, width = image.shape[:2]
        composite = CompositeStage(Compositor(self._job.config, self._coverage), output_config)  # no state to keep
        annotate = AnnotateStage(output_config, width=width, height=height, length=self._length)
        for stage in (self._swap, composite, annotate):
            stage.process([task])
        if alpha is not None and annotate.label is not None:
            alpha = alpha.copy()
            left, top, right, bottom = annotate.label.box_xyxy
            alpha[top:bottom, left:right] = 255  # the label must be visible
        return task, alpha


def _find_inputs(source: pathlib.Path) -> list[pathlib.Path]:
    """Lists the images of the source, and logs which files are skipped."""
    found = list_folder(source) if source.is_dir() else ImageInputs(stills=tuple(find_images(source)), others=())
    others = found.describe_others()
    if not found.stills:
        raise InputError(
            f"{source}: no picture in it{f' ({others})' if others else ''}; expected files named {', '.join(SUFFIXES)}"
        )
    if others:
        logger.warning("%s: %s", source, others)
    return list(found.stills)
