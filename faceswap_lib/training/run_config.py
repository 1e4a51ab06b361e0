"""How a run is kept and watched: nothing here changes what is learnt."""

import dataclasses
import pathlib
import re
from typing import Annotated, Literal, get_args

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.errors import InputError

Xla = Literal["auto", "on", "off"]
"""Whether XLA compiles the steps."""

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How a run is kept and watched."""

    log_every: Annotated[int, Doc("steps between lines of history.jsonl")] = 10
    checkpoint_interval: Annotated[
        str, Doc("time between checkpoints, as in 90s, 3m or 1h; empty for none by time")
    ] = "3m"
    checkpoint_every: Annotated[int, Doc("steps between checkpoints, besides those by time; 0 for none by steps")] = 0
    preview_interval: Annotated[str, Doc("time between preview pictures; empty for none by time")] = "1m"
    preview_every: Annotated[int, Doc("steps between preview pictures, besides those by time; 0 for none by steps")] = 0
    sync_dir: Annotated[
        pathlib.Path | None, Doc("folder, on Google Drive for example, that gets a copy of the newest checkpoints")
    ] = None
    sync_interval: Annotated[
        str, Doc("time between copies to the mirror; empty for one at once and one at the end")
    ] = "10m"
    backup_every: Annotated[int, Doc("steps between backups, which stay when newer checkpoints come; 0 for none")] = 0
    backups: Annotated[int, Doc("how many backups are kept, the newest")] = 5
    devices: Annotated[int, Doc("devices that share every batch; several need Keras on jax")] = 1
    xla: Annotated[
        Xla, Doc("whether XLA compiles the steps; auto: with TensorFlow on a GPU, always with JAX, never with PyTorch")
    ] = "auto"
    max_time: Annotated[str, Doc("stop after so long, as in 45s, 90m, 2h or 1h30m; empty for no limit")] = ""
    tensorboard: Annotated[bool, Doc("also write the terms and previews for TensorBoard")] = False
    divergence_guard: Annotated[bool, Doc("go back to the last good checkpoint when the training breaks down")] = True

    def __post_init__(self):
        for name in ("log_every", "backups", "devices"):
            check_range(name, getattr(self, name), 1, 100_000_000)
        if self.xla not in get_args(Xla):
            raise InputError(f"xla: expected {', '.join(get_args(Xla))}, got {self.xla!r}")
        for name in ("checkpoint_every", "preview_every", "backup_every"):
            check_range(name, getattr(self, name), 0, 100_000_000)
        for name in ("checkpoint_interval", "preview_interval", "sync_interval", "max_time"):
            parse_duration(getattr(self, name), name)


def parse_duration(text: str, name: str = "max_time") -> float:
    """Reads a length of time.

    Args:
        text: Numbers with d, h, m or s behind them, as in `2h`, `90m`, `1h30m`; empty for no limit.
        name: Of the option, for the message.

    Returns:
        Seconds; infinity for no limit.

    Raises:
        InputError: If it is nothing of the kind, or no time at all.
    """
    if not text:
        return float("inf")
    parts = re.findall(r"(\d+(?:\.\d+)?)([dhms])", text)
    seconds = sum(float(number) * SECONDS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or seconds <= 0:
        raise InputError(f"{name}: expected a time as in 45s, 90m, 2h or 1h30m, got '{text}'")
    return seconds


def say_duration(seconds: float) -> str:
    """Says a length of time in its two largest units, as in `1 h 30 min`."""
    seconds = round(seconds)
    for unit, smaller, size, part in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if seconds >= size:
            count, rest = seconds // size, seconds % size // part
            return f"{count} {unit} {rest} {smaller}" if rest else f"{count} {unit}"
    return f"{seconds} s"
