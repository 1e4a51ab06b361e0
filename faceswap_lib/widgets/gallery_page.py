"""View of a gallery on a notebook page: thumbnails as toggle buttons, and the controls above them."""

import typing

from faceswap_lib.errors import FaceswapError
from faceswap_lib.widgets.comparison import jpeg_data
from faceswap_lib.widgets.gallery_controls import GalleryControls
from faceswap_lib.widgets.gallery_filter import KEEP, KIND_COLORS

if typing.TYPE_CHECKING:
    from faceswap_lib.widgets.gallery import FacesetGallery

SIDE = 96
"""Side of a thumbnail on the page in pixels."""

GAP = 4
"""Distance between thumbnails in pixels."""

QUALITY = 80
"""JPEG quality of a thumbnail."""

STYLE = (
    """
.faceswap-gallery .jupyter-button.faceswap-crop{width:%(side)dpx;height:%(side)dpx;padding:0;margin:0;border:0;
 border-radius:3px;background-size:cover;background-color:#888;box-shadow:none;font-size:11px;overflow:hidden;
 display:flex;align-items:flex-end;justify-content:center;color:#fff;text-shadow:0 0 3px #000,0 0 3px #000;
 line-height:16px}
.faceswap-gallery .jupyter-button.faceswap-crop:hover{filter:brightness(1.12)}
.faceswap-gallery .jupyter-button.faceswap-crop.mod-active{outline:4px solid #e01b24;outline-offset:-4px;
 background-color:#e01b24;background-blend-mode:luminosity}
""".replace("\n", "")
    % {"side": SIDE}
)


def import_widgets() -> typing.Any:
    """Imports and returns ipywidgets.

    Raises:
        ImportError: If ipywidgets is missing.
    """
    try:
        import ipywidgets
    except ImportError as error:
        raise ImportError("ipywidgets is not installed; pip install 'faceswap_lib[notebooks]'") from error
    return ipywidgets


class GalleryPage:
    """View of a gallery.

    Each thumbnail is a toggle button with its own CSS class. A style sheet, which is replaced for every page, sets the
    background image of each class. So a page of thumbnails is a single message to the browser, and a mark is visible
    before the kernel handles the click.

    Args:
        gallery: The gallery that is shown and that handles the clicks.
        orders: Names of the sort orders to choose from.
        per_page: Thumbnails per page.
        columns: Thumbnails per row.

    Attributes:
        box: The widget.
    """

    def __init__(self, gallery: "FacesetGallery", *, orders: typing.Sequence[str], per_page: int, columns: int):
        widgets = import_widgets()
        self._gallery = gallery
        self._drawing = False
        self._class = f"faceswap-gallery-{id(self):x}"
        self._style = widgets.HTML(layout={"display": "none"})
        self._thumbnails = [widgets.ToggleButton() for _ in range(per_page)]
        for place, thumbnail in enumerate(self._thumbnails):
            thumbnail.add_class("faceswap-crop")
            thumbnail.add_class(f"faceswap-crop-{place}")
            thumbnail.observe(self._handle_click, "value")
        self._order = widgets.Dropdown(options=orders, description="sort by", layout={"width": "240px"})
        self._order.observe(self._handle_order, "value")
        self._reversed = widgets.Checkbox(description="reversed", indent=False, layout={"width": "90px"})
        self._reversed.observe(self._handle_order, "value")
        self._controls = GalleryControls(gallery, widgets)
        self._page = widgets.BoundedIntText(value=1, min=1, description="page", layout={"width": "150px"})
        self._page.observe(self._handle_page, "value")
        self._pages = widgets.Label()
        self._back, self._forth = (widgets.Button(description=text, layout={"width": "40px"}) for text in "‹›")
        self._back.on_click(lambda _: gallery.turn_to(gallery.page - 1))
        self._forth.on_click(lambda _: gallery.turn_to(gallery.page + 1))
        self._aside = widgets.Button(button_style="danger", layout={"width": "190px"})
        self._aside.on_click(lambda _: self._try(gallery.exclude))
        self._undo = widgets.Button(description="undo", icon="undo", layout={"width": "140px"})
        self._undo.on_click(lambda _: self._try(gallery.undo))
        self._title = widgets.Label()
        places = [self._order, self._reversed, self._back, self._page, self._pages, self._forth]
        grid = widgets.GridBox(
            self._thumbnails,
            layout={
                "grid_template_columns": f"repeat(auto-fill, {SIDE}px)",  # fewer columns on a narrow page
                "grid_gap": f"{GAP}px",
                "max_width": f"{columns * (SIDE + GAP)}px",
            },
        )
        flow = {"flex_flow": "row wrap"}
        rows = [
            widgets.Box(places, layout=flow),
            *self._controls.rows,
            widgets.Box([self._aside, self._undo, self._title], layout=flow),
            grid,
        ]
        self.box = widgets.VBox([self._style, *rows])
        self.box.add_class("faceswap-gallery")
        self.box.add_class(self._class)

    def draw(self) -> None:
        """Shows the current page of the gallery with its thumbnails."""
        gallery, crops = self._gallery, self._gallery.crops()
        rules = [
            f".{self._class} .faceswap-crop-{place}"
            f"{{background-image:url({jpeg_data(gallery.read_thumbnail(crop), quality=QUALITY)})}}"
            for place, crop in enumerate(crops)
        ]
        kinds = [gallery.kind(crop) for crop in crops]
        rules += [self._kind_rule(place, kind) for place, kind in enumerate(kinds) if gallery.kinds]
        self._style.value = f"<style>{STYLE}{''.join(rules)}</style>"
        for place, thumbnail in enumerate(self._thumbnails):
            is_used = place < len(crops)
            thumbnail.layout.display = None if is_used else "none"
            thumbnail.description = gallery.caption(crops[place]) if is_used else ""
            thumbnail.tooltip = crops[place] if is_used else ""
            if is_used and kinds[place] != KEEP:
                thumbnail.tooltip = f"{crops[place]}: {kinds[place]}"
        self._drawing = True
        self._order.value, self._reversed.value = gallery.order, gallery.is_reversed
        self._page.max = gallery.pages
        self._page.value = gallery.page + 1
        self._drawing = False
        self._pages.value = f"of {gallery.pages}"
        self._back.disabled, self._forth.disabled = gallery.page == 0, gallery.page == gallery.pages - 1
        self._controls.draw()
        self.draw_marks()

    def draw_marks(self) -> None:
        """Updates the marks, the buttons and the title."""
        gallery = self._gallery
        self._drawing = True
        for thumbnail, crop in zip(self._thumbnails, gallery.crops(), strict=False):
            thumbnail.value = crop in gallery.marked
        self._drawing = False
        self._aside.description = f"set {len(gallery.marked):,} marked aside"
        self._aside.disabled = not gallery.marked
        self._undo.disabled = not gallery.undoable
        self._undo.description = gallery.undo_text or "undo"
        self._controls.draw_counts()
        self._title.value = gallery.title

    def _handle_click(self, change: typing.Any) -> None:
        """Handles a click on a thumbnail."""
        if not self._drawing:
            place = self._thumbnails.index(change.owner)
            self._gallery.mark_step([self._gallery.crops()[place]], marked=change.new)

    def _kind_rule(self, place: int, kind: str) -> str:
        """Builds the CSS of a thumbnail's frame in the color of its kind; a mark is drawn inside this frame."""
        button = f".{self._class} .jupyter-button.faceswap-crop-{place}"
        return (
            f"{button}{{box-shadow:inset 0 0 0 4px {KIND_COLORS[kind]};padding-bottom:5px}}"
            f"{button}.faceswap-crop.mod-active{{outline-offset:-8px;padding-bottom:9px}}"
        )

    def _handle_order(self, _: typing.Any) -> None:
        """Handles a change of the sort order."""
        if not self._drawing:
            self._try(lambda: self._gallery.sort_by(self._order.value, is_reversed=self._reversed.value))

    def _handle_page(self, change: typing.Any) -> None:
        """Handles a change of the page number."""
        if not self._drawing:
            self._gallery.turn_to(change.new - 1)

    def _try(self, action: typing.Callable[[], object]) -> None:
        """Runs an action; shows its error, because a notebook shows no exception of a handler."""
        try:
            action()
        except FaceswapError as error:
            self._gallery.show_text(str(error))
            self._drawing = True
            self._order.value, self._reversed.value = self._gallery.order, self._gallery.is_reversed
            self._drawing = False
