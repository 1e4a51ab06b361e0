"""Extraction of one person's faces from a video for training."""

import logging
import pathlib

from faceswap_lib.faces import MTCNN, DetectConfig, TrackConfig, VideoTracks
from faceswap_lib.facesets import ExtractConfig, ExtractReport, Side, Workspace, extract_faces, write_eye_masks
from faceswap_lib.facesets.consent import check_statement, read_consent, record_consent
from faceswap_lib.facesets.workspace import Person, side_of
from faceswap_lib.facesets.writable import check_writable

logger = logging.getLogger(__name__)


def extract(
    video: pathlib.Path | str,
    workspace: Workspace,
    person: Person | Side,
    *,
    config: ExtractConfig | None = None,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    overwrite: bool = False,
    consent: str | None = None,
    progress: bool = False,
) -> ExtractReport:
    """Extracts one person's faces and their eye masks, and records a consent; see `facesets.extract_faces`.

    Args:
        video: Video of the person.
        workspace: Workspace to which the faceset is written.
        person: "a", in whose video the face is replaced, or "b", whose face is shown; or the side of the faceset, "src"
            or "dst".
        config: Which faces are extracted.
        detect_config: How faces are detected.
        track_config: How faces are tracked, and which person is extracted.
        overwrite: Whether a faceset of another video or with other options is replaced.
        consent: Who agreed to the swap; recorded in the workspace.
        progress: Whether progress bars are shown.

    Returns:
        What was extracted.

    Raises:
        InputError: If `person` is unknown, or the consent is empty.
        VideoError: If the video cannot be read.
        WorkspaceError: If the workspace contains a faceset of another video or with other options.
    """
    video, side = pathlib.Path(video), side_of(person)
    if consent is not None:  # before hours of work
        check_statement(consent)
        read_consent(workspace)
        check_writable(workspace.root)
    report = extract_faces(
        video,
        workspace,
        side,
        MTCNN(detect_config),
        config=config,
        detect_config=detect_config,
        track_config=track_config,
        overwrite=overwrite,
        progress=progress,
    )
    log_people(video, report.tracks, (track_config or TrackConfig()).subject)
    write_eye_masks(workspace, side, progress=progress)
    if consent is not None:
        record_consent(workspace, consent, (video,))
    return report


def log_people(video: pathlib.Path, tracks: VideoTracks, who: str) -> None:
    """Logs, for a video of several people, how many there are, who was extracted, and how to choose another person."""
    if who == "all" or tracks.seen is None or tracks.seen[0] < 2:
        return
    taken = {"largest": "the largest one", "center": "the one nearest to the center"}.get(who, f"the one on {who}")
    logger.info(
        "%s shows %d people at once, and only one face can be learned: %s was taken; to take another person, pass "
        "a photo of that person with --subject (with run: --subject-a, --subject-b)",
        *(video.name, tracks.seen[0], taken),
    )
