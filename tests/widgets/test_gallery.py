"""The gallery of a faceset: pages, orders, marks, and what its buttons do to the faceset."""

import sys

import ipywidgets
import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import Faceset, Workspace, list_excluded
from faceswap_lib.widgets import FacesetGallery
from tests.widget_kernel import open_page


def walk(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    return [widget, *(found for child in getattr(widget, "children", ()) for found in walk(child))]


class Shown:
    """The widgets of a gallery, found as a reader finds them."""

    def __init__(self, gallery: FacesetGallery):
        self._all = walk(gallery._view.box)

    def of(self, kind: type) -> list[ipywidgets.Widget]:
        return [widget for widget in self._all if type(widget) is kind]

    @property
    def thumbnails(self) -> list[ipywidgets.ToggleButton]:
        return [widget for widget in self.of(ipywidgets.ToggleButton) if widget.layout.display != "none"]

    def press(self, text: str) -> None:
        [button] = [widget for widget in self.of(ipywidgets.Button) if text in widget.description]
        assert not button.disabled
        button.click()

    @property
    def title(self) -> str:
        return self.of(ipywidgets.Label)[-1].value


@pytest.fixture
def gallery(workspace_copy: Workspace) -> FacesetGallery:
    return FacesetGallery(workspace_copy, "src", per_page=10, columns=5)


def test_pages_show_every_crop_once_with_its_picture(gallery: FacesetGallery):
    shown, seen = Shown(gallery), []
    for page in range(gallery.pages):
        gallery.turn_to(page)
        seen += gallery.crops()
        assert len(shown.thumbnails) == len(gallery.crops())
        assert shown.of(ipywidgets.HTML)[0].value.count("data:image/jpeg") == len(gallery.crops())
        assert [widget.tooltip for widget in shown.thumbnails] == gallery.crops()
    assert len(seen) == len(set(seen)) == len(gallery) == 38
    assert gallery.pages == 4 and len(gallery.crops()) == 8
    gallery.turn_to(99)
    assert gallery.page == 3
    shown.press("‹")
    assert gallery.page == 2 == shown.of(ipywidgets.BoundedIntText)[0].value - 1
    shown.of(ipywidgets.BoundedIntText)[0].value = 1
    assert gallery.page == 0


def test_orders_begin_with_the_least_sharp_and_with_the_rarest(gallery: FacesetGallery, workspace_copy: Workspace):
    faceset = Faceset.open(workspace_copy, "src")
    Shown(gallery).of(ipywidgets.Dropdown)[0].value = "sharpness"
    least = min(faceset.records, key=lambda record: record.sharpness)
    assert gallery.crops()[0] == least.crop
    assert f"{least.sharpness:,.0f}" in gallery.caption(least.crop)
    gallery.sort_by("rarity")
    assert gallery.crops()[0] == faceset.records[int(faceset.load(8).rarity.argmax())].crop
    captions = [float(gallery.caption(crop).split()[1]) for crop in gallery.crops()]
    assert captions == sorted(captions, reverse=True)
    with pytest.raises(ValueError, match="expected frame, sharpness, rarity, got 'size'"):
        gallery.sort_by("size")


def test_marks_hold_across_pages_and_orders(gallery: FacesetGallery):
    shown = Shown(gallery)
    first, second = gallery.crops()[1], gallery.crops()[3]
    shown.thumbnails[1].value = True
    shown.thumbnails[3].value = True
    shown.thumbnails[3].value = False
    assert gallery.marked == {first}
    gallery.turn_to(1)
    assert not any(widget.value for widget in shown.thumbnails)
    assert gallery.marked == {first}
    gallery.mark(second)
    gallery.sort_by("sharpness")
    gallery.sort_by("frame")
    assert [widget.value for widget in shown.thumbnails[:4]] == [False, True, False, True]
    with pytest.raises(ValueError, match="got 1.jpg"):
        gallery.mark("1.jpg")


def test_marked_crops_are_set_aside_and_brought_back(gallery: FacesetGallery, workspace_copy: Workspace):
    shown, crops = Shown(gallery), gallery.crops()
    gallery.mark(*crops[:2])
    shown.press("set 2 marked aside")
    gallery.mark(crops[5])
    shown.press("set 1 marked aside")
    assert len(gallery) == len(Faceset.open(workspace_copy, "src")) == 35
    assert [record.crop for record in list_excluded(workspace_copy, "src")] == [crops[0], crops[1], crops[5]]
    assert gallery.marked == set() and crops[0] not in gallery.crops()
    assert shown.title.startswith("35 crops in face_src, 3 set aside")
    shown.press("bring 1 back")
    assert gallery.marked == {crops[5]}
    shown.press("bring 2 back")
    assert gallery.crops() == crops and len(gallery) == 38
    assert gallery.undo() == 0 and list_excluded(workspace_copy, "src") == []


def test_the_last_crops_stay_and_the_page_says_why(gallery: FacesetGallery):
    gallery.mark(*gallery._records)
    with pytest.raises(WorkspaceError, match="leave some"):
        gallery.exclude()
    Shown(gallery).press("set 38 marked aside")
    assert "leave some" in Shown(gallery).title and len(gallery) == 38


def test_two_galleries_have_style_sheets_of_their_own(workspace_copy: Workspace):
    galleries = [FacesetGallery(workspace_copy, side, per_page=4) for side in ("src", "dst")]
    classes = [set(gallery._view.box._dom_classes) - {"faceswap-gallery"} for gallery in galleries]
    assert classes[0].isdisjoint(classes[1])
    for gallery, own in zip(galleries, classes, strict=True):
        style = Shown(gallery).of(ipywidgets.HTML)[0].value
        assert style.count(f".{own.pop()} .faceswap-crop-") == 4


def test_a_click_on_a_page_reaches_the_faceset(kernel: str, workspace_copy: Workspace):
    with open_page(kernel) as page:
        cell = page.run(
            "from faceswap_lib.facesets import Workspace\nfrom faceswap_lib.widgets import FacesetGallery\n"
            f"gallery = FacesetGallery(Workspace({str(workspace_copy.root)!r}), 'src', per_page=6)\ngallery"
        )
        page.finish(cell)
        assert page.shown(cell), page.printed(cell)
        crop = Faceset.open(workspace_copy, "src").records[2].crop
        thumbnail = page.find("ToggleButtonModel", tooltip=crop)
        page.send(thumbnail, {"method": "update", "state": {"value": True}, "buffer_paths": []})
        aside = page.find("ButtonModel", description="set 0 marked aside")
        page.read_until(lambda: page.widgets[aside]["description"] == "set 1 marked aside")
        page.click(aside)
        page.read_until(lambda: page.widgets[aside]["description"] == "set 0 marked aside")
    assert [record.crop for record in list_excluded(workspace_copy, "src")] == [crop]


def test_what_cannot_be_shown_is_refused(workspace_copy: Workspace, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ValueError, match="at least 1, got 0 and 8"):
        FacesetGallery(workspace_copy, "src", per_page=0)
    with pytest.raises(WorkspaceError, match="no faces in"):
        FacesetGallery(Workspace(workspace_copy.root / "none"), "src")
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(ImportError, match=r"pip install 'faceswap_lib\[notebooks\]'"):
        FacesetGallery(workspace_copy, "src")
