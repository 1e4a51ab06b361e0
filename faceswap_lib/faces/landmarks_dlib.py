"""dlib's 68 landmarks of aligned crops.

Source: Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees", 2014. The trees come
with the `face_recognition_models` package. That package is looked into, not imported: it needs `pkg_resources`, which
newer Pythons lack.

The trees start from an average face that fills the square in which dlib's own detector found the face. In an aligned
crop that square is known beforehand, so the detector, which steps in whole cells and sometimes misses, is not run.
"""

import importlib.util
import itertools
import pathlib
from collections.abc import Sequence

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import EYE_DISTANCE, invert_affine, map_points, resize_matrix, warp_frame
from faceswap_lib.faces.types import FaceCrop

NETWORK_FILE = "shape_predictor_68_face_landmarks.dat"

WORK_SIZE = 512
"""Side in pixels to which crops are resized: dlib's points are whole pixels, and smaller pixels round less."""

BOX_SIDE = 2.33
"""Side of the square of dlib's detector, in eye distances of the template."""

BOX_BELOW_EYES = 0.51
"""How far its center lies below the middle of the crop's eyes, in eye distances of the template."""

BOX_SHIFT = 0.06
"""How far the squares that are averaged lie off that center, right or left and down or up, in eye distances."""

BOX_SPREAD = 0.05
"""How much larger or smaller than `BOX_SIDE` they are, as a share of it."""

BOXES = [
    (np.array([x, y]) * BOX_SHIFT, BOX_SIDE * (1 + z * BOX_SPREAD)) for x, y, z in itertools.product((-1, 1), repeat=3)
]
"""Shift and side of the eight squares. Where the trees end depends a little on where they start. On four clips one
start at the crop's own size is 1.07 % of the eye distance off what many runs of dlib's detector agree on, and shakes by
1.71 % from frame to frame, movement included; the mean of eight starts in a larger picture by 0.44 % and 1.27 %."""


class DlibLandmarkDetector:
    """68 landmarks by dlib's ensemble of regression trees.

    Raises:
        InputError: If dlib or its trees are not installed.
    """

    name = "dlib"

    def __init__(self):
        if lack := self.unavailable_reason():
            raise InputError(lack)
        import dlib

        self._rectangle = dlib.rectangle
        self._predict = dlib.shape_predictor(str(find_model_file(NETWORK_FILE)))

    @staticmethod
    def unavailable_reason() -> str | None:
        """What it lacks on this machine, and what to do about it; None where it works."""
        advice = "pip install 'faceswap_lib[dlib]'"
        try:
            import dlib  # noqa: F401
        except ImportError as error:
            return f"dlib cannot be imported ({error}); {advice}"
        if find_model_file(NETWORK_FILE) is None:
            return f"{NETWORK_FILE} of the package face_recognition_models is missing; {advice}"
        return None

    def detect(self, crops: Sequence[FaceCrop]) -> list[np.ndarray]:
        """Finds (68, 2) landmarks of each crop; see `LandmarkDetector.find`."""
        return [self._find_one(crop) for crop in crops]

    def _find_one(self, crop: FaceCrop) -> np.ndarray:
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
    """Finds a file that the package `face_recognition_models` brings; None where it is not installed."""
    spec = importlib.util.find_spec("face_recognition_models")
    folders = spec.submodule_search_locations if spec else None
    paths = [pathlib.Path(folder) / "models" / name for folder in folders or ()]
    return next((path for path in paths if path.is_file()), None)
