"""Columns that are computed from the manifest and the tracks alone: pose, size, expression, misalignment."""

import collections

import numpy as np

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces.alignment import CROP_SIZE, EYE_DISTANCE, five_points
from faceswap_lib.faces.head_pose import head_pose
from faceswap_lib.faces.landmarks_68 import EYELIDS, INNER_LIPS
from faceswap_lib.facesets import CropRecord, Faceset
from faceswap_lib.facesets.track_io import TRACKS, read_tracks


def measure_records(faceset: Faceset) -> dict[str, np.ndarray]:
    """Measures every crop of a faceset by its record.

    Args:
        faceset: The faceset.

    Returns:
        By name of `columns.RECORD_COLUMNS`, (N,) float64. Expressions and misalignment are NaN without 68 landmarks.
    """
    rows = [_measure_record(record) for record in faceset.records]
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return values | {"faces_in_frame": count_faces(faceset)}


def count_faces(faceset: Faceset) -> np.ndarray:
    """Counts the faces in the frame of every crop.

    Faces that were tracked but not stored as crops are counted, too, if the faceset has tracks.

    Returns:
        (N,) float64.
    """
    frames = [record.frame for record in faceset.records]
    counts = collections.Counter(frames)
    if (faceset.folder / TRACKS).is_file():
        try:
            tracked = read_tracks(faceset.folder).faces
        except (InputError, WorkspaceError):  # the tracks belong to another extraction; the crops still count
            tracked = ()
        for frame in counts:
            if frame < len(tracked):
                counts[frame] = max(counts[frame], len(tracked[frame]))
    return np.array([counts[frame] for frame in frames], float)


def _measure_record(record: CropRecord) -> dict[str, float]:
    """Measures one crop; see `columns.COLUMNS`."""
    points = record.landmarks_in_crop()
    pose = head_pose(points, CROP_SIZE)
    left, top, right, bottom = record.box_xyxy
    (scale_x, _, _), (shear, _, _) = record.crop_from_frame
    return {
        "frame": float(record.frame),
        "yaw": pose.yaw,
        "pitch": pose.pitch,
        "roll": float(np.degrees(np.arctan2(-shear, scale_x))),
        "face_area": (right - left) * (bottom - top),
        **_measure_expression(points),
        "misalignment": _measure_misalignment(record, points),
    }


def _measure_expression(points: np.ndarray) -> dict[str, float]:
    """Measures how open eyes and mouth are, in % of the eye distance; NaN with five landmarks."""
    if len(points) != 68:
        return {"eyes_open": np.nan, "mouth_open": np.nan}
    left, right = five_points(points)[:2]
    unit = 100 / max(float(np.linalg.norm(right - left)), 1e-6)
    gaps = [np.linalg.norm(points[upper] - points[lower]) for upper, lower in EYELIDS]
    lips = np.linalg.norm(points[INNER_LIPS[0]] - points[INNER_LIPS[1]])
    return {"eyes_open": float(np.mean(gaps)) * unit, "mouth_open": float(lips) * unit}


def _measure_misalignment(record: CropRecord, points: np.ndarray) -> float:
    """Measures the mean distance of the detector's landmarks from those of the landmark network; NaN without it."""
    if len(points) != 68:
        return np.nan
    distances = np.linalg.norm(five_points(points) - record.points_in_crop(), axis=1)
    return 100 * float(distances.mean()) / (EYE_DISTANCE * CROP_SIZE)
