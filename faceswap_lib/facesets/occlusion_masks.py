"""Occlusion masks of a faceset on disk: one PNG per crop, 255 where the face is visible and 0 where it is covered.

`masks.jsonl` beside them notes for which crop a mask was made, so that no mask is used for a crop that another
extraction wrote under the same name. Masks from other programs, which have no note, are used as they are.
"""

import dataclasses
import functools
import json
import pathlib

import cv2
import numpy as np

from faceswap_lib.atomic_io import write_text
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.crop_files import CropFiles
from faceswap_lib.facesets.file_names import check_file_name
from faceswap_lib.facesets.manifest import CropRecord
from faceswap_lib.facesets.pack_reader import PackReader
from faceswap_lib.facesets.text_files import MOST_IN_LINE
from faceswap_lib.limits import TEXT_BYTES

NOTES = "masks.jsonl"
"""File name of the notes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskNote:
    """Note about one mask.

    Attributes:
        crop: File name of the crop.
        crop_sha256: SHA-256 of the crop's file, in hexadecimal.
        mask_sha256: SHA-256 of the mask's file as it was written; another one means that it was changed by hand.
    """

    crop: str
    crop_sha256: str
    mask_sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class OcclusionMasks:
    """The occlusion masks of one person's faceset.

    Attributes:
        folder: Folder of the masks. It does not have to exist.
        crops: Folder of the crops.
        pack: The pack that contains masks and crops that are not in these folders; None if there is none.
    """

    folder: pathlib.Path
    crops: pathlib.Path
    pack: PackReader | None = None

    def exist(self) -> bool:
        """Checks whether there is at least one mask."""
        return self.files.any_with(".png")

    @property
    def files(self) -> CropFiles:
        """The files of the masks."""
        return CropFiles(folder=self.folder, kind="occlusion_masks", pack=self.pack)

    def path(self, record: CropRecord) -> pathlib.Path:
        """Returns the path of a crop's mask."""
        return self.folder / record.mask

    def is_of(self, record: CropRecord) -> bool:
        """Checks whether a crop has a mask that was made for this crop, or by another program."""
        note = self.notes.get(record.crop)
        crops = CropFiles(folder=self.crops, kind="faces", pack=self.pack)
        return self.files.exists(record.mask) and (note is None or note.crop_sha256 == crops.sha256(record.crop))

    def read(self, record: CropRecord, size: int) -> np.ndarray:
        """Reads a mask, resized; (size, size) uint8, 255 where the face is visible.

        Raises:
            WorkspaceError: If the mask is not square.
            VideoError: If it cannot be decoded.
        """
        mask = self.files.read_mask(record.mask)
        if mask.shape[0] != mask.shape[1]:
            raise WorkspaceError(
                f"{self.path(record)}: expected a square mask, got {mask.shape[1]} x {mask.shape[0]}; run "
                "'faceswap mask' again"
            )
        return mask if len(mask) == size else cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA)

    @functools.cached_property
    def notes(self) -> dict[str, MaskNote]:
        """Notes by the file name of the crop; empty if there are none.

        Raises:
            WorkspaceError: If the notes are damaged.
        """
        path = self.folder / NOTES
        if not path.is_file():
            return {}
        TEXT_BYTES.check(path.stat().st_size, path, WorkspaceError)
        with path.open("rb") as file:
            lines = list(iter(lambda: file.readline(MOST_IN_LINE), b""))
        try:
            notes = [_parse_note(line) for line in lines]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            advice = "remove it and run 'faceswap mask'"
            raise WorkspaceError(f"{path}: expected notes about masks ({error}); {advice}") from error
        return {note.crop: note for note in notes}

    def write_notes(self, notes: dict[str, MaskNote]) -> None:
        """Writes the notes, sorted by crop."""
        rows = [json.dumps(dataclasses.asdict(notes[crop])) for crop in sorted(notes)]
        write_text(self.folder / NOTES, "".join(f"{row}\n" for row in rows))


def _parse_note(line: bytes) -> MaskNote:
    """Parses a line of the notes."""
    values = json.loads(line)
    digests = [values["crop_sha256"], values["mask_sha256"]]
    if not all(isinstance(digest, str) and len(digest) == 64 for digest in digests):
        raise ValueError("expected two SHA-256")
    return MaskNote(crop=check_file_name(values["crop"]), crop_sha256=digests[0], mask_sha256=digests[1])
