"""The demo: two animated portraits through the whole pipeline, and a page about what came out."""

import dataclasses
import pathlib
import platform

import numpy as np

from faceswap_lib.demo.course import CONVERSION, STEPS, make_clips
from faceswap_lib.evaluation import Page, SwapDifference, compare_videos, draw_losses
from faceswap_lib.faces import ClipTracks
from faceswap_lib.facesets import Workspace
from faceswap_lib.media import read_frames, read_image, write_side_by_side
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.pipeline import RunReport, run_all
from faceswap_lib.training import TrainConfig, read_history

SHOWN_FRAMES = 5
"""Frames the page shows."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DemoReport:
    """Where the demo's results are.

    Attributes:
        video: The swapped video.
        side_by_side: Input and swapped video next to each other.
        page: The report.
        difference: How the swapped video differs from its input.
    """

    video: pathlib.Path
    side_by_side: pathlib.Path
    page: pathlib.Path
    difference: SwapDifference


def run_demo(
    folder: pathlib.Path,
    *,
    steps: int = STEPS,
    seconds: float = 6,
    network_config: NetworkConfig | None = None,
    progress: bool = False,
) -> DemoReport:
    """Swaps Eileen Collins's face onto Grace Hopper, from two portraits to a report.

    Stopped and called again, it goes on where it was.

    Args:
        folder: The workspace.
        steps: Training steps.
        seconds: Length of the two clips.
        network_config: Which networks; None means the default ones.
        progress: Show progress bars.

    Returns:
        Where the results are.

    Raises:
        FaceswapError: As the single steps do.
    """
    workspace, train_config = Workspace(folder), TrainConfig(steps=steps)
    hopper, collins = make_clips(folder / "clips", seconds=seconds)
    report = run_all(
        hopper,
        collins,
        workspace,
        network_config=network_config,
        train_config=train_config,
        convert_config=CONVERSION,
        progress=progress,
    )
    video = report.conversion.report.out
    beside = folder / "side_by_side.mp4"
    write_side_by_side(
        [hopper, collins, video], beside, labels=["A, the input", "B, the face wanted", "A with B's face"]
    )
    difference = compare_videos(hopper, video, report.tracks)
    page = folder / "report.html"
    _write_page(page, report, hopper, report.tracks, difference)
    return DemoReport(video=video, side_by_side=beside, page=page, difference=difference)


def _write_page(
    path: pathlib.Path,
    report: RunReport,
    original: pathlib.Path,
    tracks: ClipTracks,
    difference: SwapDifference,
) -> None:
    folder, conversion = report.training.folder, report.conversion.report
    page = Page("Face swap demo: Grace Hopper with Eileen Collins's face")
    page.add_text(
        "Two public-domain portraits were animated, their faces found, followed and aligned; one encoder and two "
        "decoders learned both; and Hopper's clip was converted. It is a made-up video: nobody did or said this."
    )
    page.add_picture(_frame_pairs(original, conversion.out), "Above the input, below the output, at the same moments.")
    page.add_video("side_by_side.mp4", "Input, wanted face, output. The file lies beside this page.")
    page.add_heading("What was done")
    background = difference.background_psnr
    page.add_table(
        {
            "training steps": str(report.training.step),
            "resumed at step": str(report.training.resumed_at),
            "seconds of training in this call": f"{report.training.seconds:.0f} on {platform.machine()}",
            "frames": f"{conversion.swapped} of {conversion.frames} swapped (a face in {tracks.found})",
            "attention mask": f"{conversion.mask_mean:.2f} on average over the views; 0 would swap nothing",
            "change inside the face": f"{difference.face_change:.1f} of 255 on average; 0 would be the input itself",
            "picture away from the face": "not visible" if background is None else f"{background:.1f} dB PSNR",
        }
    )
    page.add_heading("Losses")
    page.add_picture(draw_losses(read_history(folder / "history.jsonl")), "Pale: as logged. Strong: smoothed.")
    page.add_heading("What the networks see and write")
    preview = read_image(folder / "previews" / f"step-{report.training.step:08d}.png")
    page.add_picture(
        preview,
        "Input, attention mask, raw face, composite; A read and written as A (a2a), B as B (b2b), A as B (a2b), "
        "B as A (b2a).",
        wide=True,
    )
    page.write(path)


def _frame_pairs(original: pathlib.Path, converted: pathlib.Path) -> np.ndarray:
    """A few frames of both videos, the original's above the converted one's."""
    rows = []
    for path in (original, converted):
        frames = list(read_frames(path, step=2))
        chosen = np.linspace(0, len(frames) - 1, SHOWN_FRAMES + 2).round().astype(int)[1:-1]
        rows.append(np.concatenate([frames[index] for index in chosen], axis=1))
    return np.concatenate(rows)
