"""Label files: reads and writes polygons as LabelMe JSON (one file per crop) and as COCO JSON (one file for all).

The files come from other programs and are not trusted: sizes, names and numbers are checked. Both formats count pixels
from the corner of the image, so the center of its first pixel is 0.5, 0.5.

Source: the file formats of LabelMe 5 (`label_file.py`) and of COCO ("Data format, Object Detection", cocodataset.org).
"""

import json
import math
import pathlib
import typing
from collections.abc import Sequence

import numpy as np

from faceswap_lib.atomic_io import write_json
from faceswap_lib.errors import InputError
from faceswap_lib.facesets.file_names import check_file_name
from faceswap_lib.facesets.manifest import PICTURES
from faceswap_lib.facesets.workspace import SIDES, Side
from faceswap_lib.limits import JSON_BYTES
from faceswap_lib.occlusion.polygons import Label, LabeledImage, Polygon, cast_label

MOST_SIDE = 100_000
"""Largest accepted width and height of a labeled image."""

MOST_FILES = 1_000_000
"""Largest number of label files in a folder."""

_CATEGORIES: tuple[Label, ...] = ("face", "occluder")

_TROUBLES = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError, MemoryError)


def read_labels(path: pathlib.Path) -> list[LabeledImage]:
    """Reads labels.

    Args:
        path: A LabelMe file, a COCO file, or a folder of LabelMe files.

    Returns:
        The labels of each image, those without polygons included.

    Raises:
        InputError: If a file is missing, is too large, or has another format.
    """
    path = pathlib.Path(path)
    if not path.is_dir():
        return _read_file(path)
    files = sorted(entry for entry in path.rglob("*.json") if entry.is_file())
    if not files or len(files) > MOST_FILES:
        raise InputError(f"{path}: expected 1 to {MOST_FILES} label files (.json), got {len(files)}")
    return [labels for entry in files for labels in _read_file(entry)]


def write_labelme(
    folder: pathlib.Path, images: Sequence[LabeledImage], crops: typing.Mapping[Side, pathlib.Path]
) -> None:
    """Writes one LabelMe file per image, `FOLDER/face_{src,dst}/STEM.json`.

    Args:
        folder: The folder of the labels.
        images: The labels; each must have a side.
        crops: Folder of the crops of each side, to which the files refer.
    """
    for image in images:
        side = _side_of(image)
        shapes = [
            {
                "label": polygon.label,
                "points": (polygon.points + 0.5).round(2).tolist(),
                "group_id": None,
                "description": "",
                "shape_type": "polygon",
                "flags": {},
            }
            for polygon in image.polygons
        ]
        value = {
            "version": "5.0.0",
            "flags": {},
            "shapes": shapes,
            "imagePath": str((crops[side] / image.crop).resolve()),
            "imageData": None,
            "imageHeight": image.size[1],
            "imageWidth": image.size[0],
        }
        write_json(folder / f"face_{side}" / f"{pathlib.PurePath(image.crop).stem}.json", value)


def write_coco(path: pathlib.Path, images: Sequence[LabeledImage]) -> None:
    """Writes a COCO file whose image names are `face_src/NAME` and `face_dst/NAME`.

    Args:
        path: The file, `.json`.
        images: The labels; each must have a side.
    """
    entries, annotations = [], []
    for number, image in enumerate(images, 1):
        name = f"face_{_side_of(image)}/{image.crop}"
        entries.append({"id": number, "file_name": name, "width": image.size[0], "height": image.size[1]})
        for polygon in image.polygons:
            points = (polygon.points + 0.5).round(2)
            low, high = points.min(axis=0), points.max(axis=0)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": _CATEGORIES.index(polygon.label) + 1,
                    "segmentation": [points.ravel().tolist()],
                    "bbox": [*low.tolist(), *(high - low).tolist()],
                    "area": _area(points),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(_CATEGORIES, 1)]
    write_json(path, {"images": entries, "annotations": annotations, "categories": categories})


def _read_file(path: pathlib.Path) -> list[LabeledImage]:
    """Reads a LabelMe or COCO file; the keys say which it is."""
    if not path.is_file():
        raise InputError(f"{path}: expected a label file or a folder of them, got nothing there")
    JSON_BYTES.check(path.stat().st_size, path)
    try:
        value = json.loads(path.read_bytes())
        if not isinstance(value, dict):
            raise ValueError(f"expected a JSON object, got {type(value).__name__}")
        if "shapes" in value:
            return [_parse_labelme(value, path)]
        if "annotations" in value and "images" in value:
            return _parse_coco(value)
    except _TROUBLES as error:
        raise InputError(f"{path}: expected labels as LabelMe or COCO JSON ({_short(error)})") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    raise InputError(f"{path}: expected labels as LabelMe JSON (with shapes) or COCO JSON (with images, annotations)")


def _parse_labelme(value: dict[str, typing.Any], path: pathlib.Path) -> LabeledImage:
    """Parses the content of a LabelMe file; without folders in its image path, its own folder says whose crop it is."""
    crop, side = _parse_name(value["imagePath"])
    polygons = [_parse_shape(shape) for shape in _list(value["shapes"], "shapes")]
    size = (_parse_side(value["imageWidth"]), _parse_side(value["imageHeight"]))
    return LabeledImage(crop=crop, side=side or _side_named(path.parent.name), size=size, polygons=tuple(polygons))


def _parse_shape(shape: typing.Any) -> Polygon:
    """Parses a shape of LabelMe: a polygon, or a rectangle by two corners."""
    kind, points = shape.get("shape_type", "polygon"), _parse_points(shape["points"])
    if kind == "rectangle" and len(points) == 2:
        (left, top), (right, bottom) = points
        points = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    elif kind != "polygon":
        raise ValueError(f"expected shapes of the type polygon or rectangle, got {kind!r:.40}")
    return Polygon(label=cast_label(shape["label"]), points=points)


def _parse_coco(value: dict[str, typing.Any]) -> list[LabeledImage]:
    """Parses the content of a COCO file."""
    names: dict[int | str, Label] = {
        _key(entry["id"]): cast_label(entry["name"]) for entry in _list(value.get("categories", []), "categories")
    }
    images, polygons = {}, {}
    for entry in _list(value["images"], "images"):
        images[_key(entry["id"])] = entry
        polygons[_key(entry["id"])] = []
    if len(images) != len(value["images"]):
        raise ValueError("two images have the same id")
    for entry in _list(value["annotations"], "annotations"):
        if not isinstance(entry["segmentation"], list):
            raise ValueError("expected polygons, got a mask in run-length encoding; export polygons instead")
        label, target = names[_key(entry["category_id"])], polygons[_key(entry["image_id"])]
        for flat in entry["segmentation"]:
            if len(_list(flat, "segmentation")) % 2:
                raise ValueError("expected pairs x, y in a segmentation")
            pairs = [flat[at : at + 2] for at in range(0, len(flat), 2)]
            target.append(Polygon(label=label, points=_parse_points(pairs)))
    found = []
    for key, entry in images.items():
        crop, side = _parse_name(entry["file_name"])
        size = (_parse_side(entry["width"]), _parse_side(entry["height"]))
        found.append(LabeledImage(crop=crop, side=side, size=size, polygons=tuple(polygons[key])))
    return found


def _parse_points(pairs: typing.Any) -> np.ndarray:
    """Parses points; returns (N, 2) float64 x, y that count from the center of the first pixel."""
    for pair in _list(pairs, "points"):
        if len(_list(pair, "a point")) != 2 or any(type(value) not in (int, float) for value in pair):
            raise ValueError(f"expected points of two numbers, got {pair!r:.60}")
        if not all(math.isfinite(value) and abs(value) < 1e9 for value in pair):
            raise ValueError(f"expected finite coordinates, got {pair!r:.60}")
    return np.array(pairs, np.float64).reshape(-1, 2) - 0.5


def _parse_name(value: object) -> tuple[str, Side | None]:
    """Parses the path of an image; only its name, and whether its folder is face_src or face_dst, are used."""
    if not isinstance(value, str):
        raise ValueError(f"expected the path of an image, got {value!r:.60}")
    *folders, name = value.replace("\\", "/").split("/")
    if pathlib.PurePath(check_file_name(name)).suffix.lower() not in PICTURES:
        raise ValueError(f"expected an image named {', '.join(PICTURES)}, got {name!r:.60}")
    return name, _side_named(folders[-1]) if folders else None


def _side_named(folder: str) -> Side | None:
    """Returns the side whose crops are in a folder of this name; None for other folders."""
    return next((side for side in SIDES.values() if folder == f"face_{side}"), None)


def _parse_side(value: object) -> int:
    """Checks a width or a height."""
    if type(value) is not int or not 1 <= value <= MOST_SIDE:
        raise ValueError(f"expected a width and a height of 1 to {MOST_SIDE} pixels, got {value!r:.40}")
    return value


def _key(value: object) -> int | str:
    """Checks an id."""
    if type(value) not in (int, str):
        raise ValueError(f"expected an id, got {value!r:.40}")
    return typing.cast("int | str", value)


def _list(value: object, name: str) -> list[typing.Any]:
    """Checks that a value is a list."""
    if not isinstance(value, list):
        raise ValueError(f"{name}: expected a list, got {type(value).__name__}")
    return value


def _side_of(image: LabeledImage) -> Side:
    if image.side is None:
        raise ValueError(f"{image.crop}: expected labels with a side")
    return image.side


def _area(points: np.ndarray) -> float:
    """Computes the area of a polygon (N, 2) by the shoelace formula."""
    x, y = points.T
    return round(float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2), 2)


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}" if isinstance(error, KeyError) or not text else text
