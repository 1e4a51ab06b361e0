"""Reads and writes `manifest.jsonl`: one JSON object per crop, with its origin in the video."""

import dataclasses
import json
import pathlib
import reprlib
import typing

import numpy as np

from faceswap_lib.atomic_io import write_text
from faceswap_lib.config_fields import options_from_dict, options_to_dict
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import FaceCrop
from faceswap_lib.faces.alignment import CROP_SIZE, five_points, map_points, resize_matrix
from faceswap_lib.facesets import text_files
from faceswap_lib.facesets.file_names import check_file_name
from faceswap_lib.facesets.pack_format import unpack_command
from faceswap_lib.facesets.workspace import SIDES, Workspace

MANIFEST = "manifest.jsonl"

PICTURES = (".jpg", ".jpeg", ".png")
"""Allowed suffixes of crops, so that no record can name a manifest or another document."""

MOST = 1e9
"""Largest allowed index, time or coordinate in a frame. Products of two such values are still exact enough."""

MOST_IN_CROP = 10_000.0
"""Largest allowed absolute coordinate of a landmark, in pixels of the crop: an aligned face fills its crop."""

PARTS_68 = ((17, 27), (27, 36), (36, 42), (42, 48), (48, 68))
"""Half-open index ranges of the 68 landmarks: both eyebrows, the nose, each eye and the mouth."""

ADVICE = "extract again with --overwrite"

Kind = typing.TypeVar("Kind")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CropRecord:
    """Record of one crop; one line of the manifest.

    Attributes:
        crop: File name of the crop in the faceset's folder: a plain name of a .jpg, .jpeg or .png file.
        frame: Index of the frame in the video, from 0.
        time: Seconds after the first frame of the video, by the timestamps of the file.
        box_xyxy: Bounding box: left, top, right, bottom in pixels of the frame.
        landmarks: Five x, y in pixels of the frame.
        crop_from_frame: (2, 3) matrix from the frame to a crop of side `CROP_SIZE`, row by row. The stored crop may be
            larger; pixels of the crop always refer to the side `CROP_SIZE`.
        score: Confidence of the detector, 0 to 1; 0 where the tracker filled a gap.
        sharpness: Variance of the Laplacian in the center of the gray crop at 128 pixels; higher is sharper.
        track: Index of the track in `tracks.npz`.
        landmarks_68: 68 x, y in pixels of the frame; None if no landmark network was available.

    Raises:
        ValueError: If a value has a wrong type or shape, is out of range, or is not finite.
    """

    crop: str
    frame: int
    time: float
    box_xyxy: tuple[float, ...]
    landmarks: tuple[tuple[float, float], ...]
    crop_from_frame: tuple[tuple[float, float, float], ...]
    score: float
    sharpness: float
    track: int = 0
    landmarks_68: tuple[tuple[float, float], ...] | None = None

    def __post_init__(self):
        _check_crop_name(self.crop)
        for name, low, high in (("frame", 0, MOST), ("time", -MOST, MOST), ("track", 0, MOST)):
            check_number(name, getattr(self, name), low, high, whole=name != "time")
        check_number("score", self.score, 0, 1)
        check_number("sharpness", self.sharpness, 0, MOST)
        for name, shape in (("box_xyxy", (4,)), ("landmarks", (5, 2)), ("crop_from_frame", (2, 3))):
            object.__setattr__(self, name, _check_numbers(name, getattr(self, name), shape))
        if self.landmarks_68 is not None:
            object.__setattr__(self, "landmarks_68", _check_numbers("landmarks_68", self.landmarks_68, (68, 2)))
        left, top, right, bottom = self.box_xyxy
        if right <= left or bottom <= top:
            raise ValueError(f"box_xyxy: expected left < right and top < bottom, got {self.box_xyxy}")
        (a, b, _), (c, d, _) = self.crop_from_frame
        if abs(a * d - b * c) < 1e-12:
            raise ValueError(f"crop_from_frame: expected a matrix with an inverse, got {self.crop_from_frame}")
        name, points = ("landmarks_68", self.landmarks_68) if self.landmarks_68 else ("landmarks", self.landmarks)
        _check_face(name, np.array(points, np.float64))
        if (farthest := np.abs(self.landmarks_in_crop()).max()) > MOST_IN_CROP:
            raise ValueError(f"{name}: expected points within {MOST_IN_CROP:g} pixels of the crop, got {farthest:g}")

    def to_line(self) -> str:
        """Formats the record as one line of JSON."""
        return json.dumps(options_to_dict(self)) + "\n"

    @property
    def mask(self) -> str:
        """File name of the masks of the crop."""
        return pathlib.PurePath(self.crop).with_suffix(".png").name

    def points_in_crop(self) -> np.ndarray:
        """Returns the five landmarks as (5, 2) float64 x, y in pixels of a crop of side `CROP_SIZE`."""
        return map_points(np.array(self.crop_from_frame), np.array(self.landmarks))

    def to_crop(self, image: np.ndarray) -> FaceCrop:
        """Builds the face crop for an image of it.

        Args:
            image: (S, S, 3) uint8 RGB, of any side S.

        Returns:
            The crop with five landmarks and the matrix for side S.
        """
        matrix = resize_matrix(np.array(self.crop_from_frame), len(image) / CROP_SIZE)
        return FaceCrop(image=image, landmarks=map_points(matrix, np.array(self.landmarks)), crop_from_frame=matrix)

    def landmarks_in_crop(self) -> np.ndarray:
        """Returns all available landmarks, (68, 2) or (5, 2) float64 x, y in pixels of a crop of side `CROP_SIZE`."""
        return map_points(np.array(self.crop_from_frame), np.array(self.landmarks_68 or self.landmarks))


def write_manifest(folder: pathlib.Path, records: typing.Iterable[CropRecord]) -> None:
    """Writes the manifest atomically. A folder with a manifest is a finished extraction.

    Raises:
        WorkspaceError: If two records name the same crop or the same mask; nothing is written then.
    """
    records = list(records)
    check_distinct(records, folder / MANIFEST)
    write_text(folder / MANIFEST, "".join(record.to_line() for record in records))


def read_manifest(folder: pathlib.Path) -> list[CropRecord]:
    """Reads a faceset's manifest.

    Raises:
        WorkspaceError: If the manifest does not exist, a line is not a record, or two records name the same crop or the
            same mask.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise WorkspaceError(f"no faces in {folder} (no {MANIFEST}); {_how_to_get(folder)}")
    records = []
    for number, line in enumerate(read_lines(path), 1):
        origin = f"{path}:{number}"
        records.append(build_record(CropRecord, parse_object(line, origin), origin))
    check_distinct(records, path)
    return records


def _how_to_get(folder: pathlib.Path) -> str:
    """Says how to get the faces of a folder: out of the pack beside it, or by an extraction."""
    workspace = Workspace(folder.parent)
    for side in SIDES.values():
        pack = workspace.pack(side)
        if folder == workspace.faces(side) and pack.is_file():
            return f"they are packed in {pack.name}: run '{unpack_command(pack, workspace.root, side)}' first"
    return "run 'faceswap extract' first"


def read_lines(path: pathlib.Path) -> list[str]:
    """Reads the lines of a JSON Lines file.

    Raises:
        WorkspaceError: If the file cannot be read, is not UTF-8, or is longer than `limits` allow.
    """
    try:
        return text_files.read_lines(path)
    except WorkspaceError as error:
        raise WorkspaceError(f"expected lines of JSON in UTF-8: {error}; {ADVICE}") from error


def parse_object(line: str | bytes, origin: str) -> dict:
    """Parses a JSON object.

    Args:
        line: The text of the object.
        origin: File and line, for the message.

    Raises:
        WorkspaceError: If the text is not a JSON object.
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WorkspaceError(f"{origin} is not a record of a face ({error}); {ADVICE}") from error
    if not isinstance(values, dict):
        got = reprlib.repr(values)
        raise WorkspaceError(f"{origin} is not a record of a face (expected a JSON object, got {got}); {ADVICE}")
    return values


def build_record(kind: type[Kind], values: dict, origin: str) -> Kind:
    """Builds a record from plain values.

    Args:
        kind: The dataclass of the record, which checks its values.
        values: A value for each field.
        origin: File and line, for the message.

    Raises:
        WorkspaceError: If a value is missing or unknown, has a wrong type or shape, or is out of range.
    """
    try:
        return options_from_dict(kind, values, origin=origin)
    except InputError as error:  # an unknown key; the message contains file and line
        raise WorkspaceError(str(error)) from error
    except (ValueError, TypeError) as error:
        raise WorkspaceError(f"{origin} is not a record of a face ({error}); {ADVICE}") from error


def check_distinct(records: typing.Iterable[CropRecord], origin: pathlib.Path) -> None:
    """Checks that every crop and every mask belongs to one record only, ignoring the case of file names.

    Args:
        records: The records to check.
        origin: The file of the records, for the message.

    Raises:
        WorkspaceError: If two records share a crop or a mask.
    """
    crops: dict[str, str] = {}
    for record in records:
        mask = record.mask.casefold()
        if mask in crops:
            raise WorkspaceError(f"{origin} names {crops[mask]} and {record.crop}, which share a mask; {ADVICE}")
        crops[mask] = record.crop


def check_number(name: str, value: object, low: float, high: float, *, whole: bool = False) -> None:
    """Checks that a value is a finite number from `low` to `high`.

    Args:
        name: Name of the value, for the message.
        value: The value to check.
        low: Smallest allowed value.
        high: Largest allowed value.
        whole: Whether only integers are allowed.

    Raises:
        ValueError: If it is not a number, is out of range, or is not an integer although `whole` is True.
    """
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        wanted = "a whole number" if whole else "a number"
        raise ValueError(f"{name}: expected {wanted} from {low:g} to {high:g}, got {reprlib.repr(value)}")


def _check_numbers(name: str, values: object, shape: tuple[int, ...]) -> tuple:
    """Checks nested sequences of numbers of a given shape. Returns them as tuples with the numbers unchanged."""
    if not isinstance(values, list | tuple) or len(values) != shape[0]:
        raise ValueError(f"{name}: expected {' x '.join(map(str, shape))} numbers, got {reprlib.repr(values)}")
    if len(shape) > 1:
        return tuple(_check_numbers(name, row, shape[1:]) for row in values)
    for value in values:
        if type(value) is not float or not -MOST <= value <= MOST:  # fast path for floats, the most frequent case
            check_number(name, value, -MOST, MOST)
    return tuple(values)


def _check_face(name: str, points: np.ndarray) -> None:
    """Checks that the two eyes differ and no part of the face is a single point."""
    parts = [points[begin:end] for begin, end in PARTS_68] if len(points) == 68 else []
    if any((part == part[0]).all() for part in (five_points(points)[:2], *parts)):
        raise ValueError(f"{name}: expected the points of a face, got several in one place")


def _check_crop_name(crop: object) -> None:
    """Checks that a crop has a plain, visible file name with an allowed suffix."""
    name = check_file_name(crop)
    if name.startswith(".") or pathlib.PurePath(name).suffix.lower() not in PICTURES:
        raise ValueError(f"crop: expected a name ending in {', '.join(PICTURES)}, got {reprlib.repr(name)}")
