"""`manifest.jsonl`: one JSON object per crop, saying where it came from."""

import dataclasses
import json
import pathlib
import typing

import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces.align import map_points
from faceswap_lib.files import write_text
from faceswap_lib.options import options_from_dict, options_to_dict

MANIFEST = "manifest.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CropRecord:
    """One line of the manifest.

    Attributes:
        crop: File name of the crop in the faceset's folder.
        frame: Index of the frame in the video, from 0.
        time: Seconds after the first frame of the video, as the file times its frames.
        box_xyxy: Left, top, right, bottom in pixels of the frame.
        landmarks: Five x, y in pixels of the frame.
        crop_from_frame: (2, 3) matrix from the frame to the crop, row by row.
        score: The detector's confidence, 0 to 1; 0 where the tracker filled a gap.
        sharpness: Variance of the Laplacian inside the grey face at 128 pixels a crop; higher is sharper.
        track: Index of the track in `tracks.npz`.
        landmarks_68: 68 x, y in pixels of the frame, if a landmark network was at hand.
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

    def to_line(self) -> str:
        """The record as one line of JSON."""
        return json.dumps(options_to_dict(self)) + "\n"

    @property
    def mask(self) -> str:
        """File name of the crop's masks."""
        return pathlib.PurePath(self.crop).with_suffix(".png").name

    def points_in_crop(self) -> np.ndarray:
        """The five landmarks as (5, 2) x, y in pixels of the crop."""
        return map_points(np.array(self.crop_from_frame), np.array(self.landmarks))

    def best_points_in_crop(self) -> np.ndarray:
        """All landmarks there are, (68, 2) or (5, 2) x, y in pixels of the crop."""
        return map_points(np.array(self.crop_from_frame), np.array(self.landmarks_68 or self.landmarks))


def write_manifest(folder: pathlib.Path, records: typing.Iterable[CropRecord]) -> None:
    """Writes the manifest whole; a folder with a manifest is a finished extraction."""
    write_text(folder / MANIFEST, "".join(record.to_line() for record in records))


def read_manifest(folder: pathlib.Path) -> list[CropRecord]:
    """Reads a faceset's manifest.

    Raises:
        WorkspaceError: If there is none, or a line is not a record.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise WorkspaceError(f"no faces in {folder} (no {MANIFEST}); run 'faceswap extract' first")
    records = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            records.append(options_from_dict(CropRecord, json.loads(line), origin=f"{path}:{number}"))
        except (json.JSONDecodeError, TypeError) as error:
            raise WorkspaceError(f"{path}:{number} is not a record of a crop ({error}); extract again") from error
    return records
