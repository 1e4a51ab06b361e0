"""How a training goes: its terms as small charts, drawn once or while it runs."""

import math
import typing

from matplotlib.axes import Axes

from faceswap_lib.show.images import WIDTH, Picture
from faceswap_lib.show.notebook import in_notebook, ipython_display

PEOPLE = {"a": "tab:blue", "b": "tab:orange"}
"""Color of each person's curve."""


def plot_losses(
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
        self.figure = plot_losses(self.history, terms=wanted, columns=self._columns)
        if in_notebook():
            if self._display is None:
                self._display = ipython_display().display(self.figure, display_id=True)
            else:
                self._display.update(self.figure)
        return self.figure


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
