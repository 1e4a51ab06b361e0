"""The guard: notices that a training has broken down, so that it can go back to where it was whole.

Four signs, each of which a step back can cure and none of which a healthy run shows:

- **A term is no longer a number.**
- **Reconstruction has risen**: its average over some 20 steps stays above twice the lowest it has been since the
  decoders last traded places, for 50 steps in a row. In healthy runs it never rose above 1.05 times its lowest.
- **The mask has fallen empty**: its mean inside the face was above 0.2 over some 500 steps, and then stays below 0.02
  for 100 steps in a row. Only from 1,000 steps into a phase, because a schedule may well let a mask fall as it begins.
  A full mask is no sign: inside the face it is what training aims at.
- **The output is dead**: one color, nothing but extremes, or the same whatever the input, in the preview's faces; or a
  weight is no number. Looked at before a checkpoint is written, so that what is written is good.

What the guard remembers is part of a checkpoint.
"""

import typing

import numpy as np

WATCHED = ("reconstruction_a", "reconstruction_b", "mask_mean_a", "mask_mean_b")
"""The terms whose course is watched; one that an objective does not have is passed over."""

FAST, SLOW = 20, 500
"""Over about how many steps the two averages reach."""

RISE, RISE_STEPS = 2.0, 50
"""How many times its lowest reconstruction may reach, and for how long more is borne."""

EMPTY, FILLED, EMPTY_STEPS, EMPTY_FROM = 0.02, 0.2, 100, 1000

FLAT = 0.01
"""Standard deviation over the pixels of an output in [-1, 1] below which it is one color: a level of 255."""

DEAF = 0.0005
"""Standard deviation over the inputs below which outputs are one and the same; fresh networks have 0.03."""

TRIES = 3
"""Rollbacks at one place before training stops."""

SATURATED = 0.999
"""Beyond this a number in [-1, 1] is an extreme; also the share of them that is too much."""

_COUNT, _FAST, _SLOW, _LOWEST, _BAD, _SINCE = range(6)


def new_memory() -> np.ndarray:
    """What a guard that has seen nothing remembers: (4, 6) float64, a row per watched term."""
    memory = np.zeros((len(WATCHED), 6))
    memory[:, _LOWEST] = np.inf
    return memory


class DivergenceDetector:
    """Watches the terms of every step.

    Args:
        memory: (4, 6) float64 from `new_memory` or a checkpoint; changed by every step.
    """

    def __init__(self, memory: np.ndarray):
        self._memory = memory

    @property
    def calm(self) -> bool:
        """Whether nothing looks as if it might be going wrong."""
        return not self._memory[:, _BAD].any()

    def update(self, terms: typing.Mapping[str, float], *, phase: float = 0.0, swapped: bool = False) -> str | None:
        """Takes in the terms of one step.

        Args:
            terms: The named terms.
            phase: Start of the phase in force; with another one, what is known of the masks is forgotten.
            swapped: Whether the decoders have traded places; when they do, all is forgotten.

        Returns:
            What is wrong, or None.
        """
        if broken := find_broken(terms):
            return f"{', '.join(broken)} is no longer a number"
        since = np.array([swapped, swapped, swapped + phase, swapped + phase])
        changed = self._memory[:, _SINCE] != since
        self._memory[changed] = new_memory()[changed]
        self._memory[:, _SINCE] = since
        troubles = [
            self._watch_term(name, row, terms[name])
            for name, row in zip(WATCHED, self._memory, strict=True)
            if name in terms
        ]
        return next((trouble for trouble in troubles if trouble), None)

    def _watch_term(self, name: str, row: np.ndarray, value: float) -> str | None:
        row[_COUNT] += 1
        for column, reach in ((_FAST, FAST), (_SLOW, SLOW)):
            row[column] += (value - row[column]) / min(row[_COUNT], reach)
        if name.startswith("mask_mean"):
            was_filled = row[_COUNT] >= EMPTY_FROM and row[_SLOW] > FILLED
            row[_BAD] = row[_BAD] + 1 if was_filled and row[_FAST] < EMPTY else 0
            if row[_BAD] >= EMPTY_STEPS:
                return f"{name} has fallen to {row[_FAST]:.3f}: the mask is empty, the output is the input"
            return None
        if row[_COUNT] >= FAST:
            row[_LOWEST] = min(row[_LOWEST], row[_FAST])
        row[_BAD] = row[_BAD] + 1 if row[_FAST] > RISE * row[_LOWEST] else 0
        if row[_BAD] >= RISE_STEPS:
            return f"{name} has risen to {row[_FAST]:.3f}, it was down to {row[_LOWEST]:.3f}"
        return None


def find_broken(terms: typing.Mapping[str, float]) -> list[str]:
    """The names of the terms that are no numbers."""
    return [name for name, value in terms.items() if not np.isfinite(value)]


def say_dead(outputs: np.ndarray, inputs: np.ndarray) -> str | None:
    """Says whether networks have stopped to answer to what they read.

    Args:
        outputs: (N, H, W, 3) in [-1, 1], what they wrote.
        inputs: (N, H, W, 3) in [-1, 1], what they read.

    Returns:
        What is wrong, or None.
    """
    outputs = np.asarray(outputs, np.float64)
    if np.all(np.std(outputs, axis=(1, 2)) < FLAT):
        return "the networks write a single color"
    if np.mean(np.abs(outputs) > SATURATED) > SATURATED:
        return "the networks write nothing but extremes"
    inputs_differ = np.std(np.asarray(inputs, np.float64), axis=0).mean() > FLAT
    if inputs_differ and np.std(outputs, axis=0).mean() < DEAF:
        return "the networks write the same picture whatever they read"
    return None
