"""Sort orders of a gallery: three that need no pixels, the sort modes of `curation`, and every other column."""

import dataclasses
import typing

import numpy as np

from faceswap_lib.curation.columns import COLUMNS
from faceswap_lib.curation.measuring import measure_faceset
from faceswap_lib.curation.sorting import MODES, SortMode, sort_faceset
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.facesets import Faceset
from faceswap_lib.facesets.faceset import measure_rarity

Order = typing.Literal["frame", "sharpness", "rarity"]
"""Orders without a measurement: by time; the least sharp first; the rarest pose and expression first."""

ORDERS: tuple[Order, ...] = typing.get_args(Order)

ALL_ORDERS: tuple[str, ...] = tuple(dict.fromkeys([*ORDERS, *MODES, *COLUMNS]))
"""All orders: `ORDERS`, the sort modes, and the other columns, lowest value first. A name has one meaning: that of the
first of these three that has it."""

FILTER_COLUMNS: tuple[str, ...] = tuple(dict.fromkeys([*COLUMNS, "sharpness", "rarity"]))
"""Columns by whose range crops can be filtered."""

DECIMALS = {"sharpness": 0, "rarity": 1}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SortedCrops:
    """Crops in an order.

    Attributes:
        order: (N,) indices of the records.
        column: Name of the column that is shown with each crop; None for orders that compare crops.
    """

    order: np.ndarray
    column: str | None


class FacesetOrders:
    """Orders and columns of one faceset; each is computed when it is first needed.

    Args:
        faceset: The faceset.
        embedder: Face recognition network; without it, the order "embedding" is refused.
    """

    def __init__(self, faceset: Faceset, *, embedder: FaceEmbedder | None = None):
        self._faceset, self._embedder = faceset, embedder
        self._columns: dict[str, np.ndarray] = {}
        self._sorted: dict[str, SortedCrops] = {}

    def sort(self, order: str) -> SortedCrops:
        """Sorts the crops.

        Args:
            order: One of `ALL_ORDERS`.

        Returns:
            The order. Crops for which a column is undefined are last.

        Raises:
            ValueError: If the order is unknown.
            InputError: If it needs what this faceset or this computer does not have; the message says what.
        """
        if order not in ALL_ORDERS:
            others = ", ".join(ALL_ORDERS[len(ORDERS) :])
            raise ValueError(f"expected {', '.join(ORDERS)}, got {order!r}; other orders are {others}")
        if order not in self._sorted:
            self._sorted[order] = self._sort(order)
        return self._sorted[order]

    def column(self, name: str) -> np.ndarray:
        """Measures a column.

        Args:
            name: One of `FILTER_COLUMNS`.

        Returns:
            (N,) float64; NaN where it is undefined.

        Raises:
            InputError: If it needs what this faceset or this computer does not have.
        """
        if name not in self._columns:
            records = self._faceset.records
            if name == "sharpness":
                self._columns[name] = np.array([record.sharpness for record in records])
            elif name == "rarity":
                self._columns[name] = measure_rarity(np.stack([record.points_in_crop() for record in records]))
            else:
                self._columns |= measure_faceset(self._faceset, [name], embedder=self._embedder).columns
        return self._columns[name]

    def _sort(self, order: str) -> SortedCrops:
        """Computes an order."""
        if order in ORDERS:
            values = self.column(order)
            return SortedCrops(order=np.argsort(-values if order == "rarity" else values, kind="stable"), column=order)
        if order not in MODES:
            return SortedCrops(order=np.argsort(self.column(order), kind="stable"), column=order)  # NaN is last
        mode = typing.cast(SortMode, order)
        found = sort_faceset(self._faceset, mode, embedder=self._embedder)
        columns = MODES[mode].columns
        if columns and found.values is not None:
            self._columns[columns[0]] = found.values
        return SortedCrops(order=found.order, column=columns[0] if columns else None)


def format_value(column: str, value: float) -> str:
    """Formats the value of a column for a caption; a dash if it is undefined."""
    if not np.isfinite(value):
        return "–"
    decimals = COLUMNS[column].decimals if column in COLUMNS else DECIMALS[column]
    return f"{value:,.{decimals}f}"


def describe_order(order: str) -> str:
    """Describes an order: what comes first, or what its column measures."""
    texts = {"frame": "in the order of the video", "sharpness": "least sharp first", "rarity": "rarest pose first"}
    if order in texts:
        return texts[order]
    if order in MODES:
        return MODES[typing.cast(SortMode, order)].text
    column = COLUMNS[order]
    return f"{column.text}{f', {column.unit}' if column.unit else ''}; lowest first"
