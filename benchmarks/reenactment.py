"""Trains the reenactment systems on clips and compares them with cheap baselines on the held-out end of every clip.

Usage: python benchmarks/reenactment.py [--clips DIR] [--systems NAME ...] [--steps N] [--workspace DIR] [--json]

The systems train together on the first four fifths of d6, d9 and d10; one photo of each person, the most common shape,
is driven by the last fifth of the person's own clip, and the true frames are the right answers. d14 is a person that
the networks have never seen: its first fifth gives the photo. Every system is measured with the classical fusion and
without. With `--workspace`, facesets and runs are kept there and used again, and a run that has all its steps is not
trained again.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pathlib
import tempfile

import numpy as np
from harness import find_clips, make_parser, print_json, print_table, time_matmul

from faceswap_lib.evaluation.lpips_like import open_perceptual
from faceswap_lib.evaluation.reenactment import ReenactmentMeter
from faceswap_lib.evaluation.reenactment_methods import (
    MethodScores,
    baseline_makers,
    embed_people,
    measure_methods,
    system_makers,
)
from faceswap_lib.faces import CROP_SIZE, MTCNN
from faceswap_lib.faces.recognition import DlibEmbedder
from faceswap_lib.facesets import ExtractConfig, Workspace, extract_faces, write_eye_masks
from faceswap_lib.reenactment.config import Capacity, ReenactmentNetworkConfig, ReenactmentTrainConfig, SystemName
from faceswap_lib.reenactment.driving_tasks import DrivingTask, list_tasks
from faceswap_lib.reenactment.face_shape import open_shape_detector
from faceswap_lib.reenactment.people import ReenactmentDataset, load_people, open_people
from faceswap_lib.reenactment.system import MODULES
from faceswap_lib.reenactment.training import load_reenactment, train_reenactment
from faceswap_lib.training.run_config import LoopConfig

TRAINED, UNSEEN = ("d6", "d9", "d10"), "d14"
HELD_OUT = 0.2
RESOLUTION = 128
SHOWN = ("psnr", "ssim", "perceptual", "landmark_error", "gaze_error", "pose_error", "expression_agreement")
SHOWN += ("identity_accuracy", "identity_distance", "jitter", "lost")


def extract(clips: list[pathlib.Path], folder: pathlib.Path) -> list[Workspace]:
    """Extracts every frame of the clips, one workspace per clip, unless it is there already."""
    workspaces, detector = [], MTCNN()
    for clip in clips:
        workspace = Workspace(folder / clip.stem)
        if not (workspace.faces("src") / "manifest.jsonl").is_file():
            extract_faces(clip, workspace, "src", detector, config=ExtractConfig(crop_size=CROP_SIZE))
            write_eye_masks(workspace, "src")
        workspaces.append(workspace)
    return workspaces


def train(system: SystemName, workspaces: list[Workspace], steps: int, capacity: Capacity) -> float:
    """Trains a system; returns the seconds of all its steps."""
    report = train_reenactment(
        workspaces,
        run=f"{system}_{capacity}_{steps}",
        network_config=ReenactmentNetworkConfig(system=system, resolution=RESOLUTION, capacity=capacity),
        config=ReenactmentTrainConfig(steps=steps, hold_out=HELD_OUT),
        run_config=LoopConfig(preview_interval="60s"),
    )
    return report.seconds_in_all


def to_rows(methods: dict[str, MethodScores], seconds: dict[str, float]) -> list[dict]:
    """Returns one row of the table per method, the mean over the people."""
    rows = []
    for name, scores in methods.items():
        row = {measure: value for measure, value in scores.mean().items() if measure in SHOWN}
        rows.append({"method": name, **row, "fps": scores.fps, "seconds": seconds.get(name.partition(",")[0], 0.0)})
    return rows


def main() -> None:
    """Runs the benchmark."""
    parser = make_parser(str(__doc__).split("\n")[0])
    parser.add_argument("--systems", nargs="*", default=list(MODULES), choices=list(MODULES), help="systems to train")
    parser.add_argument("--steps", type=int, default=2000, help="steps of each training")
    parser.add_argument("--capacity", default="lite", help="capacity of the networks")
    parser.add_argument("--workspace", type=pathlib.Path, help="folder that keeps facesets and runs")
    options = parser.parse_args()
    clips = {clip.stem: clip for clip in find_clips(options.clips)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.workspace or pathlib.Path(temporary)
        workspaces = extract([clips[name] for name in TRAINED], folder)
        (stranger,) = extract([clips[UNSEEN]], folder)
        detector, matmul = open_shape_detector(), time_matmul()
        size = RESOLUTION * 5 // 4
        embedder = DlibEmbedder() if DlibEmbedder.unavailable_reason() is None else None
        groups: dict[str, tuple[ReenactmentDataset, tuple[DrivingTask, ...]]] = {}
        for title, folders, share in (
            ("people of the training", workspaces, HELD_OUT),
            ("a person never seen", [stranger], 1 - HELD_OUT),
        ):
            people = load_people(open_people(folders), size, detector=detector)
            groups[title] = people, list_tasks(people, share)
        everybody: dict[str, np.ndarray] = {}
        if embedder is not None:
            for people, tasks in groups.values():
                everybody |= embed_people(embedder, people, tasks, RESOLUTION)
        meter = ReenactmentMeter(detector=detector, embedder=embedder, perceptual=open_perceptual(), people=everybody)
        seconds = {system: train(system, workspaces, options.steps, options.capacity) for system in options.systems}
        makers = baseline_makers()
        for system in options.systems:
            networks, _ = load_reenactment(workspaces[0], f"{system}_{options.capacity}_{options.steps}")
            makers |= system_makers(networks)
        result: dict = {"matmul_s": matmul, "steps": options.steps, "seconds": seconds}
        for title, (people, tasks) in groups.items():
            result[title] = to_rows(measure_methods(makers, people, tasks, meter, RESOLUTION), seconds)
            print_table(title, result[title])
        print(f"\nOne matrix product of 2048: {matmul:.3f} s at the start, {time_matmul():.3f} s at the end")
    if options.json:
        print_json(result)


if __name__ == "__main__":
    main()
