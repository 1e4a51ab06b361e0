"""Following faces through a clip: one track per person and shot, whoever comes, goes or crosses.

Every open piece of a track predicts where its face is in the next frame. Faces and pieces are paired by how far the
boxes are apart and how different the faces look (`scipy` finds the cheapest pairs). A piece ends when its face is out
of sight for more than a few frames. At the end of a shot, pieces are joined when the later one begins about where the
earlier one must have led and shows somebody who looks the same. Nothing is followed across a cut.
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
"""How far a face may be from its prediction, in face widths; the reach of a lost face grows."""

MATCH_RADIUS_PER_LOST_FRAME = 0.1
MAX_MATCH_RADIUS = 2.0

MAX_SCALE_RATIO = 1.6
"""How many times larger or smaller a face may have become."""

APPEARANCE_WEIGHT = 8.0
"""What a difference of looks costs against a distance of as many face widths."""

MAX_APPEARANCE_DISTANCE = 0.15
"""Difference of looks from which a face is not the one of the frame before, though it be in its place."""

SAME_APPEARANCE_DISTANCE = 0.06
"""Largest difference between the most similar looks of two pieces of one track. Measured on real clips over a second:
the same person at most 0.05 apart in any two frames, two persons at least 0.07 in the most similar ones."""

DESCRIPTORS_KEPT = 15
"""Looks remembered from either end of a piece."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackConfig(SmoothConfig):
    """How faces are followed and steadied, and whose."""

    max_lost_frames: Annotated[int, Doc("frames out of sight after which a face counts as a new one")] = 30
    subject: Annotated[
        str, Doc("whose face: largest, center, all, or a picture of the person (needs the dlib extra)")
    ] = "largest"

    def __post_init__(self):
        super().__post_init__()
        check_range("max_lost_frames", self.max_lost_frames, self.max_gap, 10_000)


def track_faces(sightings: typing.Iterable[FrameDetections], config: TrackConfig | None = None) -> VideoTracks:
    """Follows every face of a clip.

    Args:
        sightings: What each frame shows, in order.
        config: Options; `who` is not looked at here.

    Returns:
        The tracks, smoothed.
    """
    config = config or TrackConfig()
    open_pieces: list[_Tracklet] = []
    pieces: list[_Tracklet] = []
    tracks: list[FaceTrack] = []
    cuts: list[int] = []
    length = 0
    for length, sighting in enumerate(sightings, 1):
        if sighting.is_cut:
            cuts.append(length - 1)
            tracks += _join_tracklets(pieces, config)
            open_pieces, pieces = [], []
        pairs = dict(_match_tracklets(open_pieces, sighting))
        for number, piece in enumerate(open_pieces):
            if number in pairs:
                piece.update(sighting.faces[pairs[number]], sighting.descriptors[pairs[number]])
            else:
                piece.mark_missed()
        new = set(range(len(sighting.faces))) - set(pairs.values())
        begun = [
            _Tracklet(length - 1, sighting.faces[i], sighting.descriptors[i], config.noise_coefficient)
            for i in sorted(new)
        ]
        pieces += begun
        open_pieces = [piece for piece in open_pieces if piece.lost <= config.max_gap] + begun
    tracks += _join_tracklets(pieces, config)
    return VideoTracks(length=length, tracks=tuple(tracks), cuts=tuple(cuts))


class _Tracklet:
    """One face, followed for as long as it is in sight.

    Args:
        start: Index of the first frame.
        face: The face in that frame.
        look: What it looks like there.
        noise_coefficient: As in `SmoothConfig`.
    """

    def __init__(self, start: int, face: Face, look: np.ndarray, noise_coefficient: float):
        self.start, self.lost = start, 0
        self.faces: list[Face | None] = [face]
        self.first, self.last = face, face
        self.first_looks = [look]
        self.last_looks = collections.deque([look], DESCRIPTORS_KEPT)
        self._unit = face.size
        self._filter = CoordinateFilter(to_coordinates(face, self._unit), noise_coefficient)

    @property
    def stop(self) -> int:
        """Index of the frame after the last one that shows the face."""
        return self.start + len(self.faces)

    def update(self, face: Face, look: np.ndarray) -> None:
        """The next frame shows the face."""
        self.faces += [None] * self.lost + [face]
        self.last, self.lost = face, 0
        if len(self.first_looks) < DESCRIPTORS_KEPT:
            self.first_looks.append(look)
        self.last_looks.append(look)
        self._filter.step(to_coordinates(face, self._unit))

    def mark_missed(self) -> None:
        """The next frame does not show it."""
        self.lost += 1
        self._filter.step(None)

    def distance(self, face: Face, frames: int) -> float:
        """How far a face is from this one, lost for some frames, in face widths; infinite if it is out of reach."""
        if not 1 / MAX_SCALE_RATIO < face.size / self.last.size < MAX_SCALE_RATIO:
            return np.inf
        ahead = 1 + frames - self.lost  # the filter has gone on by `lost` frames already
        boxes = [self._filter.predicted(ahead)[:4] * self._unit] + ([self.last.box_xyxy] if frames else [])
        distance = min(_distance(box, face.box_xyxy) for box in boxes) / self.last.size
        return (
            distance
            if distance < min(MAX_MATCH_RADIUS, MATCH_RADIUS + MATCH_RADIUS_PER_LOST_FRAME * frames)
            else np.inf
        )


def _match_tracklets(pieces: list[_Tracklet], sighting: FrameDetections) -> list[tuple[int, int]]:
    """Pairs open pieces with the faces of the next frame."""

    def cost(piece: _Tracklet, face: Face, look: np.ndarray) -> float:
        difference = appearance_distance(piece.last_looks[-1], look)
        return (
            piece.distance(face, piece.lost) + APPEARANCE_WEIGHT * difference
            if difference < MAX_APPEARANCE_DISTANCE
            else np.inf
        )

    faces = list(zip(sighting.faces, sighting.descriptors, strict=True))
    costs = [[cost(piece, *face) for face in faces] for piece in pieces]
    return linear_assignment(np.array(costs).reshape(len(pieces), len(faces)))


def _join_tracklets(pieces: list[_Tracklet], config: TrackConfig) -> list[FaceTrack]:
    """Makes the tracks of one shot out of its pieces."""

    def cost(earlier: _Tracklet, later: _Tracklet) -> float:
        gap = later.start - earlier.stop
        if not 0 <= gap <= config.max_lost_frames or not np.isfinite(earlier.distance(later.first, gap)):
            return np.inf
        difference = min(appearance_distance(a, b) for a in earlier.last_looks for b in later.first_looks)
        return difference if difference < SAME_APPEARANCE_DISTANCE else np.inf

    costs = np.array([[cost(earlier, later) for later in pieces] for earlier in pieces])
    followers = dict(linear_assignment(costs.reshape(len(pieces), len(pieces))))
    tracks = []
    for number in sorted(set(range(len(pieces))) - set(followers.values())):
        piece = pieces[number]
        faces = list(piece.faces)
        while (number := followers.get(number)) is not None:
            faces += [None] * (pieces[number].start - piece.start - len(faces)) + pieces[number].faces
        tracks.append(FaceTrack(start=piece.start, faces=tuple(smooth_faces(faces, config))))
    return tracks


def _distance(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> float:
    """Distance of the centers of two boxes in pixels."""
    return float(np.hypot(*(a_xyxy[:2] + a_xyxy[2:] - b_xyxy[:2] - b_xyxy[2:])) / 2)
