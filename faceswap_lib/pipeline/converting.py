"""Conversion of a video, of images or of a webcam with a trained run, with consent, provenance and a check."""

import contextlib
import dataclasses
import functools
import pathlib

from faceswap_lib import __version__
from faceswap_lib.config_fields import options_to_dict
from faceswap_lib.conversion import ConversionReport, ConvertConfig, OutputConfig, convert_video
from faceswap_lib.conversion.image_conversion import convert_images, find_images
from faceswap_lib.conversion.image_outputs import finished_name
from faceswap_lib.conversion.job import ConversionJob
from faceswap_lib.conversion.preflight import check_conversion, recording_path
from faceswap_lib.conversion.resume import BackendNote
from faceswap_lib.conversion.swap_check.check import SwapCheck, check_swap, find_wanted, worst_path
from faceswap_lib.faces import MTCNN, DetectConfig, TrackConfig, VideoTracks
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.consent import (
    ConsentVideo,
    check_statement,
    cover_videos,
    faceset_videos,
    record_consent,
    state_consent,
)
from faceswap_lib.facesets.source import read_source
from faceswap_lib.locks import hold
from faceswap_lib.media import probe_video
from faceswap_lib.media.webcam import record_webcam
from faceswap_lib.networks import Networks
from faceswap_lib.occlusion.choice import digest_occlusion_network, find_occlusion_network
from faceswap_lib.pipeline.load_swapper import LazySwapper, load_identities, open_swapper
from faceswap_lib.pipeline.people import PictureCounter, people_of_job
from faceswap_lib.provenance.people_count import PeopleCount
from faceswap_lib.provenance.provenance import ProvenanceClaims, write_provenance
from faceswap_lib.training import load_run
from faceswap_lib.training.run_metadata import learnt_videos, run_id


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conversion:
    """Result of a conversion, and whether it is a swap.

    Attributes:
        report: What the conversion did.
        check: Whether the output is a swap.
        people: Numbers of people in the input and of swapped people; None if all images were already converted.
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
    """Converts a video, an image, a folder of images or a webcam recording with a trained run.

    The conversion of a video that was interrupted is resumed if the same call is made again. The output states that it
    is a swap; see `provenance.provenance`. It also states the recorded consents for the input and for the videos of the
    facesets; if no consent covers the input, it states none. The user is not asked for consent.

    Args:
        source: A file, a folder of images, or the number of a webcam, which is recorded beside `out` first.
        workspace: Contains the run and both facesets.
        out: Output path; see `conversion.convert_video` and `conversion.image_conversion.convert_images`.
        run: Name of the run.
        config: How faces are swapped.
        output_config: What is written.
        detect_config: How faces are detected.
        track_config: How faces are tracked, and which person is swapped.
        tracks: Face tracks of the whole video, if they are known already.
        overwrite: Whether existing outputs are replaced.
        consent: Who in the input and in the videos of the facesets agreed to the swap; recorded in the workspace, and
            stated in the output.
        progress: Whether progress bars are shown.

    Returns:
        What was done, and whether it is a swap.

    Raises:
        FaceswapError: If the source or the run is missing or invalid, the consent is empty, the output would replace
            what is read, cannot be written or cannot be signed, or another process converts to it. All of this is
            checked before any work.
    """
    if consent is not None:
        check_statement(consent)
    job = ConversionJob(
        source=pathlib.Path(str(source)),
        out=pathlib.Path(out),
        config=config or ConvertConfig(),
        output_config=output_config or OutputConfig(),
        detect_config=detect_config or DetectConfig(),
        track_config=track_config or TrackConfig(),
        tracks=tracks,
        overwrite=overwrite,
        progress=progress,
    )
    webcam = source if isinstance(source, int) else None
    images = [] if webcam is not None else find_images(job.source)
    if not images and webcam is None:
        probe_video(job.source)
    check_conversion(
        job.source if webcam is None else webcam,
        images,
        workspace,
        job.out,
        run=run,
        output_config=job.output_config,
        who=job.track_config.subject,
        overwrite=overwrite,
    )
    with contextlib.ExitStack() as held:
        find_occlusion_network(workspace, job.config.occlusion)  # a missing file is reported before any work
        for path in job.outputs.values():
            held.enter_context(hold(path, what=f"the conversion to {path}"))
        loaded = load_run(workspace, run)
        if webcam is not None:
            recording = recording_path(job.out)
            record_webcam(webcam, recording, seconds=job.output_config.end)
            whole = dataclasses.replace(job.output_config, start=0.0, end=None)
            job = dataclasses.replace(job, source=recording, output_config=whole)
        return _convert_held(job, images, workspace, run, loaded, consent)


def _convert_held(
    job: ConversionJob,
    images: list[pathlib.Path],
    workspace: Workspace,
    run: str,
    loaded: tuple[Networks, int],
    consent: str | None,
) -> Conversion:
    """Converts to outputs that are already checked and locked by this process."""
    (networks, step), config = loaded, job.config
    identities = functools.cache(lambda: load_identities(workspace, config.direction))
    swapper = LazySwapper(
        networks.config,
        lambda: open_swapper(
            networks,
            workspace,
            config,
            people=identities(),
            inference_backend=job.output_config.inference_backend,
            backend_note=BackendNote(job.out),
        ),
    )
    inputs = tuple(ConsentVideo.of(path) for path in images or [job.source])
    claims = _state_claims(job, inputs, workspace, run, step, consent)
    detector = MTCNN(job.detect_config)
    fingerprint = _fingerprint(job, workspace, run, step)
    if images:
        counter = PictureCounter(detector, swapper)

        def sign_image(path: pathlib.Path) -> None:
            write_provenance(path, dataclasses.replace(claims, people=counter.count()), name=finished_name(path))

        del fingerprint["video"]  # every image is compared by its bytes instead
        report = convert_images(
            dataclasses.replace(job, fingerprint=fingerprint, on_written=sign_image), counter, counter
        )
        people = counter.total()
    else:
        job = dataclasses.replace(job, fingerprint=fingerprint)
        with people_of_job(job, detector) as found:
            people = found.count

            def sign(path: pathlib.Path) -> None:
                write_provenance(path, dataclasses.replace(claims, people=people), name=job.out.name)

            report = convert_video(dataclasses.replace(job, tracks=found.wanted, on_written=sign), swapper, detector)
    if consent is not None:
        record_consent(workspace, consent, _agreed_videos(workspace, inputs, run))
    check = check_swap(
        report,
        identities(),
        direction=config.direction,
        step=step,
        latent_shift=config.latent_shift,
        wanted=find_wanted(workspace, config.direction),
        detector=detector,
        picture=worst_path(workspace, job.out),
    )
    return Conversion(report=report, check=check, people=people)


def _agreed_videos(workspace: Workspace, inputs: tuple[ConsentVideo, ...], run: str) -> tuple[ConsentVideo, ...]:
    """Lists the videos that a consent given for a conversion covers: its input, and videos without any consent yet."""
    learnt = [video for video in (*faceset_videos(workspace), *learnt_videos(workspace.run(run))) if video.sha256]
    uncovered = cover_videos(workspace, learnt).uncovered
    return tuple({video.sha256: video for video in (*uncovered, *inputs)}.values())


def _state_claims(
    job: ConversionJob,
    inputs: tuple[ConsentVideo, ...],
    workspace: Workspace,
    run: str,
    step: int,
    consent: str | None,
) -> ProvenanceClaims:
    """Collects the provenance claims that the output states about itself."""
    options = options_to_dict(job.config) | options_to_dict(dataclasses.replace(job.output_config, mask_path=None))
    learned = (*faceset_videos(workspace), *learnt_videos(workspace.run(run)))
    statements, uncovered = state_consent(workspace, inputs, learned, consent)
    learnt_from: dict = {side: read_source(workspace.faces(side)) for side in ("src", "dst")}
    known = {source.get("sha256") for source in learnt_from.values()}
    before = [video.name for video in learnt_videos(workspace.run(run)) if video.sha256 not in known]
    if before:
        learnt_from["before"] = ", ".join(before)
    return ProvenanceClaims(
        inputs=(job.source,),
        run=run,
        run_id=run_id(workspace.run(run)),
        steps=step,
        direction=job.config.direction,
        consent=statements,
        options=options | {"learnt_from": learnt_from},
        uncovered=uncovered,
    )


def _fingerprint(job: ConversionJob, workspace: Workspace, run: str, step: int) -> dict:
    """Builds the fingerprint of a conversion from its input, its run and all options, as plain JSON."""
    stat = job.source.stat()
    options = (job.config, job.output_config, job.detect_config, job.track_config)
    occlusion = digest_occlusion_network(workspace, job.config.occlusion)
    return {
        "version": __version__,
        "video": [str(job.source.resolve()), stat.st_size, stat.st_mtime_ns],
        "run": [str(workspace.run(run).resolve()), run_id(workspace.run(run)), step],
        "options": [options_to_dict(one) for one in options],
    } | ({"occlusion": occlusion} if occlusion else {})
