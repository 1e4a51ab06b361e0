"""A report: what was measured, on what, and what could not be; as `report.json` and back."""

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
"""Version 1 had other names for some metrics; see `upgrades`."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """All that is known about one result.

    Attributes:
        inputs: Names of the videos compared, by role: swapped, original, identity.
        networks: Which networks measured: landmarks, recognition, perceptual.
        frames: Frames compared.
        fps: Frames per second of the video.
        summary: The head.
        values: Every metric of `METRICS`; None where it could not be measured.
        skipped: Why not, by metric or group.
        series: By name one number per frame, NaN where there is none.
        baselines: By name the values of results that need no training, measured on a part of the video; under `swap`
            those of the result itself on that part.
        breakdown: By property ("yaw", "brightness") and class the mean values of the frames in it.
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
        plain["series"] = {name: [_number(value) for value in values] for name, values in self.series.items()}
        write_json(path, plain)

    @classmethod
    def read(cls, path: pathlib.Path) -> "Report":
        """Reads a `report.json`.

        Raises:
            WorkspaceError: If it is missing, no file, longer than `limits` allow, or no JSON.
            InputError: If it is no report, or one of a later version.
        """
        plain = read_json(path)
        schema = plain.pop("schema", None)
        if type(schema) is not int or not 1 <= schema <= SCHEMA:
            raise InputError(f"{path}: expected a report with schema 1 to {SCHEMA}; evaluate the video again")
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
    """Says which metrics are worse than they may be.

    Args:
        values: Of a report.
        limits: The worst value allowed, by metric; `score` is one, too. Of metrics that should be near 1, a limit below
            1 is the least allowed, one above 1 the most.

    Returns:
        A line per metric that fails; one that was not measured fails.

    Raises:
        InputError: If there is no such metric, or neither direction of it is better.
    """
    failures = []
    for name, limit in limits.items():
        better = "higher" if name == "score" else _direction(name)
        is_least = better == "higher" or (better == "one" and limit < 1)
        value = values.get(name)
        if value is None:
            failures.append(f"{name} was not measured, {limit:g} was asked for")
        elif (value < limit) if is_least else (value > limit):
            failures.append(f"{name} is {value:.3g}, {'at least' if is_least else 'at most'} {limit:g}")
    return failures


def _direction(name: str) -> str:
    if name not in METRICS:
        raise InputError(f"no metric '{name}'{nearest(name, ['score', *METRICS])}")
    if METRICS[name].better == "none":
        raise InputError(f"{name}: neither more nor less of it is better, so it has no limit")
    return METRICS[name].better


def _number(value: float) -> float | None:
    """A number for JSON, which has no NaN; six digits are more than any metric means."""
    return None if math.isnan(value) else float(f"{value:.6g}")
