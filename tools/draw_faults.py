"""Draws the pictures of docs/faults.md: faults that were provoked on the demo's two portraits, beside the repair.

Usage: python -m tools.draw_faults --workspace DIR [--only NAME ...]

DIR is a workspace as `faceswap demo` creates it, with the occlusion network that `faceswap mask --train` writes.
"""

import argparse
import dataclasses
import functools
import pathlib
import tempfile
import typing

import cv2
import numpy as np

from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.stages.swap import swap_faces
from faceswap_lib.demo.fixtures import CLIPS
from faceswap_lib.faces import MTCNN, TrackConfig, align_face
from faceswap_lib.faces.alignment import invert_affine, map_points
from faceswap_lib.facesets import Workspace
from faceswap_lib.media import read_frames, read_image
from faceswap_lib.networks import PRESETS, Networks
from faceswap_lib.occlusion.choice import open_occlusion_network
from faceswap_lib.pipeline import convert
from faceswap_lib.pipeline.load_swapper import open_swapper
from faceswap_lib.show.training import preview_column
from faceswap_lib.training import LoopConfig, TrainConfig, load_run, train
from tools.draw_occlusion import cover
from tools.pictures import draw_tile, join, save

SIDE = 280
"""Side of a tile in pixels."""

USUAL = ConvertConfig(latent_map="align")
"""Options of a repaired face; a fixed map saves the search for the best one."""

STEP = 60
"""Steps of the trainings that are broken on purpose."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """What the pictures are made of.

    Attributes:
        workspace: The workspace of the demo.
        networks: Its trained networks.
        frames: All frames of A's clip, (H, W, 3) RGB uint8.
    """

    workspace: Workspace
    networks: Networks
    frames: list[np.ndarray]

    def swap(self, frame: np.ndarray, config: ConvertConfig, *, occlusion: bool = False) -> np.ndarray:
        """Swaps the face of one frame; returns its crop."""
        swapper = _open(self.networks, self.workspace, dataclasses.replace(config, occlusion="none"))
        if occlusion:
            swapper = swapper.with_occlusion(open_occlusion_network(self.workspace.occlusion_network))
        (face,) = MTCNN().detect(frame)
        (swapped,) = swap_faces([(frame, face)], swapper)
        return align_face(Compositor(config, swapper.coverage).composite(frame, swapped).frame, face).image


def usual_but(**options: typing.Any) -> ConvertConfig:
    """Returns the usual options with some changes."""
    return dataclasses.replace(USUAL, **options)


def draw_pair(stage: Stage, wrong: ConvertConfig, right: ConvertConfig, *, at: int = 20) -> np.ndarray:
    """Draws one frame with two sets of options."""
    frame = stage.frames[at]
    return _pair(stage.swap(frame, wrong), stage.swap(frame, right))


def draw_soft(stage: Stage) -> np.ndarray:
    """Without detail of the wanted person's crops, and not sharpened."""
    return draw_pair(stage, usual_but(detail_transfer="none", sharpen=0), USUAL)


def draw_light(stage: Stage) -> np.ndarray:
    """Light from one side on the frame, from the front on the wanted person."""
    frame = stage.frames[20]
    return _pair(stage.swap(light_from_side(frame), USUAL), stage.swap(frame, USUAL))


def draw_border(stage: Stage) -> np.ndarray:
    """A hard border that is too far outside, and no color transfer."""
    wrong = usual_but(feather=0.01, color_transfer="none", blend="overlay", contrast=1.0, erode=-0.15)
    return draw_pair(stage, wrong, USUAL)


def draw_double(stage: Stage) -> np.ndarray:
    """A new face that is too small for the head."""
    return draw_pair(stage, usual_but(face_scale=0.8, placement="none", erode=-0.2), USUAL)


def draw_small(stage: Stage) -> np.ndarray:
    """Only the middle of the face is new."""
    return draw_pair(stage, usual_but(erode=0.35), USUAL)


def draw_input(stage: Stage) -> np.ndarray:
    """The wrong direction: A's face from A's decoder."""
    return draw_pair(stage, usual_but(direction="b2a"), USUAL)


def draw_hand(stage: Stage) -> np.ndarray:
    """A hand in front of the face, without and with an occlusion network."""
    frame = stage.frames[20]
    (face,) = MTCNN().detect(frame)
    covered = cover(frame, face, "hand")
    return _pair(stage.swap(covered, USUAL), stage.swap(covered, USUAL, occlusion=True))


def draw_shake(stage: Stage) -> np.ndarray:
    """One line of pixels through both eyes, frame below frame, without and with smoothing."""
    tiles = []
    for smoothing in ("none", "rts"):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "swap.mkv"
            convert(
                stage.workspace.root / "clips" / CLIPS[0],
                stage.workspace,
                out,
                config=ConvertConfig(latent_map="align"),
                output_config=OutputConfig(end=2.4, label=False),
                track_config=TrackConfig(smoothing=smoothing),
                consent="public-domain portraits",
            )
            frames = list(read_frames(out))
        tiles.append(_slices(frames))
    return join([draw_tile(title, tile, SIDE, height=SIDE) for title, tile in zip(TITLES, tiles, strict=True)])


def draw_collapse(stage: Stage) -> np.ndarray:
    """A learning rate that is twenty times too high, without a guard, beside the usual one."""
    tiles = []
    for name, broken in (
        ("collapsed", {"learning_rate": 0.02, "global_clipnorm": 0.0, "warmup_steps": 1}),
        ("usual", {}),
    ):
        steps = STEP if broken else 4 * STEP
        report = train(
            stage.workspace,
            run=f"fault-{name}",
            network_config=PRESETS["tiny"],
            config=TrainConfig(steps=steps, **broken),
            run_config=LoopConfig(divergence_guard=not broken, preview_every=steps),
            progress=True,
        )
        preview = read_image(sorted((report.folder / "previews").glob("step-*.png"))[-1])
        tiles.append(preview_column(preview, "a2a", face=1, column=3))
    return _pair(*tiles)


_open = functools.cache(open_swapper)
"""Opening a swapper reads all crops, so each is opened once."""

TITLES = ("the fault", "repaired")
FAULTS: dict[str, typing.Callable[[Stage], np.ndarray]] = {
    name.removeprefix("draw_"): function
    for name, function in list(globals().items())
    if name.startswith("draw_") and name not in ("draw_tile", "draw_pair")
}
"""Every fault by its name."""


def main() -> None:
    """Draws the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=pathlib.Path, required=True)
    parser.add_argument("--only", nargs="+", choices=tuple(FAULTS), default=tuple(FAULTS))
    parser.add_argument("--folder", type=pathlib.Path, default=None, help="folder of the pictures")
    options = parser.parse_args()
    workspace = Workspace(options.workspace)
    networks, _ = load_run(workspace)
    stage = Stage(
        workspace=workspace,
        networks=networks,
        frames=list(read_frames(options.workspace / "clips" / CLIPS[0])),
    )
    for name in options.only:
        picture = FAULTS[name](stage)
        print(save(f"fault_{name}", picture, *([options.folder] if options.folder else [])))


def light_from_side(frame: np.ndarray) -> np.ndarray:
    """Darkens a frame from right to left, as if the light came from one side."""
    falloff = np.interp(np.arange(frame.shape[1]), [90, 240], [0.35, 1.15])
    return np.clip(frame * falloff[None, :, None], 0, 255).astype(np.uint8)


def _pair(wrong: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Puts the fault and the repair beside each other."""
    return join([draw_tile(title, tile, SIDE) for title, tile in zip(TITLES, (wrong, right), strict=True)])


def _slices(frames: list[np.ndarray]) -> np.ndarray:
    """Cuts the line through both eyes, as they are in the first frame, out of all frames."""
    (face,) = MTCNN().detect(frames[0])
    matrix = align_face(frames[0], face).crop_from_frame
    line = map_points(invert_affine(matrix), np.array([[40.0, 104.0], [216.0, 104.0]]))
    points = np.linspace(line[0], line[1], 200).astype(np.float32)[None]
    rows = [cv2.remap(frame, points[..., 0], points[..., 1], cv2.INTER_CUBIC) for frame in frames]
    return np.vstack(rows)


if __name__ == "__main__":
    main()
