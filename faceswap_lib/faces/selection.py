"""Which of the faces that were followed is wanted."""

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
"""What `who` may be besides the path of a picture."""

SHORTEST = 5
"""Tracks of fewer frames may be mistakes of the detector; they never displace a longer one."""

SAMPLES = 5
"""Faces of a track that are compared with a reference picture."""


def count_people(tracks: VideoTracks) -> tuple[int, int]:
    """Counts the people of a clip: at least as many as are in one frame, at most as many as there are tracks.

    Tracks of fewer than `SHORTEST` frames may be mistakes of the detector and do not count. Faces are followed, not
    recognized: who comes back, or is shown again after a cut, has another track.
    """
    kept = tuple(track for track in tracks.tracks if track.found >= SHORTEST)
    return most_at_once(dataclasses.replace(tracks, tracks=kept)), len(kept)


def most_at_once(tracks: VideoTracks) -> int:
    """Counts the faces of the frame that has most."""
    return max((len(faces) for faces in tracks.faces), default=0)


def choose_by_rule(tracks: VideoTracks, rule: str, width: int, height: int) -> VideoTracks:
    """Keeps the tracks that a rule wants.

    Whole tracks are kept or dropped, so that the choice does not jump from one person to another. Of tracks that show
    faces at the same time the better one stays: the one that covers more, or is nearer to the center.

    Args:
        tracks: Everybody's.
        rule: "largest", "center" or "all".
        width: Of the frames in pixels.
        height: Of the frames in pixels.

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
    """Keeps the tracks of the person on a picture.

    Args:
        tracks: Everybody's.
        video: Their video; it is read once more.
        picture: A photograph in which that person's face is the largest.
        detector: Finds the face in the picture.
        embedder: Says how different two faces are.
        start: Index of the picture that is frame 0 of the tracks.

    Returns:
        The same clip with fewer tracks.

    Raises:
        InputError: If there is no face in the picture, or nobody in the video is the same person.
    """
    wanted = embed_picture(picture, detector, embedder)
    distances = [
        _median_distance(found, wanted) for found in embed_samples(tracks, video, embedder, SAMPLES, start=start)
    ]
    near = [distance <= embedder.same_person for distance in distances]
    if not any(near):
        nearest = min(distances, default=np.inf)
        raise InputError(
            f"{picture}: nobody in {video} is this person (the nearest face is {nearest:.2f} away, "
            f"{embedder.same_person} is the most for the same person); give another picture of them"
        )
    alike = [track for track, is_near in zip(tracks.tracks, near, strict=True) if is_near]
    merits = [-distance for distance, is_near in zip(distances, near, strict=True) if is_near]
    return _keep_best(VideoTracks(length=tracks.length, tracks=tuple(alike), cuts=tracks.cuts), merits)


def embed_picture(picture: pathlib.Path, detector: FaceDetector, embedder: FaceEmbedder) -> np.ndarray:
    """Embeds the largest face of a photograph, (D,).

    Raises:
        InputError: If there is no face in it.
    """
    image = read_image(picture)
    (faces,) = detector.detect([image])
    if not faces:
        raise InputError(f"{picture}: no face in the picture; choose one in which the person looks towards the camera")
    largest = max(faces, key=lambda face: face.size)
    (wanted,) = embedder.embed([align_face(image, largest)])
    return wanted


class ImageFaceSelector:
    """Chooses the wanted faces of pictures that have nothing to do with each other.

    Args:
        who: "largest", "center", "all", or the file of a picture of the person.
        detector: Finds the faces.

    Raises:
        InputError: If `who` is none of them, or there is no face in that picture.
    """

    def __init__(self, who: str, detector: FaceDetector):
        self._who, self._detector, self._embedder = who, detector, None
        if who in RULES:
            return
        check_who(who)
        self._embedder = open_embedder()
        self._wanted = embed_picture(pathlib.Path(who), detector, self._embedder)

    def choose(self, image: np.ndarray) -> tuple[Face, ...]:
        """Finds the wanted faces of an (H, W, 3) uint8 RGB picture; none if the person is not in it."""
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
    """Raises `InputError` unless `who` is a rule or the file of a picture."""
    if who not in RULES and not pathlib.Path(who).is_file():
        raise InputError(f"who: expected {', '.join(RULES)} or the file of a picture, got '{who}'")


def embed_samples(
    tracks: VideoTracks, video: pathlib.Path, embedder: FaceEmbedder, samples: int, *, start: int = 0
) -> list[np.ndarray]:
    """Embeds a few faces of every track, spread evenly over it.

    Args:
        tracks: The faces.
        video: Their video; it is read once.
        embedder: Gives the numbers.
        samples: Faces per track, fewer in shorter ones.
        start: Index of the picture that is frame 0 of the tracks.

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
    return float(np.median(np.linalg.norm(embeddings - wanted, axis=1)))


def _keep_best(tracks: VideoTracks, merits: typing.Sequence[float]) -> VideoTracks:
    """Keeps tracks from the best one down, passing over those that share a frame with one already kept."""
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
    """Mean distance of a track's boxes from a point in pixels."""
    centers = [(face.box_xyxy[:2] + face.box_xyxy[2:]) / 2 for _, face in track.items()]
    return float(np.hypot(*(np.array(centers) - [x, y]).T).mean())
