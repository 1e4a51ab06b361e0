"""Image on a notebook page with points that are dragged, and boxes and corners that are drawn, with mouse or finger.

The image is the background of an SVG element, whose event handlers are attributes of the element. A change is written
to a hidden text field of ipywidgets beside it, which reports it to the kernel. So there is no script element, no global
name and no element id, and it works wherever ipywidgets work. Without JavaScript the image and the points are shown.
"""

import dataclasses
import html
import json
import math
import typing
from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lib.widgets.comparison import jpeg_data
from faceswap_lib.widgets.gallery_page import import_widgets

DENSITY = 2
"""Maximum number of image pixels per page pixel."""

QUALITY = 85
"""JPEG quality of the image."""

MOST_STATE = 100_000
"""Longest accepted report of the page, in characters."""

MOST_POINTS = 1000
"""Largest accepted number of points."""

STYLE = """
.faceswap-stage{display:block;width:100%;height:auto;background-size:100% 100%;touch-action:none;cursor:crosshair;
 border-radius:4px}
.faceswap-stage .handle{cursor:grab;stroke:#000;stroke-width:1;vector-effect:non-scaling-stroke}
.faceswap-stage text{fill:#fff;stroke:#000;stroke-width:.2em;paint-order:stroke;pointer-events:none;
 font-family:system-ui,sans-serif}
.faceswap-stage .drawn{fill:none;stroke:#ffe14d;stroke-width:2;vector-effect:non-scaling-stroke;pointer-events:none}
""".replace("\n", "")

_AT = (
    "const r=this.getBoundingClientRect(),v=this.viewBox.baseVal,"
    "x=Math.min(Math.max(v.x+(event.clientX-r.left)/r.width*v.width,v.x),v.x+v.width),"
    "y=Math.min(Math.max(v.y+(event.clientY-r.top)/r.height*v.height,v.y),v.y+v.height),unit=v.width/r.width;"
)
"""Position of the pointer in pixels of the image, and the size of a page pixel."""

START = (
    "if(event.button)return;" + _AT + "let best=null,least=18*unit;"
    "for(const handle of this.querySelectorAll('.handle')){"
    "const d=Math.hypot(handle.cx.baseVal.value-x,handle.cy.baseVal.value-y);if(d<least){least=d;best=handle}}"
    "this.faceswap={held:best,from:[x,y],drawn:false};this.setPointerCapture(event.pointerId);"
    "event.preventDefault();event.stopPropagation()"
)
MOVE = (
    "const drag=this.faceswap;if(!drag)return;" + _AT + "if(drag.held){"
    "drag.held.setAttribute('cx',x);drag.held.setAttribute('cy',y);const name=drag.held.nextElementSibling;"
    "if(name&&name.tagName=='text'){name.setAttribute('x',x+9*unit);name.setAttribute('y',y-6*unit)}}"
    "else if(this.dataset.draw=='box'){const [a,b]=drag.from,box=this.querySelector('.drawn');"
    "drag.drawn=drag.drawn||Math.max(Math.abs(x-a),Math.abs(y-b))>6*unit;if(!drag.drawn)return;"
    "for(const [key,value] of [['x',Math.min(a,x)],['y',Math.min(b,y)],['width',Math.abs(x-a)],"
    "['height',Math.abs(y-b)]])box.setAttribute(key,value)}"
)
STOP = (
    "const drag=this.faceswap;if(!drag)return;this.faceswap=null;" + _AT + "const box=this.querySelector('.drawn'),"
    "number=key=>+box.getAttribute(key),stage=this.closest('.faceswap-drag'),"
    "field=stage.querySelector('.faceswap-drag-state input'),"
    "points=[...this.querySelectorAll('.handle')].map(handle=>[+handle.getAttribute('cx'),+handle.getAttribute('cy')]);"
    "field.value=JSON.stringify({changed:drag.held?'points':drag.drawn?'box':'click',points:points,at:[x,y],"
    "box:[number('x'),number('y'),number('x')+number('width'),number('y')+number('height')],turn:Date.now()});"
    "for(const name of ['input','change'])field.dispatchEvent(new Event(name,{bubbles:true}))"
)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class StageChange:
    """Change that a user made on a stage.

    Attributes:
        changed: Whether a point was dragged, a box was drawn, or an empty place was clicked.
        points: (N, 2) float64 x, y of all points in pixels of the image.
        box_xyxy: (4,) float64 left, top, right, bottom of the box in pixels of the image.
        at: (2,) float64 x, y of the pointer in pixels of the image.
    """

    changed: typing.Literal["points", "box", "click"]
    points: np.ndarray
    box_xyxy: np.ndarray
    at: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class StagePoint:
    """Point that can be dragged.

    Attributes:
        x: Position in pixels of the image.
        y: Position in pixels of the image.
        color: Color, as CSS.
        name: Text beside it; none if empty.
    """

    x: float
    y: float
    color: str
    name: str = ""


class DragStage:
    """Image with points that can be dragged.

    Args:
        on_change: Called with each change that the user makes.
        draw: What dragging an empty place draws.
        width: Largest width on the page in pixels.

    Attributes:
        box: The widget.

    Raises:
        ImportError: If ipywidgets is missing.
    """

    def __init__(
        self,
        on_change: typing.Callable[[StageChange], object],
        *,
        draw: typing.Literal["box", "nothing"] = "box",
        width: int = 720,
    ):
        widgets = import_widgets()
        self._on_change, self._draw, self._width = on_change, draw, width
        self._class = f"faceswap-drag-{id(self):x}"
        self._view = (0.0, 0.0, 1.0, 1.0)
        self._style = widgets.HTML(layout={"display": "none"})
        self._svg = widgets.HTML(layout={"width": "100%"})
        self._state = widgets.Text(layout={"display": "none"})
        self._state.add_class("faceswap-drag-state")
        self._state.observe(self._handle_state, "value")
        layout = {"width": "100%", "max_width": f"{width}px", "overflow": "hidden"}
        self.box = widgets.VBox([self._style, self._svg, self._state], layout=layout)
        self.box.add_class("faceswap-drag")
        self.box.add_class(self._class)

    def show_image(self, image: np.ndarray, view_xyxy: Sequence[float] | np.ndarray | None = None) -> None:
        """Shows an image or a part of it; all coordinates remain pixels of the whole image.

        Args:
            image: (H, W, 3) uint8 RGB.
            view_xyxy: Left, top, right, bottom of the part in pixels, enlarged to whole pixels; None for all.
        """
        height, width = image.shape[:2]
        left, top, right, bottom = (0, 0, width, height) if view_xyxy is None else view_xyxy
        left, top = (int(np.clip(math.floor(value), 0, side - 1)) for value, side in ((left, width), (top, height)))
        right, bottom = (
            int(np.clip(math.ceil(value), low + 1, side))
            for value, low, side in ((right, left, width), (bottom, top, height))
        )
        part = image[top:bottom, left:right]
        if part.shape[1] > DENSITY * self._width:
            scale = DENSITY * self._width / part.shape[1]
            part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        self._view = (left - 0.5, top - 0.5, right - left, bottom - top)  # pixel 0 spans -0.5 to 0.5
        url = jpeg_data(np.ascontiguousarray(part), quality=QUALITY)
        self._style.value = f"<style>{STYLE}.{self._class} .faceswap-stage{{background-image:url({url})}}</style>"

    def draw(
        self,
        points: Sequence[StagePoint],
        *,
        box_xyxy: Sequence[float] | np.ndarray | None = None,
        areas: Sequence[tuple[np.ndarray, str]] = (),
    ) -> None:
        """Draws points, a box, and filled areas.

        Args:
            points: The points.
            box_xyxy: Left, top, right, bottom of the box; None for no box.
            areas: Corners (N, 2) of each area, and its color.
        """
        left, top, width, height = self._view
        unit = width / self._width
        low_x, low_y, high_x, high_y = (0.0,) * 4 if box_xyxy is None else map(float, box_xyxy)
        shapes = [
            f'<polygon points="{" ".join(f"{x:.2f},{y:.2f}" for x, y in corners)}" fill="{color}" fill-opacity=".35" '
            f'stroke="{color}" stroke-width="2" vector-effect="non-scaling-stroke" pointer-events="none"/>'
            for corners, color in areas
        ]
        shapes.append(
            f'<rect class="drawn" x="{low_x:.2f}" y="{low_y:.2f}" width="{high_x - low_x:.2f}" '
            f'height="{high_y - low_y:.2f}"/>'
        )
        for point in points:
            shapes.append(
                f'<circle class="handle" cx="{point.x:.2f}" cy="{point.y:.2f}" r="{6 * unit:.2f}" fill="{point.color}"'
                f' fill-opacity=".8"/><text x="{point.x + 9 * unit:.2f}" y="{point.y - 6 * unit:.2f}" '
                f'font-size="{13 * unit:.2f}">{html.escape(point.name)}</text>'
            )
        self._svg.value = (
            f'<svg class="faceswap-stage" viewBox="{left:g} {top:g} {width:g} {height:g}" data-draw="{self._draw}" '
            f'onpointerdown="{START}" onpointermove="{MOVE}" onpointerup="{STOP}" onpointercancel="{STOP}">'
            f"{''.join(shapes)}</svg>"
        )

    def _handle_state(self, change: typing.Any) -> None:
        """Handles a report of the page."""
        if change.new:
            self._on_change(parse_change(change.new))


def parse_change(text: str) -> StageChange:
    """Parses the report of a page.

    Raises:
        ValueError: If it is not the JSON of a change, or has too many points or numbers that are not finite.
    """
    if len(text) > MOST_STATE:
        raise ValueError(f"expected at most {MOST_STATE} characters, got {len(text)}")
    state = json.loads(text)
    if not isinstance(state, dict) or state.get("changed") not in ("points", "box", "click"):
        raise ValueError(f"expected a change of a stage, got {text:.80}")
    points = np.array(state.get("points"), np.float64).reshape(-1, 2)
    box, at = (np.array(state.get(name), np.float64) for name in ("box", "at"))
    is_finite = all(np.isfinite(values).all() for values in (points, box, at))
    if box.shape != (4,) or at.shape != (2,) or len(points) > MOST_POINTS or not is_finite:
        raise ValueError(f"expected points, a box and a position, got {text:.80}")
    return StageChange(changed=state["changed"], points=points, box_xyxy=box, at=at)
