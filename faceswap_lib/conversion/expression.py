"""What a face does, in a few numbers that depend little on whose face it is."""

import numpy as np

EYE_HEIGHT = ((37, 41), (38, 40), (43, 47), (44, 46))
LEFT_EYE, RIGHT_EYE, BROWS = slice(36, 42), slice(42, 48), slice(17, 27)


def describe_expression(landmarks: np.ndarray) -> np.ndarray:
    """Measures mouth, eyes, brows and the turn of the head.

    Args:
        landmarks: (N, 68, 2) x, y of upright faces, in the usual order of 68 landmarks.

    Returns:
        (N, 8): how far the mouth is open (inner lips, outer lips), its width, how far the eyes are open, the turn of
        the head (logarithm of the nose's distances to both sides), the length of the nose, how high the brows are, how
        far the corners of the mouth hang; all but the turn in eye distances.
    """
    left, right = landmarks[:, LEFT_EYE].mean(axis=1), landmarks[:, RIGHT_EYE].mean(axis=1)
    unit = np.linalg.norm(right - left, axis=1)

    def between(a: int, b: int) -> np.ndarray:
        return np.linalg.norm(landmarks[:, a] - landmarks[:, b], axis=1) / unit

    y = landmarks[..., 1]
    corners, middle = y[:, [48, 54]].mean(axis=1), y[:, [62, 66]].mean(axis=1)
    return np.stack(
        [
            between(62, 66),
            between(51, 57),
            between(48, 54),
            np.mean([between(*pair) for pair in EYE_HEIGHT], axis=0),
            np.log(between(30, 2) / between(30, 14)),
            between(27, 33),
            ((left + right)[:, 1] / 2 - y[:, BROWS].mean(axis=1)) / unit,
            (corners - middle) / unit,
        ],
        axis=1,
    )
