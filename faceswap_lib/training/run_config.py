"""Options for checkpoints, previews, logging and devices of a run; they do not change what the networks learn."""

import dataclasses
import pathlib
import re
from typing import Annotated, Literal, get_args

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.errors import InputError

Xla = Literal["auto", "on", "off"]
"""Whether XLA compiles the steps."""

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
"""Seconds per unit of time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """Options for checkpoints, previews, logging and devices of a run."""

    log_every: Annotated[int, Doc("steps between lines of history.jsonl")] = 10
    checkpoint_interval: Annotated[
        str, Doc("time between checkpoints, for example 90s, 3m or 1h; empty for no checkpoints by time")
    ] = "3m"
    checkpoint_every: Annotated[
        int, Doc("steps between checkpoints, in addition to those by time; 0 for no checkpoints by steps")
    ] = 0
    preview_interval: Annotated[str, Doc("time between preview images; empty for no previews by time")] = "1m"
    preview_every: Annotated[
        int, Doc("steps between preview images, in addition to those by time; 0 for no previews by steps")
    ] = 0
    sync_dir: Annotated[
        pathlib.Path | None, Doc("folder, for example on Google Drive, for a mirror copy of the newest checkpoints")
    ] = None
    sync_interval: Annotated[
        str, Doc("time between copies to the mirror; empty for only one copy at the start and one at the end")
    ] = "10m"
    backup_every: Annotated[
        int, Doc("steps between backups, which are kept when newer checkpoints replace older ones; 0 for no backups")
    ] = 0
    backups: Annotated[int, Doc("number of backups to keep; older ones are deleted")] = 5
    export_every: Annotated[
        int,
        Doc(
            "steps between exports of the run as a .dfm model for live programs, in the run's folder exports; the "
            "newest three are kept; 0 for no exports"
        ),
    ] = 0
    export_direction: Annotated[
        Literal["a2b", "b2a"], Doc("direction of these exports: a2b: A gets B's face; b2a: the other way round")
    ] = "a2b"
    devices: Annotated[int, Doc("number of devices that share each batch; more than 1 needs Keras on jax")] = 1
    xla: Annotated[
        Xla,
        Doc(
            "whether XLA compiles the training step; auto: with TensorFlow on a GPU, always with JAX, never with "
            "PyTorch"
        ),
    ] = "auto"
    faceset_memory: Annotated[
        float,
        Doc(
            "GB of memory for the decoded crops of both people; crops that do not fit are read from a file in the "
            "run's folder; 0 for half of the memory that is available, on a CPU at most 1.5"
        ),
    ] = 0.0
    max_time: Annotated[str, Doc("maximum duration, for example 45s, 90m, 2h or 1h30m; empty for no limit")] = ""
    tensorboard: Annotated[bool, Doc("also write loss terms and previews for TensorBoard")] = False
    divergence_guard: Annotated[bool, Doc("return to the last good checkpoint when the training diverges")] = True

    def __post_init__(self):
        for name in ("log_every", "backups", "devices"):
            check_range(name, getattr(self, name), 1, 100_000_000)
        if self.xla not in get_args(Xla):
            raise InputError(f"xla: expected {', '.join(get_args(Xla))}, got {self.xla!r}")
        for name in ("checkpoint_every", "preview_every", "backup_every", "export_every"):
            check_range(name, getattr(self, name), 0, 100_000_000)
        check_range("faceset_memory", self.faceset_memory, 0.0, 1_000_000.0)
        for name in ("checkpoint_interval", "preview_interval", "sync_interval", "max_time"):
            parse_duration(getattr(self, name), name)


def parse_duration(text: str, name: str = "max_time") -> float:
    """Parses a duration.

    Args:
        text: Numbers followed by d, h, m or s, for example `2h`, `90m`, `1h30m`; empty for no limit.
        name: Name of the option, for the error message.

    Returns:
        Seconds; infinity for no limit.

    Raises:
        InputError: If the text has another format, or the duration is 0.

    Example:
        >>> parse_duration("1h30m")
        5400.0
    """
    if not text:
        return float("inf")
    parts = re.findall(r"(\d+(?:\.\d+)?)([dhms])", text)
    seconds = sum(float(number) * SECONDS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or seconds <= 0:
        raise InputError(f"{name}: expected a duration such as 45s, 90m, 2h or 1h30m, got '{text}'")
    return seconds


def format_duration(seconds: float) -> str:
    """Formats a duration in its two largest units, for example `1 h 30 min`."""
    seconds = round(seconds)
    for unit, smaller, size, part in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if seconds >= size:
            count, rest = seconds // size, seconds % size // part
            return f"{count} {unit} {rest} {smaller}" if rest else f"{count} {unit}"
    return f"{seconds} s"
