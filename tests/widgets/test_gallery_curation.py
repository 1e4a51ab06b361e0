"""The gallery for curation: sort modes and columns, proposed kinds, filters, marks of many crops, and undo."""

import dataclasses
import pathlib

import cv2
import ipywidgets
import numpy as np
import pytest

from faceswap_lib.curation.audit import FacesetAudit
from faceswap_lib.curation.columns import COLUMNS
from faceswap_lib.curation.rejects import KEEP_COLOR, KINDS
from faceswap_lib.curation.sorting import MODES, sort_faceset
from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Faceset, Workspace, list_excluded
from faceswap_lib.media import read_image, write_image
from faceswap_lib.widgets import FacesetGallery
from faceswap_lib.widgets.gallery_filter import GalleryFilter
from faceswap_lib.widgets.gallery_orders import ALL_ORDERS
from tests.widgets.test_gallery import Shown

REJECTS = {3: "blurred", 4: "blurred", 9: "duplicate", 30: "exposure"}
"""Kind of some crops by their index."""


def crops_of(workspace: Workspace) -> list[str]:
    return [record.crop for record in Faceset.open(workspace, "src").records]


@pytest.fixture
def gallery(workspace_copy: Workspace) -> FacesetGallery:
    """A gallery with known proposals."""
    faceset = Faceset.open(workspace_copy, "src")
    kinds = np.array([REJECTS.get(index, "") for index in range(len(faceset))], object)
    audit = FacesetAudit(
        faceset=faceset,
        columns={},
        kinds=kinds,
        copies=np.full(len(faceset), -1),
        skipped={},
        poses=np.zeros((len(faceset), 2)),
    )
    return FacesetGallery(workspace_copy, "src", per_page=10, columns=5, audit=audit)


@pytest.fixture
def rejects(workspace_copy: Workspace) -> set[str]:
    return {crops_of(workspace_copy)[index] for index in REJECTS}


class Panel(Shown):
    """The controls of a gallery, found by their description."""

    def control(self, description: str) -> ipywidgets.Widget:
        [found] = [widget for widget in self._all if getattr(widget, "description", None) == description]
        return found

    @property
    def texts(self) -> str:
        return " ".join(widget.value for widget in self.of(ipywidgets.HTML)[1:])


def test_every_order_lists_every_crop_and_captions_show_the_value(gallery: FacesetGallery, workspace_copy: Workspace):
    crops = set(crops_of(workspace_copy))
    assert set(ALL_ORDERS) == {"frame", "sharpness", "rarity", *MODES, *COLUMNS}
    needing = set()
    for order in ALL_ORDERS:
        try:
            gallery.sort_by(order)
        except InputError:
            needing.add(order)
            continue
        assert set(gallery.shown) == crops and len(gallery.shown) == len(crops)
        first = gallery.crops()[0]
        assert gallery.caption(first).startswith((f"{order} ", "frame "))
    # without 68 landmarks, a recognition network and occlusion masks
    assert {"eyes", "mouth", "embedding", "embedding_distance", "occluded"} == needing


def test_a_mode_has_its_own_order_and_a_column_begins_with_the_lowest(
    gallery: FacesetGallery, workspace_copy: Workspace
):
    faceset = Faceset.open(workspace_copy, "src")
    for mode in ("blur", "pixel-dissimilarity"):
        gallery.sort_by(mode)
        assert gallery.shown == sort_faceset(faceset, mode).names
    gallery.sort_by("contrast")
    contrasts = [float(gallery.caption(crop).split()[1]) for crop in gallery.crops()]
    assert contrasts == sorted(contrasts) and contrasts[0] < contrasts[-1]
    up = gallery.shown
    gallery.sort_by("contrast", is_reversed=True)
    assert gallery.shown == up[::-1]


def test_an_order_that_cannot_be_had_says_why_and_the_old_one_stays(gallery: FacesetGallery):
    panel = Panel(gallery)
    panel.control("sort by").value = "brightness"
    before = gallery.crops()
    panel.control("sort by").value = "embedding"
    assert "pip install 'faceswap_lib[dlib]'" in panel.title
    assert gallery.order == panel.control("sort by").value == "brightness" and gallery.crops() == before
    panel.control("reversed").value = True
    assert gallery.is_reversed and gallery.crops() != before


def test_frames_have_the_color_of_the_proposed_kind(gallery: FacesetGallery):
    style = Shown(gallery).of(ipywidgets.HTML)[0].value
    colors = [f".faceswap-crop-{place}{{box-shadow:inset 0 0 0 4px " for place in range(10)]
    for place, rule in enumerate(colors):
        kind = REJECTS.get(place)
        assert rule + (KINDS[kind].color if kind else KEEP_COLOR) + ";" in style
    assert Shown(gallery).thumbnails[3].tooltip.endswith(": blurred")
    legend = Panel(gallery).texts
    assert "blurred 2<" in legend and "keep 34<" in legend and "cut off 0<" in legend


def test_without_an_audit_no_crop_has_a_frame(workspace_copy: Workspace):
    gallery = FacesetGallery(workspace_copy, "src", per_page=4)
    assert "inset" not in Shown(gallery).of(ipywidgets.HTML)[0].value
    assert gallery.kind(gallery.crops()[0]) == "keep" and gallery.accept_proposal() == 0


def test_a_poisoned_faceset_gets_proposals(workspace_copy: Workspace):
    folder, crops = workspace_copy.faces("src"), crops_of(workspace_copy)
    image = read_image(folder / crops[3])
    write_image(folder / crops[3], cv2.GaussianBlur(image, (0, 0), 9))
    write_image(folder / crops[20], (read_image(folder / crops[20]) * 0.15).astype(np.uint8))
    gallery = FacesetGallery(workspace_copy, "src", per_page=10)
    Panel(gallery).press("propose rejects")
    assert gallery.kind(crops[3]) == "blurred" and gallery.kind(crops[20]) == "exposure"
    assert "1 blurred" in Panel(gallery).title
    assert "not looked for: covered, other person, misaligned" in Panel(gallery).title
    assert gallery.marked == set()


def test_filters_by_kind_range_and_marks(gallery: FacesetGallery, workspace_copy: Workspace):
    crops, panel = crops_of(workspace_copy), Panel(gallery)
    panel.control("show").value = "blurred"
    assert gallery.shown == [crops[3], crops[4]] == gallery.crops()
    assert len(panel.thumbnails) == 2 and gallery.pages == 1 and "2 shown" in panel.title
    panel.control("show").value = "keep"
    assert gallery.shown == [crop for index, crop in enumerate(crops) if index not in REJECTS]
    panel.control("show").value = "all kinds"
    values = gallery.measure("brightness")
    panel.control("with").value = "brightness"
    assert (panel.control("from").value, panel.control("to").value) == (values.min(), values.max())
    assert gallery.shown == crops
    middle = float(np.median(values))
    panel.control("from").value = middle
    assert gallery.shown == [crop for crop, value in zip(crops, values, strict=True) if value >= middle]
    panel.control("to").value = middle - 1
    assert "range" in panel.title and len(gallery.shown) < len(crops)  # refused, the filter stays
    panel.control("with").value = "no column"
    gallery.mark(crops[1], crops[30])
    panel.control("only marked").value = True
    assert gallery.shown == [crops[1], crops[30]]
    panel.control("show").value = "exposure"
    assert gallery.shown == [crops[30]] and "1 marked not shown" in panel.texts
    gallery.filter_by(GalleryFilter())
    assert gallery.shown == crops and not panel.control("only marked").value


def test_nothing_shown_is_an_empty_page(gallery: FacesetGallery):
    gallery.filter_by(GalleryFilter(kind="cut off"))
    assert gallery.shown == gallery.crops() == [] and gallery.pages == 1
    assert Panel(gallery).thumbnails == []
    assert gallery.mark_shown() == gallery.unmark_page() == 0


def test_many_crops_are_marked_at_once_and_every_step_is_undone(
    gallery: FacesetGallery, workspace_copy: Workspace, rejects: set[str]
):
    crops, panel = crops_of(workspace_copy), Panel(gallery)
    panel.thumbnails[4].value = True  # a click
    assert gallery.mark_kind("blurred") == 1 and gallery.marked == {crops[3], crops[4]}
    panel.press("mark all proposed")
    assert gallery.marked == rejects
    panel.press("unmark this page")
    assert gallery.marked == {crops[30]}
    panel.control("show").value = "keep"
    panel.press("mark all shown")
    assert len(gallery.marked) == 35
    panel.press("unmark 34")
    panel.press("mark 3 again")
    assert gallery.marked == rejects
    panel.press("unmark 2")
    assert gallery.marked == {crops[3], crops[4]}
    panel.press("unmark 1")
    assert gallery.marked == {crops[4]}
    panel.press("unmark 1")
    assert gallery.marked == set() and gallery.undo() == 0


def test_accepted_proposals_leave_and_undo_goes_back_through_all_steps(
    gallery: FacesetGallery, workspace_copy: Workspace, rejects: set[str]
):
    crops, panel = crops_of(workspace_copy), Panel(gallery)
    gallery.accept_proposal()
    panel.press("set 4 marked aside")
    assert {record.crop for record in list_excluded(workspace_copy, "src")} == rejects
    assert "blurred 0<" in panel.texts
    panel.thumbnails[0].value = True
    panel.press("unmark 1")
    panel.press("bring 4 back")
    assert gallery.marked == rejects and crops_of(workspace_copy) == crops == gallery.shown
    assert gallery.kind(crops[3]) == "blurred"
    panel.press("unmark 4")
    assert gallery.marked == set()


def test_a_step_that_cannot_be_undone_says_why_and_stays(gallery: FacesetGallery, workspace_copy: Workspace):
    crops, panel = crops_of(workspace_copy), Panel(gallery)
    gallery.mark_step([crops[0]])
    gallery.exclude()
    away = workspace_copy.faces("src") / "set_aside" / crops[0]
    away.rename(pathlib.Path(workspace_copy.root) / "elsewhere.jpg")
    panel.press("bring 1 back")
    assert "are missing" in panel.title and gallery.undo_text == "bring 1 back"
    (pathlib.Path(workspace_copy.root) / "elsewhere.jpg").rename(away)
    panel.press("bring 1 back")
    assert gallery.marked == {crops[0]} and len(gallery) == 38


def test_wrong_kinds_and_ranges_are_refused(gallery: FacesetGallery):
    with pytest.raises(ValueError, match="kind: expected keep, cut off"):
        gallery.mark_kind("ugly")
    for wrong in ({"low": 2.0, "high": 1.0}, {"low": float("nan")}):
        with pytest.raises(ValueError, match="range from low to high"):
            dataclasses.replace(GalleryFilter(column="yaw"), **wrong)
