"""Contact sheets of reenactment: photo, driver and the crops of every method, at three tiers of yaw."""

import dataclasses
import pathlib
from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lib.facesets.crop_loading import shrink
from faceswap_lib.reenactment.driving_tasks import DrivingTask
from faceswap_lib.reenactment.people import ReenactmentDataset

TIER_QUANTILES = {"frontal": (0.02, 0.2), "half": (0.45, 0.6), "far": (0.9, 0.98)}
"""Quantiles of the absolute yaw of a person's driving frames that are shown in each tier. Fixed limits would leave the
outer tiers of most people empty; each row states its degrees."""

HEADER = 22
"""Height in pixels of a line of text on a sheet."""

GAP = 2
"""Width in pixels of the white lines between images."""

SMALLEST_TEXT = 0.3
"""Smallest font scale of a name above a column."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SheetRow:
    """One driving frame on a contact sheet.

    Attributes:
        person: Name of the person.
        yaw: Absolute yaw of the driver in degrees.
        images: (R, R, 3) uint8 RGB by the name of the column: photo, driver, and each method.
    """

    person: str
    yaw: float
    images: dict[str, np.ndarray]

    @property
    def caption(self) -> str:
        """The text above the row."""
        return f"{self.person}: yaw {self.yaw:.0f} degrees"


class SheetCollector:
    """Collector of the crops that contact sheets show; it keeps no other crops.

    Args:
        people: The crops.
        tasks: Photos and driving frames.
        resolution: R, side of the shown images in pixels.
    """

    def __init__(self, people: ReenactmentDataset, tasks: Sequence[DrivingTask], resolution: int):
        self._rows: dict[str, dict[tuple[str, int], SheetRow]] = {tier: {} for tier in TIER_QUANTILES}
        for task in tasks:
            yaw = people.shapes.yaw[task.driver]
            photo = shrink(people.images[task.photo], resolution)
            for tier, frames in choose_frames(yaw).items():
                for frame in frames:
                    images = {"photo": photo, "driver": shrink(people.images[task.driver[frame]], resolution)}
                    row = SheetRow(person=task.person, yaw=float(abs(yaw[frame])), images=images)
                    self._rows[tier][task.person, frame] = row

    def add(self, method: str, task: DrivingTask, made: np.ndarray) -> None:
        """Adds the crops of a method, (T, R, R, 3) uint8 RGB, for the driving frames of a task."""
        for rows in self._rows.values():
            for (person, frame), row in rows.items():
                if person == task.person:
                    row.images[method] = made[frame].copy()

    def draw(self) -> dict[str, np.ndarray]:
        """Draws the sheets, (H, W, 3) uint8 RGB by tier."""
        return {tier: draw_sheet(list(rows.values())) for tier, rows in self._rows.items()}


def choose_frames(yaw: np.ndarray) -> dict[str, list[int]]:
    """Chooses the frames of one person that are shown, by tier.

    Args:
        yaw: (T,) yaw of the driving frames in degrees, at least one.

    Returns:
        By tier the indices of its frames, without repetitions.
    """
    order = np.argsort(np.abs(yaw), kind="stable")
    return {
        tier: list(dict.fromkeys(int(order[round(quantile * (len(order) - 1))]) for quantile in quantiles))
        for tier, quantiles in TIER_QUANTILES.items()
    }


def sheet_paths(page: pathlib.Path) -> dict[str, pathlib.Path]:
    """Returns the path of the image of each contact sheet beside a page, by tier."""
    return {tier: page.with_name(f"{page.stem}_{tier}.png") for tier in TIER_QUANTILES}


def draw_sheet(rows: Sequence[SheetRow]) -> np.ndarray:
    """Draws a contact sheet: a line of column names, and for each row a caption and its images.

    Args:
        rows: The rows, at least one; all have the same columns and the same size of images.

    Returns:
        (H, W, 3) uint8 RGB on white.
    """
    names, side = list(rows[0].images), len(next(iter(rows[0].images.values())))
    width = len(names) * (side + GAP) - GAP
    parts = [np.hstack([_text_line(name, side + GAP, center=True) for name in names])[:, :width]]
    white = np.full((side, GAP, 3), 255, np.uint8)
    for row in rows:
        cells = [piece for name in names for piece in (row.images[name], white)]
        parts += [_text_line(row.caption, width), np.hstack(cells[:-1])]
    return np.ascontiguousarray(np.vstack(parts))


def _text_line(text: str, width: int, *, center: bool = False) -> np.ndarray:
    """Draws black text on white, (`HEADER`, width, 3); made smaller until it fits, and cut off if it cannot."""
    line = np.full((HEADER, width, 3), 255, np.uint8)
    plain = text.encode("ascii", "replace").decode()  # the font has no other letters
    scale = 0.45
    while scale > SMALLEST_TEXT and cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0] > width - 4:
        scale -= 0.02
    length = cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0]
    left = max(2, (width - length) // 2) if center else 2
    place = (left, HEADER - 7)
    cv2.putText(line, plain, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
    return line
