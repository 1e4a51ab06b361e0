"""Options for the extraction of faces."""

import dataclasses
from typing import Annotated

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.faces.landmarks import LandmarkBackend


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExtractConfig:
    """Options that select the faces of a video to keep, and how their crops are stored."""

    frame_stride: Annotated[int, Doc("keep faces of every n-th frame only")] = 1
    max_crops: Annotated[int, Doc("keep at most this many faces, spread evenly over the clip; 0 for all")] = 0
    min_size: Annotated[int, Doc("drop faces whose box has a shorter side below this many pixels")] = 40
    min_sharpness: Annotated[
        float,
        Doc("drop faces with a lower sharpness; it is a few hundred in focus, and about 50 with a blur of a tenth"),
    ] = 40.0
    min_crops: Annotated[int, Doc("stop with an error if the whole video has fewer faces than this")] = 8
    crop_size: Annotated[
        int,
        Doc(
            "side in pixels of the stored crops, 256 to 1024; 0 chooses it by the size of the faces in the video, "
            "between 256 and 512. The new face takes its detail from the crops; networks of resolution 256 use crops "
            "of 320 pixels"
        ),
    ] = 0
    landmarks: Annotated[
        LandmarkBackend, Doc("landmark detector for the masks; auto takes the first that works on this computer")
    ] = "auto"
    save_faces: Annotated[
        bool, Doc("also save raw faces, aligned faces and eye masks of this video to WORKSPACE/faces for viewing")
    ] = False

    def __post_init__(self):
        check_range("frame_stride", self.frame_stride, 1, 10_000)
        check_range("max_crops", self.max_crops, 0, 10_000_000)
        check_range("min_size", self.min_size, 1, 10_000)
        check_range("min_sharpness", self.min_sharpness, 0, 1e6)
        if self.crop_size:
            check_range("crop_size", self.crop_size, 256, 1024)
        check_range("min_crops", self.min_crops, 1, 1_000_000)
