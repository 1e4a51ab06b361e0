"""A person's own faces, sampled from a video, as the reference for the faces of a result."""

import dataclasses
import pathlib

import numpy as np

from faceswap_lib.faces import FaceCrop, VideoTracks, align_face
from faceswap_lib.faces.landmarks import LandmarkDetector
from faceswap_lib.faces.likeness import MOST_FACES, LikenessGallery
from faceswap_lib.media import probe_video, read_frames


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class OwnFaces:
    """Sampled faces of one person, in temporal order.

    Attributes:
        crops: The faces.
        landmarks: Per crop (68, 2) or (5, 2) x, y in pixels of the crop.
        times: Time of each face in seconds.
    """

    crops: tuple[FaceCrop, ...]
    landmarks: tuple[np.ndarray, ...]
    times: tuple[float, ...]

    def open_gallery(self) -> LikenessGallery | None:
        """Builds a gallery of the faces for comparison; returns None if there are too few faces."""
        return LikenessGallery.open(self.crops, self.landmarks, self.times)


def collect_own_faces(
    video: pathlib.Path, tracks: VideoTracks, finder: LandmarkDetector, *, count: int = MOST_FACES
) -> OwnFaces:
    """Crops faces from a video, sampled evenly over its frames with a face.

    Args:
        video: A video of the person.
        tracks: The face tracks; the first face of a frame is used.
        finder: Detects the landmarks.
        count: Maximum number of faces.

    Returns:
        The faces; empty if the tracks are empty.
    """
    shown = [index for index, faces in enumerate(tracks.faces) if faces]
    wanted = {shown[i] for i in np.linspace(0, len(shown) - 1, min(count, len(shown))).astype(int)}
    fps = float(probe_video(video).fps)
    crops, times = [], []
    for index, frame in enumerate(read_frames(video)):
        if index in wanted:
            crops.append(align_face(frame, next(iter(tracks.faces[index].values()))))
            times.append(index / fps)
    return OwnFaces(crops=tuple(crops), landmarks=tuple(finder.detect(crops)), times=tuple(times))
