"""Aligned crops of many people on disk, from which a training reads every batch.

`NAME.rows` contains one row per crop of a person: red, green, blue and head mask, pixel by pixel, then the numbers of
the shape. So one read fetches all that a training needs of a crop, and only the positions of the crops stay in memory.
As in `facesets.crop_cache`, rows are read with plain reads: pages of a memory map count as memory of the process.
`NAME.npz` contains a checksum per row and the key of what the rows were made from. It is written last, so a person
whose notes exist is complete, and an interrupted preparation continues with the next person.
"""

import collections
import contextlib
import dataclasses
import pathlib
import typing
import zlib

import numpy as np

from faceswap_lib.arrays import ArrayFileError, read_arrays
from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces.landmarks_68 import OUTLINE
from faceswap_lib.facesets.crop_loading import shrink
from faceswap_lib.facesets.faceset import measure_rarity
from faceswap_lib.facesets.random_reads import RandomReader
from faceswap_lib.reenactment.difficulty import TIERS
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.identity_extraction import SKIPPED, IdentityCrop
from faceswap_lib.reenactment.shape_pictures import ShapeBatch, stack_shapes

SHAPE_NUMBERS = 68 * 2 + 2 * 3 + 1
"""Number of float32 per shape: landmarks, irises and yaw."""

SIDES = (32, 1024)
"""Smallest and largest side of a stored crop in pixels, for notes that come from elsewhere."""

ADVICE = "remove this folder, and run the same command again: it is made again"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class IdentityNotes:
    """What is known of the N rows of one person.

    Attributes:
        size: Side S of the crops in pixels.
        checksums: (N,) uint32, CRC-32 of each row.
        frames: (N,) int64, position of each picture among those that were chosen of the person.
        rarity: (N,) float64, mean 1: distance of a shape from the other shapes of the person.
        tiers: (N,) int8, difficulty of each crop as an index of `difficulty.TIERS`.
        outline: (17, 2) float32, the mean outline of the face in pixels of a crop of side `CROP_SIZE`.
        skipped: Number of skipped pictures by reason, see `identity_extraction.SKIPPED`.
    """

    size: int
    checksums: np.ndarray
    frames: np.ndarray
    rarity: np.ndarray
    tiers: np.ndarray
    outline: np.ndarray
    skipped: collections.Counter[str]

    def __len__(self) -> int:
        return len(self.checksums)


def row_bytes(size: int) -> int:
    """Returns the number of bytes of a row with a crop of side `size`."""
    return size * size * 4 + SHAPE_NUMBERS * 4


def rows_path(store: pathlib.Path, name: str) -> pathlib.Path:
    """Returns the file with the rows of a person."""
    return store / f"{name}.rows"


def notes_path(store: pathlib.Path, name: str) -> pathlib.Path:
    """Returns the file with the notes of a person."""
    return store / f"{name}.npz"


def pack_shapes(shapes: ShapeBatch) -> np.ndarray:
    """Joins the numbers of B shapes; (B, `SHAPE_NUMBERS`) float32."""
    count = len(shapes)
    parts = (shapes.points.reshape(count, -1), shapes.irises.reshape(count, -1), shapes.yaw.reshape(count, 1))
    return np.concatenate(parts, axis=1).astype(np.float32)


def unpack_shapes(numbers: typing.Any, *, ops: typing.Any = np) -> ShapeBatch:
    """Divides the numbers of B shapes again.

    Args:
        numbers: (B, `SHAPE_NUMBERS`) float32.
        ops: The module of array operations: `numpy` or `keras.ops`.
    """
    return ShapeBatch(
        points=ops.reshape(numbers[:, :136], (-1, 68, 2)),
        irises=ops.reshape(numbers[:, 136:142], (-1, 2, 3)),
        yaw=numbers[:, 142],
    )


def write_identity(
    store: pathlib.Path,
    name: str,
    key: str,
    size: int,
    crops: typing.Iterable[IdentityCrop],
    skipped: collections.Counter[str],
) -> None:
    """Writes the rows and the notes of a person; memory does not grow with the number of crops.

    Args:
        store: The folder; it is created if it does not exist.
        name: Name of the person.
        key: Identifies what the rows are made from.
        size: Side of the crops in pixels.
        crops: The crops.
        skipped: What was skipped, complete when `crops` is at its end.
    """
    path = rows_path(store, name)
    notes_path(store, name).unlink(missing_ok=True)
    checksums: list[int] = []
    frames: list[int] = []
    tiers: list[int] = []
    shapes: list[FaceShape] = []
    with replacing(path) as temporary, temporary.open("wb") as file:
        for crop in crops:
            pixels = np.dstack([crop.image, crop.head])
            row = pixels.tobytes() + pack_shapes(stack_shapes([crop.shape])).astype("<f4").tobytes()
            file.write(row)
            checksums.append(zlib.crc32(row))
            frames.append(crop.frame)
            tiers.append(crop.tier)
            shapes.append(crop.shape)
    points = np.stack([shape.points for shape in shapes]) if shapes else np.zeros((0, 68, 2))
    notes = {
        "key": np.frombuffer(key.encode(), np.uint8),
        "size": np.array(size, np.int64),
        "checksums": np.array(checksums, np.uint32),
        "frames": np.array(frames, np.int64),
        "rarity": measure_rarity(points) if shapes else np.zeros(0),
        "tiers": np.array(tiers, np.int8),
        "outline": (points[:, OUTLINE].mean(axis=0) if shapes else np.zeros((17, 2))).astype(np.float32),
        "skipped": np.array([skipped[reason] for reason in SKIPPED], np.int64),
    }
    with replacing(notes_path(store, name)) as temporary:
        np.savez(temporary, **notes)  # pyright: ignore[reportArgumentType]


def read_notes(store: pathlib.Path, name: str, key: str, size: int) -> IdentityNotes | None:
    """Reads the notes of a person.

    Args:
        store: The folder.
        name: Name of the person.
        key: Identifies what the rows must be made from.
        size: Smallest side that the crops must have, in pixels.

    Returns:
        The notes; None if there are none, they are damaged or made from something else, or the crops are smaller.
    """
    try:
        arrays = read_arrays(notes_path(store, name))
        if arrays["key"].tobytes() != key.encode():
            return None
        side, count = int(arrays["size"]), len(arrays["checksums"])
        expected = {"checksums": np.uint32, "frames": np.int64, "rarity": np.float64, "tiers": np.int8}
        is_valid = (
            all(arrays[field].shape == (count,) and arrays[field].dtype == kind for field, kind in expected.items())
            and arrays["outline"].shape == (17, 2)
            and arrays["skipped"].shape == (len(SKIPPED),)
            and SIDES[0] <= side <= SIDES[1]
            and np.isfinite(arrays["rarity"]).all()
            and (arrays["rarity"] >= 0).all()
            and np.isin(arrays["tiers"], range(len(TIERS))).all()
        )
        if not is_valid or side < size or rows_path(store, name).stat().st_size != count * row_bytes(side):
            return None
    except (OSError, ArrayFileError, InputError, KeyError, TypeError, ValueError):
        return None
    return IdentityNotes(
        size=side,
        skipped=collections.Counter(dict(zip(SKIPPED, arrays["skipped"].tolist(), strict=True))),
        **{field: arrays[field] for field in (*expected, "outline")},
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class IdentityRows:
    """Reader of the rows of P people. Several threads may read.

    Attributes:
        paths: The file of each person.
        sides: (P,) side of the crops of each person in pixels, at least `size`.
        starts: (P + 1,) position of the first row of each person among all rows, and their number.
        checksums: (N,) uint32, CRC-32 of each row.
        size: Side S of the crops that are returned, in pixels.
    """

    paths: tuple[pathlib.Path, ...]
    sides: np.ndarray
    starts: np.ndarray
    checksums: np.ndarray
    size: int

    def read(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reads crops.

        Args:
            index: (B,) positions of the rows.

        Returns:
            (B, S, S, 4) uint8, red, green, blue and 255 inside the head; and (B, `SHAPE_NUMBERS`) float32, the shapes
            as `unpack_shapes` divides them.

        Raises:
            WorkspaceError: If a file is missing, was changed, or is cut off.
        """
        pixels = np.empty((len(index), self.size, self.size, 4), np.uint8)
        numbers = np.empty((len(index), SHAPE_NUMBERS), np.float32)
        for place, number in enumerate(index):
            person = int(np.searchsorted(self.starts, number, side="right")) - 1
            side, path = int(self.sides[person]), self.paths[person]
            row = self._read_row(path, int(number - self.starts[person]), row_bytes(side), int(self.checksums[number]))
            pixels[place] = shrink(np.frombuffer(row, np.uint8, side * side * 4).reshape(side, side, 4), self.size)
            numbers[place] = np.frombuffer(row, "<f4", offset=side * side * 4)
        return pixels, numbers

    @staticmethod
    def _read_row(path: pathlib.Path, place: int, length: int, checksum: int) -> bytes:
        """Reads one row and verifies its checksum."""
        try:
            with contextlib.closing(RandomReader(path)) as file:  # thousands of files cannot stay open
                row = file.read(place * length, length)
        except OSError as error:
            raise WorkspaceError(f"{path}: cannot be read ({error.strerror}); {ADVICE}") from error
        if len(row) != length or zlib.crc32(row) != checksum:
            raise WorkspaceError(f"{path}: crop {place} is damaged; {ADVICE}")
        return row
