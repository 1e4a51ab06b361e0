"""Selection of the tracked faces by a rule or by an image of a person."""

import dataclasses
import pathlib
import typing

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import align_face
from faceswap_lib.faces.detector import FaceDetector
from faceswap_lib.faces.recognition import FaceEmbedder, open_embedder
from faceswap_lib.faces.types import Face, FaceTrack, VideoTracks
from faceswap_lib.media import read_frames, read_image

RULES = ("largest", "center", "all")
"""Rules that the option `subject` can name; otherwise it is the path of an image."""

SHORTEST = 5
"""Tracks with fewer frames may be false detections; they never replace a longer track."""

SAMPLES = 5
"""Number of faces of a track that are compared with a reference image."""


def count_people(tracks: VideoTracks) -> tuple[int, int]:
    """Counts the people of a clip; returns a lower and an upper bound.

    The lower bound is the largest number of faces in one frame, the upper bound is the number of tracks. Tracks of
    fewer than `SHORTEST` frames may be false detections and do not count. Faces are tracked, not recognized: a person
    who comes back, or is shown again after a cut, has a new track.
    """
    kept = tuple(track for track in tracks.tracks if track.found >= SHORTEST)
    return most_at_once(dataclasses.replace(tracks, tracks=kept)), len(kept)


def most_at_once(tracks: VideoTracks) -> int:
    """Computes the largest number of faces in one frame."""
    return max((len(faces) for faces in tracks.faces), default=0)


def choose_by_rule(tracks: VideoTracks, rule: str, width: int, height: int) -> VideoTracks:
    """Selects tracks by a rule.

    Whole tracks are kept or dropped, so the selection does not jump from one person to another. If tracks show faces at
    the same time, the better one is kept: the one that covers more area, or is nearer to the center.

    Args:
        tracks: The tracks of all people.
        rule: "largest", "center" or "all".
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.

    Returns:
        The same clip with fewer tracks.
    """
    if rule == "all":
        return tracks
    merits = {
        "largest": lambda track: sum(
            float(np.prod(face.box_xyxy[2:] - face.box_xyxy[:2])) for _, face in track.items()
        ),
        "center": lambda track: -_distance_to(track, width / 2, height / 2),
    }
    return _keep_best(tracks, [merits[rule](track) for track in tracks.tracks])


def choose_person(
    tracks: VideoTracks,
    video: pathlib.Path,
    picture: pathlib.Path,
    detector: FaceDetector,
    embedder: FaceEmbedder,
    *,
    start: int = 0,
) -> VideoTracks:
    """Selects the tracks of the person in an image.

    Args:
        tracks: The tracks of all people.
        video: Their video; it is read once more.
        picture: A photograph in which that person's face is the largest.
        detector: Detects the face in the photograph.
        embedder: Computes the face embeddings that are compared.
        start: Index of the video's frame that is frame 0 of the tracks.

    Returns:
        The same clip with fewer tracks.

    Raises:
        InputError: If there is no face in the photograph, or no face in the video shows the same person.
    """
    wanted = embed_picture(picture, detector, embedder)
    distances = [
        _median_distance(found, wanted) for found in embed_samples(tracks, video, embedder, SAMPLES, start=start)
    ]
    near = [distance <= embedder.same_person for distance in distances]
    if not any(near):
        nearest = min(distances, default=np.inf)
        raise InputError(
            f"{picture}: no face in {video} matches this person (the nearest face has a distance of {nearest:.2f}, "
            f"the same person has at most {embedder.same_person}); use another image of the person"
        )
    alike = [track for track, is_near in zip(tracks.tracks, near, strict=True) if is_near]
    merits = [-distance for distance, is_near in zip(distances, near, strict=True) if is_near]
    return _keep_best(VideoTracks(length=tracks.length, tracks=tuple(alike), cuts=tracks.cuts), merits)


def embed_picture(picture: pathlib.Path, detector: FaceDetector, embedder: FaceEmbedder) -> np.ndarray:
    """Computes the embedding of the largest face in a photograph, (D,).

    Raises:
        InputError: If there is no face in it.
    """
    image = read_image(picture)
    (faces,) = detector.detect([image])
    if not faces:
        raise InputError(f"{picture}: no face in the image; choose one in which the person looks toward the camera")
    largest = max(faces, key=lambda face: face.size)
    (wanted,) = embedder.embed([align_face(image, largest)])
    return wanted


class ImageFaceSelector:
    """Selection of faces in single, unrelated images.

    Args:
        who: "largest", "center", "all", or the path of an image of the person.
        detector: Detects the faces.

    Raises:
        InputError: If `who` is none of these, there is no face in that image, or face recognition is not installed.
    """

    def __init__(self, who: str, detector: FaceDetector):
        self._who, self._detector, self._embedder = who, detector, None
        if who in RULES:
            return
        check_who(who)
        self._embedder = open_embedder()
        self._wanted = embed_picture(pathlib.Path(who), detector, self._embedder)

    def choose(self, image: np.ndarray) -> tuple[Face, ...]:
        """Detects the selected faces of an (H, W, 3) uint8 RGB image; empty if the person is not in it."""
        (faces,) = self._detector.detect([image])
        if not faces or self._who == "all":
            return faces
        if self._embedder is not None:
            found = self._embedder.embed([align_face(image, face) for face in faces])
            distances = np.linalg.norm(found - self._wanted, axis=1)
            best = int(distances.argmin())
            return (faces[best],) if distances[best] <= self._embedder.same_person else ()
        if self._who == "largest":
            return (max(faces, key=lambda face: face.size),)
        middle = np.array(image.shape[1::-1]) / 2
        return (min(faces, key=lambda face: float(np.linalg.norm(face.box_xyxy.reshape(2, 2).mean(0) - middle))),)


def check_who(who: str) -> None:
    """Raises `InputError` unless `who` is a rule or the path of an image."""
    if who not in RULES and not pathlib.Path(who).is_file():
        raise InputError(f"subject: expected {', '.join(RULES)} or the path of an image, got '{who}'")


def embed_samples(
    tracks: VideoTracks, video: pathlib.Path, embedder: FaceEmbedder, samples: int, *, start: int = 0
) -> list[np.ndarray]:
    """Computes the embeddings of a few faces of every track, at even steps in time.

    Args:
        tracks: The tracks.
        video: Their video; it is read once.
        embedder: Computes the embeddings.
        samples: Faces per track, fewer in shorter tracks.
        start: Index of the video's frame that is frame 0 of the tracks.

    Returns:
        (n, D) per track.
    """
    wanted: dict[int, list[int]] = {}
    for number, track in enumerate(tracks.tracks):
        indices = [index for index, face in track.items() if face.score > 0]
        for index in {indices[i] for i in np.linspace(0, len(indices) - 1, samples).astype(int)}:
            wanted.setdefault(index, []).append(number)
    embeddings: list[list[np.ndarray]] = [[] for _ in tracks.tracks]
    for index, frame in enumerate(read_frames(video, start=start)):
        for number in wanted.get(index, ()):
            crop = align_face(frame, tracks.faces[index][number])
            embeddings[number].extend(embedder.embed([crop]))
    return [np.array(found) for found in embeddings]


def _median_distance(embeddings: np.ndarray, wanted: np.ndarray) -> float:
    """Computes the median Euclidean distance of (N, D) embeddings from that of the wanted person, (D,).

    A track of which no face could be embedded is infinitely far away.
    """
    if not len(embeddings):
        return float("inf")
    return float(np.median(np.linalg.norm(embeddings - wanted, axis=1)))


def _keep_best(tracks: VideoTracks, merits: typing.Sequence[float]) -> VideoTracks:
    """Keeps tracks in the order of their merit; skips those that share a frame with a track that is already kept."""
    taken = np.zeros(tracks.length, bool)
    kept: list[FaceTrack] = []
    ranks = [(track.found < SHORTEST, -merit) for track, merit in zip(tracks.tracks, merits, strict=True)]
    for _, track in sorted(zip(ranks, tracks.tracks, strict=True), key=lambda pair: pair[0]):
        frames = [index for index, _ in track.items()]
        if not taken[frames].any():
            taken[frames] = True
            kept.append(track)
    return VideoTracks(length=tracks.length, tracks=tuple(sorted(kept, key=lambda t: t.start)), cuts=tracks.cuts)


def _distance_to(track: FaceTrack, x: float, y: float) -> float:
    """Computes the mean distance of a track's boxes from a point, in pixels."""
    centers = [(face.box_xyxy[:2] + face.box_xyxy[2:]) / 2 for _, face in track.items()]
    return float(np.hypot(*(np.array(centers) - [x, y]).T).mean())
