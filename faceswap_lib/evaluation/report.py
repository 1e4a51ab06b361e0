"""The evaluation report: metrics, inputs and skipped metrics, and its file `report.json`."""

import dataclasses
import math
import pathlib

import numpy as np

from faceswap_lib import __version__
from faceswap_lib.atomic_io import read_json, write_json
from faceswap_lib.config_fields import nearest
from faceswap_lib.errors import InputError
from faceswap_lib.evaluation.metrics import METRICS
from faceswap_lib.evaluation.report_form import check_report
from faceswap_lib.evaluation.score import Summary
from faceswap_lib.upgrades import upgrade_report

SCHEMA = 2
"""Version of the file format. Version 1 had other names for some metrics; see `upgrades`."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """Evaluation of one swapped video.

    Attributes:
        inputs: Names of the compared videos, by role: swapped, original, identity.
        networks: Names of the networks used, by task: landmarks, recognition, perceptual.
        frames: Number of compared frames.
        fps: Frames per second of the video.
        summary: Score, parts of the score and verdict.
        values: Value of every metric in `METRICS`; None where it could not be measured.
        skipped: Reason why a metric was not measured, by metric or group.
        series: Values (T,) float64 per frame, by metric; NaN where a frame has no value.
        baselines: Metrics of baselines that need no training, by baseline, measured on a part of the video; the entry
            `swap` contains the metrics of the result itself on that part.
        breakdown: Mean metrics by property ("yaw", "brightness") and class of frames.
    """

    inputs: dict[str, str]
    networks: dict[str, str]
    frames: int
    fps: float
    summary: Summary
    values: dict[str, float | None]
    skipped: dict[str, str]
    series: dict[str, np.ndarray]
    baselines: dict[str, dict[str, float | None]]
    breakdown: dict[str, dict[str, dict[str, float | None]]]

    def write(self, path: pathlib.Path) -> None:
        """Writes `report.json`."""
        plain = dataclasses.asdict(self) | {"schema": SCHEMA, "version": __version__}
        plain["series"] = {name: [round_number(value) for value in values] for name, values in self.series.items()}
        write_json(path, plain)

    @classmethod
    def read(cls, path: pathlib.Path) -> "Report":
        """Reads a `report.json`.

        Args:
            path: The file.

        Returns:
            The report; reports of schema 1 are upgraded.

        Raises:
            WorkspaceError: If the file is missing, is not a file, is longer than `limits` allow, or is not JSON.
            InputError: If it is not a report, or has a later schema.
        """
        plain = read_json(path)
        if plain.get("kind") == "reenactment":
            raise InputError(f"{path}: expected the report of a swap, got that of a reenactment run")
        schema = plain.pop("schema", None)
        if type(schema) is not int or not 1 <= schema <= SCHEMA:
            raise InputError(
                f"{path}: expected a report with schema 1 to {SCHEMA}, got {schema!r:.40}; evaluate the video again"
            )
        if schema == 1:
            plain = upgrade_report(plain)
        plain.pop("version", None)
        try:
            check_report(plain)
        except ValueError as error:
            raise InputError(f"{path}: expected a report ({error}); evaluate the video again") from error
        plain["summary"] = Summary(**plain["summary"])
        plain["series"] = {
            name: np.array([np.nan if value is None else value for value in values], float)
            for name, values in plain["series"].items()
        }
        return cls(**plain)


def check_limits(values: dict[str, float | None], limits: dict[str, float]) -> list[str]:
    """Compares metrics with limits and describes each metric that fails.

    Args:
        values: Metrics of a report, by name.
        limits: Worst allowed value by name of the metric, or by `score`. For metrics that should be near 1, a limit
            below 1 is a minimum and a limit of 1 or more is a maximum.

    Returns:
        One line per metric that fails. A metric that was not measured fails.

    Raises:
        InputError: If a metric is unknown, or neither direction of it is better.
    """
    failures = []
    for name, limit in limits.items():
        better = "higher" if name == "score" else _direction(name)
        is_least = better == "higher" or (better == "one" and limit < 1)
        value = values.get(name)
        if value is None:
            failures.append(f"{name} was not measured, expected {'at least' if is_least else 'at most'} {limit:g}")
        elif (value < limit) if is_least else (value > limit):
            failures.append(f"{name} is {value:.3g}, expected {'at least' if is_least else 'at most'} {limit:g}")
    return failures


def _direction(name: str) -> str:
    """Returns which direction of a metric is better; raises `InputError` as `check_limits` describes."""
    if name not in METRICS:
        raise InputError(f"no metric '{name}'{nearest(name, ['score', *METRICS])}")
    if METRICS[name].better == "none":
        raise InputError(f"{name}: neither a higher nor a lower value is better, so it cannot have a limit")
    return METRICS[name].better


def round_number(value: float) -> float | None:
    """Rounds a number to six significant digits for JSON; NaN becomes None because JSON does not have it."""
    return None if math.isnan(value) else float(f"{value:.6g}")
