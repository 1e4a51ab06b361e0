"""Controls of a gallery besides its pages: proposed rejects with their legend, filters, and marks of many crops."""

import html
import math
import typing

import numpy as np

from faceswap_lib.errors import FaceswapError
from faceswap_lib.widgets.gallery_filter import KEEP, KIND_COLORS, GalleryFilter, count_kinds
from faceswap_lib.widgets.gallery_orders import FILTER_COLUMNS, describe_order

if typing.TYPE_CHECKING:
    from faceswap_lib.widgets.gallery import FacesetGallery

ALL_KINDS, NO_COLUMN = "all kinds", "no column"


class GalleryControls:
    """Controls of a gallery.

    Args:
        gallery: The gallery.
        widgets: The module ipywidgets.

    Attributes:
        rows: The widgets, one per row.
    """

    def __init__(self, gallery: "FacesetGallery", widgets: typing.Any):
        self._gallery, self._drawing = gallery, False
        self._help = widgets.HTML()
        self._legend = widgets.HTML()
        self._counts = widgets.HTML()
        self._propose = self._make_button(widgets, "propose rejects", lambda: gallery.propose(), icon="search")
        self._accept = self._make_button(widgets, "mark all proposed", lambda: gallery.accept_proposal())
        self._mark_shown = self._make_button(widgets, "mark all shown", lambda: gallery.mark_shown())
        self._unmark = self._make_button(widgets, "unmark this page", lambda: gallery.unmark_page())
        self._kind = widgets.Dropdown(options=[ALL_KINDS], description="show", layout={"width": "240px"})
        columns = [NO_COLUMN, *FILTER_COLUMNS]
        self._column = widgets.Dropdown(options=columns, description="with", layout={"width": "260px"})
        self._low, self._high = (
            widgets.FloatText(value=0.0, description=text, layout={"width": "160px"}) for text in ("from", "to")
        )
        self._only_marked = widgets.Checkbox(description="only marked", indent=False, layout={"width": "110px"})
        for control in (self._kind, self._low, self._high, self._only_marked):
            control.observe(self._handle_filter, "value")
        self._column.observe(self._handle_column, "value")
        flow = {"flex_flow": "row wrap"}
        self.rows = [
            self._help,
            widgets.Box([self._kind, self._column, self._low, self._high, self._only_marked], layout=flow),
            widgets.Box([self._propose, self._accept, self._mark_shown, self._unmark], layout=flow),
            widgets.Box([self._counts, self._legend], layout={"flex_flow": "column"}),
        ]

    def draw(self) -> None:
        """Updates the controls after the crops, the order, the filter or the proposals have changed."""
        gallery = self._gallery
        self._drawing = True
        self._help.value = html.escape(describe_order(gallery.order))
        crops = gallery.all_crops()
        counts = count_kinds(crops, {crop: gallery.kind(crop) for crop in crops})
        kinds = [
            (f"{kind} ({count:,})", kind) for kind, count in counts.items() if count or kind == gallery.filter.kind
        ]
        everything = (f"{ALL_KINDS} ({len(crops):,})", ALL_KINDS)
        self._kind.options = [everything, *kinds] if gallery.kinds else [everything]
        self._kind.value = gallery.filter.kind or ALL_KINDS
        self._column.value = gallery.filter.column or NO_COLUMN
        if gallery.filter.column is not None:
            self._low.value, self._high.value = gallery.filter.low, gallery.filter.high
        for box in (self._low, self._high):
            box.layout.display = "none" if gallery.filter.column is None else None
        self._only_marked.value = gallery.filter.only_marked
        self._legend.value = _legend(counts) if gallery.kinds else ""
        self._accept.disabled = not any(count for kind, count in counts.items() if kind != KEEP)
        self._drawing = False
        self.draw_counts()

    def draw_counts(self) -> None:
        """Updates the numbers of shown and marked crops."""
        gallery = self._gallery
        shown = gallery.shown
        marked = sum(crop in gallery.marked for crop in shown)
        hidden = len(gallery.marked) - marked
        elsewhere = f", {hidden:,} marked not shown" if hidden else ""
        self._counts.value = f"{len(shown):,} shown, {marked:,} of them marked{elsewhere}"
        self._mark_shown.disabled = marked == len(shown)

    def _make_button(
        self, widgets: typing.Any, text: str, action: typing.Callable[[], object], *, icon: str = ""
    ) -> typing.Any:
        """Creates a button whose errors are shown beside the number of crops."""
        button = widgets.Button(description=text, icon=icon, layout={"width": "160px"})
        button.on_click(lambda _: self._try(action))
        return button

    def _try(self, action: typing.Callable[[], object]) -> None:
        """Runs an action; shows its error, because a notebook shows no exception of a handler."""
        try:
            action()
        except (FaceswapError, ValueError) as error:
            self._gallery.show_text(str(error))
            self.draw()

    def _handle_column(self, change: typing.Any) -> None:
        """Handles a change of the column: its whole range is shown first."""
        if self._drawing:
            return

        def choose() -> None:
            if change.new == NO_COLUMN:
                low, high, column = -math.inf, math.inf, None
            else:
                column, values = change.new, self._gallery.measure(change.new)
                known = values[np.isfinite(values)]
                low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
            self._filter(column, low, high)

        self._try(choose)

    def _handle_filter(self, _: typing.Any) -> None:
        """Handles a change of another control of the filter."""
        if self._drawing:
            return
        column = None if self._column.value == NO_COLUMN else self._column.value
        low, high = (-math.inf, math.inf) if column is None else (self._low.value, self._high.value)
        self._try(lambda: self._filter(column, low, high))

    def _filter(self, column: str | None, low: float, high: float) -> None:
        """Filters the gallery as the controls say."""
        kind = None if self._kind.value == ALL_KINDS else self._kind.value
        wanted = GalleryFilter(kind=kind, column=column, low=low, high=high, only_marked=self._only_marked.value)
        self._gallery.filter_by(wanted)


def _legend(counts: dict[str, int]) -> str:
    """Builds the legend of the kinds."""
    entries = (
        f'<span style="display:inline-block;white-space:nowrap;margin-right:14px">'
        f'<span style="display:inline-block;width:11px;height:11px;border:3px solid {KIND_COLORS[kind]};'
        f'vertical-align:-3px;margin-right:5px"></span>{html.escape(kind)} {count:,}</span>'
        for kind, count in counts.items()
    )
    return f'<div style="line-height:22px;font-size:13px">{"".join(entries)}</div>'
