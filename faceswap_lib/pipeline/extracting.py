"""One person's faces out of a video, ready for training."""

import pathlib

from faceswap_lib.faces import DetectConfig, MtcnnDetector, TrackConfig
from faceswap_lib.facesets import ExtractConfig, ExtractReport, Side, Workspace, extract_faces, write_eye_masks
from faceswap_lib.facesets.consent import check_statement, read_consent, record_consent
from faceswap_lib.facesets.writable import check_writable


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
    if consent is not None:  # before hours of work
        check_statement(consent)
        read_consent(workspace)
        check_writable(workspace.root)
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
