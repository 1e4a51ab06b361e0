"""A person's own faces, taken from a video: what the faces of a result are compared with."""

import dataclasses
import pathlib

import numpy as np

from faceswap_lib.faces import FaceCrop, VideoTracks, align_face
from faceswap_lib.faces.landmarks import LandmarkDetector
from faceswap_lib.faces.likeness import MOST_FACES, LikenessGallery
from faceswap_lib.media import probe_video, read_frames


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class OwnFaces:
    """Some faces of one person, in the order of time.

    Attributes:
        crops: The faces.
        landmarks: Per crop (68, 2) or (5, 2) x, y in pixels of the crop.
        times: Of each in seconds.
    """

    crops: tuple[FaceCrop, ...]
    landmarks: tuple[np.ndarray, ...]
    times: tuple[float, ...]

    def open_gallery(self) -> LikenessGallery | None:
        """Prepares the faces for comparison; None where they are too few for that."""
        return LikenessGallery.open(self.crops, self.landmarks, self.times)


def collect_own_faces(
    video: pathlib.Path, tracks: VideoTracks, finder: LandmarkDetector, *, count: int = MOST_FACES
) -> OwnFaces:
    """Cuts some faces out of a video, spread evenly over it.

    Args:
        video: Shows the person.
        tracks: Where the face is; of several in a frame the first is taken.
        finder: Finds the landmarks.
        count: How many faces, at most.

    Returns:
        The faces; none where the tracks are empty.
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
