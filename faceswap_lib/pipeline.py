"""From two videos to a swapped one: every room in order; what was extracted and trained before is not done again."""

import dataclasses
import functools
import logging
import pathlib
import typing

import numpy as np

from faceswap_lib import __version__
from faceswap_lib.conversion import ConversionReport, ConvertConfig, FaceSwapper, OutputConfig, convert_video
from faceswap_lib.conversion.engines import Engine, open_engine
from faceswap_lib.conversion.guard import SwapCheck, check_swap
from faceswap_lib.conversion.outputs import check_out
from faceswap_lib.conversion.people import People
from faceswap_lib.conversion.provenance import SwapFacts, write_provenance
from faceswap_lib.conversion.share import choose_share
from faceswap_lib.conversion.shift import measure_shift
from faceswap_lib.conversion.stills import convert_stills, find_stills
from faceswap_lib.errors import InputError
from faceswap_lib.faces import ClipTracks, DetectConfig, MtcnnDetector, TrackConfig
from faceswap_lib.faces.identity import DlibEmbedder, open_embedder
from faceswap_lib.facesets import ExtractConfig, ExtractReport, Side, Workspace, extract_faces, write_eye_masks
from faceswap_lib.facesets.consent import read_consent, record_consent
from faceswap_lib.facesets.extract import read_source
from faceswap_lib.media import probe_video
from faceswap_lib.media.webcam import record_webcam
from faceswap_lib.networks import NetworkConfig, Networks
from faceswap_lib.options import options_to_dict
from faceswap_lib.training import RunConfig, TrainConfig, TrainReport, load_run, train
from faceswap_lib.training.reporter import PreviewCallback, StepCallback
from faceswap_lib.training.run_folder import agree_networks, run_id

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conversion:
    """What a conversion did, and whether it is a swap."""

    report: ConversionReport
    check: SwapCheck


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunReport:
    """What a whole run did; `tracks` are the faces of the video that was converted."""

    tracks: ClipTracks
    training: TrainReport
    conversion: Conversion


def extract(
    video: pathlib.Path,
    workspace: Workspace,
    side: Side,
    *,
    config: ExtractConfig | None = None,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    overwrite: bool = False,
    consent: str | None = None,
    progress: bool = False,
) -> ExtractReport:
    """Extracts one person's faces and their eye masks, and records a consent; see `facesets.extract_faces`."""
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
    if consent is not None:
        record_consent(workspace, consent, (video,))
    return report


def convert(
    source: pathlib.Path | int,
    workspace: Workspace,
    out: pathlib.Path,
    *,
    run: str = "default",
    config: ConvertConfig | None = None,
    output_config: OutputConfig | None = None,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    tracks: ClipTracks | None = None,
    overwrite: bool = False,
    consent: str | None = None,
    progress: bool = False,
) -> Conversion:
    """Converts a video, a picture, a folder of pictures or a webcam's with a trained run.

    A video that was interrupted goes on where it was, if the same call is made again. The output says of itself that it
    is a swap; see `conversion.provenance`.

    Args:
        source: A file, a folder of pictures, or the number of a webcam, which is recorded beside `out` first.
        workspace: Holds the run and both facesets.
        out: What to write; see `conversion.convert_video` and `conversion.convert_stills`.
        run: Name of the run.
        config: How faces are swapped.
        output_config: What is written.
        detect_config: How faces are found.
        track_config: How they are followed, and whose.
        tracks: The faces' tracks in the whole video, if they are known already.
        overwrite: Replace what is there already.
        consent: Who agreed to the swap; kept in the workspace, and stated in the output with those before.
        progress: Show progress bars.

    Returns:
        What was done, and whether it is a swap.

    Raises:
        FaceswapError: If the source, the run or the output is none.
    """
    config, output_config = config or ConvertConfig(), output_config or OutputConfig()
    stills = [] if isinstance(source, int) else find_stills(source)
    if not stills and not isinstance(source, int):
        probe_video(source)
        check_out(out, source, overwrite)
    networks, step = load_run(workspace, run)
    if isinstance(source, int):
        source = _record(source, out, output_config, overwrite)
        output_config = dataclasses.replace(output_config, start=0.0, end=None)
    look_at_people = functools.cache(lambda: _look_at_people(workspace, config.direction))
    swapper = _LateSwapper(
        networks.config,
        lambda: open_swapper(networks, workspace, config, people=look_at_people(), engine=output_config.engine),
    )
    facts = _state_facts(source, workspace, run, step, config, output_config, consent)
    shared = {
        "config": config,
        "output_config": output_config,
        "track_config": track_config,
        "overwrite": overwrite,
        "progress": progress,
    }
    detector = MtcnnDetector(detect_config)
    if stills:

        def sign_still(path: pathlib.Path) -> None:
            write_provenance(path, facts)

        report = convert_stills(source, out, swapper, detector, finish=sign_still, **shared)
    else:

        def sign(path: pathlib.Path) -> None:
            write_provenance(path, facts, name=out.name)

        plan = _plan(source, workspace, run, step, config, output_config, detect_config, track_config)
        report = convert_video(
            source, out, swapper, detector, detect_config=detect_config, tracks=tracks, plan=plan, finish=sign, **shared
        )
    if consent is not None:
        record_consent(workspace, consent, (source,) if source.is_file() else ())
    check = check_swap(report, look_at_people(), direction=config.direction, step=step)
    return Conversion(report=report, check=check)


def open_swapper(
    networks: Networks,
    workspace: Workspace,
    config: ConvertConfig,
    *,
    people: People | None = None,
    engine: Engine = "keras",
) -> FaceSwapper:
    """Opens a run's generator, with codes moved as far as `config.code_shift` says or as the faces ask for.

    Args:
        networks: The run's.
        workspace: Holds both facesets.
        config: Options.
        people: Who the two are; None where nothing tells people apart.
        engine: What runs the networks.

    Returns:
        The swapper.
    """
    swapper = open_engine(networks, config.direction, engine)
    if config.code_shift == 0 or (config.code_shift is None and people is None):
        return swapper
    shift = measure_shift(networks, workspace, config.direction)
    share = config.code_shift
    if share is None:
        share = choose_share(lambda part: swapper.shifted(part * shift), people, config)
        if share:
            logger.info("the original shows through: codes move %g of the way to the wanted person", share)
    return swapper.shifted(share * shift)


class _LateSwapper:
    """Opens its generator when the first face is to be written; a video without faces is refused before."""

    def __init__(self, network_config: NetworkConfig, open_it: typing.Callable[[], FaceSwapper]):
        self.resolution, self.coverage = network_config.resolution, network_config.view_coverage
        self._open = functools.cache(open_it)

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Writes new faces; see `FaceSwapper.swap`."""
        return self._open().swap(views, faces)


def _look_at_people(workspace: Workspace, direction: str) -> People | None:
    """Who the two people are, or None, which is said, where nothing tells people apart."""
    if lack := DlibEmbedder.missing():
        logger.info("whether the original shows through is not looked at (%s); see --code-shift", lack)
        return None
    return People.measure(workspace, direction, open_embedder())


def _record(camera: int, out: pathlib.Path, config: OutputConfig, overwrite: bool) -> pathlib.Path:
    """Records a webcam beside the output, so that what was recorded can be converted again."""
    recording = out.with_name(f"{out.stem}.webcam.mp4")
    if (recording.exists() or out.exists()) and not overwrite:
        found = recording if recording.exists() else out
        raise InputError(f"{found} is already there; pass --overwrite or name another output")
    record_webcam(camera, recording, seconds=config.end)
    return recording


def _state_facts(
    source: pathlib.Path,
    workspace: Workspace,
    run: str,
    step: int,
    config: ConvertConfig,
    output_config: OutputConfig,
    consent: str | None,
) -> SwapFacts:
    """What the output says of itself."""
    options = options_to_dict(config) | options_to_dict(dataclasses.replace(output_config, mask_out=None))
    statements = [given.statement for given in read_consent(workspace)] + ([consent.strip()] if consent else [])
    learnt_from = {side: read_source(workspace.faces(side)) for side in ("src", "dst")}
    return SwapFacts(
        inputs=(source,),
        run=run,
        run_id=run_id(workspace.run(run)),
        steps=step,
        direction=config.direction,
        consent=tuple(dict.fromkeys(statements)),
        options=options | {"learnt_from": learnt_from},
    )


def _plan(
    source: pathlib.Path,
    workspace: Workspace,
    run: str,
    step: int,
    config: ConvertConfig,
    output_config: OutputConfig,
    detect_config: DetectConfig | None,
    track_config: TrackConfig | None,
) -> dict:
    """What tells one conversion from all others, as plain JSON."""
    stat = source.stat()
    options = (config, output_config, detect_config or DetectConfig(), track_config or TrackConfig())
    return {
        "version": __version__,
        "video": [str(source.resolve()), stat.st_size, stat.st_mtime_ns],
        "run": [str(workspace.run(run).resolve()), run_id(workspace.run(run)), step],
        "options": [options_to_dict(one) for one in options],
    }


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
