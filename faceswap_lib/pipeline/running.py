"""From two videos to a swapped one; what was extracted and trained before is not done again."""

import dataclasses
import pathlib

from faceswap_lib.conversion import ConvertConfig, OutputConfig
from faceswap_lib.faces import ClipTracks
from faceswap_lib.facesets import Workspace
from faceswap_lib.media import probe_video
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.pipeline.converting import Conversion, convert
from faceswap_lib.pipeline.extracting import extract
from faceswap_lib.training import RunConfig, TrainConfig, TrainReport, train
from faceswap_lib.training.reporter import PreviewCallback, StepCallback
from faceswap_lib.training.run_folder import agree_networks


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunReport:
    """What a whole run did; `tracks` are the faces of the video that was converted."""

    tracks: ClipTracks
    training: TrainReport
    conversion: Conversion


def run_all(
    video_a: pathlib.Path,
    video_b: pathlib.Path,
    workspace: Workspace,
    *,
    run: str = "default",
    network_config: NetworkConfig | None = None,
    train_config: TrainConfig | None = None,
    run_config: RunConfig | None = None,
    convert_config: ConvertConfig | None = None,
    output_config: OutputConfig | None = None,
    on_log: StepCallback | None = None,
    on_preview: PreviewCallback | None = None,
    consent: str | None = None,
    progress: bool = False,
) -> RunReport:
    """Extracts both people, trains, and converts the first video (`a2b`) or the second (`b2a`).

    Stopped at any moment and called again, it goes on: finished extractions stay, training resumes at its last
    checkpoint, and the output appears only when it is whole.

    Args:
        video_a: The video of A.
        video_b: The video of B.
        workspace: Everything is written here; the result is `swap.mp4` in it.
        run: Name of the training run.
        network_config: Which networks.
        train_config: How they are trained.
        run_config: How the training run is kept and watched; if its time is up before all steps are done, the video is
            converted with what was learnt so far.
        convert_config: How the video is converted.
        output_config: What is written.
        on_log: Called with every logged training step.
        on_preview: Called with every preview of the training.
        consent: Who agreed to the swap; kept in the workspace and stated in the output.
        progress: Show progress bars.

    Returns:
        What was done.

    Raises:
        FaceswapError: As the single steps do.
    """
    convert_config = convert_config or ConvertConfig()
    for video in (video_a, video_b):
        probe_video(video)
    agree_networks(workspace.run(run), network_config)
    extractions = {
        "a2b": extract(video_a, workspace, "src", consent=consent, progress=progress),
        "b2a": extract(video_b, workspace, "dst", consent=consent, progress=progress),
    }
    tracks = extractions[convert_config.direction].tracks
    training = train(
        workspace,
        run=run,
        network_config=network_config,
        config=train_config,
        run_config=run_config,
        on_log=on_log,
        on_preview=on_preview,
        progress=progress,
    )
    conversion = convert(
        video_a if convert_config.direction == "a2b" else video_b,
        workspace,
        workspace.root / "swap.mp4",
        run=run,
        config=convert_config,
        output_config=output_config,
        tracks=tracks,
        overwrite=True,
        progress=progress,
    )
    return RunReport(tracks=tracks, training=training, conversion=conversion)
