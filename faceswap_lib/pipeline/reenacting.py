"""Reenactment of a photo by the motion of a driver, with consent, label and provenance."""

import contextlib
import dataclasses
import fractions
import itertools
import pathlib
from collections.abc import Iterable

import numpy as np

from faceswap_lib.config_fields import options_to_dict
from faceswap_lib.faces import MTCNN, DetectConfig, TrackConfig
from faceswap_lib.facesets.consent import check_statement, record_consent
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.locks import hold
from faceswap_lib.media import VideoWriter, probe_video
from faceswap_lib.pipeline.reenactment_inputs import MOTIONS, check_reenactment
from faceswap_lib.pipeline.reenactment_networks import open_networks, state_claims
from faceswap_lib.progress import show_progress
from faceswap_lib.provenance.provenance import write_provenance
from faceswap_lib.provenance.visible_label import Label
from faceswap_lib.reenactment.config import FrameConfig, RetargetConfig
from faceswap_lib.reenactment.face_shape import open_shape_detector
from faceswap_lib.reenactment.frames import FrameMaker
from faceswap_lib.reenactment.motion import read_driver, read_motion, write_motion
from faceswap_lib.reenactment.photo import read_photo
from faceswap_lib.reenactment.retargeting import retarget

LABEL = "AI face reenactment"
"""Text of the visible label."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReenactmentReport:
    """Summary of a reenactment.

    Attributes:
        out: The video.
        frames: Number of frames.
        held: Number of frames without a usable face of the driver; they repeat the frame before them.
        copied: Number of frames for which the photo itself was shown.
        reference: Frame of the driver that corresponds to the photo.
        system: Name of the system, "bilayer" for the published weights; "" for the classical method alone.
    """

    out: pathlib.Path
    frames: int
    held: int
    copied: int
    reference: int
    system: str


def reenact(
    photo: pathlib.Path | str,
    driver: pathlib.Path | str,
    workspace: Workspace | None,
    out: pathlib.Path | str,
    *,
    run: str | None = "reenactment",
    bilayer_weights: pathlib.Path | None = None,
    retarget_config: RetargetConfig | None = None,
    frame_config: FrameConfig | None = None,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    save_motion: pathlib.Path | None = None,
    largest: bool = False,
    label: bool = True,
    crf: int = 18,
    overwrite: bool = False,
    consent: str | None = None,
    progress: bool = False,
) -> ReenactmentReport:
    """Makes a video in which the person of a photo moves like the driver.

    Args:
        photo: The image file.
        driver: A video, or a motion that was saved before (.npz).
        workspace: Contains the trained run, and the consents; None without a run, if `consent` is given.
        out: The video to write; it has the size of the photo, and the rate and the sound of the driver.
        run: Name of the run; None for the classical method alone, which needs no training.
        bilayer_weights: Folder with the published weights of the bilayer avatars, which are used instead of a run.
        retarget_config: How the motion is transferred.
        frame_config: How the frames are made.
        detect_config: How faces are detected.
        track_config: Which person of the driver is followed, and how.
        save_motion: Also write the driver's motion to this file, which contains no picture.
        largest: Whether to take the largest of several faces of the photo.
        label: Whether to draw a visible label.
        crf: Quality of the video, 0 (lossless) to 51.
        overwrite: Whether an existing output is replaced.
        consent: Who in the photo and the driver agreed; recorded in the workspace and stated in the output.
        progress: Whether to show progress bars.

    Returns:
        A summary.

    Raises:
        FaceswapError: If an input or the run is missing or not usable, the consent is empty, or the output cannot be
            written. Most of this is checked before any work.
    """
    photo, driver, out = pathlib.Path(photo), pathlib.Path(driver), pathlib.Path(out)
    if consent is not None:
        check_statement(consent)
    check_reenactment(photo, driver, out, save_motion, crf=crf, overwrite=overwrite)
    is_video = driver.suffix.lower() not in MOTIONS
    info = probe_video(driver) if is_video else None
    with contextlib.ExitStack() as held:
        held.enter_context(hold(out, what=f"the reenactment to {out}"))
        used = open_networks(workspace, run, bilayer_weights)
        detector, shape_detector = MTCNN(detect_config or DetectConfig()), open_shape_detector()
        face = read_photo(photo, detector, shape_detector, largest=largest)
        if is_video:
            motion = read_driver(
                driver,
                detector,
                shape_detector,
                detect_config=detect_config,
                track_config=track_config,
                progress=progress,
            )
        else:
            motion = read_motion(driver)
        if save_motion is not None:
            write_motion(save_motion, motion)
        moved = retarget(motion, face.shape, face.crop.crop_from_frame, retarget_config)
        maker = FrameMaker(face, used.networks, frame_config)
        sound = driver if info is not None and info.has_audio else None
        rate = fractions.Fraction(motion.fps).limit_denominator(1001) if info is None else info.fps
        frames = show_progress(maker.frames(moved), "reenact", len(motion), disable=not progress)
        _write(out, frames, rate, sound, crf=crf, label=label)
        options = options_to_dict(retarget_config or RetargetConfig()) | options_to_dict(maker.config)
        claims = state_claims((photo, driver), workspace, used, consent, options, label=label)
        write_provenance(out, claims)
    if consent is not None and workspace is not None:
        record_consent(workspace, consent, [photo, driver])
    return ReenactmentReport(
        out=out,
        frames=len(motion),
        held=moved.held,
        copied=maker.copied,
        reference=moved.reference,
        system=used.system,
    )


def _write(
    out: pathlib.Path,
    frames: Iterable[np.ndarray],
    rate: fractions.Fraction,
    sound: pathlib.Path | None,
    *,
    crf: int,
    label: bool,
) -> None:
    """Writes frames to a video; players need even sides, so an odd last row or column is cut off."""
    frames = iter(frames)
    first = next(frames)
    height, width = (side // 2 * 2 for side in first.shape[:2])
    drawn = Label(width, height, LABEL) if label else None
    with VideoWriter(out, width=width, height=height, fps=rate, audio_from=sound, crf=crf) as writer:
        for frame in itertools.chain([first], frames):
            cut = frame[:height, :width].copy()
            if drawn is not None:
                drawn.draw(cut)
            writer.write(cut)
