"""The repair editor: what a drag and a box do, its buttons, and the way from the page to the faceset."""

import json
import pathlib
import shutil
import subprocess
import typing

import ipywidgets
import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.faces import MTCNN, Face
from faceswap_lib.facesets import Faceset, Workspace, list_excluded, read_manifest
from faceswap_lib.widgets import RepairEditor, drag_stage
from faceswap_lib.widgets.drag_stage import DragStage, StageChange, StagePoint, parse_change
from tests.conftest import contents
from tests.facesets.test_repair import forget, forget_frames, hide_track
from tests.widget_kernel import open_page
from tests.widgets.test_gallery import walk

Clips = tuple[pathlib.Path, pathlib.Path]


def report(changed: str, points: typing.Any = (), box: typing.Any = (0, 0, 0, 0), at: typing.Any = (0, 0)) -> str:
    """What a page reports."""
    points = np.array(points, float).tolist()
    return json.dumps({"changed": changed, "points": points, "box": list(map(float, box)), "at": list(at), "turn": 1})


class Panel:
    """The widgets of an editor, found as a reader finds them."""

    def __init__(self, editor: RepairEditor):
        self._all = walk(editor._view.box)

    def find(self, kind: type, text: str) -> typing.Any:
        [found] = [widget for widget in self._all if type(widget) is kind and text in (widget.description or "")]
        return found

    def press(self, text: str) -> None:
        button = self.find(ipywidgets.Button, text)
        assert not button.disabled
        button.click()

    def send(self, text: str) -> None:
        """Writes a report to the hidden text field, as the page does."""
        [field] = [widget for widget in self._all if type(widget) is ipywidgets.Text]
        field.value = text

    @property
    def svg(self) -> str:
        [found] = [w.value for w in self._all if type(w) is ipywidgets.HTML and w.value.startswith("<svg")]
        return found

    @property
    def texts(self) -> str:
        return " ".join(w.value for w in self._all if type(w) is ipywidgets.HTML and not w.value.startswith("<s"))

    @property
    def numbers(self) -> list[ipywidgets.FloatText]:
        return [widget for widget in self._all if type(widget) is ipywidgets.FloatText]

    @property
    def replace(self) -> ipywidgets.Dropdown:
        [found] = [widget for widget in self._all if type(widget) is ipywidgets.Dropdown]
        return found


@pytest.fixture
def editor(workspace_copy: Workspace, portrait_clips: Clips, detector: MTCNN) -> RepairEditor:
    return RepairEditor(workspace_copy, "src", portrait_clips[0], frame=5, refiner=detector, landmarks="five")


def test_a_frame_shows_the_points_of_its_crop(editor: RepairEditor, workspace_copy: Workspace):
    record, panel = read_manifest(workspace_copy.faces("src"))[5], Panel(editor)
    assert panel.svg.count("<circle") == 5 and editor.replace == record.crop == panel.replace.value
    for x, y in record.landmarks:
        assert f'cx="{x:.2f}" cy="{y:.2f}"' in panel.svg
    assert [field.value for field in panel.numbers[:2]] == [round(value, 2) for value in record.landmarks[0]]
    assert f"has the crop {record.crop}" in panel.texts
    panel.press("›")
    assert editor.frame == 6 == panel.find(ipywidgets.BoundedIntText, "frame").value
    panel.find(ipywidgets.BoundedIntText, "frame").value = 37
    panel.press("›")
    assert editor.frame == 37


def test_dragged_points_become_the_crop(editor: RepairEditor, workspace_copy: Workspace):
    panel, before = Panel(editor), contents(workspace_copy.root)
    old = read_manifest(workspace_copy.faces("src"))[5]
    moved = np.array(old.landmarks) + [2, 1]
    panel.send(report("points", moved))
    assert panel.numbers[0].value == round(moved[0, 0], 2)
    panel.press("take")
    faceset = Faceset.open(workspace_copy, "src")
    assert [record.crop for record in list_excluded(workspace_copy, "src")] == [old.crop]
    [made] = [record for record in faceset.records if record.frame == 5]
    np.testing.assert_allclose(made.landmarks, moved, atol=0.01)
    assert f"made {made.crop} in place of {old.crop}" in panel.texts and panel.replace.value == made.crop
    panel.press("undo")
    assert contents(workspace_copy.root) == before and panel.replace.value == old.crop
    assert panel.find(ipywidgets.Button, "undo").disabled


def test_a_drawn_box_proposes_points(editor: RepairEditor, workspace_copy: Workspace):
    record, panel = read_manifest(workspace_copy.faces("src"))[5], Panel(editor)
    eyes = np.linalg.norm(np.subtract(*record.landmarks[:2]))
    panel.send(report("points", np.array(record.landmarks) + 15))
    panel.send(report("box", box=np.array(record.box_xyxy) + [-4, -3, 5, 6]))
    assert "found by the detector" in panel.texts
    errors = np.linalg.norm(typing.cast(np.ndarray, editor.points) - record.landmarks, axis=1)
    assert errors.max() / eyes < 0.1
    panel.send(report("box", box=[0, 0, 3, 3]))
    assert "draw it larger" in panel.texts
    panel.send(report("box", box=[1, 1, 60, 60]))  # no face there
    assert "average face" in panel.texts


def test_without_javascript_the_number_boxes_do_the_same(editor: RepairEditor, workspace_copy: Workspace):
    panel = Panel(editor)
    panel.numbers[0].value += 3
    assert typing.cast(np.ndarray, editor.points)[0, 0] == panel.numbers[0].value
    box = read_manifest(workspace_copy.faces("src"))[5].box_xyxy
    for field, value in zip(panel.numbers[10:], box, strict=True):
        field.value = value
    panel.press("find points in the box")
    assert "found by the detector" in panel.texts
    panel.press("take")
    assert len(list_excluded(workspace_copy, "src")) == 1


def test_a_crop_can_be_added_beside_another(editor: RepairEditor, workspace_copy: Workspace):
    panel = Panel(editor)
    panel.replace.value = "add a crop"
    panel.press("take")
    assert len(Faceset.open(workspace_copy, "src")) == 39 and list_excluded(workspace_copy, "src") == []
    assert [label for label, _ in panel.replace.options] == ["add a crop", "replace 000005.jpg", "replace 000005_1.jpg"]


def test_missed_frames_are_shown_in_turn_with_a_guess(workspace_copy: Workspace, portrait_clips: Clips):
    hide_track(workspace_copy, {10, 20}, start=0)
    forget_frames(workspace_copy, {10, 20})
    editor = RepairEditor(workspace_copy, "src", portrait_clips[0], landmarks="five")
    panel = Panel(editor)
    assert editor.frame == 10 and "gap; check the points" in panel.texts and editor.replace is None
    panel.press("take")
    panel.press("next missed frame")
    assert editor.frame == 20
    panel.press("take")
    panel.press("next missed frame")
    assert "no frame with a missed face" in panel.texts
    assert len(Faceset.open(workspace_copy, "src")) == 38


def test_without_points_nothing_can_be_taken(workspace_copy: Workspace, portrait_clips: Clips):
    forget(workspace_copy, 8)
    editor = RepairEditor(workspace_copy, "src", portrait_clips[0], frame=8, landmarks="five")
    panel = Panel(editor)
    assert "has no crop; draw a box" in panel.texts and panel.find(ipywidgets.Button, "take").disabled
    with pytest.raises(InputError, match="got neither"):
        editor.take()
    editor.set_points(np.zeros((5, 2)))
    assert editor.face is None and panel.find(ipywidgets.Button, "take").disabled


def test_zoom_shows_the_surroundings_and_keeps_the_coordinates(editor: RepairEditor):
    panel = Panel(editor)
    assert 'viewBox="-0.5 -0.5 224 224"' in panel.svg
    circles = panel.svg[panel.svg.index("<circle") :].split('cx="')[1].split('"')[0]
    panel.find(ipywidgets.Checkbox, "zoom").value = True
    face = typing.cast(Face, editor.face)
    left, top, right, bottom = typing.cast(np.ndarray, editor.view_xyxy)
    assert left < face.box_xyxy[0] and bottom > face.box_xyxy[3]
    assert f'viewBox="{np.floor(max(left, 0)) - 0.5:g} {np.floor(max(top, 0)) - 0.5:g} ' in panel.svg
    assert f'cx="{circles}"' in panel.svg and right > left


def test_the_shown_part_is_cut_out_of_the_frame():
    stage = DragStage(lambda change: None)
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:20, 30:50] = 255
    stage.show_image(image, [30.2, 10.4, 49.5, 19.1])
    stage.draw([StagePoint(x=35, y=12, color="red", name="<b>")])
    assert 'viewBox="29.5 9.5 20 10"' in stage._svg.value and "&lt;b&gt;" in stage._svg.value


def test_reports_of_a_page_are_checked():
    change = parse_change(report("points", [[1, 2], [3, 4]], [1, 2, 3, 4], [5, 6]))
    assert isinstance(change, StageChange) and change.points.tolist() == [[1, 2], [3, 4]]
    for wrong in (
        "{",
        "[]",
        '{"changed": "all"}',
        report("box", box=[1, 2, 3]),
        report("points", [[1, float("nan")]]),
        report("points", np.zeros((2000, 2))),
        " " * 200_000,
    ):
        with pytest.raises(ValueError):
            parse_change(wrong)


PAGE = """
const field = {value: '', events: [], dispatchEvent(event) { this.events.push(event.type) }};
const handles = [[10, 20], [50, 60]].map(([x, y]) => ({
  nextElementSibling: null, attributes: {cx: x, cy: y},
  get cx() { return {baseVal: {value: this.attributes.cx}} },
  get cy() { return {baseVal: {value: this.attributes.cy}} },
  setAttribute(key, value) { this.attributes[key] = value }, getAttribute(key) { return this.attributes[key] }}));
const box = {attributes: {x: 0, y: 0, width: 0, height: 0},
  setAttribute(key, value) { this.attributes[key] = value }, getAttribute(key) { return this.attributes[key] }};
const svg = {dataset: {draw: 'box'}, viewBox: {baseVal: {x: -0.5, y: -0.5, width: 100, height: 100}},
  getBoundingClientRect: () => ({left: 7, top: 9, width: 200, height: 200}), setPointerCapture() {},
  querySelector: () => box, querySelectorAll: () => handles,
  closest: () => ({querySelector: () => field})};
const handlers = JSON.parse(process.argv[1]).map(code => new Function('event', code));
const fire = (kind, x, y) => handlers[kind].call(svg, {button: 0, pointerId: 1, clientX: 7 + 2 * (x + 0.5),
  clientY: 9 + 2 * (y + 0.5), preventDefault() {}, stopPropagation() {}});
const reports = [];
for (const steps of [[[0, 11, 19], [1, 30, 31], [1, 33, 34], [2, 33, 34]], [[0, 70, 80], [1, 90, 95], [2, 90, 95]],
                     [[0, 80, 10], [2, 80, 10]], [[0, 80, 80], [1, 500, 90], [2, 500, 90]]]) {
  for (const step of steps) fire(...step);
  reports.push(JSON.parse(field.value));
}
console.log(JSON.stringify({reports, events: field.events}));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="no JavaScript interpreter")
def test_the_handlers_report_drags_boxes_and_clicks_in_pixels_of_the_image():
    handlers = json.dumps([drag_stage.START, drag_stage.MOVE, drag_stage.STOP])
    event = "globalThis.Event = class { constructor(type) { this.type = type } };"
    output = subprocess.run(["node", "-e", event + PAGE, handlers], capture_output=True, text=True, check=True).stdout
    found = json.loads(output)
    dragged, drawn, clicked, outside = (parse_change(json.dumps(each)) for each in found["reports"])
    assert dragged.changed == "points"
    np.testing.assert_allclose(dragged.points, [[33, 34], [50, 60]])
    assert drawn.changed == "box"
    np.testing.assert_allclose(drawn.box_xyxy, [70, 80, 90, 95])
    assert clicked.changed == "click"
    np.testing.assert_allclose(clicked.at, [80, 10])
    np.testing.assert_allclose(outside.box_xyxy, [80, 80, 99.5, 90])  # kept inside the image
    assert found["events"] == ["input", "change"] * 4


def test_a_drag_on_a_page_reaches_the_faceset(kernel: str, workspace_copy: Workspace, portrait_clips: Clips):
    old = read_manifest(workspace_copy.faces("src"))[4]
    with open_page(kernel) as page:
        cell = page.run(
            "from faceswap_lib.facesets import Workspace\nfrom faceswap_lib.widgets import RepairEditor\n"
            f"RepairEditor(Workspace({str(workspace_copy.root)!r}), 'src', {str(portrait_clips[0])!r}, frame=4, "
            "landmarks='five')"
        )
        page.finish(cell)
        assert page.shown(cell), page.printed(cell)
        field = page.find("TextModel")
        moved = report("points", np.array(old.landmarks) + 3)
        page.send(field, {"method": "update", "state": {"value": moved}, "buffer_paths": []})
        page.click(page.find("ButtonModel", description="take"))
        undo = page.find("ButtonModel", description="undo")
        page.read_until(lambda: page.widgets[undo]["disabled"] is False)
    assert [record.crop for record in list_excluded(workspace_copy, "src")] == [old.crop]


def test_a_faceset_without_tracks_can_be_repaired_frame_by_frame(workspace_copy: Workspace, portrait_clips: Clips):
    (workspace_copy.faces("src") / "tracks.npz").unlink()
    forget(workspace_copy, 8)
    editor = RepairEditor(workspace_copy, "src", portrait_clips[0], frame=8, landmarks="five")
    panel = Panel(editor)
    panel.press("next missed frame")
    assert "a faceset without them; give the frame itself" in panel.texts
    editor.set_points(np.array(read_manifest(workspace_copy.faces("src"))[8].landmarks))
    panel.press("take")
    assert [record.track for record in read_manifest(workspace_copy.faces("src")) if record.frame == 8] == [0]
