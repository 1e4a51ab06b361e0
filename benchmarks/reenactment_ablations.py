"""Switches off each loss and each trick of the reenactment systems once, and measures the held-out end of every clip.

Usage: python benchmarks/reenactment_ablations.py [--clips DIR] [--systems NAME ...] [--steps N] [--workspace DIR]

Every variant is trained alike: same people (d6, d9, d10), same seed, same steps, 64 pixels. The complete system is
trained with one more seed, because a difference smaller than that between seeds says nothing. What is measured are
the networks alone, without the classical fusion. The one-shot system has a fusion of its own, which learns to show much
of the warped photo; no gradient reaches the decoder from there. So the picture of the decoder is measured as well: the
other losses act on it only (columns `decoder_...`).
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import dataclasses
import pathlib
import tempfile
import unittest.mock

import numpy as np
from harness import find_clips, make_parser, print_json, print_table, time_matmul
from keras import layers
from reenactment import TRAINED, extract

from faceswap_lib.evaluation.lpips_like import open_perceptual
from faceswap_lib.evaluation.reenactment import ReenactmentMeter
from faceswap_lib.evaluation.reenactment_methods import (
    CropMaker,
    MethodScores,
    embed_people,
    measure_methods,
    system_makers,
)
from faceswap_lib.faces.recognition import DlibEmbedder
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig, SystemName
from faceswap_lib.reenactment.driving_tasks import list_tasks
from faceswap_lib.reenactment.face_shape import FaceShape, open_shape_detector
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.people import load_people, open_people
from faceswap_lib.reenactment.shape_pictures import ShapeBatch
from faceswap_lib.reenactment.system import MODULES, open_system
from faceswap_lib.reenactment.systems import landmark_gan_networks
from faceswap_lib.reenactment.systems.one_shot import OneShotRenderer
from faceswap_lib.reenactment.training import load_reenactment, train_reenactment
from faceswap_lib.training.run_config import LoopConfig

RESOLUTION = 64
BATCH_SIZE = 4
EVERY = 4
"""One of so many frames is measured."""

STEPS = {"landmark-gan": 700, "one-shot": 600, "avatar": 300}
"""Steps after which the complete system follows the landmarks; the landmark GAN has to learn to warp."""

HELD_OUT = 0.2


@dataclasses.dataclass(frozen=True)
class Variant:
    """A system of which one part is switched off.

    Attributes:
        name: What is switched off.
        options: Options of the training that differ.
        plain_convolutions: Whether the discriminators have no spectral normalization.
    """

    name: str
    options: dict
    plain_convolutions: bool = False


SHOWN = ("psnr", "ssim", "perceptual", "landmark_error", "gaze_error", "pose_error", "expression_agreement")
SHOWN += ("identity_accuracy", "identity_distance", "jitter", "lost")


def list_variants(system: SystemName) -> list[Variant]:
    """Lists the complete system (two seeds), and one variant per loss and trick."""
    complete = [Variant("complete" + ("" if seed == 0 else f", seed {seed}"), {"seed": seed}) for seed in range(2)]
    losses = [Variant(f"no {name}", {"loss_weights": f"{name}=0"}) for name in open_system(system).loss_weights]
    tricks = [
        Variant("no rotation", {"rotation_range": 0.0}),
        Variant("no zoom, no shift", {"zoom_range": 0.0, "shift_range": 0.0}),
        Variant("rare shapes not preferred", {"rarity_exponent": 0.0}),
        Variant("no average of weights", {"ema_decay": 0.0}),
    ]
    if system == "landmark-gan":
        tricks.append(Variant("no spectral normalization", {}, plain_convolutions=True))
    return [*complete, *losses, *tricks]


def plain_convolution(filters: int, size: int, strides: int = 1) -> layers.Layer:
    """Builds a convolution without spectral normalization."""
    return layers.Conv2D(filters, size, strides=strides, padding="same")


def main() -> None:
    """Runs the benchmark."""
    parser = make_parser(str(__doc__).split("\n")[0])
    parser.add_argument("--systems", nargs="*", default=list(MODULES), choices=list(MODULES), help="systems to train")
    parser.add_argument("--steps", type=int, help="steps of each training, instead of those of each system")
    parser.add_argument("--workspace", type=pathlib.Path, help="folder that keeps facesets and runs")
    options = parser.parse_args()
    clips = {clip.stem: clip for clip in find_clips(options.clips)}
    with tempfile.TemporaryDirectory() as temporary:
        workspaces = extract([clips[name] for name in TRAINED], options.workspace or pathlib.Path(temporary))
        detector, matmul = open_shape_detector(), time_matmul()
        people = load_people(open_people(workspaces), RESOLUTION * 5 // 4, detector=detector)
        tasks = [dataclasses.replace(task, driver=task.driver[::EVERY]) for task in list_tasks(people, HELD_OUT)]
        embedder = DlibEmbedder() if DlibEmbedder.unavailable_reason() is None else None
        meter = ReenactmentMeter(
            detector=detector,
            embedder=embedder,
            perceptual=open_perceptual(),
            people=embed_people(embedder, people, tasks, RESOLUTION) if embedder else {},
        )
        result: dict = {"matmul_s": matmul, "steps": STEPS}
        for system in options.systems:
            rows = []
            for variant in list_variants(system):
                run, seconds = train(system, variant, workspaces, options.steps or STEPS[system])
                networks, _ = load_reenactment(workspaces[0], run)
                measured = measure_methods(picture_makers(networks), people, tasks, meter, RESOLUTION)
                rows.append({"variant": variant.name, **to_columns(measured), "seconds": seconds})
                print_table(f"{system}, so far", rows[-1:])
            result[system] = rows
            print_table(system, rows)
        print(f"\nOne matrix product of 2048: {matmul:.3f} s at the start, {time_matmul():.3f} s at the end")
    if options.json:
        print_json(result)


def picture_makers(networks: ReenactmentNetworks) -> dict[str, CropMaker]:
    """Returns what is measured: the result of the networks and, if they fuse it themselves, their decoder's picture."""
    system = networks.config.system

    def draw(photo: np.ndarray, source: FaceShape, shapes: ShapeBatch) -> np.ndarray:
        return OneShotRenderer(networks, photo, source).render_parts(shapes)["generated"]

    makers = {"": system_makers(networks)[f"{system}, not fused"]}
    return makers | {"decoder_": draw} if system == "one-shot" else makers


def to_columns(measured: dict[str, MethodScores]) -> dict[str, float]:
    """Returns the means over the people; the names begin with the name of the picture."""
    means = {picture: scores.mean() for picture, scores in measured.items()}
    return {f"{picture}{name}": row[name] for picture, row in means.items() for name in SHOWN}


def train(system: SystemName, variant: Variant, workspaces: list, steps: int) -> tuple[str, float]:
    """Trains a variant, unless it is there already; returns the name of the run and its seconds."""
    run = f"{system}_{steps}_{variant.name.replace(' ', '-').replace(',', '')}"
    convolution = plain_convolution if variant.plain_convolutions else landmark_gan_networks.SpectralConv
    with unittest.mock.patch.object(landmark_gan_networks, "SpectralConv", convolution):
        report = train_reenactment(
            workspaces,
            run=run,
            network_config=ReenactmentNetworkConfig(system=system, resolution=RESOLUTION),
            config=ReenactmentTrainConfig(steps=steps, batch_size=BATCH_SIZE, hold_out=HELD_OUT, **variant.options),
            run_config=LoopConfig(preview_interval=""),
        )
    return run, report.seconds_in_all


if __name__ == "__main__":
    main()
