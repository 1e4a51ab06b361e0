"""Draws the pictures of the pages about the demo: the hero of the home page, the results, the steps of the method.

Usage: python -m tools.draw_docs --workspace DIR [--only NAME ...]

DIR is a workspace as `faceswap demo` creates it, with the conversion of the other direction:
`faceswap convert DIR/clips/collins.mp4 --workspace DIR --direction b2a --out DIR/back.mp4`.
"""

import argparse
import dataclasses
import pathlib
import typing

import cv2
import keras
import numpy as np

from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.stages.swap import swap_faces
from faceswap_lib.demo.fixtures import CLIPS
from faceswap_lib.evaluation.baselines import paste_nearest
from faceswap_lib.faces import CROP_SIZE, MTCNN, Face, align_face, points_in_crop, view_matrix, warp_frame
from faceswap_lib.faces.alignment import invert_affine, map_points
from faceswap_lib.faces.landmarks import open_landmark_detector
from faceswap_lib.faces.region import open_outline_detector, region_mask
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.media import read_frames
from faceswap_lib.networks import Networks
from faceswap_lib.networks.preprocessing import postprocess_faces, preprocess_views
from faceswap_lib.pipeline.load_swapper import open_swapper
from faceswap_lib.show import draw_face, overlay_mask
from faceswap_lib.training import TrainConfig, load_run
from faceswap_lib.training.augmentation import random_warp_grid, sample, to_device
from tools.pictures import draw_caption, draw_tile, join, join_rows, save

MOMENTS = (5, 35, 65, 95)
"""Frames that are shown, by their index."""

ROWS = ("A: the video to change", "B: the person whose face A gets", "The result: A's video with B's face")
SIDE = 250
"""Side of a tile in pixels."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Demo:
    """What the pictures are made of.

    Attributes:
        workspace: The workspace of the demo.
        networks: Its trained networks.
        clips: Frames of A, of B, of the result, and of the result in the other direction; (H, W, 3) RGB uint8.
    """

    workspace: Workspace
    networks: Networks
    clips: dict[str, list[np.ndarray]]


def draw_demo(demo: Demo) -> np.ndarray:
    """The hero: A, B and the result, in three rows with a title each."""
    rows = []
    for title, name in zip(ROWS, "abs", strict=True):
        tiles = join([draw_tile("", demo.clips[name][at], SIDE) for at in MOMENTS])
        rows += [draw_caption(title, tiles.shape[1], size=26), tiles]
    return join(rows, down=True)


def draw_result_close(demo: Demo) -> np.ndarray:
    """Aligned faces: A, the result, and the most similar moment of B."""
    return _compare(demo, "a", "s", "b")


def draw_result_back(demo: Demo) -> np.ndarray:
    """The other direction: B's video with A's face."""
    return _compare(demo, "b", "r", "a")


def draw_result_parts(demo: Demo) -> np.ndarray:
    """What the network alone draws, and what the conversion adds."""
    frame = demo.clips["a"][MOMENTS[1]]
    (face,) = MTCNN().detect(frame)
    tiles = [draw_tile("input", align_face(frame, face).image, SIDE)]
    for title, config in (
        ("network alone", ConvertConfig(detail_transfer="none", sharpen=0, contrast=0)),
        ("with contrast", ConvertConfig(detail_transfer="none")),
        ("with B's detail", ConvertConfig()),
    ):
        config = dataclasses.replace(config, latent_map="align", occlusion="none")
        swapper = open_swapper(demo.networks, demo.workspace, config)
        (swapped,) = swap_faces([(frame, face)], swapper)
        painted = Compositor(config, swapper.coverage).composite(frame, swapped).frame
        tiles.append(draw_tile(title, align_face(painted, face).image, SIDE))
    return join(tiles)


def draw_faces(demo: Demo) -> np.ndarray:
    """From the frame to the crop and its masks."""
    frame = demo.clips["a"][MOMENTS[1]]
    (face,) = MTCNN().detect(frame)
    crop = align_face(frame, face)
    marked = crop.image.copy()
    finder = open_landmark_detector()
    if finder is not None:
        for x, y in finder.detect([crop])[0].round().astype(int).tolist():
            cv2.circle(marked, (x, y), 2, (255, 220, 0), cv2.FILLED, cv2.LINE_AA)
    faceset = Faceset.open(demo.workspace, "src").sample(5)
    arrays = faceset.load(256)
    eyes = overlay_mask(arrays.images[1], arrays.eyes[1] / 255)
    return join(
        [
            draw_tile("1 found", draw_face(frame, face), SIDE),
            draw_tile("2 aligned", crop.image, SIDE),
            draw_tile("3 landmarks", marked, SIDE),
            draw_tile("4 eye mask", eyes, SIDE),
        ]
    )


def draw_learning(demo: Demo) -> np.ndarray:
    """What both decoders make of one face of each person."""
    tiles = []
    for person in "ab":
        frame = demo.clips[person][MOMENTS[1]]
        (face,) = MTCNN().detect(frame)
        views = [decode(demo.networks, frame, face, person + to) for to in "ab"]
        tiles.append(draw_tile(f"{person.upper()} goes in", views[0][0], SIDE))
        tiles += [
            draw_tile(f"decoder {to.upper()} writes", view, SIDE) for to, (_, view) in zip("ab", views, strict=True)
        ]
    return join_rows(tiles, 3)


def decode(networks: Networks, frame: np.ndarray, face: Face, direction: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the networks read of a face, and what a decoder writes; both without a latent map, RGB uint8."""
    coverage, side = networks.config.coverage, networks.config.resolution
    crop = align_face(frame, face)
    matrix, outline = view_matrix(crop.crop_from_frame, CROP_SIZE, side, coverage), None
    if (finder := open_outline_detector(networks.config.face_region)) is not None:
        outline = map_points(matrix, map_points(invert_affine(crop.crop_from_frame), finder.detect([crop])[0]))
    inside = region_mask(points_in_crop(face, matrix), outline, side, coverage=coverage)
    seen, tones = preprocess_views(warp_frame(frame, matrix, side)[None], inside[None])
    written = keras.ops.convert_to_numpy(networks.generate(seen, direction)[1])
    read = np.clip((np.asarray(seen[0]) + 1) * 127.5, 0, 255).astype(np.uint8)
    return read, postprocess_faces(written, tones)[0]


def draw_training(demo: Demo) -> np.ndarray:
    """Real and warped views of one crop."""
    side = demo.networks.config.resolution
    faces = to_device(Faceset.open(demo.workspace, "src").load(demo.networks.config.stored_size))
    config = TrainConfig(batch_size=3, random_warp=0.06)
    grids = random_warp_grid(config, side, faces.size, keras.random.SeedGenerator(4))
    index = np.full(3, len(faces.images) // 3, "int32")
    real, warped = (keras.ops.convert_to_numpy(sample(faces, index, grid))[..., :3].astype(np.uint8) for grid in grids)
    top = [draw_tile("read (warped)", view, SIDE) for view in warped]
    return join_rows([*top, *(draw_tile("to be written", view, SIDE) for view in real)], 3)


def draw_evaluation(demo: Demo) -> np.ndarray:
    """The input, a face that is only pasted, and the swap."""
    tiles, finder = [], open_landmark_detector()
    if finder is None:
        raise ValueError("expected 68 landmarks; install the extra dlib")
    faceset = Faceset.open(demo.workspace, "dst")
    crops = [
        (crop.image, record.landmarks_in_crop())
        for record, crop in zip(faceset.records, faceset.read_crops(), strict=True)
    ]
    for at in MOMENTS[:2]:
        frame = demo.clips["a"][at]
        (face,) = MTCNN().detect(frame)
        for title, picture in (
            ("input", frame),
            ("only pasted", paste_nearest(frame, face, finder, crops)),
            ("swapped", demo.clips["s"][at]),
        ):
            tiles.append(draw_tile(title, align_face(picture, face).image, SIDE))
    return join_rows(tiles, 3)


PICTURES: dict[str, typing.Callable[[Demo], np.ndarray]] = {
    "demo": draw_demo,
    "result_close": draw_result_close,
    "result_back": draw_result_back,
    "result_parts": draw_result_parts,
    "faces": draw_faces,
    "learning": draw_learning,
    "training": draw_training,
    "evaluation": draw_evaluation,
}
"""Every picture by the name of its file."""


def main() -> None:
    """Draws the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=pathlib.Path, required=True)
    parser.add_argument("--only", nargs="+", choices=tuple(PICTURES), default=tuple(PICTURES))
    parser.add_argument("--folder", type=pathlib.Path, default=None, help="folder of the pictures")
    options = parser.parse_args()
    workspace = Workspace(options.workspace)
    networks, _ = load_run(workspace)
    paths = {"a": f"clips/{CLIPS[0]}", "b": f"clips/{CLIPS[1]}", "s": "swap.mp4", "r": "back.mp4"}
    clips = {name: list(read_frames(options.workspace / path)) for name, path in paths.items()}
    demo = Demo(workspace=workspace, networks=networks, clips=clips)
    for name in options.only:
        print(save(name, PICTURES[name](demo), *([options.folder] if options.folder else [])))


def _compare(demo: Demo, original: str, swapped: str, wanted: str) -> np.ndarray:
    """Draws three moments: the input, the result, and the wanted person."""
    detector, rows = MTCNN(), []
    for at in MOMENTS[1:]:
        frame = demo.clips[original][at]
        (face,) = detector.detect(frame)
        (other,) = detector.detect(demo.clips[wanted][at])
        pictures = (frame, face), (demo.clips[swapped][at], face), (demo.clips[wanted][at], other)
        titles = ("input", "result", "the wanted person") if not rows else ("", "", "")
        rows.append(
            join([draw_tile(title, align_face(*one).image, SIDE) for title, one in zip(titles, pictures, strict=True)])
        )
    return join(rows, down=True)


if __name__ == "__main__":
    main()
