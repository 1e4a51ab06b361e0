"""Draws the sheets of docs/occlusion.md: synthetic occluders and the masks that were found, and swaps behind a hand.

Usage: python -m tools.draw_occlusion --workspace DIR

DIR is a workspace with the two portraits' clips, facesets and a trained run, as created by `faceswap demo`, with an
occlusion network, as trained by `faceswap mask --workspace DIR --train`.
"""

import dataclasses

import cv2
import numpy as np

from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.stages.swap import swap_faces
from faceswap_lib.faces import MTCNN, Face, align_face
from faceswap_lib.faces.alignment import invert_affine
from faceswap_lib.facesets import Faceset
from faceswap_lib.occlusion.choice import open_occlusion_network
from faceswap_lib.occlusion.config import DEFAULT_KINDS
from faceswap_lib.occlusion.dataset import make_scene
from faceswap_lib.occlusion.masks import clean_mask
from faceswap_lib.occlusion.network import OcclusionPredictor
from faceswap_lib.occlusion.scene import Scene
from faceswap_lib.occlusion.shapes import Layer
from faceswap_lib.occlusion.synthetic import Kind, draw_occluder, put_over
from faceswap_lib.pipeline.load_swapper import open_swapper
from tools.demo_run import DemoRun, open_demo_run
from tools.draw_conversion_sheets import draw_tile
from tools.pictures import save

SEED = 6
"""Seed of the occluders in the sheets."""

COVERED = np.array([40.0, 90.0, 255.0])
"""RGB in which pixels outside a mask are tinted."""


def main() -> None:
    """Draws both sheets."""
    run = open_demo_run(__doc__.splitlines()[0])
    network = open_occlusion_network(run.workspace.occlusion_network)
    save("occlusion_kinds", draw_kinds(run, network))
    save("occlusion_conversion", draw_conversions(run, network))


def draw_kinds(run: DemoRun, network: OcclusionPredictor) -> np.ndarray:
    """Draws one face per kind of occluder, above its truth and the mask that the network found."""
    crops = [Faceset.open(run.workspace, side).sample(5).read_crops()[2] for side in ("src", "dst")]
    scenes, random, columns = [make_scene(crop) for crop in crops], np.random.default_rng(SEED), []
    for index, kind in enumerate(DEFAULT_KINDS):
        scene = scenes[index % 2]
        layer = draw_occluder(random, scene, kind)
        image = put_over(random, scene.crop, layer)
        (found,) = network.predict(image[None])
        truth = scene.region * (1 - layer.alpha)
        tiles = (("", image), ("truth", tint(image, truth)), ("found", tint(image, scene.region * clean_mask(found))))
        columns.append(np.vstack([draw_tile(name or kind, tile) for name, tile in tiles]))
    half = len(columns) // 2
    return np.vstack([np.hstack(columns[:half]), np.hstack(columns[half:])])


def draw_conversions(run: DemoRun, network: OcclusionPredictor) -> np.ndarray:
    """Draws swaps of both directions behind a hand and behind a cup, without and with occlusion."""
    rows, kinds = [], ("hand", "cup")
    for frame, direction, kind in zip(run.frames, ("a2b", "b2a"), kinds, strict=True):
        config = ConvertConfig(direction=direction)
        swapper = open_swapper(run.networks, run.workspace, dataclasses.replace(config, occlusion="none"))
        (face,) = MTCNN().detect(frame)
        covered = cover(frame, face, kind)
        tiles = [draw_tile("frame", align_face(covered, face).image)]
        for name, used in (("--occlusion none", None), ("--occlusion network", network)):
            (swapped,) = swap_faces([(covered, face)], swapper.with_occlusion(used))
            painted = Compositor(config, swapper.coverage).composite(covered, swapped).frame
            if swapped.visible is not None:
                mask = cv2.resize(swapped.visible, swapped.target.shape[1::-1])
                tiles.append(draw_tile("visible face", tint(swapped.target, mask)))
            tiles.append(draw_tile(name, align_face(painted, face).image))
        rows.append(np.hstack(tiles))
    return np.vstack(rows)


def cover(frame: np.ndarray, face: Face, kind: Kind) -> np.ndarray:
    """Puts an occluder over a face in a frame."""
    crop = align_face(frame, face)
    scene = Scene(crop=crop.image, landmarks=crop.landmarks, region=np.ones((256, 256), np.float32))
    layer = draw_occluder(np.random.default_rng(SEED), scene, kind)
    size = (frame.shape[1], frame.shape[0])
    matrix = invert_affine(crop.crop_from_frame)
    color, alpha = (cv2.warpAffine(one, matrix, size) for one in (layer.color, layer.alpha))
    return put_over(np.random.default_rng(SEED), frame, Layer(color=color, alpha=alpha))


def tint(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Tints what is outside a mask, (S, S) float32 in [0, 1]."""
    outside = 0.6 * (1 - mask[..., None])
    return np.round(image * (1 - outside) + COVERED * outside).astype(np.uint8)


if __name__ == "__main__":
    main()
