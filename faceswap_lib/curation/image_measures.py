"""One pass over the crops of a faceset: the columns and descriptors that are computed from their pixels."""

import concurrent.futures
import dataclasses
import typing
from collections.abc import Collection

import cv2
import numpy as np

from faceswap_lib.curation import cut_off, sharpness, tone
from faceswap_lib.curation.columns import IMAGE_COLUMNS
from faceswap_lib.curation.histograms import color_histogram, face_histogram
from faceswap_lib.curation.scores import FILE_STATE
from faceswap_lib.faces import CROP_SIZE
from faceswap_lib.faces.hull import face_hull
from faceswap_lib.facesets import CropRecord, Faceset
from faceswap_lib.progress import show_progress

DESCRIPTOR_SHAPES = {
    "color_histogram": (3, 256),
    "face_histogram": (256,),
    "small_image": (64, 64, 3),
    "signature": (32, 32),
}
"""Shapes of the descriptors that are compared between crops; see `ImageMeasures`."""

Descriptor = typing.Literal["color_histogram", "face_histogram", "small_image", "signature"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ImageMeasures:
    """Measures of N crops.

    Attributes:
        columns: By name of `IMAGE_COLUMNS`, (N,) float64; NaN where a measure is undefined.
        descriptors: By name. "color_histogram" (N, 3, 256) float32 and "face_histogram" (N, 256) float32 are square
            roots of normalized histograms; "small_image" is (N, 64, 64, 3) uint8 RGB; "signature" (N, 32, 32) float32
            gray levels, not rounded.
        states: N texts that change with the files of the crops; see `facesets.crop_files.CropFiles.state`.
    """

    columns: dict[str, np.ndarray]
    descriptors: dict[str, np.ndarray]
    states: list[str]


def measure_images(
    faceset: Faceset,
    *,
    descriptors: Collection[Descriptor] = (),
    known: dict[str, dict] | None = None,
    progress: bool = False,
) -> ImageMeasures:
    """Measures the pixels of every crop of a faceset.

    Args:
        faceset: The faceset.
        descriptors: Names of the descriptors to compute.
        known: Stored columns by the name of the crop, from `scores.read_scores`. A crop whose file has not changed
            since is only read if descriptors are wanted.
        progress: Show a progress bar.

    Returns:
        The measures in the order of the faceset's records.
    """
    count, records = len(faceset), faceset.records
    columns = {name: np.full(count, np.nan) for name in IMAGE_COLUMNS}
    arrays = {
        name: np.empty((count, *DESCRIPTOR_SHAPES[name]), np.uint8 if name == "small_image" else np.float32)
        for name in descriptors
    }
    states = [faceset.crop_files.state(record.crop) for record in records]

    def measure(index: int) -> None:
        record = records[index]
        values = _still_valid((known or {}).get(record.crop), states[index])
        if values is None or arrays:
            crop = _Crop.read(faceset, record)
            values = crop.columns() if values is None else values
            for name, array in arrays.items():
                array[index] = crop.descriptor(name)
        for name in IMAGE_COLUMNS:
            columns[name][index] = values[name]

    with concurrent.futures.ThreadPoolExecutor() as pool:
        done = pool.map(measure, range(count))
        for _ in show_progress(done, f"measure {faceset.folder.name}", count, disable=not progress):
            pass
    return ImageMeasures(columns=columns, descriptors=arrays, states=states)


def _still_valid(stored: dict | None, state: str) -> dict[str, float] | None:
    """Returns the stored columns of a crop if its file has not changed and none is missing; else None."""
    if stored is None or stored.get(FILE_STATE) != state:
        return None
    if any(name not in stored for name in IMAGE_COLUMNS):
        return None
    return {name: np.nan if stored[name] is None else stored[name] for name in IMAGE_COLUMNS}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Crop:
    """A decoded crop, at the sizes that the measures need.

    Attributes:
        image: (CROP_SIZE, CROP_SIZE, 3) uint8 RGB.
        gray: (CROP_SIZE, CROP_SIZE) uint8.
        small: (SIDE, SIDE) uint8 gray.
        landmarks: (68, 2) or (5, 2) x, y in pixels of `image`.
        crop_from_frame: (2, 3) matrix to `image`.
    """

    image: np.ndarray
    gray: np.ndarray
    small: np.ndarray
    landmarks: np.ndarray
    crop_from_frame: np.ndarray

    @classmethod
    def read(cls, faceset: Faceset, record: CropRecord) -> "_Crop":
        """Reads and resizes a crop."""
        stored = faceset.crop_files.read_image(record.crop)
        image = cv2.resize(stored, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_AREA)
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        return cls(
            image=image,
            gray=gray,
            small=cv2.resize(gray, (sharpness.SIDE, sharpness.SIDE), interpolation=cv2.INTER_AREA),
            landmarks=record.landmarks_in_crop(),
            crop_from_frame=np.array(record.crop_from_frame),
        )

    def columns(self) -> dict[str, float]:
        """Computes the columns of `IMAGE_COLUMNS`."""
        hull = face_hull(self.landmarks * len(self.small) / CROP_SIZE, len(self.small))
        exposure = tone.measure_exposure(self.small, hull)
        return {
            "blur": sharpness.measure_cpbd(self.small, hull),
            "motion_blur": float(np.log10(max(1.0, sharpness.measure_motion_blur(self.small, hull)))),
            "brightness": tone.measure_brightness(self.image),
            "hue": tone.measure_hue(self.image),
            "black_pixels": float(tone.count_black(self.image)),
            "cut_off": cut_off.measure_cut_off(self.small, hull, self.crop_from_frame),
            **exposure._asdict(),
        }

    def descriptor(self, name: str) -> np.ndarray:
        """Computes a descriptor; see `ImageMeasures`."""
        if name == "color_histogram":
            return color_histogram(self.image)
        if name == "face_histogram":
            return face_histogram(self.gray, face_hull(self.landmarks, CROP_SIZE))
        side = DESCRIPTOR_SHAPES[name][0]
        source = self.gray.astype(np.float32) if name == "signature" else self.image
        return cv2.resize(source, (side, side), interpolation=cv2.INTER_AREA)
