"""Charts as pictures, drawn without a display."""

import matplotlib.backends.backend_agg
import matplotlib.figure
import numpy as np

PANELS = (
    ("reconstruction", "how far the face is from the real one"),
    ("structure", "how far its local structure is"),
    ("edges", "how far its edges are"),
    ("mask_mean", "attention mask inside the face, 1 = all new face"),
)


def draw_losses(history: list[dict[str, float]]) -> np.ndarray:
    """Draws the main loss terms of both people over the steps.

    Args:
        history: Lines of `history.jsonl`, each with `step` and named terms that end in `_a` or `_b`.

    Returns:
        (H, W, 3) uint8 RGB picture.

    Raises:
        ValueError: If the history is empty.
    """
    if not history:
        raise ValueError("expected at least one line of history, got none; train first")
    figure = matplotlib.figure.Figure(figsize=(10, 5.2), dpi=100, layout="constrained")
    canvas = matplotlib.backends.backend_agg.FigureCanvasAgg(figure)
    for axes, (term, meaning) in zip(figure.subplots(2, 2).ravel(), PANELS, strict=True):
        for side, colour in (("a", "tab:blue"), ("b", "tab:orange")):
            points = [(line["step"], line[f"{term}_{side}"]) for line in history if f"{term}_{side}" in line]
            steps, values = zip(*points, strict=True)
            axes.plot(steps, values, color=colour, alpha=0.3, linewidth=0.8)
            axes.plot(steps, _smooth(values), color=colour, label=side.upper())
        axes.set_title(f"{term}: {meaning}", fontsize=9)
        axes.set_ylim(0, 1.05 if term == "mask_mean" else None)
        axes.tick_params(labelsize=8)
        axes.legend(fontsize=8, frameon=False)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _smooth(values: tuple[float, ...], reach: int = 3) -> list[float]:
    """Mean of every value and its neighbours up to `reach` away."""
    windows = (values[max(0, index - reach) : index + reach + 1] for index in range(len(values)))
    return [sum(window) / len(window) for window in windows]
