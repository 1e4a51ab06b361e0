"""Training schedule in steps, as a table and as a chart."""

import dataclasses
import math
import pathlib
import typing

from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import InputError
from faceswap_lib.training.config import TrainConfig
from faceswap_lib.training.schedule import GROUPS, Phase


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedPhase:
    """Phase of a schedule for a known number of steps.

    Attributes:
        first, last: First and last step of the phase, counted from 1, both inclusive.
        name: Short description.
        numbers: The learning rate, and the weights of the scheduled losses.
        active: The active groups of losses.
        swap_decoders: Whether the decoders are exchanged when the phase begins.
    """

    first: int
    last: int
    name: str
    numbers: dict[str, float]
    active: frozenset[str]
    swap_decoders: bool


def plan_training(config: TrainConfig) -> list[PlannedPhase]:
    """Computes the steps of each phase of a training; omits phases that are shorter than one step."""
    starts = [math.ceil(phase.start * config.steps) for phase in config.phases]
    return [
        PlannedPhase(
            first=start + 1,
            last=stop,
            name=phase.name,
            numbers={"learning_rate": config.learning_rate * phase.learning_rate, **_used_weights(phase, config)},
            active=phase.active(config),
            swap_decoders=phase.swap_decoders,
        )
        for phase, start, stop in zip(config.phases, starts, [*starts[1:], config.steps], strict=True)
        if start < stop
    ]


def _used_weights(phase: Phase, config: TrainConfig) -> dict[str, float]:
    absent = set(GROUPS) - phase.active(config)
    return {name: 0.0 if name in absent else weight for name, weight in phase.weights(config).items()}


def plan_table(planned: typing.Sequence[PlannedPhase]) -> str:
    """Formats a plan as a table: one line per phase, one column per number that is not 0 in all phases."""
    names = used_names(planned)
    rows = [["steps", *(name.replace("_", " ") for name in names), ""]]
    for phase in planned:
        remark = phase.name + (" (swap)" if phase.swap_decoders else "")
        rows.append([f"{phase.first}-{phase.last}", *(f"{phase.numbers[name]:.3g}" for name in names), remark])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = ["  ".join([*(cell.rjust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def used_names(planned: typing.Sequence[PlannedPhase]) -> list[str]:
    """Returns the names of the numbers that are not 0 in all phases."""
    return [name for name in planned[0].numbers if any(phase.numbers[name] for phase in planned)]


def draw_plan(planned: typing.Sequence[PlannedPhase], path: pathlib.Path) -> None:
    """Draws a plan as a chart: one strip per number over the steps, a dotted line where the decoders are swapped.

    Args:
        planned: The phases.
        path: The image file to write, .png or .svg; an existing file is replaced.

    Raises:
        InputError: If the path has another extension, or is a folder.
        OSError: If the file cannot be written.
    """
    if path.suffix.lower() not in (".png", ".svg") or path.is_dir():
        raise InputError(f"expected an image file .png or .svg for the chart of the schedule, got {path}")
    import matplotlib.figure

    names = used_names(planned)
    figure = matplotlib.figure.Figure(figsize=(9, 0.7 + 0.75 * len(names)), layout="constrained")
    edges = [phase.first - 1 for phase in planned] + [planned[-1].last]
    strips = figure.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(strips, names, strict=True):
        values = [phase.numbers[name] for phase in planned]
        axes.stairs(values, edges, fill=True, alpha=0.35)
        axes.stairs(values, edges)
        for phase, value, before in zip(planned, values, [None, *values], strict=False):
            if value != before:
                axes.annotate(f"{value:.3g}", (phase.first - 1, value), (2, 1), textcoords="offset points", fontsize=7)
            if phase.swap_decoders:
                axes.axvline(phase.first - 1, color="black", linestyle=":")
        axes.set_ylim(0, 1.4 * max(values))
        axes.set_yticks([])
        axes.set_ylabel(name.replace("_", " "), rotation=0, horizontalalignment="right", verticalalignment="center")
    strips[-1].set_xlabel("step" + (" (dotted: decoders swapped)" if any(p.swap_decoders for p in planned) else ""))
    strips[-1].set_xlim(0, edges[-1])
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
