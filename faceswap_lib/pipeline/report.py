"""Report of a whole pipeline run: a video of both inputs and the result side by side, and an HTML page."""

import dataclasses
import pathlib
import platform
import typing

import numpy as np

from faceswap_lib.conversion import OutputConfig
from faceswap_lib.conversion.time_range import TimeRange
from faceswap_lib.evaluation import Page, SwapDifference, compare_videos, draw_losses
from faceswap_lib.faces import VideoTracks
from faceswap_lib.media import read_frames, read_image, write_side_by_side
from faceswap_lib.pipeline.converting import Conversion
from faceswap_lib.training import TrainReport, read_history

SHOWN_FRAMES = 5
"""Number of frames on the page."""

COMPARED_EVERY = 5
"""Interval of the frames that are compared with the input."""

SIDE_BY_SIDE = "side_by_side.mp4"
PAGE = "report.html"

ABOUT = (
    "The faces of both videos were detected, tracked and aligned; one encoder and two decoders were trained on both; "
    "and the video was converted. It is a made-up video: nobody did or said this."
)

PREVIEW = (
    "Input, attention mask, raw face, composite; A encoded and decoded as A (a2a), B as B (b2b), A as B (a2b), B as A "
    "(b2a)."
)

WORST = "The worst face: input, result, and the wanted person in a similar pose."


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunReport:
    """Result of a whole pipeline run.

    Attributes:
        videos: Videos of A and of B.
        direction: "a2b" shows B's face in A's video, "b2a" shows A's face in B's video.
        tracks: Face tracks of the video that was converted.
        training: What the training did.
        conversion: What the conversion did, and whether it is a swap.
        side_by_side: Video of the input, the wanted face and the output; None if the layout of the output already
            contains the input.
        page: The HTML page.
        difference: How the output differs from its input; None if the layout of the output already contains the input.
    """

    videos: tuple[pathlib.Path, pathlib.Path]
    direction: typing.Literal["a2b", "b2a"]
    tracks: VideoTracks
    training: TrainReport
    conversion: Conversion
    side_by_side: pathlib.Path | None
    page: pathlib.Path
    difference: SwapDifference | None

    @property
    def video(self) -> pathlib.Path:
        """Output video."""
        return self.conversion.report.out

    @property
    def original(self) -> pathlib.Path:
        """Video that was converted."""
        return self.videos[self.direction == "b2a"]


def write_report(
    folder: pathlib.Path,
    videos: tuple[pathlib.Path, pathlib.Path],
    *,
    direction: typing.Literal["a2b", "b2a"],
    output_config: OutputConfig,
    tracks: VideoTracks,
    training: TrainReport,
    conversion: Conversion,
) -> RunReport:
    """Writes a video of both inputs and the output side by side, and an HTML page that describes the run.

    Args:
        folder: Folder to which both are written.
        videos: Videos of A and of B.
        direction: Direction of the conversion, which determines the converted video.
        output_config: Time range and layout of the output.
        tracks: Face tracks of the video that was converted, by its frames.
        training: What the training did.
        conversion: What the conversion did.

    Returns:
        The report.
    """
    beside, difference = None, None
    original, wanted = videos if direction == "a2b" else videos[::-1]
    start = TimeRange.of(original, output_config).start
    if output_config.layout == "result":
        beside = folder / SIDE_BY_SIDE
        a, b = ("A", "B") if direction == "a2b" else ("B", "A")
        labels = [f"{a}, the input", f"{b}, the face wanted", f"{a} with {b}'s face"]
        clips = [original, wanted, conversion.report.out]
        write_side_by_side(clips, beside, labels=labels, starts=[start, 0, 0], sound_from=2)
        difference = compare_videos(original, conversion.report.out, tracks, COMPARED_EVERY, start=start)
    report = RunReport(
        videos=videos,
        direction=direction,
        tracks=tracks,
        training=training,
        conversion=conversion,
        side_by_side=beside,
        page=folder / PAGE,
        difference=difference,
    )
    write_page(report, f"{original.name} with the face of {wanted.name}", ABOUT, start=start)
    return report


def write_page(report: RunReport, title: str, about: str, *, start: int = 0) -> None:
    """Writes the HTML page of a whole pipeline run.

    Args:
        report: Result of the run.
        title: Title of the page.
        about: First paragraph of the page.
        start: Index of the first frame that was converted.
    """
    training, conversion, check = report.training, report.conversion.report, report.conversion.check
    page = Page(title)
    page.add_text(about)
    if report.side_by_side is not None:
        page.add_picture(
            _frame_pairs(report.original, conversion.out, conversion.frames, start),
            "Top row: input; bottom row: output, at the same times.",
        )
        page.add_video(report.side_by_side.name, "Input, wanted face, output. The file lies beside this page.")
    page.add_heading("Is it a swap?")
    page.add_text(f"No: {check.trouble}." if check.trouble else f"{check.to_text()[0].upper()}{check.to_text()[1:]}.")
    if check.note:
        page.add_text(f"{check.note}.")
    if check.picture is not None:
        page.add_picture(read_image(check.picture), WORST, wide=True)
    if report.conversion.people is not None:
        page.add_text(f"In the input: {report.conversion.people.to_text()}.")
    page.add_heading("What was done")
    page.add_table(_facts(report))
    page.add_heading("Losses")
    page.add_picture(draw_losses(read_history(training.folder / "history.jsonl")), "Pale: as logged. Strong: smoothed.")
    preview = training.folder / "previews" / f"step-{training.step:08d}.png"
    if preview.is_file():
        page.add_heading("Input and output of the networks")
        page.add_picture(read_image(preview), PREVIEW, wide=True)
    page.write(report.page)


def _facts(report: RunReport) -> dict[str, str]:
    """Lists the rows of the table of a page."""
    training, conversion, difference = report.training, report.conversion.report, report.difference
    facts = {
        "training steps": str(training.step),
        "resumed at step": str(training.resumed_at),
        "seconds of training in this call": f"{training.seconds:.0f} on {platform.machine()}",
        "frames": f"{conversion.swapped} of {conversion.frames} swapped (a face in {report.tracks.found})",
        "attention mask": f"{conversion.mask_mean:.2f} on average over the views; 0 would swap nothing",
    }
    if difference is not None:
        background = difference.background_psnr
        facts["change inside the face"] = f"{difference.face_change:.1f} of 255 on average; 0 would be the input itself"
        facts["image outside the face"] = "not visible" if background is None else f"{background:.1f} dB PSNR"
    return facts


def _frame_pairs(original: pathlib.Path, converted: pathlib.Path, frames: int, start: int) -> np.ndarray:
    """Tiles n frames of both videos, the original above the converted video: (2 H, n W, 3) uint8 RGB.

    Args:
        original: The input video.
        converted: The converted video.
        frames: Number of frames of the converted video.
        start: Index in the original of the first frame that was converted.
    """
    chosen = np.linspace(0, frames - 1, min(SHOWN_FRAMES, frames) + 2).round().astype(int)[1:-1]
    return np.concatenate([_frames_at(original, chosen + start), _frames_at(converted, chosen)])


def _frames_at(video: pathlib.Path, indices: np.ndarray) -> np.ndarray:
    """Reads n frames of a video and tiles them to (H, n W, 3) uint8 RGB; only these frames are kept in memory."""
    wanted = indices.tolist()
    found = {index: frame for index, frame in enumerate(read_frames(video, stop=wanted[-1] + 1)) if index in wanted}
    return np.concatenate([found[index] for index in wanted], axis=1)
