"""TensorBoard's files, read back by TensorBoard's own reader."""

import sys

import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.training.tensorboard_writer import TensorBoardWriter

pytest.importorskip("tensorboard", reason="tensorboard is not installed")


def read_back(folder):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    return events.Reload()


def scalars(folder, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in read_back(folder).Scalars(name)]


def test_terms_and_previews_come_back(tmp_path):
    board = TensorBoardWriter(tmp_path, 0)
    board.add_terms(10, {"edges_a": 0.5, "edges_b": 0.25})
    board.add_terms(20, {"edges_a": 0.125})
    board.add_picture(20, np.full((4, 6, 3), 200, np.uint8))
    board.close()
    assert scalars(tmp_path, "edges_a") == [(10, 0.5), (20, 0.125)]
    assert scalars(tmp_path, "edges_b") == [(10, 0.25)]
    (image,) = read_back(tmp_path).Images("preview")
    assert (image.step, image.width, image.height) == (20, 6, 4)


def test_what_a_killed_session_or_a_rollback_left_behind_is_hidden(tmp_path):
    board = TensorBoardWriter(tmp_path, 0)
    for step in (1, 2, 3):
        board.add_terms(step, {"edges_a": float(step)})
    board.go_back(1)
    board.add_terms(2, {"edges_a": 20.0})
    board.close()
    assert scalars(tmp_path, "edges_a") == [(1, 1.0), (2, 20.0)]


def test_without_the_package_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    with pytest.raises(InputError, match="pip install tensorboard"):
        TensorBoardWriter(tmp_path, 0)
