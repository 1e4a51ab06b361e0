"""Times complete training steps: both directions, generators and discriminators, a batch of 8 faces per person.

Usage: python benchmarks/train_step.py [--only lite/64/8 ...] [--precision float32] [--json]

Every configuration runs in a separate process, so that its memory is measured separately. Times are also given relative
to a 2048 x 2048 x 2048 float32 matrix product of NumPy, timed in the same run, to compare machines. The images are
noise. The perceptual networks have random weights, which take as long as trained ones.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
from harness import print_json, print_table, time_matmul

from faceswap_lib.memory import peak_memory

CONFIGURATIONS = (
    "tiny/64/8",
    "lite/64/8",
    "lite/64/8/onet",
    "lite/64/8/perceptual",
    "lite/128/8",
    "lite/128/8/onet",
    "lite/256/8",
    "standard/64/8",
    "standard/64/8/perceptual",
    "faceswap-gan/64/8",
)
"""Capacity (or `faceswap-gan`), resolution, batch size, and a perceptual network: O-Net, or VGGFace's ResNet50."""

CROPS = 64
"""Number of stored crops per person."""


def main() -> None:
    """Times all configurations and prints the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--only", nargs="+", default=CONFIGURATIONS, help="configurations, such as lite/64/8")
    parser.add_argument("--repeats", type=int, default=15, help="steps that are timed, after three warm-up steps")
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print_json(time_steps(options.child, options.repeats, options.precision))
        return
    matmul = time_matmul()
    steps = {name: _in_process(name, options) for name in options.only}
    matmul = min(matmul, time_matmul())
    rows = []
    for name, measured in steps.items():
        measured["ratio"] = measured["s"] / matmul
        measured["ratio_without_discriminators"] = measured["s_without_discriminators"] / matmul
        rows.append({"configuration": name, **measured})
    print(f"matrix product: {matmul:.4f} s")
    print_table("One step", rows)
    if options.json:
        pipeline = steps.get("lite/64/8", next(iter(steps.values())))["pipeline_ratio"]
        print_json({"matmul_s": matmul, "steps": steps, "pipeline_ratio": pipeline})


def _in_process(name: str, options: argparse.Namespace) -> dict:
    """Times one configuration in a new process."""
    command = [sys.executable, __file__, "--child", name, "--repeats", str(options.repeats)]
    command += ["--precision", options.precision]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"})
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def time_steps(name: str, repeats: int, precision: str) -> dict:
    """Times one configuration in this process.

    Returns:
        `s` and `s_without_discriminators`: medians in seconds. `rss_mb`: peak memory. `pipeline_ratio`: how many
        batches are drawn, sampled and warped in the time of one step.
    """
    objective, take_step, config = build_training(name, precision)

    def step(active: frozenset[str], index: int) -> None:
        phase = config.phases[-2]
        take_step(_draw(config, index), phase.weights(config), 0.9, active=active)

    active = {"adversarial"} | ({"perceptual"} if config.perceptual != "none" else set())
    without = _median(lambda index: step(frozenset(active - {"adversarial"}), index), repeats)
    whole = _median(lambda index: step(frozenset(active), index), repeats)
    views = compile_views(objective)
    pipeline = _median(lambda index: views(_draw(config, index)), 4 * repeats)
    return {
        "s": whole,
        "s_without_discriminators": without,
        "rss_mb": peak_memory() / 2**20,
        "pipeline_ratio": whole / pipeline,
    }


def build_training(name: str, precision: str):
    """Builds the objective and the compiled step of a configuration, on noise images."""
    import dataclasses

    import keras

    from faceswap_lib.facesets import FacesetArrays
    from faceswap_lib.networks import PRESETS
    from faceswap_lib.training.augmentation import to_device
    from faceswap_lib.training.backends import build_step
    from faceswap_lib.training.config import TRAINING_PRESETS
    from faceswap_lib.training.loss_model import Objective
    from faceswap_lib.training.train_step import build_state

    preset, resolution, batch, *perceptual = name.split("/")
    networks = dataclasses.replace(PRESETS[preset], resolution=int(resolution))
    config = dataclasses.replace(
        TRAINING_PRESETS[preset],
        batch_size=int(batch),
        precision=precision,
        perceptual="onet" if perceptual else "none",
    )
    random, size = np.random.default_rng(0), networks.stored_size

    def noise() -> FacesetArrays:
        shape = (CROPS, size, size)
        masks = {part: random.integers(0, 256, shape, np.uint8) for part in ("eyes", "mouth", "face")}
        return FacesetArrays(images=random.integers(0, 256, (*shape, 3), np.uint8), rarity=np.ones(CROPS), **masks)

    state = build_state(networks, config)
    objective = Objective(
        networks=state.networks,
        faces_a=to_device(noise()),
        faces_b=to_device(noise()),
        config=config,
        seed=keras.random.SeedGenerator(0),
    )
    if perceptual == ["perceptual"]:
        from faceswap_lib.networks.pretrained.vggface import build_vggface
        from faceswap_lib.training.perceptual import vggface_perceptual_loss

        network = build_vggface("resnet50", config.perceptual_resolution)
        object.__setattr__(
            objective, "perceptual_loss", vggface_perceptual_loss(network, "resnet50")
        )  # no weights file is needed
    return objective, build_step(objective, state), config


def compile_views(objective):
    """Compiles everything that comes before the networks separately: drawing, sampling, warping, and tones."""
    import keras
    from keras import ops

    def views(index_a, index_b):
        samples = (objective.view(objective.faces_a, index_a), objective.view(objective.faces_b, index_b))
        return sum(ops.sum(part) for sample in samples for part in (sample.encoder_input, sample.real, sample.face))

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        views = tf.function(views, autograph=False)
    elif backend == "jax":
        raise SystemExit("the pipeline is timed on tensorflow and torch")
    return lambda batch: float(views(ops.cast(batch.index_a, "int32"), ops.cast(batch.index_b, "int32")))


def _draw(config, index: int):
    from faceswap_lib.training.train_step import draw_batch

    alike = np.full(CROPS, 1 / CROPS)
    return draw_batch(config, index, alike, alike)


def _median(run, repeats: int) -> float:
    seconds = []
    for index in range(repeats + 3):
        start = time.perf_counter()
        run(index)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[3:])


if __name__ == "__main__":
    main()
