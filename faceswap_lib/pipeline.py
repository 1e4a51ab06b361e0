"""From two videos to a swapped one: every room in order; what was extracted and trained before is not done again."""

import dataclasses
import logging
import pathlib

from faceswap_lib.conversion import ConversionReport, ConvertConfig, KerasSwapper, convert_video
from faceswap_lib.conversion.share import choose_share
from faceswap_lib.conversion.shift import measure_shift
from faceswap_lib.errors import InputError
from faceswap_lib.faces import ClipTracks, DetectConfig, MtcnnDetector, TrackConfig
from faceswap_lib.faces.identity import DlibEmbedder, open_embedder
from faceswap_lib.facesets import ExtractConfig, ExtractReport, Side, Workspace, extract_faces, write_eye_masks
from faceswap_lib.media import probe_video
from faceswap_lib.networks import NetworkConfig, Networks
from faceswap_lib.training import RunConfig, TrainConfig, TrainReport, load_run, train
from faceswap_lib.training.reporter import PreviewCallback, StepCallback
from faceswap_lib.training.run_folder import agree_networks

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunReport:
    """What a whole run did; `tracks` are the faces of the video that was converted."""

    tracks: ClipTracks
    training: TrainReport
    conversion: ConversionReport


def extract(
    video: pathlib.Path,
    workspace: Workspace,
    side: Side,
    *,
    config: ExtractConfig | None = None,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> ExtractReport:
    """Extracts one person's faces and their eye masks; see `facesets.extract_faces`."""
    report = extract_faces(
        video,
        workspace,
        side,
        MtcnnDetector(detect_config),
        config=config,
        detect_config=detect_config,
        track_config=track_config,
        overwrite=overwrite,
        progress=progress,
    )
    write_eye_masks(workspace, side, progress=progress)
    return report


def convert(
    video: pathlib.Path,
    workspace: Workspace,
    out: pathlib.Path,
    *,
    run: str = "default",
    config: ConvertConfig | None = None,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    tracks: ClipTracks | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> ConversionReport:
    """Converts a video with a trained run; see `conversion.convert_video`.

    Raises:
        InputError: If `out` is already there and `overwrite` is not given.
    """
    config = config or ConvertConfig()
    if out.suffix.lower() != ".mp4":
        raise InputError(f"expected an output named .mp4, got {out}")
    if out.is_dir():
        raise InputError(f"{out} is a folder; name the file to write")
    if out.exists() and not overwrite:
        raise InputError(f"{out} is already there; pass --overwrite or name another file")
    probe_video(video)
    networks, _ = load_run(workspace, run)
    return convert_video(
        video,
        out,
        open_swapper(networks, workspace, config),
        MtcnnDetector(detect_config),
        config=config,
        detect_config=detect_config,
        track_config=track_config,
        tracks=tracks,
        progress=progress,
    )


def open_swapper(networks: Networks, workspace: Workspace, config: ConvertConfig) -> KerasSwapper:
    """Opens a run's generator, with codes moved as far as `config.code_shift` says or as the faces ask for."""
    swapper = KerasSwapper(networks, config.direction)
    if config.code_shift == 0:
        return swapper
    if config.code_shift is None and (lack := DlibEmbedder.missing()):
        logger.info("whether the original shows through is not looked at (%s); see --code-shift", lack)
        return swapper
    shift = measure_shift(networks, workspace, config.direction)
    share = config.code_shift
    if share is None:
        share = choose_share(lambda part: swapper.shifted(part * shift), workspace, open_embedder(), config)
        if share:
            logger.info("the original shows through: codes move %g of the way to the wanted person", share)
    return swapper.shifted(share * shift)


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
    on_log: StepCallback | None = None,
    on_preview: PreviewCallback | None = None,
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
        on_log: Called with every logged training step.
        on_preview: Called with every preview of the training.
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
        "a2b": extract(video_a, workspace, "src", progress=progress),
        "b2a": extract(video_b, workspace, "dst", progress=progress),
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
        tracks=tracks,
        overwrite=True,
        progress=progress,
    )
    return RunReport(tracks=tracks, training=training, conversion=conversion)
