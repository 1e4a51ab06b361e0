"""Pictures for notebooks: what a step made, the code that made it, and how a training goes.

Every function gives back something that a notebook shows when it is the last line of a cell; nothing is printed and
nothing is kept open. Figures are plain matplotlib, so `.savefig` works outside a notebook too.
"""

import inspect
import io
import math
import pathlib
import typing

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faceswap_lib.faces import Face

WIDTH = 9.0
"""Width of a figure in inches; at 100 pixels per inch it fills the text column of a notebook."""

PEOPLE = {"a": "tab:blue", "b": "tab:orange"}
"""Colour of each person's curve."""

BOX_COLOUR = (70, 200, 90)
POINT_COLOUR = (255, 60, 60)


class Picture(Figure):
    """A figure that a notebook shows even where no plotting backend was chosen."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", bbox_inches="tight")
        return file.getvalue()


def pictures(
    images: typing.Sequence[np.ndarray],
    *,
    captions: typing.Sequence[str] | None = None,
    columns: int | None = None,
    width: float = WIDTH,
) -> Picture:
    """Shows pictures and masks in rows.

    Args:
        images: RGB pictures (H, W, 3) uint8 and masks (H, W), uint8 or, standing for [0, 1], float or bool.
        captions: One text per picture.
        columns: Pictures per row; by default all in one row, up to six.
        width: Width of the figure in inches.

    Returns:
        The figure, one axes per picture.

    Raises:
        ValueError: If there are no pictures, one is no picture, or the captions do not match.
    """
    if isinstance(images, np.ndarray) and images.ndim < 4 and images.shape[-1] == 3:
        raise ValueError("expected a list of pictures, got a single one; write [picture]")
    images = list(images)
    if not images:
        raise ValueError("expected at least one picture, got none")
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"expected one caption per picture ({len(images)}), got {len(captions)}")
    columns = columns or min(len(images), 6)
    for image in images:
        _check_picture(image)
    rows = math.ceil(len(images) / columns)
    tallest = max(image.shape[0] / image.shape[1] for image in images)
    row_height = width / columns * tallest + (0.25 if captions else 0.05)
    figure = Picture(figsize=(width, rows * row_height), dpi=100, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for index, image in enumerate(images):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.imshow(image, cmap="gray", vmin=0, vmax=255 if image.dtype == np.uint8 else 1)
        axes.set_axis_off()
        if captions is not None:
            axes.set_title(captions[index], fontsize=9)
    return figure


def draw_face(frame: np.ndarray, *faces: Face) -> np.ndarray:
    """Draws boxes and landmarks on a copy of a frame.

    Args:
        frame: (H, W, 3) uint8 RGB.
        faces: In pixels of this frame.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    drawn = frame.copy()
    unit = max(1, round(min(frame.shape[:2]) / 300))
    for face in faces:
        left, top, right, bottom = (int(value) for value in np.round(face.box_xyxy))
        cv2.rectangle(drawn, (left, top), (right, bottom), BOX_COLOUR, unit, cv2.LINE_AA)
        for x, y in np.round(face.landmarks * 16).astype(int).tolist():  # in sixteenths of a pixel
            cv2.circle(drawn, (x, y), 56 * unit, POINT_COLOUR, cv2.FILLED, cv2.LINE_AA, 4)
    return drawn


def source(code: typing.Callable | type) -> typing.Any:
    """Shows the source of a function or class as it is installed here, so that text and code cannot drift apart.

    Raises:
        ImportError: If IPython is missing.
    """
    display = _ipython_display()
    code_html = display.Code(inspect.getsource(code), language="python")._repr_html_()
    # Pages differ in the type they give to output; code without fixed columns is hard to read.
    style = ".faceswap-source pre { font: 13px/1.4 monospace !important; overflow-x: auto; }"
    return display.HTML(f'<style>{style}</style><div class="faceswap-source">{code_html}</div>')


def video(path: pathlib.Path | str, *, width: int | None = None) -> typing.Any:
    """Shows a video inside the notebook, which from then on contains it.

    Args:
        path: An .mp4 that browsers play, as `VideoWriter` makes them.
        width: Width on the page in pixels; by default the video's own.

    Raises:
        ImportError: If IPython is missing.
        ValueError: If there is no such file.
    """
    if not pathlib.Path(path).is_file():
        raise ValueError(f"expected a video, found no file {path}")
    return _ipython_display().Video(str(path), embed=True, width=width, html_attributes="controls loop")


def losses(
    history: typing.Sequence[typing.Mapping[str, float]],
    *,
    terms: typing.Sequence[str] | None = None,
    columns: int = 4,
) -> Picture:
    """Draws the terms of a training, one small chart each, with a curve for either person.

    Args:
        history: What `read_history` gives: a `step` and named terms per entry.
        terms: Which terms, without the `_a` or `_b` at their end; None draws all there are.
        columns: Charts per row.

    Returns:
        The figure, one axes per term.

    Raises:
        ValueError: If the history is empty, or a wanted term is not in it.
    """
    known = _term_names(history)
    if not known:
        raise ValueError("expected at least one logged step, got an empty history; train first")
    for term in terms or ():
        if term not in known:
            raise ValueError(f"expected a term of this history, got '{term}'; it has {', '.join(known)}")
    terms = list(terms or known)
    columns = min(columns, len(terms))
    rows = math.ceil(len(terms) / columns)
    figure = Picture(figsize=(WIDTH, 1.75 * rows), dpi=100, layout="constrained")
    for index, term in enumerate(terms):
        _draw_term(figure.add_subplot(rows, columns, index + 1), history, term)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if labels:
        figure.axes[0].legend(handles, labels, fontsize=7, frameon=False)
    return figure


class LossBoard:
    """A chart that redraws itself in place while a training runs: give it to `train` as `on_log`.

    Outside a notebook it collects and draws all the same, and shows nothing.

    Attributes:
        history: Every logged step so far, like `read_history`.
        figure: The last drawing, None before the first.
    """

    def __init__(self, *, every: int = 5, terms: typing.Sequence[str] | None = None, columns: int = 4):
        """Prepares a board.

        Args:
            every: Logged steps between two drawings; drawing takes about a quarter of a second.
            terms: As in `losses`; a term that has not begun yet is left out until it does.
            columns: Charts per row.

        Raises:
            ValueError: If `every` is below 1.
        """
        if every < 1:
            raise ValueError(f"expected every to be at least 1, got {every}")
        self.history: list[dict[str, float]] = []
        self.figure: Picture | None = None
        self._every, self._terms, self._columns = every, terms, columns
        self._display = None

    def __call__(self, step: int, terms: dict[str, float]) -> None:
        """Takes in one logged step."""
        self.history.append({"step": step, **terms})
        if len(self.history) % self._every == 0:
            self.draw()

    def draw(self) -> Picture:
        """Draws what was collected, in place of the last drawing.

        Raises:
            ValueError: If nothing was collected yet.
        """
        begun = _term_names(self.history)
        wanted = [term for term in self._terms if term in begun] if self._terms else None
        self.figure = losses(self.history, terms=wanted, columns=self._columns)
        if _in_notebook():
            if self._display is None:
                self._display = _ipython_display().display(self.figure, display_id=True)
            else:
                self._display.update(self.figure)
        return self.figure


def _check_picture(image: np.ndarray) -> None:
    is_picture = isinstance(image, np.ndarray) and image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
    is_mask = isinstance(image, np.ndarray) and image.ndim == 2 and image.dtype.kind in "fbu"
    if not (is_picture or is_mask):
        got = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"expected (H, W, 3) uint8 pictures or (H, W) masks, got {got}")


def _term_names(history: typing.Sequence[typing.Mapping[str, float]]) -> list[str]:
    """The terms of a history without their person, in the order in which they first come."""
    names = (name for entry in history for name in entry if name != "step")
    return list(dict.fromkeys(_split_name(name)[0] for name in names))


def _split_name(name: str) -> tuple[str, str]:
    """Takes `edges_a` apart into `edges` and `a`; a name without a person has an empty one."""
    term, _, person = name.rpartition("_")
    return (term, person) if person in PEOPLE and term else (name, "")


def _draw_term(axes: Axes, history: typing.Sequence[typing.Mapping[str, float]], term: str) -> None:
    for name in dict.fromkeys(name for entry in history for name in entry if _split_name(name)[0] == term):
        person = _split_name(name)[1]
        points = [(entry["step"], entry[name]) for entry in history if name in entry]
        marker = "." if len(points) == 1 else None
        axes.plot(*zip(*points, strict=True), color=PEOPLE.get(person), label=person.upper(), lw=1.2, marker=marker)
    axes.set_title(term, fontsize=9)
    axes.set_xlim(0, history[-1]["step"] * 1.02)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=7)
    axes.locator_params(nbins=4)
    axes.spines[["top", "right"]].set_visible(False)


def _ipython_display():
    try:
        import IPython.display
    except ImportError as error:
        raise ImportError("IPython is not installed; pip install 'faceswap_lib[notebooks]'") from error
    return IPython.display


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None  # a terminal's IPython has none
