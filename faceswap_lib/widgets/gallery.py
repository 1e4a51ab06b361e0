"""Gallery of a faceset: pages of thumbnails in which crops can be marked and excluded from the training."""

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
"""Side of a thumbnail image in pixels."""

Order = typing.Literal["frame", "sharpness", "rarity"]
"""Sort order: by time; the least sharp first; the rarest pose and expression first."""

ORDERS: tuple[Order, ...] = typing.get_args(Order)


class FacesetGallery:
    """Gallery of one person's crops; a notebook shows it when it is the last line of a cell.

    A click marks a crop with a red frame; another click removes the mark. Marks are kept when the page or the order
    changes. The faceset does not change until the button is pressed, and this can be undone.

    Attributes:
        marked: File names of the marked crops.
        order: The sort order.
        page: Index of the shown page, from 0.
    """

    def __init__(self, workspace: Workspace, side: Side, *, per_page: int = 48, columns: int = 8):
        """Opens a faceset.

        Args:
            workspace: The workspace of the faceset.
            side: The person's side, `src` or `dst`.
            per_page: Crops per page.
            columns: Crops per row.

        Raises:
            WorkspaceError: If there is no faceset.
            ImportError: If ipywidgets is missing.
            ValueError: If a number is below 1.
        """
        if per_page < 1 or columns < 1:
            raise ValueError(f"expected per_page and columns to be at least 1, got {per_page} and {columns}")
        self._workspace, self._per_page = workspace, per_page
        self._side: Side = side
        self.marked: set[str] = set()
        self.order: Order = "frame"
        self.page = 0
        self._undoable: list[list[str]] = []
        self._message = ""
        self._open()
        self._view = GalleryPage(self, orders=ORDERS, per_page=per_page, columns=columns)
        self._view.draw()

    def __len__(self) -> int:
        """Returns the number of crops in the faceset, without excluded crops."""
        return len(self._faceset)

    @property
    def pages(self) -> int:
        """Number of pages."""
        return math.ceil(len(self) / self._per_page)

    @property
    def undoable(self) -> int:
        """Number of crops that the next `undo` restores."""
        return len(self._undoable[-1]) if self._undoable else 0

    @property
    def title(self) -> str:
        """Text on the page with the number of crops and the last message."""
        excluded = len(list_excluded(self._workspace, self._side))
        counts = f"{len(self):,} crops in {self._faceset.folder.name}, {excluded:,} set aside"
        return f"{counts}; {self._message}" if self._message else counts

    def crops(self) -> list[str]:
        """Returns the file names of the crops on the page, in the order of the page."""
        names = [self._faceset.records[index].crop for index in self._sorted]
        return names[self.page * self._per_page : (self.page + 1) * self._per_page]

    def caption(self, crop: str) -> str:
        """Formats the caption of a crop: its frame, or the value that it is sorted by."""
        record = self._records[crop]
        if self.order == "frame":
            return f"frame {record.frame:,}"
        value = self._values[self.order][self._index[crop]]
        return f"{self.order} {value:,.0f}" if self.order == "sharpness" else f"{self.order} {value:.1f}"

    def read_thumbnail(self, crop: str) -> np.ndarray:
        """Reads a crop and resizes it to (128, 128, 3) uint8 RGB."""
        image = read_image(self._faceset.folder / crop)
        return cv2.resize(image, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)

    def mark(self, *crops: str, marked: bool = True) -> None:
        """Marks crops or removes their marks.

        Args:
            *crops: File names of the crops.
            marked: Whether to add or to remove the marks.

        Raises:
            ValueError: If a crop is not in the faceset.
        """
        if unknown := set(crops) - set(self._records):
            raise ValueError(f"expected crops of {self._faceset.folder}, got {sorted(unknown)[0]}")
        self.marked = self.marked | set(crops) if marked else self.marked - set(crops)
        self._view.draw_marks()

    def sort_by(self, order: Order) -> None:
        """Sorts the crops and shows the first page.

        Args:
            order: The sort order.

        Raises:
            ValueError: If the order is unknown.
        """
        if order not in ORDERS:
            raise ValueError(f"expected {', '.join(ORDERS)}, got {order!r}")
        self.order, self.page = order, 0
        self._sort()
        self._view.draw()

    def turn_to(self, page: int) -> None:
        """Shows a page by its index from 0, limited to the existing pages."""
        self.page = min(max(page, 0), self.pages - 1)
        self._view.draw()

    def exclude(self) -> int:
        """Excludes the marked crops from the faceset.

        Returns:
            Number of excluded crops.

        Raises:
            WorkspaceError: If no crop would remain.
        """
        excluded = sorted(self.marked)
        if excluded:
            exclude_crops(self._workspace, self._side, excluded)
            self._undoable.append(excluded)
            self.marked = set()
            self._reload(f"{len(excluded):,} of them just now")
        return len(excluded)

    def undo(self) -> int:
        """Restores the crops of the last `exclude`, and marks them again.

        Returns:
            Number of restored crops.
        """
        if not self._undoable:
            return 0
        restored = self._undoable.pop()
        restore_crops(self._workspace, self._side, restored)
        self.marked |= set(restored)
        self._reload(f"{len(restored):,} are back")
        return len(restored)

    def show_text(self, text: str) -> None:
        """Shows a message beside the number of crops."""
        self._message = text
        self._view.draw_marks()

    def _reload(self, message: str) -> None:
        """Opens the changed faceset again and shows a message."""
        self._message = message
        self._open()
        self.turn_to(self.page)

    def _open(self) -> None:
        """Opens the faceset and computes the values by which it can be sorted."""
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
        """Sorts the indices of the crops by the current order."""
        values = self._values[self.order]
        self._sorted = np.argsort(-values if self.order == "rarity" else values, kind="stable").tolist()

    def _ipython_display_(self) -> None:
        ipython_display().display(self._view.box)
