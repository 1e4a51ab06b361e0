"""Polygons: masks are drawn and traced, both file formats survive a round trip, hostile files are refused."""

import json
import pathlib

import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.limits import JSON_BYTES
from faceswap_lib.occlusion.label_files import read_labels, write_coco, write_labelme
from faceswap_lib.occlusion.losses import mask_iou
from faceswap_lib.occlusion.polygons import LabeledImage, Polygon, draw_mask, trace_mask

FACE = np.array([[19.5, 19.5], [99.5, 19.5], [99.5, 119.5], [19.5, 119.5]])
OCCLUDER = np.array([[59.5, 59.5], [139.5, 59.5], [139.5, 79.5], [59.5, 79.5]])


def labels(*polygons: Polygon, crop: str = "000003.jpg", size: int = 128) -> LabeledImage:
    return LabeledImage(crop=crop, side="src", size=(size, size), polygons=polygons)


def both() -> LabeledImage:
    return labels(Polygon(label="face", points=FACE), Polygon(label="occluder", points=OCCLUDER))


def expected_mask() -> np.ndarray:
    mask = np.zeros((128, 128), bool)
    mask[20:120, 20:100] = True
    mask[60:80, 60:128] = False
    return mask


def test_a_mask_is_the_faces_without_the_occluders():
    mask = draw_mask(both(), 128, np.zeros((128, 128), np.float32))
    assert mask_iou(mask, expected_mask()) > 0.97
    doubled = draw_mask(both(), 256, np.zeros((256, 256), np.float32))
    assert mask_iou(doubled, np.kron(expected_mask(), np.ones((2, 2)))) > 0.97


def test_without_a_face_polygon_the_region_is_the_face():
    region = np.ones((128, 128), np.float32)
    mask = draw_mask(labels(Polygon(label="occluder", points=OCCLUDER)), 128, region)
    assert mask[10, 10] == 1 and mask[70, 100] == 0


def test_tracing_gives_polygons_that_draw_the_same_mask():
    y, x = np.mgrid[0:128, 0:128]
    mask = (np.hypot(x - 64, y - 64) < 50) & ~(np.hypot(x - 60, y - 50) < 15)  # a face with a hole
    mask[100:, 60:80] = False  # and a bite
    polygons, skipped = trace_mask((mask * 255).astype(np.uint8))
    assert sorted(polygon.label for polygon in polygons) == ["face", "occluder"] and skipped == 0
    drawn = draw_mask(labels(*polygons), 128, np.zeros((128, 128), np.float32))
    assert mask_iou(drawn, mask) > 0.98


def test_tracing_counts_what_it_leaves_out():
    mask = np.zeros((64, 64), np.uint8)
    mask[10:50, 10:50], mask[20:40, 20:40], mask[28:34, 28:34], mask[60, 60] = 255, 0, 255, 255
    polygons, skipped = trace_mask(mask)
    assert len(polygons) == 2 and skipped == 2
    assert trace_mask(np.zeros((64, 64), np.uint8)) == ((), 0)


@pytest.mark.parametrize("format_name", ["labelme", "coco"])
def test_files_survive_a_round_trip(tmp_path: pathlib.Path, format_name: str):
    other = labels(crop="000004.jpg")
    if format_name == "coco":
        path = tmp_path / "labels.json"
        write_coco(path, [both(), other])
    else:
        path = tmp_path / "labels"
        write_labelme(path, [both(), other], {"src": tmp_path / "face_src"})
    first, second = sorted(read_labels(path), key=lambda image: image.crop)
    assert (first.crop, first.side, first.size) == ("000003.jpg", "src", (128, 128))
    assert [polygon.label for polygon in first.polygons] == ["face", "occluder"]
    assert np.allclose(first.polygons[0].points, FACE, atol=0.006)
    assert np.allclose(first.polygons[1].points, OCCLUDER, atol=0.006)
    assert (second.crop, second.polygons) == ("000004.jpg", ())


def test_a_file_as_labelme_writes_it_is_read(tmp_path: pathlib.Path):
    (tmp_path / "face_dst").mkdir()
    path = tmp_path / "face_dst" / "000007.json"
    shapes = [
        {"label": "Face", "points": [[0, 0], [64, 0], [64, 64]], "shape_type": "polygon", "group_id": None},
        {"label": "occluder", "points": [[8, 8], [16.5, 24]], "shape_type": "rectangle"},
    ]
    value = {"version": "5.4", "shapes": shapes, "imagePath": "000007.jpg", "imageHeight": 64, "imageWidth": 64}
    path.write_text(json.dumps(value))
    (image,) = read_labels(path)
    assert image.side == "dst" and image.polygons[0].points[1].tolist() == [63.5, -0.5]
    assert image.polygons[1].points.tolist() == [[7.5, 7.5], [16.0, 7.5], [16.0, 23.5], [7.5, 23.5]]


def labelme(**changes: object) -> dict:
    shape = {"label": "face", "points": [[0, 0], [9, 0], [9, 9]], "shape_type": "polygon"}
    return {"shapes": [shape], "imagePath": "a.jpg", "imageHeight": 64, "imageWidth": 64} | changes


def shape(**changes: object) -> dict:
    return labelme(shapes=[labelme()["shapes"][0] | changes])


def coco(**changes: object) -> dict:
    value = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 64}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9]]}],
        "categories": [{"id": 1, "name": "face"}],
    }
    return value | changes


def annotation(**changes: object) -> dict:
    return coco(annotations=[coco()["annotations"][0] | changes])


HOSTILE = {
    "not JSON": "{",
    "a list": [],
    "neither format": {"points": []},
    "nested deeply": "[" * 100_000,
    "unknown label": shape(label="nose"),
    "label is a number": shape(label=3),
    "a circle": shape(shape_type="circle"),
    "two points": shape(points=[[0, 0], [1, 1]]),
    "a point of three numbers": shape(points=[[0, 0, 0], [1, 1, 1], [2, 2, 2]]),
    "NaN": json.dumps(shape(points=[[0, 0], [1, 1], [2, float("nan")]])),
    "infinity": json.dumps(shape(points=[[0, 0], [1, 1], [2, float("inf")]])),
    "a huge integer": json.dumps(shape(points=[[0, 0], [1, 1], [2, 10**400]])),
    "far away": shape(points=[[0, 0], [1, 1], [2, 1e6]]),
    "text as coordinate": shape(points=[[0, 0], [1, 1], [2, "3"]]),
    "points are a number": shape(points=7),
    "too many points": shape(points=[[0, 0]] * 10_001),
    "too many polygons": labelme(shapes=labelme()["shapes"] * 1001),
    "shapes are text": labelme(shapes="abc"),
    "a shape is null": labelme(shapes=[None]),
    "no size": {"shapes": [], "imagePath": "a.jpg"},
    "size 0": labelme(imageWidth=0),
    "a negative size": labelme(imageHeight=-5),
    "a huge size": labelme(imageWidth=10**9),
    "size is true": labelme(imageWidth=True),
    "no name": labelme(imagePath=""),
    "name is a number": labelme(imagePath=5),
    "a parent folder": labelme(imagePath=".."),
    "a device name": labelme(imagePath="con.jpg"),
    "no image": labelme(imagePath="manifest.jsonl"),
    "COCO: run-length encoding": annotation(segmentation={"counts": "abc", "size": [9, 9]}),
    "COCO: an odd number of coordinates": annotation(segmentation=[[0, 0, 9, 0, 9]]),
    "COCO: unknown category": annotation(category_id=9),
    "COCO: unknown image": annotation(image_id=9),
    "COCO: an id is a list": annotation(image_id=[1]),
    "COCO: two images of one id": coco(images=coco()["images"] * 2),
    "COCO: an image is text": coco(images=["a.jpg"]),
    "COCO: a category of another kind": coco(categories=[{"id": 1, "name": "person"}]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(tmp_path: pathlib.Path, name: str):
    path, value = tmp_path / "labels.json", HOSTILE[name]
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    with pytest.raises(InputError, match=r"labels\.json"):
        read_labels(path)


def test_the_valid_forms_of_the_hostile_files_are_read(tmp_path: pathlib.Path):
    for value in (labelme(), shape(), coco(), annotation()):
        (tmp_path / "labels.json").write_text(json.dumps(value))
        assert len(read_labels(tmp_path / "labels.json")[0].polygons) == 1


def test_a_path_in_a_label_file_names_only_a_crop(tmp_path: pathlib.Path):
    (tmp_path / "labels.json").write_text(json.dumps(labelme(imagePath="..\\..\\etc/face_src/a.jpg")))
    (image,) = read_labels(tmp_path / "labels.json")
    assert (image.crop, image.side) == ("a.jpg", "src")


def test_missing_and_too_large_files_are_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(InputError, match="nothing there"):
        read_labels(tmp_path / "none.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="label files"):
        read_labels(tmp_path / "empty")
    (tmp_path / "labels.json").write_text(json.dumps(labelme()))
    monkeypatch.setenv(JSON_BYTES.variable, "10")
    with pytest.raises(InputError, match=JSON_BYTES.variable):
        read_labels(tmp_path / "labels.json")
