"""dlib's detector of 68 landmarks, for aligned crops.

Source: Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees", 2014. The trees come
with the `face_recognition_models` package. Its files are read without importing it, because it needs `pkg_resources`,
which newer Python versions do not have.

The trees start from an average face that fills the square in which dlib's own face detector found the face. In an
aligned crop that square is known in advance. dlib's detector searches in steps of whole cells and sometimes misses the
face, so it is not run.
"""

import itertools
import pathlib
from collections.abc import Sequence

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import EYE_DISTANCE, invert_affine, map_points, resize_matrix, warp_frame
from faceswap_lib.faces.package_files import find_packaged_file, package_folders
from faceswap_lib.faces.types import FaceCrop
from faceswap_lib.faces.weight_sums import check_known

PACKAGE = "face_recognition_models"

NETWORK_FILE = "shape_predictor_68_face_landmarks.dat"

BYTES = 99_693_937
"""Size of the file in bytes."""

DIGEST = "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f"
"""SHA-256 digest of the file in face_recognition_models 0.3.0."""

REMEDY = "reinstall it: pip install --force-reinstall --no-deps 'face-recognition-models==0.3.0'"

ADVICE = "pip install 'faceswap_lib[dlib]'"

WORK_SIZE = 512
"""Side in pixels to which crops are resized. dlib's landmarks are whole pixels, so a larger image reduces rounding
errors."""

BOX_SIDE = 2.33
"""Side of the initial square, as dlib's face detector would return it, in eye distances of the template."""

BOX_BELOW_EYES = 0.51
"""Distance from the midpoint of the crop's eyes down to the center of the square, in eye distances of the template."""

BOX_SHIFT = 0.06
"""Shift of each of the averaged squares from that center, right or left and down or up, in eye distances."""

BOX_SPREAD = 0.05
"""Difference in size of the averaged squares from `BOX_SIDE`, as a fraction of it."""

BOXES = [
    (np.array([x, y]) * BOX_SHIFT, BOX_SIDE * (1 + z * BOX_SPREAD)) for x, y, z in itertools.product((-1, 1), repeat=3)
]
"""Shift and side of the eight initial squares, whose results are averaged.

The result of the trees depends a little on their initial square. Errors were measured on four clips, relative to the
mean of many runs of dlib's detector. One start at the crop's own size has an error of 1.07 % of the eye distance, and
its landmarks move by 1.71 % from frame to frame, real movement included. The mean of eight starts in a larger image has
0.44 % and 1.27 %."""


class DlibLandmarkDetector:
    """Detector of 68 landmarks with dlib's ensemble of regression trees.

    Raises:
        InputError: If dlib or its trees are not installed.
        CheckpointError: If the file of the trees is not the known one; dlib's own errors do not name the file.
    """

    name = "dlib"

    def __init__(self):
        if reason := self.unavailable_reason():
            raise InputError(reason)
        import dlib

        # dlib is a compiled module without stubs
        self._rectangle = dlib.rectangle  # pyright: ignore[reportAttributeAccessIssue]
        predictor = dlib.shape_predictor  # pyright: ignore[reportAttributeAccessIssue]
        path = find_model_file(NETWORK_FILE)
        assert path is not None
        check_known(path, DIGEST, size=BYTES, not_done="it was not used", remedy=REMEDY)
        self._predict = predictor(str(path))

    @staticmethod
    def unavailable_reason() -> str | None:
        """Returns what is missing on this machine and how to install it; None if the backend works."""
        try:
            import dlib  # noqa: F401
        except ImportError as error:
            return f"dlib cannot be imported ({error}); {ADVICE}"
        return missing_reason(NETWORK_FILE)

    def detect(self, crops: Sequence[FaceCrop]) -> list[np.ndarray]:
        """Detects the (68, 2) landmarks of each crop; see `LandmarkDetector.detect`."""
        return [self._detect_one(crop) for crop in crops]

    def _detect_one(self, crop: FaceCrop) -> np.ndarray:
        """Detects the landmarks of one crop, averaged over all initial squares."""
        work_from_crop = resize_matrix(np.eye(2, 3), WORK_SIZE / len(crop.image))
        work = warp_frame(crop.image, work_from_crop, WORK_SIZE)
        unit = EYE_DISTANCE * WORK_SIZE
        eyes = map_points(work_from_crop, crop.landmarks[:2]).mean(0)
        starts = []
        for shift, side in BOXES:
            center = eyes + (shift + [0.0, BOX_BELOW_EYES]) * unit
            corners = np.round([center - side * unit / 2, center + side * unit / 2]).astype(int)
            parts = self._predict(work, self._rectangle(*corners.ravel().tolist())).parts()
            starts.append([(part.x, part.y) for part in parts])
        return map_points(invert_affine(work_from_crop), np.mean(starts, axis=0))


def find_model_file(name: str) -> pathlib.Path | None:
    """Returns the path of a file in the package `face_recognition_models`; None if it is missing."""
    return find_packaged_file(PACKAGE, "models", name)


def missing_reason(name: str) -> str | None:
    """Returns why a file of the package `face_recognition_models` is missing and how to get it; None if it is there."""
    if not package_folders(PACKAGE):
        return f"{name} of the package face_recognition_models is missing; {ADVICE}"
    return None if find_model_file(name) else f"the package face_recognition_models has lost {name}; {REMEDY}"
