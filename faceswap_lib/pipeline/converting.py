"""A trained run and whatever shows a face: a video, pictures, a webcam."""

import contextlib
import dataclasses
import functools
import pathlib

from faceswap_lib import __version__
from faceswap_lib.config_fields import options_to_dict
from faceswap_lib.conversion import ConversionReport, ConvertConfig, OutputConfig, convert_video
from faceswap_lib.conversion.image_conversion import convert_stills, find_stills
from faceswap_lib.conversion.preflight import check_conversion, recording_path
from faceswap_lib.conversion.still_outputs import finished_name
from faceswap_lib.conversion.swap_check.check import SwapCheck, check_swap, find_wanted, worst_path
from faceswap_lib.faces import MTCNN, DetectConfig, TrackConfig, VideoTracks
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.consent import ConsentVideo, check_statement, cover_videos, faceset_videos, record_consent
from faceswap_lib.facesets.source import read_source
from faceswap_lib.locks import hold
from faceswap_lib.media import probe_video
from faceswap_lib.media.webcam import record_webcam
from faceswap_lib.pipeline.load_swapper import LazySwapper, load_identities, open_swapper
from faceswap_lib.pipeline.people import PictureCounter, people_of_tracks, track_people
from faceswap_lib.provenance.people_count import PeopleCount
from faceswap_lib.provenance.provenance import ProvenanceClaims, write_provenance
from faceswap_lib.training import load_run
from faceswap_lib.training.run_metadata import learnt_videos, run_id


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conversion:
    """What a conversion did, and whether it is a swap.

    Attributes:
        report: What was done.
        check: Whether the output is a swap.
        people: How many people the input shows, and how many were swapped; None if no picture was left to convert.
    """

    report: ConversionReport
    check: SwapCheck
    people: PeopleCount | None = None


def convert(
    source: pathlib.Path | str | int,
    workspace: Workspace,
    out: pathlib.Path | str,
    *,
    run: str = "default",
    config: ConvertConfig | None = None,
    output_config: OutputConfig | None = None,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    tracks: VideoTracks | None = None,
    overwrite: bool = False,
    consent: str | None = None,
    progress: bool = False,
) -> Conversion:
    """Converts a video, a picture, a folder of pictures or a webcam's with a trained run.

    A video that was interrupted goes on where it was, if the same call is made again. The output says of itself that it
    is a swap; see `provenance.provenance`. Of the recorded consents it states those that are for the input and the
    facesets' videos, and none if the input is not covered; nothing is asked.

    Args:
        source: A file, a folder of pictures, or the number of a webcam, which is recorded beside `out` first.
        workspace: Holds the run and both facesets.
        out: What to write; see `conversion.convert_video` and `conversion.image_conversion.convert_stills`.
        run: Name of the run.
        config: How faces are swapped.
        output_config: What is written.
        detect_config: How faces are found.
        track_config: How they are followed, and whose.
        tracks: The faces' tracks in the whole video, if they are known already.
        overwrite: Replace what is there already.
        consent: Who agreed to the swap, in the input and in the facesets' videos; kept in the workspace, and stated in
            the output.
        progress: Show progress bars.

    Returns:
        What was done, and whether it is a swap.

    Raises:
        FaceswapError: If the source, the run or the output is none, or the consent says nothing; if the output would
            replace what is read, or cannot be written or signed; if another process converts to it. All of that is
            looked at before any work.
    """
    source, out = source if isinstance(source, int) else pathlib.Path(source), pathlib.Path(out)
    if consent is not None:
        check_statement(consent)
    config, output_config = config or ConvertConfig(), output_config or OutputConfig()
    stills = [] if isinstance(source, int) else find_stills(source)
    if not stills and not isinstance(source, int):
        probe_video(source)
    who = (track_config or TrackConfig()).subject
    check_conversion(source, stills, workspace, out, run=run, output_config=output_config, who=who, overwrite=overwrite)
    with contextlib.ExitStack() as held:
        for path in (out, output_config.mask_path):
            if path is not None:
                held.enter_context(hold(path, what=f"the conversion to {path}"))
        return _convert_held(
            source,
            stills,
            workspace,
            out,
            run,
            config,
            output_config,
            detect_config,
            track_config,
            tracks,
            overwrite,
            consent,
            progress,
        )


def _convert_held(
    source: pathlib.Path | int,
    stills: list[pathlib.Path],
    workspace: Workspace,
    out: pathlib.Path,
    run: str,
    config: ConvertConfig,
    output_config: OutputConfig,
    detect_config: DetectConfig | None,
    track_config: TrackConfig | None,
    tracks: VideoTracks | None,
    overwrite: bool,
    consent: str | None,
    progress: bool,
) -> Conversion:
    """Converts to an output that is checked, and held by this process."""
    networks, step = load_run(workspace, run)
    if isinstance(source, int):
        recording = recording_path(out)
        record_webcam(source, recording, seconds=output_config.end)
        source = recording
        output_config = dataclasses.replace(output_config, start=0.0, end=None)
    see_people = functools.cache(lambda: load_identities(workspace, config.direction))
    swapper = LazySwapper(
        networks.config,
        lambda: open_swapper(networks, workspace, config, people=see_people(), engine=output_config.inference_backend),
    )
    inputs = tuple(ConsentVideo.of(path) for path in stills or [source])
    facts = _state_facts(source, inputs, workspace, run, step, config, output_config, consent)
    detector = MTCNN(detect_config)
    shared = {
        "config": config,
        "output_config": output_config,
        "track_config": track_config,
        "overwrite": overwrite,
        "progress": progress,
    }
    if stills:
        counter = PictureCounter(detector, swapper)

        def sign_still(path: pathlib.Path) -> None:
            write_provenance(path, dataclasses.replace(facts, people=counter.count()), name=finished_name(path))

        plan = _plan(source, workspace, run, step, config, output_config, detect_config, track_config)
        plan.pop("video")  # every picture's bytes are compared anyway
        report = convert_stills(source, out, counter, counter, plan=plan, finish=sign_still, **shared)
        people = counter.total()
    else:
        plan = _plan(source, workspace, run, step, config, output_config, detect_config, track_config)
        options = {"output_config": output_config, "detect_config": detect_config, "track_config": track_config}
        if tracks is None:
            tracking = track_people(source, out, plan, detector, progress=progress, **options)
        else:
            tracking = contextlib.nullcontext(people_of_tracks(source, tracks, output_config))
        with tracking as found:
            people = found.count

            def sign(path: pathlib.Path) -> None:
                write_provenance(path, dataclasses.replace(facts, people=people), name=out.name)

            shared |= {"detect_config": detect_config, "tracks": found.wanted, "plan": plan}
            report = convert_video(source, out, swapper, detector, finish=sign, **shared)
    if consent is not None:
        record_consent(workspace, consent, _agreed_videos(workspace, inputs, run))
    check = check_swap(
        report,
        see_people(),
        direction=config.direction,
        step=step,
        latent_shift=config.latent_shift,
        wanted=find_wanted(workspace, config.direction),
        detector=detector,
        picture=worst_path(workspace, out),
    )
    return Conversion(report=report, check=check, people=people)


def _agreed_videos(workspace: Workspace, inputs: tuple[ConsentVideo, ...], run: str) -> tuple[ConsentVideo, ...]:
    """Lists what a statement given for a conversion is for: its input, and what else of it no consent covers yet."""
    learnt = [video for video in (*faceset_videos(workspace), *learnt_videos(workspace.run(run))) if video.sha256]
    uncovered = cover_videos(workspace, learnt).uncovered
    return tuple({video.sha256: video for video in (*uncovered, *inputs)}.values())


def _state_facts(
    source: pathlib.Path,
    inputs: tuple[ConsentVideo, ...],
    workspace: Workspace,
    run: str,
    step: int,
    config: ConvertConfig,
    output_config: OutputConfig,
    consent: str | None,
) -> ProvenanceClaims:
    """What the output says of itself."""
    options = options_to_dict(config) | options_to_dict(dataclasses.replace(output_config, mask_path=None))
    statements, uncovered = _state_consent(workspace, inputs, run, consent)
    learnt_from: dict = {side: read_source(workspace.faces(side)) for side in ("src", "dst")}
    known = {source.get("sha256") for source in learnt_from.values()}
    before = [video.name for video in learnt_videos(workspace.run(run)) if video.sha256 not in known]
    if before:
        learnt_from["before"] = ", ".join(before)
    return ProvenanceClaims(
        inputs=(source,),
        run=run,
        run_id=run_id(workspace.run(run)),
        steps=step,
        direction=config.direction,
        consent=statements,
        options=options | {"learnt_from": learnt_from},
        uncovered=uncovered,
    )


def _state_consent(
    workspace: Workspace, inputs: tuple[ConsentVideo, ...], run: str, consent: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Gives the statements that cover a swap, and the names of what none covers.

    If the input is not covered, there are no statements: beside the picture of people who were not asked, what others
    agreed to would read as their consent.
    """
    found = cover_videos(workspace, [*inputs, *faceset_videos(workspace), *learnt_videos(workspace.run(run))])
    if consent is not None:
        return tuple(dict.fromkeys([*found.statements, consent.strip()])), ()
    uncovered = tuple(dict.fromkeys(video.name for video in found.uncovered))
    return () if set(inputs) & set(found.uncovered) else found.statements, uncovered


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
