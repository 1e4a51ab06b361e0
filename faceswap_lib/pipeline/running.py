"""The whole pipeline from two videos to a swapped video; finished extraction and training are not repeated."""

import dataclasses
import logging
import pathlib

from faceswap_lib.conversion import ConvertConfig, OutputConfig
from faceswap_lib.conversion.output_paths import check_no_link, check_paths
from faceswap_lib.faces import DetectConfig, TrackConfig
from faceswap_lib.faces.selection import check_who
from faceswap_lib.facesets import ExtractConfig, ExtractReport, Side, Workspace
from faceswap_lib.facesets.consent import read_consent
from faceswap_lib.facesets.writable import check_writable
from faceswap_lib.media import probe_video
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.pipeline.converting import convert
from faceswap_lib.pipeline.exporting import model_writer
from faceswap_lib.pipeline.extracting import extract
from faceswap_lib.pipeline.report import PAGE, SIDE_BY_SIDE, RunReport, write_report
from faceswap_lib.provenance.signing_key import check_signing_key
from faceswap_lib.training import LoopConfig, TrainConfig, train
from faceswap_lib.training.run_metadata import resolve_network_config, stored_training
from faceswap_lib.training.run_search import find_run
from faceswap_lib.training.training_logger import PreviewCallback, StepCallback
from faceswap_lib.training.warm_start import agree_with

logger = logging.getLogger(__name__)

OUTPUT = "swap.mp4"


def run_all(
    video_a: pathlib.Path | str,
    video_b: pathlib.Path | str,
    workspace: Workspace,
    *,
    run: str = "default",
    network_config: NetworkConfig | None = None,
    train_config: TrainConfig | None = None,
    run_config: LoopConfig | None = None,
    convert_config: ConvertConfig | None = None,
    output_config: OutputConfig | None = None,
    extract_config: ExtractConfig | None = None,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    subject_a: str | None = None,
    subject_b: str | None = None,
    overwrite: bool = False,
    on_log: StepCallback | None = None,
    on_preview: PreviewCallback | None = None,
    consent: str | None = None,
    progress: bool = False,
    init_from: str | None = None,
) -> RunReport:
    """Extracts both people's faces, trains, and converts the first video (`a2b`) or the second (`b2a`).

    The pipeline may be stopped at any time and called again: finished extractions are kept, training resumes at its
    last checkpoint, and the output appears only when it is complete.

    Args:
        video_a: Video of A.
        video_b: Video of B.
        workspace: Workspace to which everything is written: the result `swap.mp4`, and `side_by_side.mp4` and
            `report.html` to judge it.
        run: Name of the training run.
        network_config: Options of the networks.
        train_config: Options of the training; None for the stored options of the run, or the defaults for a new run.
        run_config: Options of the training loop, such as checkpoints and logs. If its time limit ends the training
            early, the video is converted with the networks trained so far.
        convert_config: How faces are swapped.
        output_config: What is written.
        extract_config: Which faces are extracted for training.
        detect_config: How faces are detected.
        track_config: How faces are tracked, and which person is used; for both videos.
        subject_a: Which person is used in A's video, instead of `track_config.subject`.
        subject_b: Which person is used in B's video, instead of `track_config.subject`.
        overwrite: Whether faces that were extracted from another video or with other options are replaced.
        on_log: Called with every logged training step.
        on_preview: Called with every preview of the training.
        consent: Who agreed to the swap; recorded in the workspace and stated in the output.
        progress: Whether progress bars are shown.
        init_from: Networks with which a new training run starts; see `training.train`.

    Returns:
        What was done.

    Raises:
        FaceswapError: If extraction, training or conversion raises it.
    """
    convert_config, output_config = convert_config or ConvertConfig(), output_config or OutputConfig()
    tracking = track_config or TrackConfig()
    tracking_of: dict[Side, TrackConfig] = {
        "src": dataclasses.replace(tracking, subject=subject_a or tracking.subject),
        "dst": dataclasses.replace(tracking, subject=subject_b or tracking.subject),
    }
    videos = video_a, video_b = pathlib.Path(video_a), pathlib.Path(video_b)
    for video, options in zip(videos, tracking_of.values(), strict=True):
        probe_video(video)
        check_who(options.subject)
    _check_writing(workspace, {"A's video": video_a, "B's video": video_b})
    resolve_network_config(workspace.run(run), network_config)
    if init_from is not None:
        agree_with(find_run(workspace, init_from), network_config)

    def extract_side(number: int, side: Side, name: str, video: pathlib.Path) -> ExtractReport:
        logger.info("%d of 5: find %s's face in %s", number, name, video.name)
        return extract(
            video,
            workspace,
            side,
            config=extract_config,
            detect_config=detect_config,
            track_config=tracking_of[side],
            overwrite=overwrite,
            consent=consent,
            progress=progress,
        )

    extractions = {"a2b": extract_side(1, "src", "A", video_a), "b2a": extract_side(2, "dst", "B", video_b)}
    tracks = extractions[convert_config.direction].tracks
    train_config = train_config or stored_training(workspace.run(run)) or TrainConfig()
    write_model = None
    if run_config is not None and run_config.export_every:
        write_model = model_writer(workspace, run, direction=run_config.export_direction)
    logger.info("3 of 5: learn both faces, in %d steps; you can stop at any time and go on later", train_config.steps)
    training = train(
        workspace,
        run=run,
        network_config=network_config,
        config=train_config,
        run_config=run_config,
        on_log=on_log,
        on_preview=on_preview,
        progress=progress,
        init_from=init_from,
        write_model=write_model,
    )
    source, side, (old, new) = (video_a, "src", "AB") if convert_config.direction == "a2b" else (video_b, "dst", "BA")
    logger.info("4 of 5: replace %s's face in %s by %s's", old, source.name, new)
    conversion = convert(
        source,
        workspace,
        workspace.root / OUTPUT,
        run=run,
        config=convert_config,
        output_config=output_config,
        detect_config=detect_config,
        track_config=tracking_of[side],
        tracks=tracks,
        overwrite=True,
        progress=progress,
    )
    logger.info("5 of 5: put input and result side by side, and write a report")
    return write_report(
        workspace.root,
        videos,
        direction=convert_config.direction,
        output_config=output_config,
        tracks=tracks,
        training=training,
        conversion=conversion,
    )


def _check_writing(workspace: Workspace, read: dict[str, pathlib.Path]) -> None:
    """Checks, before hours of work, that the results can be written and signed and do not replace what is read."""
    written = {
        "the result": workspace.root / OUTPUT,
        "the videos side by side": workspace.root / SIDE_BY_SIDE,
        "the report": workspace.root / PAGE,
    }
    check_paths(written, read)
    for label, path in written.items():
        check_no_link(path, label)
    read_consent(workspace)
    check_writable(workspace.root)
    check_signing_key()
