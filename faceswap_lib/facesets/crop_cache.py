"""Keeps the crops of a large faceset, decoded and at the size of the networks, in a file instead of in memory.

`NAME.rows` contains one row per crop: red, green, blue, eyes, mouth, face, and with occlusion masks visible, pixel by
pixel, so that one read fetches a crop with all masks. Rows are read with plain reads instead of through a memory map,
because pages of a map count as memory of the process. `NAME.npz` contains a checksum per row, and the key of what the
rows were made from. It is written last. If the key or the size of the rows does not match, they are made again.
"""

import collections
import concurrent.futures
import dataclasses
import hashlib
import itertools
import pathlib
import typing
import zipfile
import zlib

import numpy as np

from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces.color_normalization import color_statistics
from faceswap_lib.faces.region import RegionChoice
from faceswap_lib.facesets.crop_loading import CropLoader, LoadedCrop
from faceswap_lib.facesets.faceset import Faceset, FacesetArrays, spread_evenly
from faceswap_lib.facesets.random_reads import RandomReader
from faceswap_lib.facesets.writable import check_room
from faceswap_lib.progress import show_progress

VERSION = 1
"""Part of the key; to be increased when crops are loaded in another way."""

AHEAD = 64
"""Number of crops that are decoded ahead of the one that is written."""

CROP_CACHE = "crop_cache"
"""Folder in a training run for the crops of facesets that do not fit into memory; removed after the last step."""

ROWS, NOTES = ".rows", ".npz"
"""Suffixes of the two files."""

ADVICE = "remove it, and run the same command again: it is made again"

_NOTE_TROUBLES = (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, EOFError)
"""Errors that reading damaged notes may raise; the rows are then made again."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CropRows:
    """Crops of one faceset in a file. Several threads may read from it.

    Attributes:
        path: The file with the rows.
        shape: Shape of a row, (S, S, C), with C 6 or 7.
        checksums: (N,) uint32, CRC-32 of each row.
        tones: (N, 2, 3) float32: mean and standard deviation of the colors inside the face, 0 to 255.
        rarity: (N,) float64, mean 1: rarity of the pose and expression of each crop.
    """

    path: pathlib.Path
    shape: tuple[int, int, int]
    checksums: np.ndarray
    tones: np.ndarray
    rarity: np.ndarray
    _file: RandomReader

    def __len__(self) -> int:
        return len(self.checksums)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def read(self, index: np.ndarray) -> np.ndarray:
        """Reads crops.

        Args:
            index: (B,) indices of the crops.

        Returns:
            (B, S, S, C) uint8: red, green, blue, eyes, mouth, face; with occlusion masks also visible.

        Raises:
            WorkspaceError: If the file was changed or cut off.
        """
        rows = np.empty((len(index), *self.shape), np.uint8)
        for row, number in zip(rows, index, strict=True):
            data = self._file.read(int(number) * row.nbytes, row.nbytes)
            if len(data) != row.nbytes:
                raise WorkspaceError(f"{self.path} is cut off; {ADVICE}")
            if zlib.crc32(data) != self.checksums[number]:
                raise WorkspaceError(f"{self.path}: crop {number} is damaged; {ADVICE}")
            row[...] = np.frombuffer(data, np.uint8).reshape(self.shape)
        return rows

    def sample(self, count: int) -> FacesetArrays:
        """Reads `count` crops, evenly spaced in the faceset; all crops if there are fewer."""
        chosen = spread_evenly(len(self), count)
        rows = self.read(chosen)
        eyes, mouth, face, *visible = (np.ascontiguousarray(rows[..., channel]) for channel in range(3, rows.shape[-1]))
        return FacesetArrays(
            images=np.ascontiguousarray(rows[..., :3]),
            eyes=eyes,
            mouth=mouth,
            face=face,
            rarity=self.rarity[chosen],
            visible=visible[0] if visible else None,
        )


def open_crop_rows(
    faceset: Faceset,
    folder: pathlib.Path,
    size: int,
    *,
    face_region: RegionChoice = "ellipse",
    use_occlusion_masks: bool | None = None,
    progress: bool = False,
) -> CropRows:
    """Opens the decoded crops of a faceset, after making them if they are missing or of other crops.

    Args:
        faceset: The faceset.
        folder: Folder of the files. It is created if it does not exist.
        size: Side S of the crops in pixels.
        face_region: How the face region is determined.
        use_occlusion_masks: Whether covered pixels are removed from the face region; None if there are occlusion masks.
        progress: Show a progress bar.

    Raises:
        WorkspaceError: If a crop or a mask is not square, occlusion masks are missing that must be used, or the disk
            has too little space.
        VideoError: If a crop or a mask cannot be decoded.
        InputError: If face outlines cannot be detected on this computer.
    """
    loader = CropLoader(faceset, size, face_region=face_region, use_occlusion_masks=use_occlusion_masks)
    shape = (size, size, 7 if loader.is_masked else 6)
    path, key = folder / f"{faceset.folder.name}{ROWS}", _key_of(faceset, shape, loader)
    notes = _read_notes(path, key, len(faceset) * int(np.prod(shape)))
    if notes is None:
        check_room(folder, 1.05 * len(faceset) * int(np.prod(shape)), "the decoded crops", "train a lower resolution")
        notes = _write_rows(path, key, faceset, shape, loader, progress=progress)
    return CropRows(
        path=path,
        shape=shape,
        checksums=notes["checksums"],
        tones=notes["tones"],
        rarity=notes["rarity"],
        _file=RandomReader(path),
    )


def remove_crop_rows(folder: pathlib.Path, name: str = "*") -> None:
    """Removes decoded crops, and their folder if nothing else is in it.

    Args:
        folder: The folder. It does not have to exist.
        name: Name of the folder of the faceset; by default the crops of all facesets are removed.
    """
    if folder.is_symlink() or not folder.is_dir():
        return
    for rows in folder.glob(f"{name}{ROWS}"):
        for path in (rows.with_suffix(NOTES), rows):
            path.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def _key_of(faceset: Faceset, shape: tuple[int, int, int], loader: CropLoader) -> str:
    """Computes the SHA-256 of everything that the rows depend on."""
    digest = hashlib.sha256(repr((VERSION, shape, loader.region)).encode())
    kinds = [(faceset.crop_files, "crop"), (faceset.eye_mask_files, "mask")]
    if loader.is_masked and faceset.occlusion is not None:
        kinds.append((faceset.occlusion.files, "mask"))
    for record in faceset.records:
        states = [files.state(getattr(record, name)) for files, name in kinds]
        digest.update(f"{record.to_line()}{states}\n".encode())
    return digest.hexdigest()


def _read_notes(path: pathlib.Path, key: str, size: int) -> dict[str, np.ndarray] | None:
    """Reads the notes of existing rows; None if there are none, or they are of other crops."""
    try:
        if path.stat().st_size != size:
            return None
        with np.load(path.with_suffix(NOTES), allow_pickle=False) as notes:
            if str(notes["key"]) != key:
                return None
            return {name: notes[name] for name in ("checksums", "tones", "rarity")}
    except _NOTE_TROUBLES:
        return None


def _write_rows(
    path: pathlib.Path,
    key: str,
    faceset: Faceset,
    shape: tuple[int, int, int],
    loader: CropLoader,
    *,
    progress: bool,
) -> dict[str, np.ndarray]:
    """Decodes all crops and writes their rows; returns the notes."""
    path.with_suffix(NOTES).unlink(missing_ok=True)
    checksums, tones = np.empty(len(faceset), np.uint32), np.empty((len(faceset), 2, 3), np.float32)
    with replacing(path) as temporary, temporary.open("wb") as file:
        crops = _load_in_order(loader, len(faceset))
        title = f"decode {faceset.folder.name}"
        for index, crop in enumerate(show_progress(crops, title, len(faceset), disable=not progress)):
            row = np.empty(shape, np.uint8)
            masks = [crop.eyes, crop.mouth, crop.face, *([] if crop.visible is None else [crop.visible])]
            row[..., :3], row[..., 3:] = crop.image, np.stack(masks, axis=-1)
            checksums[index], tones[index] = zlib.crc32(row.data), color_statistics(crop.image, crop.face)
            file.write(row.data)
    notes = {"checksums": checksums, "tones": tones, "rarity": faceset.measure_rarity()}
    with replacing(path.with_suffix(NOTES)) as temporary:
        np.savez(temporary, key=np.array(key), **notes)  # pyright: ignore[reportArgumentType]
    return notes


def _load_in_order(loader: CropLoader, count: int) -> typing.Iterator[LoadedCrop]:
    """Yields all crops in order, decoded by several threads, at most `AHEAD` crops in advance."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting: collections.deque[concurrent.futures.Future[LoadedCrop]] = collections.deque()
        indices = iter(range(count))
        for index in itertools.islice(indices, AHEAD):
            waiting.append(pool.submit(loader, index))
        while waiting:
            yield waiting.popleft().result()
            for index in itertools.islice(indices, 1):
                waiting.append(pool.submit(loader, index))
