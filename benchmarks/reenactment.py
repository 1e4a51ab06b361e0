"""Trains the reenactment systems on clips and compares them with cheap baselines on the held-out end of every clip.

Usage: python benchmarks/reenactment.py [--clips DIR] [--systems NAME ...] [--steps N] [--workspace DIR] [--json]

The systems train together on the first four fifths of d6, d9 and d10; one photo of each person, the most common shape,
is driven by the last fifth of the person's own clip, and the true frames are the right answers. d14 is a person that
the networks have never seen: its first fifth gives the photo. With `--workspace`, facesets and runs are kept there and
used again, and a run that has all its steps is not trained again.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import dataclasses
import pathlib
import tempfile
import time

import numpy as np
from harness import find_clips, make_parser, print_json, print_table, time_matmul

from faceswap_lib.evaluation.lpips_like import open_perceptual
from faceswap_lib.evaluation.reenactment import BASELINES, ReenactmentMeter, mean_embeddings
from faceswap_lib.faces import CROP_SIZE, MTCNN
from faceswap_lib.faces.recognition import DlibEmbedder
from faceswap_lib.facesets import ExtractConfig, Workspace, extract_faces, write_eye_masks
from faceswap_lib.facesets.crop_loading import shrink
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig
from faceswap_lib.reenactment.face_shape import open_shape_detector
from faceswap_lib.reenactment.people import ReenactmentDataset, hold_out, load_people, open_people
from faceswap_lib.reenactment.system import MODULES, open_system
from faceswap_lib.reenactment.training import load_reenactment, train_reenactment
from faceswap_lib.training.run_config import LoopConfig

TRAINED, UNSEEN = ("d6", "d9", "d10"), "d14"
HELD_OUT = 0.2
RESOLUTION = 128
SHOWN = ("psnr", "ssim", "perceptual", "landmark_error", "gaze_error", "pose_error", "expression_agreement")
SHOWN += ("identity_accuracy", "identity_distance", "jitter", "lost")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A photo of one person, and the frames that drive it.

    Attributes:
        person: Name of the person.
        photo: Index of the photo in `people`.
        driver: Indices of the driving frames in `people`, in their order.
    """

    person: str
    photo: int
    driver: np.ndarray


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


def choose_tasks(trained: ReenactmentDataset, held: ReenactmentDataset) -> list[Task]:
    """Chooses the photo of each person from the first people; the others drive it. Indices are those of both joined."""
    tasks = []
    for number, name in enumerate(trained.names):
        own = np.flatnonzero(trained.person == number)
        photo = own[np.argmin(trained.rarity[own])]
        driver = len(trained) + np.flatnonzero(held.person == number)
        tasks.append(Task(person=name, photo=int(photo), driver=driver))
    return tasks


def join(one: ReenactmentDataset, other: ReenactmentDataset) -> ReenactmentDataset:
    """Joins two selections of the same people."""
    return dataclasses.replace(
        one,
        images=np.concatenate([one.images, other.images]),
        shapes=dataclasses.replace(
            one.shapes,
            **{name: np.concatenate([value, vars(other.shapes)[name]]) for name, value in vars(one.shapes).items()},
        ),
        person=np.concatenate([one.person, other.person]),
        frames=np.concatenate([one.frames, other.frames]),
        rarity=np.concatenate([one.rarity, other.rarity]),
    )


def resize_all(images: np.ndarray) -> np.ndarray:
    """Resizes crops (N, S, S, 3) to `RESOLUTION`."""
    return np.stack([shrink(image, RESOLUTION) for image in images])


def run_baseline(name: str, people: ReenactmentDataset, task: Task) -> np.ndarray:
    """Makes the crops of a task without any training."""
    photo, shape = shrink(people.images[task.photo], RESOLUTION), people.shapes.shape(task.photo)
    return np.stack([BASELINES[name](photo, shape, people.shapes.shape(int(index))) for index in task.driver])


def train(system: str, workspaces: list[Workspace], steps: int, capacity: str) -> float:
    """Trains a system; returns the seconds of all its steps."""
    report = train_reenactment(
        workspaces,
        run=f"{system}_{capacity}_{steps}",
        network_config=ReenactmentNetworkConfig(system=system, resolution=RESOLUTION, capacity=capacity),
        config=ReenactmentTrainConfig(steps=steps, hold_out=HELD_OUT),
        run_config=LoopConfig(preview_interval="60s"),
    )
    return report.seconds_in_all


def run_system(
    system: str, run: str, workspace: Workspace, people: ReenactmentDataset, task: Task
) -> tuple[np.ndarray, float]:
    """Makes the crops of a task with a trained system; returns them and the frames per second."""
    networks, _ = load_reenactment(workspace, run)
    photo = shrink(people.images[task.photo], RESOLUTION)
    renderer = open_system(system).build_renderer(networks, photo, people.shapes.shape(task.photo))
    shapes = people.shapes.take(task.driver)
    renderer.render(shapes.take(np.arange(min(16, len(shapes)))))  # compiles
    start = time.perf_counter()
    made = renderer.render(shapes)
    return made, len(shapes) / (time.perf_counter() - start)


def score(meter: ReenactmentMeter, method: str, made: dict[str, np.ndarray], truth: dict[str, np.ndarray]) -> dict:
    """Measures a method on all tasks; returns one row of the table, the mean over the people."""
    rows = [dataclasses.asdict(meter.measure(made[name], truth[name], name)) for name in made]
    return {"method": method} | {name: float(np.nanmean([row[name] for row in rows])) for name in SHOWN}


def main() -> None:
    """Runs the benchmark."""
    parser = make_parser(__doc__.split("\n")[0])
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
        known = hold_out(load_people(open_people(workspaces), size, detector=detector), HELD_OUT)
        unseen = load_people(open_people([stranger]), size, detector=detector)
        first = hold_out(unseen, 1 - HELD_OUT)
        groups = {"people of the training": known, "a person never seen": first}
        embedder = DlibEmbedder() if DlibEmbedder.unavailable_reason() is None else None
        galleries = {
            name: resize_all(people.images[people.person == number][::8])
            for people in (known[0], first[0])
            for number, name in enumerate(people.names)
        }
        meter = ReenactmentMeter(
            detector=detector,
            embedder=embedder,
            perceptual=open_perceptual(),
            people=mean_embeddings(embedder, galleries) if embedder else {},
        )
        seconds = {system: train(system, workspaces, options.steps, options.capacity) for system in options.systems}
        result: dict = {"matmul_s": matmul, "steps": options.steps, "seconds": seconds}
        for title, (trained, held) in groups.items():
            tasks, people = choose_tasks(trained, held), join(trained, held)
            truth = {task.person: resize_all(people.images[task.driver]) for task in tasks}
            rows = []
            for name in BASELINES:
                made = {task.person: run_baseline(name, people, task) for task in tasks}
                rows.append(score(meter, name, made, truth) | {"fps": float("nan"), "seconds": 0.0})
            for system in options.systems:
                run = f"{system}_{options.capacity}_{options.steps}"
                pairs = {task.person: run_system(system, run, workspaces[0], people, task) for task in tasks}
                made = {name: crops for name, (crops, _) in pairs.items()}
                fps = float(np.median([fps for _, fps in pairs.values()]))
                rows.append(score(meter, system, made, truth) | {"fps": fps, "seconds": seconds[system]})
            result[title] = rows
            print_table(title, rows)
        print(f"\nOne matrix product of 2048: {matmul:.3f} s at the start, {time_matmul():.3f} s at the end")
    if options.json:
        print_json(result)


if __name__ == "__main__":
    main()
