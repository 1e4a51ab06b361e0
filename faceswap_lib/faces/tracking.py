"""Multi-face tracking: one track per person and shot, even if people appear, leave or cross.

Every open tracklet predicts the position of its face in the next frame. Faces and tracklets are paired by the distance
of their boxes and the difference of their appearance (`scipy` solves the assignment problem). A tracklet ends when its
face is not detected for more than a few frames. At the end of a shot, two tracklets are joined if the later one begins
near the predicted position of the earlier one and its face has the same appearance. No track continues across a cut.
"""

import collections
import dataclasses
import typing
from typing import Annotated

import numpy as np

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.faces.boxes import linear_assignment
from faceswap_lib.faces.keyframe_detection import FrameDetections, appearance_distance
from faceswap_lib.faces.smoothing import CoordinateFilter, SmoothConfig, smooth_faces, to_coordinates
from faceswap_lib.faces.types import Face, FaceTrack, VideoTracks

MATCH_RADIUS = 0.6
"""Largest distance of a face from its prediction, in face widths; for a lost face it grows with time."""

MATCH_RADIUS_PER_LOST_FRAME = 0.1
MAX_MATCH_RADIUS = 2.0

MAX_SCALE_RATIO = 1.6
"""Largest ratio by which the size of a face may change."""

APPEARANCE_WEIGHT = 8.0
"""Weight of the appearance distance in the cost of a pair, relative to the distance in face widths."""

MAX_APPEARANCE_DISTANCE = 0.15
"""Appearance distance from which a face does not match the face of the frame before, even at the same position."""

SAME_APPEARANCE_DISTANCE = 0.06
"""Largest distance between the most similar appearance descriptors of two tracklets that are joined. Measured on
real clips over one second: two frames of the same person differ by at most 0.05; the most similar frames of two people
differ by at least 0.07."""

DESCRIPTORS_KEPT = 15
"""Number of appearance descriptors kept from each end of a tracklet."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackConfig(SmoothConfig):
    """Options of tracking, smoothing and the selection of a person."""

    max_lost_frames: Annotated[
        int, Doc("a face that was lost for more frames than this gets a new track; at least max_gap")
    ] = 30
    subject: Annotated[
        str, Doc("which face: largest, center, all, or the path of an image of the person (needs the dlib extra)")
    ] = "largest"

    def __post_init__(self):
        super().__post_init__()
        check_range("max_lost_frames", self.max_lost_frames, self.max_gap, 10_000)


def track_faces(sightings: typing.Iterable[FrameDetections], config: TrackConfig | None = None) -> VideoTracks:
    """Tracks every face of a clip.

    Args:
        sightings: The detections of each frame, in order.
        config: Options; `subject` is not used here.

    Returns:
        The tracks, smoothed.
    """
    config = config or TrackConfig()
    open_tracklets: list[_Tracklet] = []
    tracklets: list[_Tracklet] = []
    tracks: list[FaceTrack] = []
    cuts: list[int] = []
    length = 0
    for length, detections in enumerate(sightings, 1):
        if detections.is_cut:
            cuts.append(length - 1)
            tracks += _join_tracklets(tracklets, config)
            open_tracklets, tracklets = [], []
        pairs = dict(_match_tracklets(open_tracklets, detections))
        for number, tracklet in enumerate(open_tracklets):
            if number in pairs:
                tracklet.update(detections.faces[pairs[number]], detections.descriptors[pairs[number]])
            else:
                tracklet.mark_missed()
        new = set(range(len(detections.faces))) - set(pairs.values())
        started = [
            _Tracklet(length - 1, detections.faces[i], detections.descriptors[i], config.noise_coefficient)
            for i in sorted(new)
        ]
        tracklets += started
        open_tracklets = [tracklet for tracklet in open_tracklets if tracklet.lost <= config.max_gap] + started
    tracks += _join_tracklets(tracklets, config)
    return VideoTracks(length=length, tracks=tuple(tracks), cuts=tuple(cuts))


class _Tracklet:
    """Track of one face without long interruptions.

    Args:
        start: Index of the first frame.
        face: The face in that frame.
        descriptor: Its appearance descriptor in that frame.
        noise_coefficient: As in `SmoothConfig`.
    """

    def __init__(self, start: int, face: Face, descriptor: np.ndarray, noise_coefficient: float):
        self.start, self.lost = start, 0
        self.faces: list[Face | None] = [face]
        self.first, self.last = face, face
        self.first_descriptors = [descriptor]
        self.last_descriptors = collections.deque([descriptor], DESCRIPTORS_KEPT)
        self._unit = face.size
        self._filter = CoordinateFilter(to_coordinates(face, self._unit), noise_coefficient)

    @property
    def stop(self) -> int:
        """Index of the frame after the last one that shows the face."""
        return self.start + len(self.faces)

    def update(self, face: Face, descriptor: np.ndarray) -> None:
        """Adds the detection of the next frame."""
        self.faces += [None] * self.lost + [face]
        self.last, self.lost = face, 0
        if len(self.first_descriptors) < DESCRIPTORS_KEPT:
            self.first_descriptors.append(descriptor)
        self.last_descriptors.append(descriptor)
        self._filter.step(to_coordinates(face, self._unit))

    def mark_missed(self) -> None:
        """Records that the face was not detected in the next frame."""
        self.lost += 1
        self._filter.step(None)

    def distance(self, face: Face, frames: int) -> float:
        """Computes the distance of a face from the tracklet in face widths; infinite if too far or of another size.

        Args:
            face: The face.
            frames: Number of frames between the last detection of the tracklet and the frame of the face.
        """
        if not 1 / MAX_SCALE_RATIO < face.size / self.last.size < MAX_SCALE_RATIO:
            return np.inf
        ahead = 1 + frames - self.lost  # the filter has already advanced by `lost` frames
        boxes = [self._filter.predicted(ahead)[:4] * self._unit] + ([self.last.box_xyxy] if frames else [])
        distance = min(_distance(box, face.box_xyxy) for box in boxes) / self.last.size
        return (
            distance
            if distance < min(MAX_MATCH_RADIUS, MATCH_RADIUS + MATCH_RADIUS_PER_LOST_FRAME * frames)
            else np.inf
        )


def _match_tracklets(tracklets: list[_Tracklet], detections: FrameDetections) -> list[tuple[int, int]]:
    """Pairs open tracklets with the faces of the next frame."""

    def cost(tracklet: _Tracklet, face: Face, descriptor: np.ndarray) -> float:
        difference = appearance_distance(tracklet.last_descriptors[-1], descriptor)
        return (
            tracklet.distance(face, tracklet.lost) + APPEARANCE_WEIGHT * difference
            if difference < MAX_APPEARANCE_DISTANCE
            else np.inf
        )

    faces = list(zip(detections.faces, detections.descriptors, strict=True))
    costs = [[cost(tracklet, *face) for face in faces] for tracklet in tracklets]
    return linear_assignment(np.array(costs).reshape(len(tracklets), len(faces)))


def _join_tracklets(tracklets: list[_Tracklet], config: TrackConfig) -> list[FaceTrack]:
    """Joins the tracklets of one shot into tracks."""

    def cost(earlier: _Tracklet, later: _Tracklet) -> float:
        gap = later.start - earlier.stop
        if not 0 <= gap <= config.max_lost_frames or not np.isfinite(earlier.distance(later.first, gap)):
            return np.inf
        difference = min(appearance_distance(a, b) for a in earlier.last_descriptors for b in later.first_descriptors)
        return difference if difference < SAME_APPEARANCE_DISTANCE else np.inf

    costs = np.array([[cost(earlier, later) for later in tracklets] for earlier in tracklets])
    followers = dict(linear_assignment(costs.reshape(len(tracklets), len(tracklets))))
    tracks = []
    for number in sorted(set(range(len(tracklets))) - set(followers.values())):
        tracklet = tracklets[number]
        faces = list(tracklet.faces)
        while (number := followers.get(number)) is not None:
            faces += [None] * (tracklets[number].start - tracklet.start - len(faces)) + tracklets[number].faces
        tracks.append(FaceTrack(start=tracklet.start, faces=tuple(smooth_faces(faces, config))))
    return tracks


def _distance(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> float:
    """Computes the distance of the centers of two boxes in pixels."""
    return float(np.hypot(*(a_xyxy[:2] + a_xyxy[2:] - b_xyxy[:2] - b_xyxy[2:])) / 2)
