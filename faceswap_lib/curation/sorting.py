"""Sort modes of a faceset: an order of its crops by a column, by similarity, or of the best crops first.

No mode renames, moves or deletes a file. Crops for which a column is undefined are last.

Source: the fifteen sort modes of DeepFaceLab and what they compute, as described in its documentation. One of them is
two modes here, `pixel-similarity` and `pixel-dissimilarity`. The modes `roll`, `embedding`, `eyes`, `mouth` and
`occluded` are ours.
"""

import dataclasses
import typing

import numpy as np

from faceswap_lib.curation import chains, tone
from faceswap_lib.curation.best_faces import select_best
from faceswap_lib.curation.image_measures import Descriptor
from faceswap_lib.curation.measuring import measure_faceset
from faceswap_lib.errors import InputError
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.facesets import Faceset

SortMode = typing.Literal[
    "blur",
    "motion-blur",
    "yaw",
    "pitch",
    "source-size",
    "hist-similarity",
    "hist-dissimilarity",
    "brightness",
    "hue",
    "black-pixels",
    "original-name",
    "one-face",
    "pixel-similarity",
    "pixel-dissimilarity",
    "best",
    "best-fast",
    "roll",
    "embedding",
    "eyes",
    "mouth",
    "occluded",
]
"""Names of the sort modes."""

TARGET = 2000
"""Default number of crops that "best" and "best-fast" select."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mode:
    """Sort mode.

    Attributes:
        text: What comes first and what last.
        columns: Names of the columns that decide, the most important first; none if crops are compared.
        is_descending: Whether high values come first.
        descriptors: Descriptors that are compared.
    """

    text: str
    columns: tuple[str, ...] = ()
    is_descending: bool = False
    descriptors: tuple[Descriptor, ...] = ()


MODES: dict[SortMode, Mode] = {
    "blur": Mode(
        text="sharpest first, by the share of sharp edges (CPBD)", columns=("blur", "motion_blur"), is_descending=True
    ),
    "motion-blur": Mode(text="sharpest first, by the Laplacian", columns=("motion_blur",), is_descending=True),
    "yaw": Mode(text="from looking left to looking right in the image", columns=("yaw",)),
    "pitch": Mode(text="from looking up to looking down", columns=("pitch",), is_descending=True),
    "source-size": Mode(text="largest face in the frame first", columns=("face_area",), is_descending=True),
    "hist-similarity": Mode(
        text="each crop followed by the one with the nearest colors", descriptors=("color_histogram",)
    ),
    "hist-dissimilarity": Mode(
        text="faces whose gray levels differ most from all others first",
        columns=("histogram_difference",),
        is_descending=True,
    ),
    "brightness": Mode(text="brightest first", columns=("brightness",), is_descending=True),
    "hue": Mode(text="around the color circle, starting opposite to the mean hue", columns=("hue",)),
    "black-pixels": Mode(text="fewest black values first", columns=("black_pixels",)),
    "original-name": Mode(text="in the order of the video", columns=("frame",)),
    "one-face": Mode(text="crops from frames with one face first", columns=("faces_in_frame",)),
    "pixel-similarity": Mode(
        text="each crop followed by the one with the nearest pixels", descriptors=("small_image",)
    ),
    "pixel-dissimilarity": Mode(
        text="each crop followed by the one with the farthest pixels", descriptors=("small_image",)
    ),
    "best": Mode(
        text="sharp and different faces, evenly over the poses, first", columns=("blur", "histogram_difference", "yaw")
    ),
    "best-fast": Mode(
        text="large and different faces, evenly over the poses, first",
        columns=("face_area", "histogram_difference", "yaw"),
    ),
    "roll": Mode(text="from counterclockwise to clockwise in the frame", columns=("roll",)),
    "embedding": Mode(text="faces least like this person first", columns=("embedding_distance",), is_descending=True),
    "eyes": Mode(text="most closed eyes first", columns=("eyes_open",)),
    "mouth": Mode(text="widest open mouth first", columns=("mouth_open",), is_descending=True),
    "occluded": Mode(text="most covered faces first", columns=("occluded",), is_descending=True),
}
"""All sort modes."""

WITHOUT_VALUES: dict[SortMode, str] = {
    "hue": "all crops are gray; sort by another mode",
    "eyes": "extract with --landmarks dlib or mesh",
    "mouth": "extract with --landmarks dlib or mesh",
    "occluded": "run 'faceswap mask' again",
}
"""What to do if no crop has the value of a mode."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SortedFaceset:
    """Faceset in a sort order.

    Attributes:
        faceset: The faceset.
        mode: Name of the sort mode.
        order: (N,) indices of the records, in the sort order.
        values: (N,) value of each record by its index, in the unit of the mode's first column; None without a column.
        selected: Number of crops at the beginning of the order that the mode selects; None if it selects none.
    """

    faceset: Faceset
    mode: SortMode
    order: np.ndarray
    values: np.ndarray | None
    selected: int | None = None

    @property
    def names(self) -> list[str]:
        """File names of the crops in the sort order."""
        return [self.faceset.records[index].crop for index in self.order]


def sort_faceset(
    faceset: Faceset,
    mode: SortMode,
    *,
    embedder: FaceEmbedder | None = None,
    target: int = TARGET,
    progress: bool = False,
) -> SortedFaceset:
    """Sorts a faceset and stores the columns that it computed in `scores.jsonl`.

    Args:
        faceset: The faceset.
        mode: Name of the sort mode.
        embedder: Recognition network; needed by "embedding" only.
        target: Number of crops that "best" and "best-fast" select.
        progress: Show progress bars.

    Returns:
        The order.

    Raises:
        InputError: If the mode is unknown; if "embedding" has no network; if "eyes" or "mouth" have no crop with 68
            landmarks; if "occluded" has no occlusion masks; if no crop has the value of another mode; or if `target` is
            below 1.
    """
    if mode not in MODES:
        raise InputError(f"by: expected {', '.join(MODES)}, got {mode!r}")
    if target < 1:
        raise InputError(f"target: expected at least 1, got {target}")
    kind = MODES[mode]
    measures = measure_faceset(
        faceset, kind.columns, descriptors=kind.descriptors, embedder=embedder, progress=progress
    )
    columns, selected = measures.columns, None
    if mode in ("best", "best-fast"):
        order, selected = _order_best(columns, columns[kind.columns[0]], target)
    elif mode == "hist-similarity":
        order = chains.chain_histograms(measures.descriptors["color_histogram"], progress=progress)
    elif mode in ("pixel-similarity", "pixel-dissimilarity"):
        extreme = "nearest" if mode == "pixel-similarity" else "farthest"
        order = chains.chain_images(measures.descriptors["small_image"], extreme, progress=progress)
    else:
        order = _order_by_column(mode, columns)
    values = columns[kind.columns[0]] if kind.columns else None
    return SortedFaceset(faceset=faceset, mode=mode, order=order, values=values, selected=selected)


def _order_by_column(mode: SortMode, columns: dict[str, np.ndarray]) -> np.ndarray:
    """Sorts by the column of a mode; undefined values last; ties in the order of the video."""
    values = columns[MODES[mode].columns[0]]
    if not np.isfinite(values).any():
        advice = WITHOUT_VALUES.get(mode, "sort by another mode")
        raise InputError(f"{mode}: expected a value for at least one crop, got none; {advice}")
    if mode == "hue":
        values = tone.hue_offsets(values)
    if mode == "blur":  # faces without any sharp edge all have 0; the Laplacian sorts them
        return _sort_stably([columns["motion_blur"], values], is_descending=True)
    return _sort_stably([values], is_descending=MODES[mode].is_descending)


def _sort_stably(keys: list[np.ndarray], *, is_descending: bool) -> np.ndarray:
    """Sorts by several keys, the last one first; NaN is always last."""
    signed = [np.where(np.isfinite(key), -key if is_descending else key, np.inf) for key in keys]
    return np.lexsort(signed)


def _order_best(columns: dict[str, np.ndarray], quality: np.ndarray, target: int) -> tuple[np.ndarray, int]:
    """Puts the selected faces first and the others, in their order, after them."""
    selected = select_best(columns["yaw"], columns["pitch"], quality, columns["histogram_difference"], target)
    others = np.setdiff1d(np.arange(len(quality)), selected)
    return np.concatenate([selected, others]), len(selected)
