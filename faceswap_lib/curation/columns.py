"""The columns of a faceset: one number per crop, each with its meaning, its unit and its order."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """Column of numbers, one per crop.

    Attributes:
        name: Name of the column.
        text: What it measures.
        unit: Unit of the numbers; empty for a number without unit.
        kind: Where the number comes from: the "record" in the manifest, the "image" alone, a "mask" on disk, or the
            comparison with "all" other crops.
        decimals: Number of decimals that are shown.
    """

    name: str
    text: str
    unit: str = ""
    kind: typing.Literal["record", "image", "mask", "all"]
    decimals: int = 2


_COLUMNS = (
    Column(name="frame", text="index of the frame in the video", kind="record", decimals=0),
    Column(
        name="yaw",
        text="head turned to the left (negative) or right of the image",
        unit="degrees",
        kind="record",
        decimals=0,
    ),
    Column(name="pitch", text="head bent down (negative) or up", unit="degrees", kind="record", decimals=0),
    Column(
        name="roll", text="face turned clockwise (positive) in the frame", unit="degrees", kind="record", decimals=0
    ),
    Column(
        name="face_area",
        text="area of the detector's box in the frame",
        unit="pixels",
        kind="record",
        decimals=0,
    ),
    Column(name="faces_in_frame", text="number of faces in the same frame", kind="record", decimals=0),
    Column(name="eyes_open", text="gap between the eyelids", unit="% of the eye distance", kind="record", decimals=0),
    Column(name="mouth_open", text="gap between the lips", unit="% of the eye distance", kind="record", decimals=0),
    Column(
        name="misalignment",
        text="distance between the detector's five landmarks and those of the landmark network",
        unit="% of the eye distance",
        kind="record",
        decimals=0,
    ),
    Column(name="blur", text="sharp edges (CPBD): 1 all, 0 none", kind="image"),
    Column(name="motion_blur", text="log10 of the variance of the Laplacian in the face", kind="image"),
    Column(name="brightness", text="mean value (V of HSV)", unit="of 255", kind="image", decimals=0),
    Column(name="hue", text="mean hue, red is 0", unit="degrees", kind="image", decimals=0),
    Column(name="black_pixels", text="values that are exactly 0", kind="image", decimals=0),
    Column(name="dark", text="underexposed part of the face", unit="fraction", kind="image"),
    Column(name="bright", text="overexposed part of the face", unit="fraction", kind="image"),
    Column(name="level", text="median gray level of the face", unit="of 255", kind="image", decimals=0),
    Column(name="contrast", text="range of gray levels in the face", unit="of 255", kind="image", decimals=0),
    Column(name="cut_off", text="part of the face outside the frame", unit="fraction", kind="image"),
    Column(name="occluded", text="part of the face that something covers", unit="fraction", kind="mask"),
    Column(
        name="histogram_difference",
        text="mean distance of the face's histogram from all others",
        kind="all",
        decimals=3,
    ),
    Column(
        name="embedding_distance",
        text="distance of the face's embedding from this person's other faces",
        kind="all",
    ),
    Column(
        name="duplicate_distance",
        text="difference from the most similar other crop",
        unit="gray levels",
        kind="all",
    ),
)

COLUMNS: dict[str, Column] = {column.name: column for column in _COLUMNS}
"""All columns by name."""

RECORD_COLUMNS = tuple(column.name for column in _COLUMNS if column.kind == "record")
"""Names of the columns from the manifest and the tracks; see `record_measures.measure_records`."""

IMAGE_COLUMNS = tuple(column.name for column in _COLUMNS if column.kind == "image")
"""Names of the columns from the pixels of one crop; see `image_measures.measure_images`."""
