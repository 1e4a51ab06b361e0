"""Average face with 68 landmarks, for machines without a landmark network.

The landmarks do not belong to any person. Fitted to five landmarks, they have the position, size and tilt of that face,
but not its expression. They show the position of every landmark and how 68 landmarks are used. A mask drawn from them
contains no more information than a mask drawn from five.
"""

import numpy as np

from faceswap_lib.faces.alignment import MEAN_FACE, map_points, similarity_transform

_JAW_EYEBROWS_NOSE_EYES_MOUTH = """
    -1.08,0.04 -1.06,0.33 -1.01,0.61 -0.96,0.88 -0.86,1.14 -0.71,1.38 -0.51,1.57 -0.27,1.71 0,1.75 0.27,1.71
    0.51,1.57 0.71,1.38 0.86,1.14 0.96,0.88 1.01,0.61 1.06,0.33 1.08,0.04
    -0.94,-0.22 -0.81,-0.37 -0.61,-0.42 -0.41,-0.4 -0.22,-0.32 0.22,-0.32 0.41,-0.4 0.61,-0.42 0.81,-0.37 0.94,-0.22
    0,-0.05 0,0.15 0,0.34 0,0.54 -0.22,0.68 -0.11,0.71 0,0.75 0.11,0.71 0.22,0.68
    -0.71,0 -0.59,-0.08 -0.44,-0.07 -0.3,0.03 -0.45,0.06 -0.6,0.06 0.3,0.03 0.44,-0.07 0.59,-0.08 0.71,0 0.6,0.06
    0.45,0.06
    -0.43,1.05 -0.27,0.97 -0.12,0.94 0,0.97 0.12,0.94 0.27,0.97 0.43,1.05 0.28,1.21 0.13,1.28 0,1.3 -0.13,1.28
    -0.28,1.21 -0.36,1.06 -0.12,1.04 0,1.06 0.12,1.04 0.36,1.06 0.12,1.13 0,1.14 -0.12,1.13
"""

MEAN_FACE_68 = np.array([pair.split(",") for pair in _JAW_EYEBROWS_NOSE_EYES_MOUTH.split()], float)
"""(68, 2) x, y in eye distances, origin between the eyes; measured on aligned crops of six people, made symmetric."""


def place_mean_face(landmarks: np.ndarray) -> np.ndarray:
    """Fits the average face's 68 landmarks to the five landmarks of a face.

    Args:
        landmarks: (5, 2) x, y in pixels of any image.

    Returns:
        (68, 2) float64 x, y in pixels of that image.

    Raises:
        ValueError: If there are not five landmarks.
    """
    return map_points(similarity_transform(MEAN_FACE, landmarks), MEAN_FACE_68)
