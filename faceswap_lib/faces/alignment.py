"""Face alignment: one similarity transform from five landmarks, to a crop with fixed positions of eyes and mouth.

Convention: pixel (x, y) covers the square from x - 0.5 to x + 0.5, so an image of side S spans -0.5 to S - 0.5.
A matrix `b_from_a` is (2, 3) and maps x, y of `a` to x, y of `b`.

Two squares share one center and one orientation. The *crop* (256 pixels, stored in a faceset) has a margin for the
rotations and shifts of the augmentation. The *view* is its central part, by default from forehead to chin. The networks
read and write the view, both in training and in conversion.
"""

import math

import cv2
import numpy as np

from faceswap_lib.faces.landmarks_68 import LEFT_EYE, MOUTH_CORNERS, NOSE_TIP, RIGHT_EYE
from faceswap_lib.faces.types import Face, FaceCrop

CROP_SIZE = 256
"""Side of a stored crop in pixels."""

VIEW_COVERAGE = 0.8
"""Side of the networks' view as a fraction of the crop's side, unless a run was made with another value."""

EYE_DISTANCE = 0.272
"""Distance between the eyes in the crop as a fraction of its side."""

VIEW_CENTER_BELOW_EYES = 0.40
"""Distance from the eye line down to the center of crop and view, in eye distances."""

MEAN_FACE = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.56], [-0.39, 1.12], [0.39, 1.12]])
"""(5, 2) x, y of an average frontal face in eye distances; the origin is the midpoint between the eyes."""


def template_points(size: int) -> np.ndarray:
    """Returns the positions of an average face's five landmarks in a crop.

    Args:
        size: Side of the crop in pixels.

    Returns:
        (5, 2) float64 x, y in pixels of the crop.
    """
    centered = MEAN_FACE - [0.0, VIEW_CENTER_BELOW_EYES]
    return centered * EYE_DISTANCE * size + (size - 1) / 2


def similarity_transform(points_a: np.ndarray, points_b: np.ndarray) -> np.ndarray:
    """Computes the similarity transform (rotation, uniform scale, shift) that best maps points of `a` to points of `b`.

    Written with complex numbers, a similarity is z -> m z + t, and least squares gives m as the ratio of two sums. The
    transform never contains a reflection. Source: the two-dimensional case of Umeyama, "Least-squares estimation of
    transformation parameters between two point patterns", 1991.

    Args:
        points_a: (N, 2) x, y, at least two different points.
        points_b: (N, 2) x, y.

    Returns:
        (2, 3) float64 matrix `b_from_a`.

    Raises:
        ValueError: If the shapes differ or all points of `a` coincide.

    Taught in notebooks/01_video_face_detection_alignment.
    """
    if points_a.shape != points_b.shape or points_a.ndim != 2 or points_a.shape[1] != 2:
        raise ValueError(f"expected two (N, 2) arrays of one shape, got {points_a.shape} and {points_b.shape}")
    a = points_a[:, 0] + 1j * points_a[:, 1]
    b = points_b[:, 0] + 1j * points_b[:, 1]
    a_centered = a - a.mean()
    spread = (np.abs(a_centered) ** 2).sum()
    if spread == 0:
        raise ValueError("expected at least two different points, got the same point several times")
    m = (np.conj(a_centered) * (b - b.mean())).sum() / spread
    t = b.mean() - m * a.mean()
    return np.array([[m.real, -m.imag, t.real], [m.imag, m.real, t.imag]])


def invert_affine(b_from_a: np.ndarray) -> np.ndarray:
    """Inverts an affine transform: `b_from_a` becomes `a_from_b`, both (2, 3).

    Example:
        >>> invert_affine(np.array([[2.0, 0.0, 1.0], [0.0, 2.0, 1.0]])).tolist()
        [[0.5, 0.0, -0.5], [0.0, 0.5, -0.5]]
    """
    linear = np.linalg.inv(b_from_a[:, :2])
    return np.concatenate([linear, -linear @ b_from_a[:, 2:]], axis=1)


def map_points(b_from_a: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Maps (N, 2) points of `a` to `b`.

    Example:
        >>> map_points(np.array([[2.0, 0.0, 1.0], [0.0, 2.0, 1.0]]), np.array([[1.0, 3.0]]))
        array([[3., 7.]])
    """
    return points @ b_from_a[:, :2].T + b_from_a[:, 2]


def scale_points(points: np.ndarray, factor: float) -> np.ndarray:
    """Maps (..., 2) points of an image to the same image resized by `factor`."""
    return (points + 0.5) * factor - 0.5


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """Reduces (68, 2) landmarks to the (5, 2) landmarks used for alignment; returns (5, 2) landmarks unchanged."""
    if len(landmarks) == 5:
        return landmarks
    eyes = [landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0)]
    return np.array([*eyes, landmarks[NOSE_TIP], *landmarks[list(MOUTH_CORNERS)]])


def crop_from_frame(face: Face, size: int = CROP_SIZE) -> np.ndarray:
    """Computes the (2, 3) matrix that maps x, y of the frame to x, y of a crop of side `size`."""
    return similarity_transform(five_points(face.landmarks), template_points(size))


def stored_size(resolution: int, coverage: float) -> int:
    """Computes the side, in pixels, of a crop that contains a view of side `resolution` at the same pixel scale.

    The margin is a whole number of pixels on each side, so the view can be cut out without resampling.

    Args:
        resolution: Side of the view in pixels.
        coverage: Side of the view as a fraction of the crop's side, above 0 and at most 1.
    """
    return resolution + 2 * round((resolution / coverage - resolution) / 2)


def view_matrix(crop_from_frame: np.ndarray, crop_size: int, view_size: int, coverage: float) -> np.ndarray:
    """Converts the matrix of a crop into the matrix of the networks' view inside that crop.

    Args:
        crop_from_frame: (2, 3) for a crop of side `crop_size`.
        crop_size: Side of the crop in pixels.
        view_size: Side of the view in pixels.
        coverage: Side of the view as a fraction of the crop's side; use the value of the networks that read the view.

    Returns:
        (2, 3) `view_from_frame`.
    """
    scale = view_size / (coverage * crop_size)
    shift = (view_size - 1) / 2 - scale * (crop_size - 1) / 2
    return scale * crop_from_frame + np.array([[0, 0, shift], [0, 0, shift]])


def points_in_crop(face: Face, matrix: np.ndarray) -> np.ndarray:
    """Maps the face's five landmarks through a matrix such as `crop_from_frame`; returns (5, 2) x, y."""
    return map_points(matrix, five_points(face.landmarks))


def resize_matrix(b_from_a: np.ndarray, factor: float) -> np.ndarray:
    """Computes the (2, 3) matrix from `a` to `b` resized by `factor`, in the pixel convention of this module."""
    shift = (factor - 1) / 2
    return factor * b_from_a + np.array([[0, 0, shift], [0, 0, shift]])


def warp_frame(frame: np.ndarray, crop_from_frame: np.ndarray, size: int) -> np.ndarray:
    """Warps a square out of a frame, without the aliasing that plain interpolation causes when it shrinks an image.

    Args:
        frame: (H, W, 3) uint8 RGB.
        crop_from_frame: (2, 3) for a square of side `size`.
        size: Side of the square in pixels.

    Returns:
        (size, size, 3) uint8 RGB; pixels outside the frame repeat its border.
    """
    return warp_supersampled(frame, crop_from_frame, size, max(1, math.ceil(shrink_factor(crop_from_frame) / 1.3)))


def shrink_factor(b_from_a: np.ndarray) -> float:
    """Computes how much smaller a (2, 3) matrix makes an image, as a factor of lengths; mirrored or not."""
    return float(1 / np.sqrt(abs(np.linalg.det(b_from_a[:, :2]))))


def warp_supersampled(image: np.ndarray, square_from_image: np.ndarray, size: int, supersampling: int) -> np.ndarray:
    """Warps a square out of an image at a multiple of its size, and averages it down.

    Args:
        image: (H, W, C) uint8.
        square_from_image: (2, 3) for a square of side `size`.
        size: Side of the square in pixels.
        supersampling: The multiple, at least 1.

    Returns:
        (size, size, C) uint8; pixels outside the image repeat its border.
    """
    matrix = resize_matrix(square_from_image, supersampling)
    side = supersampling * size
    square = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return square if supersampling == 1 else cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)


def align_face(frame: np.ndarray, face: Face, size: int = CROP_SIZE) -> FaceCrop:
    """Crops an aligned face out of its frame.

    Args:
        frame: (H, W, 3) uint8 RGB.
        face: The face, in pixels of this frame.
        size: Side of the crop in pixels.

    Returns:
        The crop, its landmarks, and the matrix that made it.
    """
    matrix = crop_from_frame(face, size)
    return FaceCrop(
        image=warp_frame(frame, matrix, size), landmarks=points_in_crop(face, matrix), crop_from_frame=matrix
    )
