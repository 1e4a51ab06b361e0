"""Preview image: a grid with the outputs of the networks for a few faces in all four directions."""

import dataclasses
import typing

import cv2
import numpy as np

from faceswap_lib.facesets import FacesetArrays
from faceswap_lib.networks import Networks
from faceswap_lib.networks.preprocessing import postprocess_faces, preprocess_views
from faceswap_lib.training.divergence import describe_dead_output

HEADER = 18
"""Height of the captions above views of at most 64 pixels; above larger ones it grows with them."""

FACES = 4
"""Number of faces of each person in a preview."""

DIRECTIONS = ("a2a", "b2b", "a2b", "b2a")

Views = tuple[np.ndarray, np.ndarray]
"""(N, R, R, 3) uint8 RGB views and their (N, R, R) uint8 face masks."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Preview:
    """Sample of faces of both people, evenly spread over their facesets, for previews of the networks.

    Attributes:
        views_a: Views of A and their face masks.
        views_b: Views of B and their face masks.
    """

    views_a: Views
    views_b: Views

    @classmethod
    def pick(cls, arrays: typing.Sequence[FacesetArrays], resolution: int) -> "Preview":
        """Selects faces from the arrays of A and of B; their views have a side of `resolution` pixels."""
        picked = []
        for array in arrays:
            index = np.linspace(0, len(array.images) - 1, FACES).round().astype(int)
            views, faces = array.views(resolution)
            picked.append((views[index], faces[index]))
        return cls(views_a=picked[0], views_b=picked[1])

    def draw(self, networks: Networks) -> np.ndarray:
        """Draws the grid, (H, W, 3) uint8 RGB; see `preview_grid`."""
        return preview_grid(networks, self.views_a, self.views_b)

    def find_damage(self, networks: Networks) -> str | None:
        """Describes the first direction with a degenerate output; None if there is none.

        See `describe_dead_output`.
        """
        seen = [preprocess_views(*views, networks.config.input_mode)[0] for views in (self.views_a, self.views_b)]
        written = _write_both(networks, *seen)
        for direction in DIRECTIONS:
            _, raw = written[direction]
            if trouble := describe_dead_output(raw, np.asarray(seen["ab".index(direction[0])])):
                return f"{direction}: {trouble}"
        return None


def preview_grid(networks: Networks, views_a: Views, views_b: Views) -> np.ndarray:
    """Draws input, mask, raw face and composite for a2a, b2b, a2b and b2a.

    Args:
        networks: The networks.
        views_a: Views of A and their face masks.
        views_b: Views of B and their face masks.

    Returns:
        (H + N * R, 16 * R, 3) uint8 RGB; one row per view, four columns per direction, and H = `header_height(R)` rows
        of captions.
    """
    (seen_a, tones_a), (seen_b, tones_b) = (
        preprocess_views(*views, networks.config.input_mode) for views in (views_a, views_b)
    )
    written, blocks = _write_both(networks, seen_a, seen_b), []
    for direction in DIRECTIONS:
        views, tones = (views_a[0], tones_a) if direction[0] == "a" else (views_b[0], tones_b)
        mask, raw = written[direction]
        raw = postprocess_faces(raw, tones)
        composite = np.round(mask * raw + (1 - mask) * views).astype(np.uint8)
        mask = np.repeat(np.round(mask * 255).astype(np.uint8), 3, axis=-1)
        columns = [np.concatenate(list(column), axis=0) for column in (views, mask, raw, composite)]
        blocks.append(_caption(np.concatenate(columns, axis=1), direction, views.shape[1]))
    return np.concatenate(blocks, axis=1)


def _write_both(networks: Networks, seen_a: np.ndarray, seen_b: np.ndarray) -> dict[str, Views]:
    """Computes masks and raw faces of the views of A and B in all directions with one call of the networks."""
    written = networks.predict(np.concatenate([seen_a, seen_b]))
    places = {"a": slice(None, len(seen_a)), "b": slice(len(seen_a), None)}
    return {
        f"{source}2{target}": (written[target][0][place], written[target][1][place])
        for source, place in places.items()
        for target in "ab"
    }


def header_height(side: int) -> int:
    """Computes the height in pixels of the captions above views with this side, readable also on a reduced grid."""
    return max(HEADER, HEADER * side // 64)


def _caption(picture: np.ndarray, direction: str, column: int) -> np.ndarray:
    height = header_height(column)
    header = np.full((height, picture.shape[1], 3), 255, np.uint8)
    scale, thickness = 0.38 * height / HEADER, max(1, round(height / HEADER))
    for index, text in enumerate((f"{direction} input", "mask", "raw", "composite")):
        place = (index * column + height // 6, height * 13 // 18)
        cv2.putText(header, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), thickness, cv2.LINE_AA)
    return np.concatenate([header, picture])
