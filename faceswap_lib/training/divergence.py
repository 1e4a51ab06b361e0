"""The divergence guard: detects that a training has diverged, so that it can return to the last good checkpoint.

There are four signs. A rollback can repair each of them, and healthy runs show none of them:

- **A loss term is NaN or infinite.**
- **The reconstruction loss has risen**: its moving average over about 20 steps stays above twice its minimum for 50
  steps in a row. The minimum is taken since the decoders were last swapped. In healthy runs the average never rose
  above 1.05 times its minimum.
- **The mask is empty**: its mean inside the face was above 0.2 over about 500 steps, and then stays below 0.02 for 100
  steps in a row. This is checked only from 1,000 steps after the start of a phase, because the mask may fall when a
  phase begins. A full mask is not a sign: inside the face it is the aim of the training.
- **The output is degenerate**: for the faces of the preview it is a single color, contains only extreme values, or does
  not depend on the input; or a weight is NaN or infinite. This is checked before a checkpoint is written, so that every
  checkpoint is good.

The state of the guard is part of a checkpoint.
"""

import typing

import numpy as np

WATCHED = ("reconstruction_a", "reconstruction_b", "mask_mean_a", "mask_mean_b")
"""Loss terms that are watched; terms that an objective does not have are skipped."""

FAST, SLOW = 20, 500
"""Approximate lengths in steps of the two moving averages."""

RISE, RISE_STEPS = 2.0, 50
"""Largest accepted ratio of the reconstruction loss to its minimum, and the number of steps in a row above it that
count as divergence."""

EMPTY, FILLED, EMPTY_STEPS, EMPTY_FROM = 0.02, 0.2, 100, 1000
"""Mean below which a mask is empty, mean above which it was filled before, number of steps in a row that count as
divergence, and number of steps after the start of a phase before which masks are not checked."""

FLAT = 0.01
"""Standard deviation over the pixels of an output in [-1, 1] below which it is a single color: about 1 gray level."""

DEAF = 0.0005
"""Standard deviation over the inputs below which outputs do not depend on the input; untrained networks have 0.03."""

TRIES = 3
"""Number of rollbacks at one place before training stops."""

SATURATED = 0.999
"""Absolute value above which a number in [-1, 1] is extreme; also the fraction of extreme numbers above which an output
is degenerate."""

_COUNT, _FAST, _SLOW, _LOWEST, _BAD, _SINCE = range(6)


def new_memory() -> np.ndarray:
    """Creates the initial state of a detector: (4, 6) float64, one row per watched term."""
    memory = np.zeros((len(WATCHED), 6))
    memory[:, _LOWEST] = np.inf
    return memory


class DivergenceDetector:
    """Detector of divergence, which watches the loss terms of every step.

    Args:
        memory: (4, 6) float64 from `new_memory` or a checkpoint; changed in place by every step.
        watched: Names of the loss terms that are watched, at most four.
    """

    def __init__(self, memory: np.ndarray, watched: tuple[str, ...] = WATCHED):
        self._memory, self._watched = memory, watched

    @property
    def calm(self) -> bool:
        """Whether no term shows a sign of divergence at the moment."""
        return not self._memory[:, _BAD].any()

    def update(self, terms: typing.Mapping[str, float], *, phase: float = 0.0, swapped: bool = False) -> str | None:
        """Updates the state with the loss terms of one step.

        Args:
            terms: The loss terms by name.
            phase: Start of the current phase, as a fraction of all steps; a new phase resets the state of the mask
                terms.
            swapped: Whether the decoders are swapped; a change resets the state of all terms.

        Returns:
            A description of the divergence, or None.
        """
        if broken := find_broken(terms):
            return f"{', '.join(broken)} is NaN or infinite"
        since = np.array([swapped, swapped, swapped + phase, swapped + phase])
        changed = self._memory[:, _SINCE] != since
        self._memory[changed] = new_memory()[changed]
        self._memory[:, _SINCE] = since
        troubles = [
            self._watch_term(name, row, terms[name])
            for name, row in zip(self._watched, self._memory, strict=False)
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
    """Returns the names of the terms that are NaN or infinite."""
    return [name for name, value in terms.items() if not np.isfinite(value)]


def describe_dead_output(outputs: np.ndarray, inputs: np.ndarray) -> str | None:
    """Checks whether the outputs of the networks are degenerate.

    Args:
        outputs: (N, H, W, 3) float32 in [-1, 1], outputs of the networks.
        inputs: (N, H, W, 3) float32 in [-1, 1], inputs of the networks.

    Returns:
        A description of the problem, or None.
    """
    outputs = np.asarray(outputs, np.float64)
    if np.all(np.std(outputs, axis=(1, 2)) < FLAT):
        return "the networks output a single color"
    if np.mean(np.abs(outputs) > SATURATED) > SATURATED:
        return "the networks output only extreme values"
    inputs_differ = np.std(np.asarray(inputs, np.float64), axis=0).mean() > FLAT
    if inputs_differ and np.std(outputs, axis=0).mean() < DEAF:
        return "the networks output the same image for every input"
    return None
