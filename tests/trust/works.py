"""What the trust suite disturbs: every verb that writes, small and without networks, except the training and `run`.

A work starts from a folder that `make` has filled, does it, also where an earlier call was disturbed, and leaves what
`facts` tells; hidden files are its own business while it goes on, and gone when it has ended.
"""

import dataclasses
import fractions
import hashlib
import os
import pathlib
import re
import shutil
import typing

import numpy as np

from faceswap_lib.conversion import ConvertConfig, OutputConfig, convert_video
from faceswap_lib.conversion.image_conversion import convert_images
from faceswap_lib.conversion.job import ConversionJob
from faceswap_lib.faces import FaceTrack, Part, VideoTracks
from faceswap_lib.facesets import (
    Faceset,
    Workspace,
    exclude_crops,
    list_excluded,
    read_manifest,
    restore_crops,
    swap_parts,
    write_eye_masks,
)
from faceswap_lib.facesets.consent import record_consent
from faceswap_lib.facesets.consent_file import CONSENT, read_consent
from faceswap_lib.locks import hold
from faceswap_lib.media import VideoWriter, write_image
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.networks.pretrained.weights_catalog import WeightsFile
from faceswap_lib.networks.pretrained.weights_fetching import fetch_weights
from faceswap_lib.signals import defer_stop
from faceswap_lib.training import LoopConfig, TrainConfig, read_history
from faceswap_lib.training.checkpoint import checkpoint_progress, read_checkpoint
from faceswap_lib.training.checkpoint_manager import CheckpointManager
from faceswap_lib.training.divergence import new_memory
from faceswap_lib.training.loop import Loop
from faceswap_lib.training.run_metadata import write_config
from faceswap_lib.training.train_step import reset_state
from faceswap_lib.training.training_logger import TrainingLogger
from tests import disturbed
from tests.facesets.test_part_swap import MOUTHS, face_points, write_faceset
from tests.fakes import ListedDetector, PaintSwapper
from tests.pipeline import test_backup_faults
from tests.videos import pattern_frame
from tests.workspaces import make_project

OURS = re.compile(r"\.faceswap-written\.jsonl|\..*\.faceswap-lock|\.kept\.lock|\.step-00000024\.partial\.npz")
"""Hidden files that stay: the list of what was written in an output folder, locks, which a kill leaves, and half of the
backup of a training's last step, which the next step that is saved removes."""

PICTURES = ("a.png", "b.png", "c.jpg")
PAINT = ConvertConfig(color_transfer="none", sharpen=0, detail_transfer="none")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """Something that writes.

    Attributes:
        make: Fills an empty folder.
        do: Does it there, or what is left of it; gives what failed and was said without an error.
        facts: Tells what a folder holds, by name: equal for works that ended alike.
        passing: Patterns of files that are otherwise while it goes on, such as a log: they count at its end alone.
        check: Says what else is lost in a folder where it was disturbed.
    """

    make: typing.Callable[[pathlib.Path], None]
    do: typing.Callable[[pathlib.Path], list[str] | None]
    facts: typing.Callable[[pathlib.Path], dict[str, object]]
    passing: tuple[str, ...] = ()
    check: typing.Callable[[pathlib.Path], list[str]] = lambda root: []


def is_hidden(name: str) -> bool:
    """Whether a path below the folder is hidden, or in a hidden folder."""
    return "/." in f"/{name}"


def facts_of(root: pathlib.Path) -> dict[str, object]:
    """Every file that is not hidden, by the digest of its bytes; consents one by one, without their times."""
    facts: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not is_hidden(name):
            if path.name == CONSENT:
                found = read_consent(Workspace(path.parent))
                facts |= {f"{name}: {consent.statement}": dataclasses.replace(consent, time="") for consent in found}
            else:
                facts[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return facts


def left_over(root: pathlib.Path) -> list[str]:
    """Hidden files and folders that a work which has ended should not leave."""
    return [str(path.relative_to(root)) for path in root.rglob(".*") if not OURS.fullmatch(path.name)]


# Extraction and conversion --------------------------------------------------------------------------------------------


def make_clip(root: pathlib.Path) -> None:
    disturbed.make_clip(root / "a.mp4")


def make_wide_clip(root: pathlib.Path) -> None:
    """256 pixels wide: where a width is no multiple of 128, libx264 itself does not write the same bytes every time."""
    with VideoWriter(root / "a.mp4", width=256, height=256, fps=fractions.Fraction(25)) as writer:
        for index in range(disturbed.FRAMES):
            writer.write(pattern_frame(index, 256, 256))


def make_pictures(root: pathlib.Path) -> None:
    for index, name in enumerate(PICTURES):
        write_image(root / "in" / name, pattern_frame(index, 160, 160))


def extract(root: pathlib.Path) -> None:
    disturbed.extract(root / "a.mp4", root)


def convert_to_folder(root: pathlib.Path) -> None:
    disturbed.finish("convert", root / "a.mp4", root)


def convert_to_video(root: pathlib.Path) -> None:
    """An MP4 with its masks; finished ones are found by their names, as the command line refuses them."""
    out, count = root / "swap.mp4", disturbed.FRAMES
    if out.exists() and not (root / ".swap.mp4.parts" / "plan.json").exists():
        return
    convert_video(
        ConversionJob(
            source=root / "a.mp4",
            out=out,
            config=PAINT,
            output_config=OutputConfig(label=False, mask_path=root / "masks.mp4"),
            tracks=VideoTracks(length=count, tracks=(FaceTrack(start=0, faces=(disturbed.FACE,) * count),)),
            fingerprint={"which": 1},
        ),
        PaintSwapper((0, 255, 0)),
        ListedDetector([]),
    )


def convert_pictures(root: pathlib.Path) -> None:
    convert_images(
        ConversionJob(
            source=root / "in",
            out=root / "out",
            config=PAINT,
            output_config=OutputConfig(label=False, mask_path=root / "masks"),
            fingerprint={"step": 1},
        ),
        PaintSwapper((0, 255, 0)),
        ListedDetector([(disturbed.FACE,)] * len(PICTURES)),
    )


# Facesets -------------------------------------------------------------------------------------------------------------


def make_faceset(root: pathlib.Path) -> None:
    make_project(root, "a", seed=1)


def make_faceset_with_consent(root: pathlib.Path) -> None:
    make_faceset(root)
    for name in ("anna.mp4", "ben.mp4"):
        (root / name).write_text(name)
    (root / "consent.yaml").write_text("statement: written by hand\n")


def make_faceset_set_aside(root: pathlib.Path) -> None:
    make_faceset(root)
    exclude_crops(Workspace(root), "src", ["000000.jpg", "000002.jpg"])


def take_out(root: pathlib.Path) -> None:
    workspace = Workspace(root)
    inside = {record.crop for record in read_manifest(workspace.faces("src"))}
    exclude_crops(workspace, "src", inside & {"000000.jpg", "000002.jpg"})


def put_back(root: pathlib.Path) -> None:
    workspace = Workspace(root)
    aside = {record.crop for record in list_excluded(workspace, "src")}
    restore_crops(workspace, "src", aside & {"000000.jpg", "000002.jpg"})


def consent(root: pathlib.Path) -> None:
    for name in ("anna", "ben"):
        record_consent(Workspace(root), f"{name} agreed", [root / f"{name}.mp4"])


def make_bare_faceset(root: pathlib.Path) -> None:
    """Without eye masks."""
    make_faceset(root)
    shutil.rmtree(Workspace(root).eye_masks("src"))


def draw_masks(root: pathlib.Path) -> None:
    write_eye_masks(Workspace(root), "src")


def make_two_people(root: pathlib.Path) -> None:
    write_faceset(root / "person", [face_points(**mouth) for mouth in MOUTHS])
    write_faceset(root / "other", [face_points(**mouth, brows=0.2) for mouth in reversed(MOUTHS)], color=200)


def exchange_mouths(root: pathlib.Path) -> None:
    out = Workspace(root / "out")
    if (out.faces("src") / "manifest.jsonl").is_file():  # there already: what may be left to do are the masks
        write_eye_masks(out, "src")
        return
    person, other = (Faceset.open(Workspace(root / name), "src") for name in ("person", "other"))
    swap_parts(person, other, Part.MOUTH, out, "src")


# Weights --------------------------------------------------------------------------------------------------------------


def make_download(root: pathlib.Path) -> None:
    (root / "given.bin").write_bytes(bytes(range(256)) * 1000)


def fetch_file(root: pathlib.Path) -> list[str]:
    """From a file; the note of its sum is written by the first use if it could not be at once."""
    path = root / "here" / "toy.bin"
    entry = WeightsFile(
        name="toy", purpose="tests", terms="none", size=256_000, url="https://localhost/toy.bin", find=lambda: [path]
    )
    return [] if fetch_weights(entry, root / "given.bin").is_noted else ["its sum is not noted"]


# Training -------------------------------------------------------------------------------------------------------------


class Variable:
    """Stands for a variable of Keras, so that no backend starts."""

    def __init__(self, name: str, value: np.ndarray):
        self.name = self.path = name
        self.value, self.shape, self.dtype = value, value.shape, value.dtype

    def numpy(self) -> np.ndarray:
        return self.value

    def assign(self, value: np.ndarray) -> None:
        self.value = np.array(value)


class CountingState:
    """The state of a training whose weights are sums over its steps: a step that is lost or taken twice shows."""

    def __init__(self):
        self.step = self.history_bytes = self.rollbacks = self.strikes = self.trouble = 0
        self.swapped, self.seconds, self.watched = False, 0.0, new_memory()
        self.variables = [Variable("weights", np.zeros(5000)), Variable("count", np.zeros(()))]

    def groups(self) -> dict[str, list[Variable]]:
        return {"encoder": self.variables}


class CountingStepper:
    """Takes steps that only count."""

    is_stepping = False

    def __init__(self, state: CountingState, steps: int):
        self.state, self.steps, self.phase_start = state, steps, 0.0

    def step(self) -> dict[str, float]:
        self.state.step += 1
        for variable in self.state.variables:
            variable.assign(variable.numpy() * 1.01 + self.state.step)
        return {"reconstruction_a": 1 / self.state.step}


STEPS, APART = 24, 4
"""Of a training, and between two of its checkpoints."""

KEEPING = LoopConfig(
    **{"log_every": 1, "checkpoint_interval": "", "checkpoint_every": APART, "preview_interval": ""},
    **{"preview_every": 8, "backup_every": 12, "backups": 1},
)


def make_run(root: pathlib.Path) -> None:
    """A run that has its id, and no step yet."""
    make_faceset(root)
    note_options(Workspace(root), STEPS)


def note_options(workspace: Workspace, steps: int) -> None:
    facesets = [Faceset.open(workspace, side) for side in ("src", "dst")]
    config = NetworkConfig(capacity="tiny", resolution=64)
    write_config(workspace.run("default"), config, TrainConfig(steps=steps), facesets)


def train(root: pathlib.Path, steps: int = STEPS, keeping: LoopConfig = KEEPING) -> None:
    """With all that a training writes, as it writes it, and steps that compute nothing."""
    folder, state, config = Workspace(root).run("default"), CountingState(), TrainConfig(steps=steps)
    with hold(folder, what="run 'default'") as lock, defer_stop() as stop:
        read_checkpoint(folder / "checkpoints", state)
        if state.step == steps:
            return
        note_options(Workspace(root), steps)
        keeper = CheckpointManager(
            folder, state, config, keeping, None, reset=lambda: reset_state(state, config), check=lock.check
        )
        reporter = TrainingLogger(
            folder,
            keeping,
            step=state.step,
            steps=steps,
            history_bytes=state.history_bytes,
            draw=lambda: np.full((8, 8, 3), state.step % 256, np.uint8),
        )
        Loop(CountingStepper(state, steps), keeper, reporter, None, False, lambda: False).run(stop)


def facts_of_run(root: pathlib.Path) -> dict[str, object]:
    """The newest two checkpoints count: a kill between the last one and its backup leaves that unwritten.

    One older checkpoint may be left too, which the next save would have removed.
    """
    facts = facts_of(root)
    checkpoints = sorted(name for name in facts if "/checkpoints/" in name)
    newest = [name for name in checkpoints if "/backups/" not in name][-2:]
    return {name: fact for name, fact in facts.items() if name not in checkpoints or name in newest}


def check_progress(root: pathlib.Path) -> list[str]:
    """The newest checkpoint is not further behind the history than checkpoints are apart."""
    folder = Workspace(root).run("default")
    history = read_history(folder / "history.jsonl")
    done = history[-1]["step"] if history else 0
    saved = max(checkpoint_progress(folder / "checkpoints")[1], 0)
    return [f"step {done} was done, and {saved} is saved"] if done - saved > APART else []


# Carrying -------------------------------------------------------------------------------------------------------------


def carrying(name: str) -> Work:
    """A task of the tests of keeping, fetching and mirroring."""
    task = test_backup_faults.TASKS[name]

    def make(root: pathlib.Path) -> None:
        project = make_project(root / "project", "a", 10, 20, seed=1)
        (project.root / "videos").mkdir()
        for file in ("videos/anna.mov", "swap.mp4", "swap.mp4.provenance.json"):
            (project.root / file).write_text(file)
        record_consent(project, "Anna agreed", [project.root / "videos" / "anna.mov"])
        task.make(project.root, root)

    def facts(root: pathlib.Path) -> dict[str, object]:
        found = test_backup_faults.facts_of(root)
        return {name: fact for name, fact in found.items() if not is_hidden(name) and "kept.json" not in name}

    return Work(make=make, do=task.carry, facts=facts)


WORKS: dict[str, Work] = {
    "extract": Work(make=make_clip, do=extract, facts=facts_of, passing=("face_src/unfinished.jsonl",)),
    "convert to a folder": Work(make=make_clip, do=convert_to_folder, facts=facts_of),
    "convert to a video": Work(make=make_wide_clip, do=convert_to_video, facts=facts_of),
    "convert pictures": Work(make=make_pictures, do=convert_pictures, facts=facts_of),
    "set aside": Work(make=make_faceset, do=take_out, facts=facts_of),
    "bring back": Work(
        make=make_faceset_set_aside, do=put_back, facts=facts_of, passing=("face_src/set_aside/manifest.jsonl",)
    ),
    "consent": Work(make=make_faceset_with_consent, do=consent, facts=facts_of),
    "masks": Work(make=make_bare_faceset, do=draw_masks, facts=facts_of),
    "swap-parts": Work(make=make_two_people, do=exchange_mouths, facts=facts_of),
    "weights": Work(make=make_download, do=fetch_file, facts=facts_of),
    "train": Work(
        make=make_run,
        do=train,
        facts=facts_of_run,
        passing=tuple(f"models/default/{name}" for name in ("history.jsonl", "checkpoints/*", "previews/*")),
        check=check_progress,
    ),
    **{name: carrying(name) for name in test_backup_faults.TASKS},
}


def find_lost(before: dict[str, object], now: dict[str, object], wanted: dict[str, object]) -> list[str]:
    """What a disturbed work lost or left half done, of files that are not hidden: each is as before or as at the end.

    What is elsewhere at the end may be in both places or in one of them.
    """
    values = list(now.values())
    lost = [
        name
        for name, fact in before.items()
        if (name in now and now[name] not in (fact, wanted.get(name))) or (name not in now and fact not in values)
    ]
    known = [*before.values(), *wanted.values()]
    return lost + [name for name, fact in now.items() if name not in before and fact not in known]


def own_home(root: pathlib.Path) -> None:
    """Keys, notes and temporary files of a work are its own."""
    os.environ["FACESWAP_HOME"] = str(root.parent / f"home-{root.name}")
