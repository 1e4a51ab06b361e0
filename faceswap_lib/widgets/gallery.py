"""Gallery of a faceset: pages of thumbnails in which crops can be sorted, filtered, marked and excluded."""

import math
from collections.abc import Iterable

import cv2
import numpy as np

from faceswap_lib.curation.audit import FacesetAudit, audit_faceset
from faceswap_lib.curation.rejects import KINDS, RejectLimits
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.facesets import Faceset, Side, Workspace, exclude_crops, list_excluded, restore_crops
from faceswap_lib.show.notebook import ipython_display
from faceswap_lib.widgets.gallery_filter import KEEP, GalleryFilter
from faceswap_lib.widgets.gallery_history import ExcludeStep, GalleryHistory, MarkStep, marks_after_undo
from faceswap_lib.widgets.gallery_orders import ALL_ORDERS, ORDERS, FacesetOrders, Order, SortedCrops, format_value
from faceswap_lib.widgets.gallery_page import GalleryPage

__all__ = ["ORDERS", "FacesetGallery", "Order"]

THUMBNAIL = 128
"""Side of a thumbnail image in pixels."""


class FacesetGallery:
    """Gallery of one person's crops; a notebook shows it when it is the last line of a cell.

    A click marks a crop with a red frame; another click removes the mark. Marks are kept when the page, the order or
    the filter changes. The faceset does not change until the button is pressed. Every step can be undone, the last one
    first.

    After `propose`, a crop that is proposed for rejection has a frame in the color of its kind.

    Attributes:
        marked: File names of the marked crops.
        order: The sort order.
        is_reversed: Whether the sort order is reversed.
        filter: Which crops are shown.
        page: Index of the shown page, from 0.
        kinds: Proposed kind of reject by file name of the crop; "" for crops to keep; empty before `propose`.
    """

    def __init__(
        self,
        workspace: Workspace,
        side: Side,
        *,
        per_page: int = 48,
        columns: int = 8,
        audit: FacesetAudit | None = None,
        embedder: FaceEmbedder | None = None,
    ):
        """Opens a faceset.

        Args:
            workspace: The workspace of the faceset.
            side: The person's side, `src` or `dst`.
            per_page: Crops per page.
            columns: Crops per row.
            audit: Audit whose proposed rejects are shown; None shows none until `propose` is called.
            embedder: Face recognition network, for the order "embedding" and the proposals.

        Raises:
            WorkspaceError: If there is no faceset.
            ImportError: If ipywidgets is missing.
            ValueError: If a number is below 1.
        """
        if per_page < 1 or columns < 1:
            raise ValueError(f"expected per_page and columns to be at least 1, got {per_page} and {columns}")
        self._workspace, self._per_page, self._embedder = workspace, per_page, embedder
        self._side: Side = side
        self.marked: set[str] = set()
        self.order: str = "frame"
        self.is_reversed = False
        self.filter = GalleryFilter()
        self.page = 0
        self.kinds: dict[str, str] = {}
        self._history = GalleryHistory()
        self._message = ""
        self._open()
        self._view = GalleryPage(self, orders=ALL_ORDERS, per_page=per_page, columns=columns)
        self._take_audit(audit)
        self._view.draw()

    def __len__(self) -> int:
        """Returns the number of crops in the faceset, without excluded crops."""
        return len(self._faceset)

    @property
    def pages(self) -> int:
        """Number of pages, at least 1."""
        return max(1, math.ceil(len(self._shown) / self._per_page))

    @property
    def shown(self) -> list[str]:
        """File names of all crops that the filter shows, in the sort order."""
        return [self._faceset.records[index].crop for index in self._shown]

    @property
    def undoable(self) -> int:
        """Number of crops that the next `undo` changes."""
        return self._history.last.count if self._history.last else 0

    @property
    def undo_text(self) -> str:
        """What the next `undo` does; empty if there is nothing to undo."""
        return self._history.last.undo_text if self._history.last else ""

    @property
    def title(self) -> str:
        """Text on the page with the number of crops and the last message."""
        excluded = len(list_excluded(self._workspace, self._side))
        counts = f"{len(self):,} crops in {self._faceset.folder.name}, {excluded:,} set aside"
        if not self.filter.is_open:
            counts += f"; {len(self._shown):,} shown"
        return f"{counts}; {self._message}" if self._message else counts

    def all_crops(self) -> list[str]:
        """Returns the file names of all crops, in the order of the manifest."""
        return list(self._records)

    def crops(self) -> list[str]:
        """Returns the file names of the crops on the page, in the order of the page."""
        return self.shown[self.page * self._per_page : (self.page + 1) * self._per_page]

    def caption(self, crop: str) -> str:
        """Formats the caption of a crop: its frame, or the value that it is sorted by."""
        column = self._sorted.column
        if column in (None, "frame"):
            return f"frame {self._records[crop].frame:,}"
        return f"{self.order} {format_value(column, self._orders.column(column)[self._index[crop]])}"

    def kind(self, crop: str) -> str:
        """Returns the kind of a crop: `keep`, or the kind of reject as which it is proposed."""
        return self.kinds.get(crop) or KEEP

    def read_thumbnail(self, crop: str) -> np.ndarray:
        """Reads a crop and resizes it to (128, 128, 3) uint8 RGB."""
        image = self._faceset.crop_files.read_image(crop)
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

    def mark_step(self, crops: Iterable[str], *, marked: bool = True) -> int:
        """Marks crops or removes their marks, as a step that `undo` undoes; returns the number of changed marks.

        Raises:
            ValueError: If a crop is not in the faceset.
        """
        changed = frozenset(crop for crop in crops if (crop in self.marked) != marked)
        self.mark(*changed, marked=marked)
        self._history.add(MarkStep(added=changed) if marked else MarkStep(removed=changed))
        self._view.draw_marks()
        return len(changed)

    def mark_shown(self) -> int:
        """Marks all crops that the filter shows, on all pages; returns how many were not marked before."""
        return self.mark_step(self.shown)

    def mark_kind(self, kind: str) -> int:
        """Marks all crops of a kind; returns how many were not marked before.

        Raises:
            ValueError: If the kind is unknown.
        """
        GalleryFilter(kind=kind)
        return self.mark_step([crop for crop in self._records if self.kind(crop) == kind])

    def accept_proposal(self) -> int:
        """Marks all crops that are proposed for rejection; returns how many were not marked before."""
        return self.mark_step([crop for crop in self._records if self.kind(crop) != KEEP])

    def unmark_page(self) -> int:
        """Removes the marks of the crops on the page; returns how many were marked."""
        return self.mark_step(self.crops(), marked=False)

    def propose(self, limits: RejectLimits | None = None, *, progress: bool = False) -> dict[str, int]:
        """Audits the faceset, and shows which crops are proposed for rejection. Marks nothing.

        Args:
            limits: Limits of the proposals; None for the defaults.
            progress: Show progress bars.

        Returns:
            Number of proposed rejects by kind.
        """
        audit = audit_faceset(self._faceset, embedder=self._embedder, limits=limits, progress=progress)
        self._take_audit(audit)
        counts = {kind: count for kind, count in audit.counts().items() if count}
        found = ", ".join(f"{count:,} {kind}" for kind, count in counts.items()) or "none"
        skipped = [name for name, kind in KINDS.items() if not audit.skipped.keys().isdisjoint(kind.columns)]
        left_out = f"; not looked for: {', '.join(skipped)}" if skipped else ""
        self._message = f"proposed to reject: {found}{left_out}"
        self._refresh()
        return audit.counts()

    def sort_by(self, order: str, *, is_reversed: bool = False) -> None:
        """Sorts the crops and shows the first page.

        Args:
            order: One of `gallery_orders.ALL_ORDERS`: "frame", "sharpness", "rarity", a sort mode or a column of
                `curation`.
            is_reversed: Whether the order is reversed.

        Raises:
            ValueError: If the order is unknown.
            InputError: If the order needs what this faceset or this computer does not have.
        """
        self._sorted = self._orders.sort(order)
        self.order, self.is_reversed, self.page = order, is_reversed, 0
        self._refresh()

    def filter_by(self, wanted: GalleryFilter) -> None:
        """Shows only some crops, from the first page on.

        Args:
            wanted: Which crops; `GalleryFilter()` shows all.

        Raises:
            InputError: If its column needs what this faceset or this computer does not have.
        """
        if wanted.column is not None:
            self._orders.column(wanted.column)
        self.filter, self.page = wanted, 0
        self._refresh()

    def measure(self, column: str) -> np.ndarray:
        """Measures a column of `gallery_orders.FILTER_COLUMNS`, (N,) float64 in the order of the manifest.

        Raises:
            InputError: If it needs what this faceset or this computer does not have.
        """
        return self._orders.column(column)

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
            self._history.add(ExcludeStep(crops=tuple(excluded)))
            self.marked = set()
            self._reload(f"{len(excluded):,} of them just now")
        return len(excluded)

    def undo(self) -> int:
        """Undoes the last step: restores excluded crops and marks them again, or undoes a change of marks.

        Returns:
            Number of crops that changed.

        Raises:
            WorkspaceError: If excluded crops cannot be restored.
        """
        step = self._history.last
        if step is None:
            return 0
        if isinstance(step, ExcludeStep):
            restore_crops(self._workspace, self._side, step.crops)
            self._history.remove_last()
            self.marked |= set(step.crops)
            self._reload(f"{step.count:,} are back")
        else:
            self._history.remove_last()
            self.marked = marks_after_undo(self.marked, step) & set(self._records)
            self._view.draw_marks()
        return step.count

    def reload(self) -> None:
        """Opens the faceset again, after other code has changed it."""
        self._reload("")

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
        """Opens the faceset and sorts it."""
        self._faceset = Faceset.open(self._workspace, self._side)
        records = self._faceset.records
        self._records = {record.crop: record for record in records}
        self._index = {record.crop: index for index, record in enumerate(records)}
        self._orders = FacesetOrders(self._faceset, embedder=self._embedder)
        self._sorted: SortedCrops = self._orders.sort(self.order)
        self.marked &= set(self._records)
        self._find_shown()

    def _refresh(self) -> None:
        """Applies filter and order again and shows the page."""
        self._find_shown()
        self.turn_to(self.page)

    def _find_shown(self) -> None:
        """Finds the indices of the crops that the filter shows, in the sort order."""
        column = self.filter.column
        shown = self.filter.apply(
            list(self._records),
            kinds={crop: self.kind(crop) for crop in self._records},
            values=None if column is None else self._orders.column(column),
            marked=self.marked,
        )
        order = self._sorted.order[::-1] if self.is_reversed else self._sorted.order
        self._shown: list[int] = order[shown[order]].tolist()

    def _take_audit(self, audit: FacesetAudit | None) -> None:
        """Takes the kinds of an audit."""
        if audit is not None:
            names = (record.crop for record in audit.faceset.records)
            self.kinds = dict(zip(names, audit.kinds.tolist(), strict=True))

    def _ipython_display_(self) -> None:
        ipython_display().display(self._view.box)
