"""Face shapes of a faceset, detected once and stored beside its manifest; the file can be deleted."""

import pathlib
import typing

import numpy as np

from faceswap_lib.arrays import ArrayFileError, read_arrays
from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import InputError
from faceswap_lib.facesets.faceset import Faceset
from faceswap_lib.progress import show_progress
from faceswap_lib.reenactment.face_shape import FaceShape, ShapeDetector
from faceswap_lib.training.run_metadata import digest_records

SHAPES = "shapes.npz"
"""File name in the folder of the faceset."""

CHUNK = 16
"""Number of crops whose shapes are detected at a time."""


def read_shapes(faceset: Faceset, detector: ShapeDetector, *, progress: bool = False) -> list[FaceShape | None]:
    """Returns the shape of every crop of a faceset; detects and stores them if they are not stored yet.

    Args:
        faceset: The faceset.
        detector: Detects the shapes.
        progress: Whether to show a progress bar.

    Returns:
        One entry per crop; None where no shape was found.
    """
    path = faceset.folder / SHAPES
    made_of = f"{detector.name} {digest_records(faceset.records)}"
    stored = _read(path, made_of, len(faceset))
    if stored is not None:
        return stored
    shapes: list[FaceShape | None] = []
    with show_progress(title=f"shapes of {faceset.folder.name}", total=len(faceset), disable=not progress) as bar:
        for start in range(0, len(faceset), CHUNK):
            crops = faceset.part(start, start + CHUNK).read_crops()
            shapes += detector.detect(crops)
            bar.update(len(crops))
    _write(path, made_of, shapes)
    return shapes


def _write(path: pathlib.Path, made_of: str, shapes: typing.Sequence[FaceShape | None]) -> None:
    points = np.full((len(shapes), 68, 2), np.nan)
    irises, yaws = np.full((len(shapes), 2, 3), np.nan), np.full(len(shapes), np.nan)
    for index, shape in enumerate(shapes):
        if shape is not None:
            points[index], yaws[index] = shape.points, shape.yaw
            if shape.irises is not None:
                irises[index] = shape.irises
    note = np.frombuffer(made_of.encode(), np.uint8)
    with replacing(path) as temporary:
        np.savez(temporary, points=points, irises=irises, yaws=yaws, made_of=note)


def _read(path: pathlib.Path, made_of: str, count: int) -> list[FaceShape | None] | None:
    """Reads stored shapes; None if the file is missing, damaged, or was made of other crops or by other networks."""
    try:
        arrays = read_arrays(path, ["points", "irises", "yaws", "made_of"])
        if arrays["made_of"].tobytes() != made_of.encode() or len(arrays["points"]) != count:
            return None
        rows = zip(arrays["points"], arrays["irises"], arrays["yaws"], strict=True)
        return [_build(*row) for row in rows]
    except (OSError, ArrayFileError, InputError, ValueError, TypeError):
        return None


def _build(points: np.ndarray, irises: np.ndarray, yaw: float) -> FaceShape | None:
    if np.isnan(points).all():
        return None
    return FaceShape(points=points, irises=None if np.isnan(irises).all() else irises, yaw=float(yaw))
