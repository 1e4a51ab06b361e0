"""Charts of the loss terms, drawn once or updated during the training."""

import math
import typing

from matplotlib.axes import Axes

from faceswap_lib.evaluation.charts import PEOPLE, read_term
from faceswap_lib.show.images import WIDTH, Picture
from faceswap_lib.show.notebook import in_notebook, ipython_display


def plot_losses(
    history: typing.Sequence[typing.Mapping[str, float]],
    *,
    terms: typing.Sequence[str] | None = None,
    columns: int = 4,
) -> Picture:
    """Draws the loss terms of a training, one small chart per term, with one curve per person.

    Args:
        history: Entries from `read_history`: each has a `step` and the terms by name.
        terms: Names of the terms without their suffix `_a` or `_b`; None draws all terms.
        columns: Charts per row.

    Returns:
        The figure, one axes per term.

    Raises:
        ValueError: If the history is empty, or does not have one of the terms.
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
    """Chart that is redrawn in place during a training; pass it to `train` as `on_log`.

    Outside a notebook it also collects and draws, but does not show the figure.

    Attributes:
        history: All logged steps so far, in the format of `read_history`.
        figure: The last figure; None before the first drawing.
    """

    def __init__(self, *, every: int = 5, terms: typing.Sequence[str] | None = None, columns: int = 4):
        """Initializes a board without steps.

        Args:
            every: Logged steps between two drawings; drawing takes about a quarter of a second.
            terms: As in `plot_losses`; a term without values is not drawn until it has one.
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
        """Adds one logged step, and draws the chart every `every` steps."""
        self.history.append({"step": step, **terms})
        if len(self.history) % self._every == 0:
            self.draw()

    def draw(self) -> Picture:
        """Draws the collected steps and replaces the last drawing.

        Returns:
            The figure.

        Raises:
            ValueError: If no step was logged yet.
        """
        known = _term_names(self.history)
        wanted = [term for term in self._terms if term in known] if self._terms else None
        self.figure = plot_losses(self.history, terms=wanted, columns=self._columns)
        if in_notebook():
            if self._display is None:
                self._display = ipython_display().display(self.figure, display_id=True)
            else:
                self._display.update(self.figure)
        return self.figure


def _term_names(history: typing.Sequence[typing.Mapping[str, float]]) -> list[str]:
    """Lists the terms of a history without the suffix of the person, in the order of their first occurrence."""
    names = (name for entry in history for name in entry if name != "step")
    return list(dict.fromkeys(_split_name(name)[0] for name in names))


def _split_name(name: str) -> tuple[str, str]:
    """Splits `edges_a` into `edges` and `a`; the second part is empty for a name without a person."""
    term, _, person = name.rpartition("_")
    return (term, person) if person in PEOPLE and term else (name, "")


def _draw_term(axes: Axes, history: typing.Sequence[typing.Mapping[str, float]], term: str) -> None:
    """Draws the curves of one term on axes."""
    for name in dict.fromkeys(name for entry in history for name in entry if _split_name(name)[0] == term):
        person = _split_name(name)[1]
        steps, values = read_term(history, name)
        marker = "." if len(steps) == 1 else None
        axes.plot(steps, values, color=PEOPLE.get(person), label=person.upper(), lw=1.2, marker=marker)
    axes.set_title(term, fontsize=9)
    axes.set_xlim(0, history[-1]["step"] * 1.02)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=7)
    axes.locator_params(nbins=4)
    axes.spines[["top", "right"]].set_visible(False)
