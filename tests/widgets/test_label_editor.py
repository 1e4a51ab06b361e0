"""The editor of occlusion labels: corners, polygons, and the LabelMe files that the training reads."""

import ipywidgets
import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.occlusion.label_files import read_labels
from faceswap_lib.occlusion.polygons import draw_mask
from faceswap_lib.widgets import LabelEditor
from tests.widgets.test_gallery import walk
from tests.widgets.test_repair_editor import report

SQUARE = [(40.0, 50.0), (90.0, 50.0), (90.0, 100.0), (40.0, 100.0)]


class Panel:
    """The widgets of an editor."""

    def __init__(self, editor: LabelEditor):
        self._all = walk(editor._box)

    def press(self, text: str) -> None:
        [button] = [w for w in self._all if type(w) is ipywidgets.Button and w.description == text]
        button.click()

    def send(self, text: str) -> None:
        [field] = [w for w in self._all if type(w) is ipywidgets.Text]
        field.value = text

    def click(self, x: float, y: float) -> None:
        self.send(report("click", at=(x, y)))

    @property
    def text(self) -> str:
        return " ".join(w.value for w in self._all if type(w) is ipywidgets.HTML and not w.value.startswith("<s"))

    @property
    def svg(self) -> str:
        [found] = [w.value for w in self._all if type(w) is ipywidgets.HTML and w.value.startswith("<svg")]
        return found


@pytest.fixture
def editor(small_workspace: Workspace, tmp_path) -> LabelEditor:
    crops = [record.crop for record in Faceset.open(small_workspace, "src").records][:3]
    return LabelEditor(small_workspace, "src", folder=tmp_path / "labels", crops=crops)


def test_clicked_corners_become_the_mask_of_the_training(editor: LabelEditor):
    panel = Panel(editor)
    for corner in SQUARE:
        panel.click(*corner)
    assert panel.svg.count("<circle") == 4
    moved = [(30.0, 50.0), *SQUARE[1:3], (30.0, 100.0)]
    panel.send(report("points", moved))
    panel.press("close")
    assert panel.svg.count("<circle") == 0 and panel.svg.count("<polygon") == 1
    panel.press("save")
    [labels] = read_labels(editor.path)
    assert labels.crop == editor.crop and labels.side == "src" and labels.polygons[0].label == "occluder"
    np.testing.assert_allclose(labels.polygons[0].points, moved, atol=0.01)
    mask = draw_mask(labels, 256, np.ones((256, 256), np.float32))
    assert mask[75, 60] == 0 and mask[75, 20] == 1 and mask[40, 60] == 1
    assert (mask == 0).sum() == pytest.approx(60 * 50, rel=0.05)


def test_labels_are_saved_with_the_next_crop_and_come_back(editor: LabelEditor):
    panel, first = Panel(editor), editor.path
    [choice] = [w for w in walk(editor._box) if type(w) is ipywidgets.Dropdown]
    choice.value = "face"
    for corner in SQUARE:
        panel.click(*corner)
    panel.press("close")
    panel.press("›")
    assert first.is_file() and editor.polygons == [] and "2 of 3" in panel.text
    panel.press("›")
    panel.press("›")
    assert editor.index == 2 and not editor.path.exists()  # a crop that was only looked at has no file
    editor.show_crop(0)
    assert [polygon.label for polygon in editor.polygons] == ["face"]
    panel.press("remove last")
    assert editor.polygons == []
    panel.press("save")
    assert read_labels(first)[0].polygons == ()


def test_an_open_polygon_is_not_lost(editor: LabelEditor):
    panel = Panel(editor)
    panel.click(10, 10)
    panel.click(20, 10)
    panel.press("close")
    assert "at least 3 corners, got 2" in panel.text
    panel.press("›")
    assert "no open polygon, got one of 2 corners" in panel.text and editor.index == 0
    panel.press("remove last")
    panel.press("remove last")
    panel.press("›")
    assert editor.index == 1


def test_crops_that_are_not_there_are_refused(small_workspace: Workspace):
    with pytest.raises(InputError, match=r"expected crops of .*face_src, got nobody\.jpg"):
        LabelEditor(small_workspace, "src", crops=["nobody.jpg"])
    with pytest.raises(InputError, match="an empty list"):
        LabelEditor(small_workspace, "src", crops=[])
