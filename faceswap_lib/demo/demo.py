"""Demo: runs two animated portraits through the whole pipeline and writes a page about the result."""

import pathlib

from faceswap_lib.demo.fixtures import STEPS, make_clips
from faceswap_lib.facesets import Workspace
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.pipeline import RunReport, run_all
from faceswap_lib.pipeline.report import write_page
from faceswap_lib.training import TrainConfig

TITLE = "Face swap demo: Grace Hopper with Eileen Collins's face"
ABOUT = (
    "Two public-domain portraits were animated. Their faces were detected, tracked and aligned. One encoder and two "
    "decoders were trained on them, and Hopper's clip was converted. The video is synthetic: nobody did or said this."
)


def run_demo(
    folder: pathlib.Path,
    *,
    steps: int = STEPS,
    seconds: float = 6,
    network_config: NetworkConfig | None = None,
    progress: bool = False,
) -> RunReport:
    """Swaps Eileen Collins's face onto Grace Hopper, from two portraits to a report.

    If the demo was interrupted, the next call continues from there.

    Args:
        folder: The workspace.
        steps: Number of training steps.
        seconds: Length of each of the two clips in seconds.
        network_config: Configuration of the networks; None means the default networks.
        progress: Whether to show progress bars.

    Returns:
        A report of what was done, with the paths of the results.

    Raises:
        FaceswapError: If one of the steps fails.
    """
    workspace, train_config = Workspace(folder), TrainConfig(steps=steps)
    hopper, collins = make_clips(folder / "clips", seconds=seconds)
    report = run_all(
        hopper,
        collins,
        workspace,
        network_config=network_config,
        train_config=train_config,
        progress=progress,
    )
    write_page(report, TITLE, ABOUT)
    return report
