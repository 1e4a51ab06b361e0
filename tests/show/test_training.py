"""Faces through a training, read from its previews."""

import pathlib

import numpy as np
import pytest

from faceswap_lib import show
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.media import read_image, write_image


def make_grid(step: int, side: int = 8, header: int = 18) -> np.ndarray:
    """A preview of two faces whose pictures say in their colors where they are."""
    row, column = (values.repeat(side, 0).repeat(side, 1) for values in np.mgrid[:2, :16])
    cells = np.stack([np.full_like(row, step), row * 100, column * 10], axis=-1).astype(np.uint8)
    return np.concatenate([np.full((header, 16 * side, 3), 255, np.uint8), cells])


def test_a_picture_is_found_by_its_direction_row_and_column():
    grid = make_grid(7)
    assert (show.preview_column(grid, "a2b") == [7, 0, 110]).all()
    assert (show.preview_column(grid, "b2a", face=1, column=0) == [7, 100, 120]).all()
    assert show.preview_column(grid, "a2a").shape == (8, 8, 3)


@pytest.mark.parametrize(("side", "header"), [(64, 18), (128, 36), (128, 18), (256, 72)], ids=str)
def test_captions_of_every_height_are_skipped(side: int, header: int):
    grid = make_grid(7, side, header)
    assert (show.preview_column(grid, "b2a", face=1, column=0) == [7, 100, 120]).all()


def test_previews_are_spread_over_the_training(tmp_path: pathlib.Path):
    for step in range(10, 110, 10):
        write_image(tmp_path / "previews" / f"step-{step:08d}.png", make_grid(step))
    figure = show.plot_previews(tmp_path, count=4, face=1)
    assert [axes.get_title() for axes in figure.axes] == ["step 10", "step 40", "step 70", "step 100", *[""] * 4]
    drawn = [axes.images[0].get_array()[0, 0].tolist() for axes in figure.axes]
    assert drawn == [[step, 100, column * 10] for column in (3, 11) for step in (10, 40, 70, 100)]
    assert read_image(tmp_path / "previews" / "step-00000010.png").shape == (34, 128, 3)


def test_a_run_without_previews_is_refused(tmp_path: pathlib.Path):
    with pytest.raises(WorkspaceError, match="no previews in .*; train first"):
        show.plot_previews(tmp_path)
