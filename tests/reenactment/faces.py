"""Faces for tests of reenactment: made textures, average landmarks, and portraits whose landmarks are annotated."""

import cv2
import numpy as np

from faceswap_lib.demo.points import Portrait
from faceswap_lib.faces import CROP_SIZE, align_face
from faceswap_lib.faces.alignment import map_points
from faceswap_lib.faces.mean_face import place_mean_face
from faceswap_lib.reenactment.face_shape import FaceShape
from tests.conftest import annotated_face
from tests.faces68 import template_points_68


def smooth_texture(size: int, seed: int = 0) -> np.ndarray:
    """Colors that change slowly, so that errors of a tenth of a pixel cost less than a gray level."""
    noise = np.random.default_rng(seed).uniform(0, 255, (12, 12, 3)).astype(np.float32)
    return np.clip(cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def points_68() -> np.ndarray:
    """The average face in a crop; its lips are nearly closed."""
    return template_points_68(CROP_SIZE)


def open_mouth(points: np.ndarray, gap: float) -> np.ndarray:
    """Lowers the lower lip and the chin."""
    opened = points.copy()
    opened[[65, 66, 67]] += [0, gap]
    opened[55:60] += [0, gap]
    opened[6:11] += [0, 0.7 * gap]
    return opened


def irises_of(points: np.ndarray, *, to_the_right: float = 0.0) -> np.ndarray:
    """Irises in the middle of the eyes, or moved by a part of the width of the eye."""
    found = []
    for eye in (points[36:42], points[42:48]):
        width = eye[3] - eye[0]
        found.append([*(eye[0] + (0.5 + to_the_right) * width), 0.22 * np.linalg.norm(width)])
    return np.array(found)


def portrait_crop(portrait: Portrait) -> tuple[np.ndarray, FaceShape]:
    """The aligned crop of a portrait, with the average face's landmarks and the annotated irises."""
    crop = align_face(portrait.image, annotated_face(portrait))
    scale = np.sqrt(np.linalg.det(crop.crop_from_frame[:, :2]))
    irises = [
        [*map_points(crop.crop_from_frame, eye.iris_center[None])[0], eye.iris_radius * scale] for eye in portrait.eyes
    ]
    return crop.image, FaceShape(points=place_mean_face(crop.landmarks), irises=np.array(irises))


def between(points: np.ndarray, size: int = CROP_SIZE) -> np.ndarray:
    """The pixels inside a polygon, (size, size) bool; slow and obvious: one test per pixel."""
    polygon = points.astype(np.float32)
    return np.array([[cv2.pointPolygonTest(polygon, (x, y), False) > 0 for x in range(size)] for y in range(size)])
