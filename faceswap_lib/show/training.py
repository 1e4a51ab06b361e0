"""Development of the generated faces during a training, from the previews of a run."""

import pathlib

import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.media import read_image
from faceswap_lib.show.images import Picture, plot_images

COLUMNS = 4
"""Number of columns per direction in a preview: input, mask, raw face, composite."""


def preview_column(grid: np.ndarray, direction: str, *, face: int = 0, column: int = 3) -> np.ndarray:
    """Cuts one image out of a preview grid.

    Args:
        grid: Grid from `preview_grid`, (H + N * R, 16 * R, 3) uint8 RGB with H rows of captions, or 18 in an older one.
        direction: `a2a`, `b2b`, `a2b` or `b2a`.
        face: Index of the row.
        column: 0 for the input, 1 for the mask, 2 for the raw face, 3 for the composite.

    Returns:
        (R, R, 3) uint8 RGB.
    """
    from faceswap_lib.training.preview import DIRECTIONS, HEADER, header_height  # imports Keras

    side = grid.shape[1] // (COLUMNS * len(DIRECTIONS))
    left = (DIRECTIONS.index(direction) * COLUMNS + column) * side
    header = HEADER if (len(grid) - HEADER) % side == 0 else header_height(side)
    return grid[header + face * side :][:side, left : left + side]


def plot_previews(folder: pathlib.Path, *, count: int = 6, face: int = 0) -> Picture:
    """Draws one face over the course of a training: the reconstruction (A to A) above, the swap (A to B) below.

    Args:
        folder: The folder of the run.
        count: Number of previews, sampled evenly over all previews.
        face: Index of the face in the previews.

    Returns:
        The figure, two axes per preview.

    Raises:
        WorkspaceError: If the run has no previews.
    """
    paths = sorted((folder / "previews").glob("step-*.png"))
    if not paths:
        raise WorkspaceError(f"no previews in {folder}; train first")
    chosen = [paths[index] for index in np.unique(np.linspace(0, len(paths) - 1, count).round().astype(int))]
    grids = [read_image(path) for path in chosen]
    faces = [preview_column(grid, direction, face=face) for direction in ("a2a", "a2b") for grid in grids]
    captions = [f"step {int(path.stem.removeprefix('step-')):,}" for path in chosen] + [""] * len(chosen)
    return plot_images(faces, captions=captions, columns=len(chosen))
