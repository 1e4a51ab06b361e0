"""A faceset as a page of thumbnails: click those that a training shall not see, and set them aside."""

import math
import typing

import cv2
import numpy as np

from faceswap_lib.facesets import Faceset, Side, Workspace, exclude_crops, list_excluded, restore_crops
from faceswap_lib.facesets.faceset import measure_rarity
from faceswap_lib.media import read_image
from faceswap_lib.show.notebook import ipython_display
from faceswap_lib.widgets.gallery_page import GalleryPage

THUMBNAIL = 128
"""Side of a thumbnail in its own pixels."""

Order = typing.Literal["frame", "sharpness", "rarity"]
"""By time; from the least sharp; from the pose and expression that is farthest from all others."""

ORDERS: tuple[Order, ...] = typing.get_args(Order)


class FacesetGallery:
    """One person's crops to look through; a notebook shows it when it is the last line of a cell.

    A click marks a crop with a red frame, another takes the mark away. Marks hold across pages and orders. Nothing
    happens to the faceset until the button is pressed, and then it can be undone.

    Attributes:
        marked: File names of the crops that are marked.
        order: By what the crops are sorted.
        page: Which page is shown, from 0.
    """

    def __init__(self, workspace: Workspace, side: Side, *, per_page: int = 48, columns: int = 8):
        """Opens a faceset.

        Args:
            workspace: Holds it.
            side: Whose.
            per_page: Crops on a page.
            columns: Crops in a row.

        Raises:
            WorkspaceError: If there is no faceset.
            ImportError: If ipywidgets is missing.
            ValueError: If a number is below 1.
        """
        if per_page < 1 or columns < 1:
            raise ValueError(f"expected per_page and columns to be at least 1, got {per_page} and {columns}")
        self._workspace, self._side, self._per_page = workspace, side, per_page
        self.marked: set[str] = set()
        self.order: Order = "frame"
        self.page = 0
        self._undoable: list[list[str]] = []
        self._said = ""
        self._open()
        self._view = GalleryPage(self, per_page=per_page, columns=columns)
        self._view.draw()

    def __len__(self) -> int:
        """How many crops the faceset has, those set aside not counted."""
        return len(self._faceset)

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return math.ceil(len(self) / self._per_page)

    @property
    def undoable(self) -> int:
        """How many crops the next `undo` brings back."""
        return len(self._undoable[-1]) if self._undoable else 0

    @property
    def title(self) -> str:
        """What the page says of the faceset."""
        aside = len(list_excluded(self._workspace, self._side))
        counts = f"{len(self):,} crops in {self._faceset.folder.name}, {aside:,} set aside"
        return f"{counts}; {self._said}" if self._said else counts

    def crops(self) -> list[str]:
        """File names of the crops on the page, in the order in which it shows them."""
        names = [self._faceset.records[index].crop for index in self._sorted]
        return names[self.page * self._per_page : (self.page + 1) * self._per_page]

    def caption(self, crop: str) -> str:
        """What there is to say about a crop: its frame, or the number it is sorted by."""
        record = self._records[crop]
        if self.order == "frame":
            return f"frame {record.frame:,}"
        value = self._values[self.order][self._index[crop]]
        return f"{self.order} {value:,.0f}" if self.order == "sharpness" else f"{self.order} {value:.1f}"

    def read_thumbnail(self, crop: str) -> np.ndarray:
        """A crop as (128, 128, 3) uint8 RGB."""
        picture = read_image(self._faceset.folder / crop)
        return cv2.resize(picture, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)

    def mark(self, *crops: str, marked: bool = True) -> None:
        """Marks crops, or takes their marks away.

        Raises:
            ValueError: If one is not in the faceset.
        """
        if strange := set(crops) - set(self._records):
            raise ValueError(f"expected crops of {self._faceset.folder}, got {sorted(strange)[0]}")
        self.marked = self.marked | set(crops) if marked else self.marked - set(crops)
        self._view.draw_marks()

    def sort_by(self, order: Order) -> None:
        """Sorts the crops and shows the first page."""
        if order not in ORDERS:
            raise ValueError(f"expected {', '.join(ORDERS)}, got {order!r}")
        self.order, self.page = order, 0
        self._sort()
        self._view.draw()

    def turn_to(self, page: int) -> None:
        """Shows a page, counted from 0; the nearest where there is none."""
        self.page = min(max(page, 0), self.pages - 1)
        self._view.draw()

    def exclude(self) -> int:
        """Sets the marked crops aside; gives how many.

        Raises:
            WorkspaceError: If none would be left.
        """
        leaving = sorted(self.marked)
        if leaving:
            exclude_crops(self._workspace, self._side, leaving)
            self._undoable.append(leaving)
            self.marked = set()
            self._take_in(f"{len(leaving):,} of them just now")
        return len(leaving)

    def undo(self) -> int:
        """Brings back the crops that were set aside last, marked as they were; gives how many."""
        if not self._undoable:
            return 0
        returning = self._undoable.pop()
        restore_crops(self._workspace, self._side, returning)
        self.marked |= set(returning)
        self._take_in(f"{len(returning):,} are back")
        return len(returning)

    def say(self, text: str) -> None:
        """Shows a word beside the counts."""
        self._said = text
        self._view.draw_marks()

    def _take_in(self, said: str) -> None:
        self._said = said
        self._open()
        self.turn_to(self.page)

    def _open(self) -> None:
        self._faceset = Faceset.open(self._workspace, self._side)
        records = self._faceset.records
        self._records = {record.crop: record for record in records}
        self._index = {record.crop: index for index, record in enumerate(records)}
        self._values = {
            "frame": np.array([record.frame for record in records]),
            "sharpness": np.array([record.sharpness for record in records]),
            "rarity": measure_rarity(np.stack([record.points_in_crop() for record in records])),
        }
        self._sort()

    def _sort(self) -> None:
        values = self._values[self.order]
        self._sorted = np.argsort(-values if self.order == "rarity" else values, kind="stable").tolist()

    def _ipython_display_(self) -> None:
        ipython_display().display(self._view.box)
