"""The first pass over a video: who is where in every frame."""

import dataclasses
import pathlib

from faceswap_lib.faces.detector import DetectConfig, FaceDetector
from faceswap_lib.faces.keyframe_detection import detect_keyframes
from faceswap_lib.faces.recognition import open_embedder
from faceswap_lib.faces.selection import RULES, check_who, choose_by_rule, choose_person, count_people
from faceswap_lib.faces.tracking import TrackConfig, track_faces
from faceswap_lib.faces.types import VideoTracks
from faceswap_lib.media import count_frames, probe_video, read_frames
from faceswap_lib.prefetch import ahead
from faceswap_lib.progress import show_progress

DECODED_AHEAD = 8
"""Frames that may wait for being searched."""


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
    """Reads a video once and follows the wanted faces.

    Args:
        video: The file.
        detector: Finds the faces.
        detect_config: How often it looks.
        track_config: How faces are followed, and whose.
        start: Index of the first picture looked at, which is frame 0 of the tracks.
        stop: Index after the last one; None for all.
        progress: Show a progress bar.

    Returns:
        The tracks; none if the wanted face is nowhere.

    Raises:
        VideoError: If the file cannot be read.
        InputError: If `who` is neither a rule nor a picture, or that person is not in the video.
    """
    detect_config, track_config = detect_config or DetectConfig(), track_config or TrackConfig()
    who = track_config.subject
    is_picture = who not in RULES
    check_who(who)
    embedder = open_embedder() if is_picture else None
    info = probe_video(video)
    total = len(range(count_frames(video))[start:stop])
    # Frames are decoded while those before are searched; the next ones to be looked at together may wait.
    decoded = ahead(read_frames(video, start=start, stop=stop), DECODED_AHEAD)
    frames = show_progress(decoded, "find faces", total, disable=not progress)
    tracks = track_faces(detect_keyframes(frames, detector, detect_config.detect_every), track_config)
    if is_picture:
        wanted = choose_person(tracks, video, pathlib.Path(who), detector, embedder, start=start)
    else:
        wanted = choose_by_rule(tracks, who, info.width, info.height)
    return dataclasses.replace(wanted, seen=count_people(tracks))
