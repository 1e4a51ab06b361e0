"""Report of a reenactment run: scores of every method and person, what was measured, and its .json file."""

import dataclasses
import pathlib
import typing
from collections.abc import Mapping

from faceswap_lib import __version__
from faceswap_lib.atomic_io import write_json
from faceswap_lib.evaluation.metrics import Metric
from faceswap_lib.evaluation.reenactment_methods import MethodScores
from faceswap_lib.evaluation.report import SCHEMA, round_number
from faceswap_lib.reenactment.driving_tasks import Source

KIND = "reenactment"
"""Value of `kind` in the .json file; the report of a swap has none."""

REENACTMENT_METRICS = {
    "psnr": Metric(text="peak signal-to-noise ratio to the true frames", better="higher", unit="dB", group="picture"),
    "ssim": Metric(text="structural similarity to the true frames", better="higher", group="picture"),
    "perceptual": Metric(
        text="perceptual distance to the true frames, in the features of a network", better="lower", group="picture"
    ),
    "landmark_error": Metric(
        text="distance of the landmarks to those of the true frame",
        better="lower",
        unit="% of the eye distance",
        group="motion",
    ),
    "gaze_error": Metric(
        text="distance of the irises to those of the true frame",
        better="lower",
        unit="% of the eye distance",
        group="motion",
    ),
    "pose_error": Metric(text="mean difference of yaw, pitch and roll", better="lower", unit="degrees", group="motion"),
    "expression_agreement": Metric(
        text="correlation of the moving parts of the expression with the true frames over time",
        better="higher",
        group="motion",
    ),
    "jitter": Metric(
        text="second difference of the landmarks, relative to the true frames", better="one", group="motion"
    ),
    "identity_accuracy": Metric(
        text="frames whose nearest person is the right one, of all people measured, 0 to 1",
        better="higher",
        group="identity",
    ),
    "identity_distance": Metric(text="embedding distance to the person's average", better="lower", group="identity"),
    "lost": Metric(text="frames in which no face is found, 0 to 1", better="lower", group="identity"),
}
"""The fields of `ReenactmentScores`, in the order of the report."""

TOLD: dict[Source, str] = {
    "held out": "frames that were not trained on",
    "trained on": "measured on frames that were trained on: the run held out too little (--hold-out), so these numbers "
    "are too good",
    "never seen": "a person whom the run has never seen",
    "perhaps trained on": "the run, or the run that it began with, has learned from other crops of this faceset or "
    "video, so these frames may have been trained on",
}
"""What the page and the command line say about the driving frames of a person."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PersonFacts:
    """What was measured of one person.

    Attributes:
        source: What the run knows of the driving frames.
        frames: Number of driving frames.
        photo_frame: Index of the photo in the person's video.
        first_frame, last_frame: Indices of the first and the last driving frame in the person's video.
        most_yaw: Largest absolute yaw of the driving frames in degrees.
    """

    source: Source
    frames: int
    photo_frame: int
    first_frame: int
    last_frame: int
    most_yaw: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ReenactmentEvaluation:
    """Evaluation of a reenactment run.

    Attributes:
        run: Name of the run.
        system: Name of its system.
        step: Number of training steps.
        resolution: Side in pixels of the crops that were measured.
        hold_out: Share of every video that the last training held out.
        networks: Names of the networks used, by task: landmarks, recognition, perceptual.
        people: What was measured, by the name of the person.
        methods: Scores by the name of the method: the baselines, then the system with and without fusion.
        skipped: Reason why a metric or a group of metrics was not measured.
    """

    run: str
    system: str
    step: int
    resolution: int
    hold_out: float
    networks: dict[str, str]
    people: dict[str, PersonFacts]
    methods: dict[str, MethodScores]
    skipped: dict[str, str]

    @property
    def ours(self) -> tuple[str, ...]:
        """Names of the methods that are the system."""
        return tuple(name for name in self.methods if name.startswith(self.system))

    @property
    def groups(self) -> dict[str, list[str]]:
        """Names of the people by group, whose means are computed separately: those of the training come first."""
        seen = [name for name, facts in self.people.items() if facts.source != "never seen"]
        unseen = [name for name in self.people if name not in seen]
        groups = {"people of the training": seen, "people never seen": unseen}
        return {group: names for group, names in groups.items() if names}

    def measured_on(self) -> list[str]:
        """Describes for each kind of driving frames whose they are."""
        kinds: dict[Source, None] = dict.fromkeys(facts.source for facts in self.people.values())
        return [
            f"{', '.join(name for name, facts in self.people.items() if facts.source == kind)}: {TOLD[kind]}."
            for kind in kinds
        ]

    def verdict(self) -> str:
        """Compares the system, with its default fusion, with the best baselines; only for the first group of people."""
        people = next(iter(self.groups.values()))
        ours = self.methods[self.ours[0]].mean(people)
        others = [scores.mean(people) for name, scores in self.methods.items() if name not in self.ours]
        won, lost = [], []
        for name in ("psnr", "ssim", "perceptual", "landmark_error", "gaze_error", "identity_accuracy"):
            sign = 1 if REENACTMENT_METRICS[name].better == "higher" else -1
            best = max((sign * row[name] for row in others if row[name] == row[name]), default=None)
            if best is None or ours[name] != ours[name]:
                continue
            (won if sign * ours[name] >= best else lost).append(name)
        said = [f"As good as the best baseline or better in: {', '.join(won)}." if won else ""]
        said.append(f"Worse than the best baseline in: {', '.join(lost)}." if lost else "")
        return " ".join(sentence for sentence in said if sentence)

    def write(self, path: pathlib.Path) -> None:
        """Writes the .json file."""
        plain: dict[str, typing.Any] = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "methods"
        }
        plain["people"] = {name: dataclasses.asdict(facts) for name, facts in self.people.items()}
        plain["methods"] = {
            name: {
                "fps": round_number(scores.fps),
                "mean": {group: _rounded(scores.mean(names)) for group, names in self.groups.items()},
                "people": {person: _rounded(dataclasses.asdict(row)) for person, row in scores.people.items()},
            }
            for name, scores in self.methods.items()
        }
        write_json(path, {"kind": KIND, "schema": SCHEMA, "version": __version__, "verdict": self.verdict()} | plain)


def _rounded(row: Mapping[str, float]) -> dict[str, float | None]:
    return {name: round_number(value) for name, value in row.items()}
