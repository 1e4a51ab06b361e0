"""Contact sheets of crops, and numbered copies in a sort order."""

import pathlib
import typing

import cv2
import numpy as np

from faceswap_lib.atomic_io import replacing
from faceswap_lib.curation.columns import COLUMNS
from faceswap_lib.curation.sorting import MODES, SortedFaceset
from faceswap_lib.errors import InputError
from faceswap_lib.media import write_image
from faceswap_lib.progress import show_progress

TILE = 96
"""Side of a tile in pixels."""

CAPTION = 14
"""Height of the caption below a tile in pixels."""

PER_SHEET, PER_ROW = 400, 20
"""Number of tiles per sheet and per row."""

BORDER = 3
"""Width of a tile's colored border in pixels."""


def draw_contact_sheet(
    images: typing.Sequence[np.ndarray],
    captions: typing.Sequence[str] = (),
    *,
    columns: int = PER_ROW,
    colors: typing.Sequence[str] | None = None,
) -> np.ndarray:
    """Draws images in rows, each with a caption.

    Args:
        images: Square (S, S, 3) uint8 RGB images.
        captions: One per image; none for no captions.
        columns: Maximum number of images per row.
        colors: Color of each image's border as CSS "#rrggbb", "" for none; None for no borders.

    Returns:
        (H, W, 3) uint8 RGB on white.
    """
    columns = min(columns, max(1, len(images)))
    height = TILE + (CAPTION if captions else 0)
    rows = -(-len(images) // columns)
    sheet = np.full((max(1, rows) * height, columns * TILE, 3), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * height, index % columns * TILE
        tile = sheet[top : top + TILE, left : left + TILE]
        tile[:] = cv2.resize(image, (TILE, TILE), interpolation=cv2.INTER_AREA)
        if colors and colors[index]:
            cv2.rectangle(sheet, (left, top), (left + TILE - 1, top + TILE - 1), to_rgb(colors[index]), BORDER)
        if captions:
            place = (left + 3, top + TILE + CAPTION - 4)
            cv2.putText(sheet, captions[index], place, cv2.FONT_HERSHEY_SIMPLEX, 0.34, (60, 60, 60), 1, cv2.LINE_AA)
    return sheet


def write_contact_sheets(ordered: SortedFaceset, folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes the crops of a sort order as contact sheets of `PER_SHEET` crops.

    Sheets of an earlier sort in this folder are replaced; other files are left.

    Args:
        ordered: The sort order.
        folder: The folder; it is created if it does not exist.

    Returns:
        Paths of the sheets, `sheet_001.jpg` and so on.
    """
    for old in folder.glob("sheet_*.jpg"):
        old.unlink()
    paths = []
    for number, start in enumerate(range(0, len(ordered.order), PER_SHEET), 1):
        part = ordered.order[start : start + PER_SHEET]
        images = [_read_tile(ordered, index) for index in part]
        captions = [_caption(ordered, start + place, index) for place, index in enumerate(part)]
        paths.append(folder / f"sheet_{number:03d}.jpg")
        write_image(paths[-1], draw_contact_sheet(images, captions))
    return paths


def copy_sorted(ordered: SortedFaceset, folder: pathlib.Path, *, progress: bool = False) -> int:
    """Copies crops to a folder, with names that begin with their place in the sort order.

    If the mode selects crops, only the selected ones are copied.

    Args:
        ordered: The sort order.
        folder: A folder that is empty or does not exist.
        progress: Show a progress bar.

    Returns:
        Number of copies.

    Raises:
        InputError: If the folder is not empty, or is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"copy_to: expected an empty or new folder, got {folder}; name another one")
    folder.mkdir(parents=True, exist_ok=True)
    names = ordered.names if ordered.selected is None else ordered.names[: ordered.selected]
    digits = max(5, len(str(len(names))))
    for place, name in enumerate(show_progress(names, f"copy to {folder.name}", disable=not progress), 1):
        with replacing(folder / f"{place:0{digits}d}_{name}") as temporary:
            temporary.write_bytes(ordered.faceset.crop_files.read_bytes(name))
    return len(names)


def to_rgb(color: str) -> tuple[int, int, int]:
    """Converts a CSS color "#rrggbb" to red, green and blue, 0 to 255."""
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue


def _read_tile(ordered: SortedFaceset, index: int) -> np.ndarray:
    """Reads a crop and resizes it to (TILE, TILE, 3)."""
    image = ordered.faceset.crop_files.read_image(ordered.faceset.records[index].crop)
    return cv2.resize(image, (TILE, TILE), interpolation=cv2.INTER_AREA)


def _caption(ordered: SortedFaceset, place: int, index: int) -> str:
    """Formats the value of a crop, or its place if the mode has no column; marks crops that are not selected."""
    if ordered.values is None:
        return str(place + 1)
    value = ordered.values[index]
    text = f"{value:.{COLUMNS[MODES[ordered.mode].columns[0]].decimals}f}" if np.isfinite(value) else "none"
    return text if ordered.selected is None or place < ordered.selected else f"({text})"
