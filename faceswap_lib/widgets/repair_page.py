"""View of a repair editor on a notebook page: the frame, the preview of the crop, number boxes and buttons."""

import html
import typing

import numpy as np

from faceswap_lib.widgets.comparison import jpeg_data
from faceswap_lib.widgets.drag_stage import DragStage, StagePoint
from faceswap_lib.widgets.gallery_page import import_widgets

if typing.TYPE_CHECKING:
    from faceswap_lib.widgets.repair_editor import RepairEditor

COLORS = ("#35c6ff", "#ff9d2e", "#ffffff", "#35c6ff", "#ff9d2e")
"""Colors of the five points: left, right, middle."""

SHORT_NAMES = ("left eye", "right eye", "nose", "mouth left", "mouth right")

ADD = "add a crop"
"""Choice of adding a crop instead of replacing one."""


class RepairPage:
    """View of a repair editor.

    Args:
        editor: The editor that is shown and that handles the changes.
        width: Largest width of the frame on the page in pixels.

    Attributes:
        box: The widget.
    """

    def __init__(self, editor: "RepairEditor", *, width: int):
        widgets = import_widgets()
        self._editor, self._drawing = editor, False
        self._shown: tuple[object, ...] = ()
        self._stage = DragStage(editor.handle_change, width=width)
        self._preview = widgets.HTML()
        self._frame = widgets.BoundedIntText(
            min=0, max=max(0, editor.frame_count - 1), description="frame", layout={"width": "170px"}
        )
        self._frame.observe(self._handle_frame, "value")
        steps = (("‹", -1), ("›", 1))
        self._back, self._forth = (self._make_button(widgets, text, "40px", step) for text, step in steps)
        self._missed = self._make_button(widgets, "next missed frame", "160px", editor.show_next_missed)
        self._zoom = widgets.Checkbox(description="zoom to the face", indent=False, layout={"width": "140px"})
        self._zoom.observe(self._handle_zoom, "value")
        self._replace = widgets.Dropdown(options=[ADD], layout={"width": "220px"})
        self._replace.observe(self._handle_replace, "value")
        self._take = self._make_button(widgets, "take", "120px", editor.take, style="success")
        self._undo = self._make_button(widgets, "undo", "120px", editor.undo, icon="undo")
        self._message = widgets.HTML()
        number = {"width": "90px"}
        self._numbers = [[widgets.FloatText(layout=number) for _ in range(2)] for _ in SHORT_NAMES]
        self._box = [widgets.FloatText(layout=number) for _ in range(4)]
        for field in [field for row in self._numbers for field in row]:
            field.observe(self._handle_numbers, "value")
        self._propose = self._make_button(widgets, "find points in the box", "180px", self._propose_in_box)
        flow = {"flex_flow": "row wrap"}
        rows = [
            widgets.HBox([widgets.Label(name, layout={"width": "90px"}), *row])
            for name, row in zip(SHORT_NAMES, self._numbers, strict=True)
        ]
        corners = [widgets.Label("box", layout={"width": "90px"}), *self._box, self._propose]
        numbers = widgets.VBox([*rows, widgets.Box(corners, layout=flow)])
        folded = widgets.Accordion([numbers], titles=("points and box as numbers",), selected_index=None)
        self.box = widgets.VBox(
            [
                widgets.Box([self._back, self._frame, self._forth, self._missed, self._zoom], layout=flow),
                self._message,
                widgets.Box([self._stage.box, self._preview], layout={"flex_flow": "row wrap", "grid_gap": "8px"}),
                widgets.Box([self._replace, self._take, self._undo], layout=flow),
                folded,
            ]
        )
        self.box.add_class("faceswap-repair")

    def draw(self) -> None:
        """Shows the frame, the points and the state of the controls."""
        editor = self._editor
        view = editor.view_xyxy
        key = (editor.frame, None if view is None else tuple(view.tolist()))
        if key != self._shown:  # the image is sent only when it changes
            self._shown = key
            self._stage.show_image(editor.image, view)
        points = [] if editor.points is None else editor.points
        marks = [
            StagePoint(x=x, y=y, color=color, name=name)
            for (x, y), color, name in zip(points, COLORS, SHORT_NAMES, strict=False)
        ]
        face = editor.face
        self._stage.draw(marks, box_xyxy=None if face is None else face.box_xyxy)
        self._drawing = True
        self._frame.value, self._zoom.value = editor.frame, editor.is_zoomed
        self._replace.options = [(ADD, ADD), *((f"replace {crop}", crop) for crop in editor.crops())]
        self._replace.value = editor.replace or ADD
        self._drawing = False
        self._undo.disabled = not editor.undoable
        self._draw_numbers()

    def _draw_numbers(self) -> None:
        """Updates the number boxes, the preview and the message."""
        editor, face = self._editor, self._editor.face
        self._drawing = True
        if editor.points is not None:
            for row, point in zip(self._numbers, editor.points, strict=True):
                for field, value in zip(row, point, strict=True):
                    field.value = round(float(value), 2)
        if face is not None:
            for field, value in zip(self._box, face.box_xyxy, strict=True):
                field.value = round(float(value), 1)
        self._drawing = False
        self._take.disabled = face is None
        preview = editor.draw_preview()
        self._preview.value = "" if preview is None else f'<img alt="crop" src="{jpeg_data(preview)}">'
        self._message.value = html.escape(editor.message)

    def _make_button(
        self,
        widgets: typing.Any,
        text: str,
        width: str,
        action: typing.Callable[[], object] | int,
        *,
        style: str = "",
        icon: str = "",
    ) -> typing.Any:
        """Creates a button. An action that is a number shows the frame that many frames away."""
        button = widgets.Button(description=text, icon=icon, button_style=style, layout={"width": width})
        editor = self._editor

        def act() -> object:
            return editor.show_frame(editor.frame + action) if isinstance(action, int) else action()

        button.on_click(lambda _: editor.try_action(act))
        return button

    def _propose_in_box(self) -> None:
        """Proposes points in the box of the number boxes."""
        self._editor.propose(np.array([field.value for field in self._box]))

    def _handle_frame(self, change: typing.Any) -> None:
        """Handles a change of the frame's number."""
        if not self._drawing:
            self._editor.try_action(lambda: self._editor.show_frame(change.new))

    def _handle_zoom(self, change: typing.Any) -> None:
        """Handles a change of the zoom."""
        if not self._drawing:
            self._editor.set_zoom(change.new)

    def _handle_replace(self, change: typing.Any) -> None:
        """Handles the choice of the crop to replace."""
        if not self._drawing:
            self._editor.replace = None if change.new == ADD else change.new

    def _handle_numbers(self, _: typing.Any) -> None:
        """Handles a change of a number box."""
        if not self._drawing:
            self._editor.set_points(np.array([[field.value for field in row] for row in self._numbers]))
