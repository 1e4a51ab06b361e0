"""Geometry of the whole-face crop that live programs cut out of a frame, and resampling as matrix products.

DeepFaceLive and FaceFusion align faces to a square that shows about the same as the crop of this library: level eyes
whose distance is 0.275 of the side. Both alignments are similarity transforms, so between the two squares there is only
a scale and a shift. Separable resampling with a scale and a shift is two matrix products, one for the rows and one for
the columns, which every ONNX runtime computes.

Source: the positions of the five points are those of FaceFusion's template `dfl_whole_face`.
"""

import typing

import cv2
import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import (
    CROP_SIZE,
    invert_affine,
    map_points,
    similarity_transform,
    template_points,
    view_matrix,
)
from faceswap_lib.faces.types import Face

WHOLE_FACE = np.array([[0.3534, 0.3929], [0.6280, 0.3929], [0.4866, 0.5402], [0.3884, 0.6875], [0.5982, 0.6875]])
"""(5, 2) x, y of the five landmarks in the whole-face crop, as fractions of its side."""

SIZES = (64, 1024)
"""Smallest and largest side of the whole-face crop."""

MULTIPLE = 16
"""The side of the whole-face crop is a multiple of this."""

SAMPLES = 8
"""Number of positions inside an output pixel at which the input is interpolated, where an image is made smaller."""

CUBIC = -0.75
"""Parameter of the cubic interpolation, as in OpenCV."""

Kernel = typing.Literal["linear", "cubic"]


def check_size(size: int) -> None:
    """Checks the side of the whole-face crop.

    Raises:
        InputError: If it is out of range, or not a multiple of 16.
    """
    low, high = SIZES
    if not low <= size <= high or size % MULTIPLE:
        raise InputError(f"size: expected a multiple of {MULTIPLE} from {low} to {high}, got {size}")


def whole_face_from_frame(landmarks: np.ndarray, size: int) -> np.ndarray:
    """Computes the matrix with which live programs cut the whole-face crop out of a frame.

    Args:
        landmarks: (5, 2) x, y in pixels of the frame.
        size: Side of the crop in pixels.

    Returns:
        (2, 3) matrix from pixels of the frame to pixels of the crop.
    """
    return similarity_transform(landmarks, WHOLE_FACE * size)


def crop_whole_face(frame: np.ndarray, face: Face, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts the whole-face crop out of a frame as FaceFusion does.

    Args:
        frame: (H, W, 3) uint8.
        face: The face, in pixels of the frame.
        size: Side of the crop in pixels.

    Returns:
        The crop, (size, size, 3) uint8, and the (2, 3) matrix from pixels of the frame to its pixels.
    """
    matrix = whole_face_from_frame(face.landmarks, size)
    return cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE), matrix


def view_from_whole_face(size: int, view_size: int, coverage: float) -> np.ndarray:
    """Computes the scale and the shift from the whole-face crop to the view of the networks.

    The two templates place the nose and the mouth slightly differently, so the exact matrix depends on the face; that
    of the average face is used. A face that is a third longer would have another scale by 0.2 %. The rotation by which
    the two alignments differ, less than half a degree, is left out.

    Args:
        size: Side of the whole-face crop in pixels.
        view_size: Side of the view in pixels.
        coverage: Side of the view as a fraction of the side of this library's crop.

    Returns:
        (2, 3) matrix without rotation, from pixels of the whole-face crop to pixels of the view.
    """
    points, center = template_points(CROP_SIZE), np.full(2, (size - 1) / 2)
    crop_from_whole = invert_affine(whole_face_from_frame(points, size))
    view_from_crop = view_matrix(np.eye(2, 3), CROP_SIZE, view_size, coverage)
    around = np.stack([center, center + [1, 0]])
    middle, right = map_points(view_from_crop, map_points(crop_from_whole, around))
    scale = float(np.linalg.norm(right - middle))
    return np.column_stack([scale * np.eye(2), middle - scale * center])


def sampling_matrix(positions: np.ndarray, size: int, kernel: Kernel = "linear") -> np.ndarray:
    """Computes the matrix that resamples one side of an image.

    Where the positions are more than one pixel apart, several positions inside each output pixel are averaged, so that
    no aliasing occurs. Beyond its border the image is continued with its border pixels.

    Args:
        positions: (M,) positions of the output pixels, in pixels of the input, evenly spaced.
        size: Number of input pixels N.
        kernel: Interpolation between input pixels.

    Returns:
        (M, N) float32; each row has the sum 1.
    """
    step = float(positions[1] - positions[0]) if len(positions) > 1 else 1.0
    samples = SAMPLES if step > 1 else 1
    offsets = ((np.arange(samples) + 0.5) / samples - 0.5) * step
    matrix = np.zeros((len(positions), size))
    rows = np.arange(len(positions))
    for places in positions + offsets[:, None]:
        first = np.floor(places)
        for tap in (-1, 0, 1, 2):
            weight = _weigh(np.abs(places - first - tap), kernel)
            np.add.at(matrix, (rows, np.clip(first + tap, 0, size - 1).astype(int)), weight / samples)
    return matrix.astype(np.float32)


def _weigh(distance: np.ndarray, kernel: Kernel) -> np.ndarray:
    """Computes the weight of an input pixel at a distance from the position."""
    if kernel == "linear":
        return np.maximum(1 - distance, 0)
    near = ((CUBIC + 2) * distance - (CUBIC + 3)) * distance**2 + 1
    far = CUBIC * (((distance - 5) * distance + 8) * distance - 4)
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0))


def blur_matrix(size: int, sigma: float) -> np.ndarray:
    """Computes the matrix of a Gaussian blur of one side of an image, mirrored at its border.

    Args:
        size: Number of pixels.
        sigma: Standard deviation in pixels.

    Returns:
        (size, size) float32; each row has the sum 1.
    """
    taps, edge = cv2.getGaussianKernel(2 * int(np.ceil(4 * sigma)) + 1, sigma), cv2.BORDER_REFLECT_101
    return cv2.sepFilter2D(np.eye(size, dtype=np.float32), cv2.CV_32F, np.ones(1), taps, borderType=edge)
