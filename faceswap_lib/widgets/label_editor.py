"""Editor of occlusion labels on a notebook page: polygons around faces and what covers them, saved as LabelMe files."""

import dataclasses
import html
import pathlib
import typing

import numpy as np

from faceswap_lib.errors import FaceswapError, InputError
from faceswap_lib.facesets import Faceset, Side, Workspace
from faceswap_lib.occlusion.label_files import read_labels, write_labelme
from faceswap_lib.occlusion.polygons import Label, LabeledImage, Polygon
from faceswap_lib.show.notebook import ipython_display
from faceswap_lib.widgets.drag_stage import DragStage, StageChange, StagePoint
from faceswap_lib.widgets.gallery_page import import_widgets

COLORS: dict[Label, str] = {"occluder": "#ff4d4d", "face": "#4caf6d"}
"""Color of each class of polygons, as CSS."""

LEAST_CORNERS = 3
"""Number of corners from which a polygon can be closed."""


class LabelEditor:
    """Editor of the occlusion labels of one person's crops; a notebook shows it when it is the last line of a cell.

    A click adds a corner to the open polygon; corners can be dragged. "close" finishes the polygon. Labels are saved
    when another crop is shown, and with "save": one LabelMe file per crop. `faceswap mask --train --labels` reads them.

    Attributes:
        folder: Folder of the labels.
        crops: File names of the crops to label, in order.
        index: Index of the shown crop in `crops`, from 0.
        label: Class of the open polygon.
        corners: Corners of the open polygon, x, y in pixels of the crop.
        polygons: Finished polygons of the shown crop.
        message: What happened last.
    """

    def __init__(
        self,
        workspace: Workspace,
        side: Side,
        *,
        folder: pathlib.Path | str | None = None,
        crops: typing.Sequence[str] | None = None,
        width: int = 512,
    ):
        """Opens a faceset and its labels.

        Args:
            workspace: The workspace of the faceset.
            side: The person's side, `src` or `dst`.
            folder: Folder of the labels; None for `occlusion_labels` in the workspace.
            crops: File names of the crops to label, in the order in which they are shown; None for all.
            width: Largest width of the crop on the page in pixels.

        Raises:
            WorkspaceError: If there is no faceset.
            InputError: If a crop is not in it, or existing labels cannot be read.
            ImportError: If ipywidgets is missing.
        """
        self._faceset = Faceset.open(workspace, side)
        self._side: Side = side
        self.folder = workspace.root / "occlusion_labels" if folder is None else pathlib.Path(folder)
        known = [record.crop for record in self._faceset.records]
        self.crops = known if crops is None else list(crops)
        unknown = sorted(set(self.crops) - set(known)) if self.crops else ["an empty list"]
        if unknown:
            raise InputError(f"crops: expected crops of {self._faceset.folder}, got {unknown[0]}")
        self.index = 0
        self.label: Label = "occluder"
        self.corners: list[tuple[float, float]] = []
        self.polygons: list[Polygon] = []
        self.message, self._is_saved = "", True
        self._build(width)
        self.show_crop(0)

    @property
    def crop(self) -> str:
        """File name of the shown crop."""
        return self.crops[self.index]

    @property
    def path(self) -> pathlib.Path:
        """The LabelMe file of the shown crop."""
        return self.folder / f"face_{self._side}" / f"{pathlib.PurePath(self.crop).stem}.json"

    def show_crop(self, index: int) -> None:
        """Shows a crop with its labels; the labels of the one before are saved.

        Args:
            index: Index in `crops`, limited to the existing ones.

        Raises:
            InputError: If its labels cannot be read, or a polygon is not closed.
        """
        if self.corners:
            raise InputError(f"expected no open polygon, got one of {len(self.corners)} corners; close or remove it")
        if not self._is_saved:
            self.save()
        self.index = min(max(index, 0), len(self.crops) - 1)
        image = self._faceset.crop_files.read_image(self.crop)
        self._size = (image.shape[1], image.shape[0])
        self.polygons = self._read_polygons()
        self._is_saved = True
        self.message = f"{self.crop}, {self.index + 1:,} of {len(self.crops):,}"
        self._stage.show_image(image)
        self._draw()

    def add_corner(self, x: float, y: float) -> None:
        """Adds a corner to the open polygon, in pixels of the crop."""
        self.corners.append((x, y))
        self._draw()

    def close(self) -> None:
        """Closes the open polygon.

        Raises:
            InputError: If it has fewer than three corners.
        """
        if len(self.corners) < LEAST_CORNERS:
            raise InputError(f"expected at least {LEAST_CORNERS} corners, got {len(self.corners)}; click to add one")
        self.polygons.append(Polygon(label=self.label, points=np.array(self.corners)))
        self.corners, self._is_saved = [], False
        self._draw()

    def remove_last(self) -> None:
        """Removes the last corner of the open polygon, or else the last polygon."""
        if self.corners:
            self.corners.pop()
        elif self.polygons:
            self.polygons.pop()
            self._is_saved = False
        self._draw()

    def save(self) -> pathlib.Path:
        """Writes the labels of the shown crop. A crop without polygons gets a file that says that nothing covers it.

        Returns:
            The file.
        """
        labels = LabeledImage(crop=self.crop, side=self._side, size=self._size, polygons=tuple(self.polygons))
        write_labelme(self.folder, [labels], {self._side: self._faceset.folder})
        self._is_saved = True
        self.message = f"{len(self.polygons)} polygons of {self.crop} saved in {self.folder}"
        self._draw()
        return self.path

    def handle_change(self, change: StageChange) -> None:
        """Handles a click or a dragged corner."""
        if change.changed == "points" and len(change.points) == len(self.corners):
            self.corners = [(float(x), float(y)) for x, y in change.points]
            self._draw()
        elif change.changed == "click":
            self.add_corner(*change.at.tolist())

    def _read_polygons(self) -> list[Polygon]:
        """Reads the labels of the shown crop, scaled to its size; empty if it has none."""
        if not self.path.is_file():
            return []
        (found,) = read_labels(self.path)
        scale = self._size[0] / found.size[0]
        return [dataclasses.replace(polygon, points=(polygon.points + 0.5) * scale - 0.5) for polygon in found.polygons]

    def _build(self, width: int) -> None:
        """Creates the widgets."""
        widgets = import_widgets()
        self._stage = DragStage(self.handle_change, draw="nothing", width=width)
        self._choice = widgets.Dropdown(options=list(COLORS), description="label", layout={"width": "200px"})
        self._choice.observe(self._handle_label, "value")
        actions = {
            "‹": lambda: self.show_crop(self.index - 1),
            "›": lambda: self.show_crop(self.index + 1),
            "close": self.close,
            "remove last": self.remove_last,
            "save": self.save,
        }
        buttons = [widgets.Button(description=text, layout={"width": "auto"}) for text in actions]
        for button, action in zip(buttons, actions.values(), strict=True):
            button.on_click(lambda _, action=action: self._try(action))
        self._text = widgets.HTML()
        row = widgets.Box([*buttons[:2], self._choice, *buttons[2:]], layout={"flex_flow": "row wrap"})
        self._box = widgets.VBox([row, self._text, self._stage.box])

    def _handle_label(self, change: typing.Any) -> None:
        """Handles a change of the class."""
        self.label = change.new
        self._draw()

    def _try(self, action: typing.Callable[[], object]) -> None:
        """Runs an action; shows its error, because a notebook shows no exception of a handler."""
        try:
            action()
        except FaceswapError as error:
            self.message = str(error)
            self._draw()

    def _draw(self) -> None:
        """Shows the polygons and the message."""
        color = COLORS[self.label]
        areas = [(polygon.points, COLORS[polygon.label]) for polygon in self.polygons]
        if len(self.corners) > 1:
            areas.append((np.array(self.corners), color))
        self._stage.draw([StagePoint(x=x, y=y, color=color) for x, y in self.corners], areas=areas)
        self._text.value = html.escape(self.message)

    def _ipython_display_(self) -> None:
        ipython_display().display(self._box)
