"""The demo: two animated portraits through the whole pipeline, and a page about what came out."""

import pathlib

from faceswap_lib.demo.fixtures import STEPS, make_clips
from faceswap_lib.facesets import Workspace
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.pipeline import RunReport, run_all
from faceswap_lib.pipeline.report import write_page
from faceswap_lib.training import TrainConfig

TITLE = "Face swap demo: Grace Hopper with Eileen Collins's face"
ABOUT = (
    "Two public-domain portraits were animated, their faces found, followed and aligned; one encoder and two "
    "decoders learned both; and Hopper's clip was converted. It is a made-up video: nobody did or said this."
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

    Stopped and called again, it goes on where it was.

    Args:
        folder: The workspace.
        steps: Training steps.
        seconds: Length of the two clips.
        network_config: Which networks; None means the default ones.
        progress: Show progress bars.

    Returns:
        What was done, and where the results are.

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
        progress=progress,
    )
    write_page(report, TITLE, ABOUT)
    return report
