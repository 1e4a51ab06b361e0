"""Face tracking in a video file: detection, tracking, and selection of the wanted person."""

import dataclasses
import pathlib

from faceswap_lib.faces.detector import DetectConfig, FaceDetector
from faceswap_lib.faces.keyframe_detection import detect_keyframes
from faceswap_lib.faces.recognition import open_embedder
from faceswap_lib.faces.selection import RULES, check_who, choose_by_rule, choose_person, count_people
from faceswap_lib.faces.tracking import TrackConfig, track_faces
from faceswap_lib.faces.types import VideoTracks
from faceswap_lib.media import count_frames, probe_video, read_frames
from faceswap_lib.prefetch import prefetch
from faceswap_lib.progress import show_progress

DECODED_AHEAD = 8
"""Number of decoded frames that may wait for the detector."""


def track_video(
    video: pathlib.Path,
    detector: FaceDetector,
    *,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    start: int = 0,
    stop: int | None = None,
    progress: bool = False,
) -> VideoTracks:
    """Tracks the selected faces of a video; reads its frames once, or twice if `subject` is the path of an image.

    Args:
        video: The file.
        detector: Detects the faces.
        detect_config: Options of face detection; only `detect_every` is used.
        track_config: Options of tracking, smoothing and selection.
        start: Index of the first frame to read, which is frame 0 of the tracks.
        stop: Index after the last frame; None for all.
        progress: Whether to show a progress bar.

    Returns:
        The tracks; none if the selected face does not appear.

    Raises:
        VideoError: If the file cannot be read.
        InputError: If `subject` is neither a rule nor the path of an image, that person is not in the video, or face
            recognition is not installed.
    """
    detect_config, track_config = detect_config or DetectConfig(), track_config or TrackConfig()
    subject = track_config.subject
    check_who(subject)
    embedder = open_embedder() if subject not in RULES else None
    info = probe_video(video)
    total = len(range(count_frames(video))[start:stop])
    # Frames are decoded while the detector processes earlier ones.
    decoded = prefetch(read_frames(video, start=start, stop=stop), DECODED_AHEAD)
    frames = show_progress(decoded, "find faces", total, disable=not progress)
    tracks = track_faces(detect_keyframes(frames, detector, detect_config.detect_every), track_config)
    if embedder is not None:
        wanted = choose_person(tracks, video, pathlib.Path(subject), detector, embedder, start=start)
    else:
        wanted = choose_by_rule(tracks, subject, info.width, info.height)
    return dataclasses.replace(wanted, seen=count_people(tracks))
