"""Draws the pictures of docs/reenactment.md from the two portraits of the package; nothing is trained.

Usage: python -m tools.draw_reenactment [--only NAME ...]

`reenactment_shape` shows a photo, frames of a driver, the three pictures of their shapes, and the photo that is warped
to them; `reenactment_express` shows expressions of both photos.
"""

import argparse
import pathlib
import tempfile
import typing

import numpy as np

from faceswap_lib.demo.fixtures import make_clips
from faceswap_lib.demo.portraits import load_portraits
from faceswap_lib.faces import MTCNN
from faceswap_lib.media import read_frames, write_image
from faceswap_lib.reenactment.changed_photo import PhotoChanger
from faceswap_lib.reenactment.config import FrameConfig
from faceswap_lib.reenactment.expressions import Expression, change_expression, measure_openness
from faceswap_lib.reenactment.face_shape import FaceShape, open_shape_detector
from faceswap_lib.reenactment.frames import FrameMaker
from faceswap_lib.reenactment.motion import read_driver
from faceswap_lib.reenactment.photo import Photo, read_photo
from faceswap_lib.reenactment.retargeting import retarget
from faceswap_lib.reenactment.shape_pictures import boundary_maps, keypoint_picture, stack_shapes, stick_figure
from tools.pictures import draw_tile, join_rows, save

SIDE = 190
"""Side of a tile in pixels."""

SECONDS = 6.0
"""Length of the driver's clip; it is long enough for a blink, an open mouth and a turned head."""

MOMENTS: tuple[typing.Callable[[FaceShape], float], ...] = (
    lambda shape: shape.points[66, 1] - shape.points[62, 1],
    lambda shape: -measure_openness(shape),
    lambda shape: -shape.yaw,
)
"""Frames that are shown: those with the largest value, which are an open mouth, closed eyes and a turned head."""

SHOWN = {
    "the photo": None,
    "neutral": Expression(),
    "smile": Expression(smile=1.0),
    "mouth open": Expression(mouth_open=0.6),
    "look aside": Expression(gaze_x=1.0),
    "eyes closed": Expression(eyes_open=-1.0),
}
"""Expressions that are shown, by their titles; None is the photo as it is."""

Photos = tuple[Photo, Photo]
"""Grace Hopper and Eileen Collins."""


def draw_shapes(folder: pathlib.Path, photos: Photos) -> np.ndarray:
    """Draws a row for each moment of Collins's clip: the frame, its shape in three pictures, Hopper's moved photo."""
    photo, (_, clip) = photos[0], make_clips(folder / "clips", seconds=SECONDS, lively=True)
    motion = read_driver(clip, MTCNN(), open_shape_detector())
    moved = retarget(motion, photo.shape, photo.crop.crop_from_frame)
    known = [(number, shape) for number, shape in enumerate(motion.shapes) if shape is not None]
    driver, made, tiles = list(read_frames(clip)), list(FrameMaker(photo, None).frames(moved)), []
    for row, measure in enumerate(MOMENTS):
        at, face = max(known, key=lambda pair: measure(pair[1]))
        shape = stack_shapes([face])
        boundaries = boundary_maps(shape, SIDE).max(axis=-1, keepdims=True).repeat(3, axis=-1)
        pictures = {
            "photo": np.full_like(photo.image, 255) if row else photo.image,
            "driver": driver[at],
            "dots": _to_uint8(keypoint_picture(shape, SIDE)),
            "boundaries": _to_uint8(boundaries),
            "stick figure": _to_uint8(stick_figure(shape, SIDE)),
            "moved photo": made[at],
        }
        tiles += [draw_tile("" if row else title, picture, SIDE) for title, picture in pictures.items()]
    return join_rows(tiles, len(tiles) // len(MOMENTS))


def draw_expressions(folder: pathlib.Path, photos: Photos) -> np.ndarray:
    """Draws a row for each photo: its aligned crop with every expression of `SHOWN`."""
    tiles = []
    for row, photo in enumerate(photos):
        changer = PhotoChanger(photo, None, FrameConfig(fusion="photo"))
        for title, expression in SHOWN.items():
            crop = photo.crop.image
            if expression is not None:
                crop = changer.change(change_expression(photo.shape, expression)).crop
            tiles.append(draw_tile("" if row else title, crop, SIDE))
    return join_rows(tiles, len(SHOWN))


def _to_uint8(batch: np.ndarray) -> np.ndarray:
    """Converts the first picture of a batch, 0 to 1, to uint8."""
    return np.round(batch[0] * 255).astype(np.uint8)


PICTURES: dict[str, typing.Callable[[pathlib.Path, Photos], np.ndarray]] = {
    "reenactment_shape": draw_shapes,
    "reenactment_express": draw_expressions,
}
"""Every picture by the name of its file."""


def main() -> None:
    """Draws the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=tuple(PICTURES), default=tuple(PICTURES))
    parser.add_argument("--folder", type=pathlib.Path, default=None, help="folder of the pictures")
    options = parser.parse_args()
    detector, shape_detector = MTCNN(), open_shape_detector()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        files = {folder / f"{portrait.name}.png": portrait.image for portrait in load_portraits()}
        for path, image in files.items():
            write_image(path, image)
        hopper, collins = (read_photo(path, detector, shape_detector) for path in files)
        for picture in options.only:
            drawn = PICTURES[picture](folder, (hopper, collins))
            print(save(picture, drawn, *([options.folder] if options.folder else [])))


if __name__ == "__main__":
    main()
