"""Filter of a gallery: which crops are shown, by the proposed kind, the range of a column, and the marks."""

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from faceswap_lib.curation.rejects import KEEP_COLOR, KINDS

KEEP = "keep"
"""Name of the kind of crops that are not proposed for rejection."""

KIND_COLORS = {KEEP: KEEP_COLOR} | {name: kind.color for name, kind in KINDS.items()}
"""Color of each kind, as CSS."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class GalleryFilter:
    """Conditions for a crop to be shown.

    Attributes:
        kind: Only crops of this kind, `KEEP` or a name of `KINDS`; None for all.
        column: Name of the column whose range is limited; None for none.
        low: Smallest value of the column that is shown.
        high: Largest value of the column that is shown.
        only_marked: Only marked crops.

    Raises:
        ValueError: If the kind is unknown, or the smallest value is above the largest.
    """

    kind: str | None = None
    column: str | None = None
    low: float = -math.inf
    high: float = math.inf
    only_marked: bool = False

    def __post_init__(self):
        if self.kind is not None and self.kind not in KIND_COLORS:
            raise ValueError(f"kind: expected {', '.join(KIND_COLORS)}, got {self.kind!r}")
        if not self.low <= self.high:
            raise ValueError(f"expected a range from low to high, got {self.low:g} to {self.high:g}")

    @property
    def is_open(self) -> bool:
        """Whether every crop is shown."""
        return self == GalleryFilter()

    def apply(
        self,
        crops: Sequence[str],
        *,
        kinds: Mapping[str, str],
        values: np.ndarray | None,
        marked: Collection[str],
    ) -> np.ndarray:
        """Computes which crops are shown.

        Args:
            crops: File names of the N crops.
            kinds: Proposed kind by crop; crops without one are kept.
            values: (N,) values of the column; None without a column. Undefined values are in no range.
            marked: File names of the marked crops.

        Returns:
            (N,) bool.
        """
        shown = np.ones(len(crops), bool)
        if self.kind is not None:
            shown &= np.array([kinds.get(crop, KEEP) == self.kind for crop in crops], bool)
        if values is not None:
            shown &= (values >= self.low) & (values <= self.high)
        if self.only_marked:
            shown &= np.array([crop in marked for crop in crops], bool)
        return shown


def count_kinds(crops: Sequence[str], kinds: Mapping[str, str]) -> dict[str, int]:
    """Counts the crops of each kind, in the order of `KIND_COLORS`."""
    found = [kinds.get(crop, KEEP) for crop in crops]
    return {kind: found.count(kind) for kind in KIND_COLORS}
