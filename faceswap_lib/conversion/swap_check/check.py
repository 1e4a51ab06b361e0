"""Check of whether a conversion swapped faces and whether these are plausible; if not, why, and what to do."""

import dataclasses
import logging
import pathlib

import numpy as np

from faceswap_lib.conversion.latent.identities import IdentityPair
from faceswap_lib.conversion.swap_check.faults import find_faults, rank_faults
from faceswap_lib.conversion.swap_check.measures import FaceMeasures, measure_faces
from faceswap_lib.conversion.swap_check.picture import write_worst
from faceswap_lib.conversion.swap_check.reasons import Suspicion, find_reasons
from faceswap_lib.conversion.video_conversion import ConversionReport
from faceswap_lib.errors import FaceswapError, WorkspaceError
from faceswap_lib.faces import FaceCrop, FaceRefiner
from faceswap_lib.faces.landmarks import LandmarkDetector
from faceswap_lib.facesets import Faceset, Workspace

logger = logging.getLogger(__name__)

COLLAPSED = 0.05
"""Mean attention mask below which the network only copies the input; a face fills half of its view."""

UNCHANGED = 3.0
"""Mean change of a face in gray levels below which it is unchanged; another person's face differs by 10 to 30."""

NEARER = 0.5
"""Minimum fraction of the sampled faces that must be nearer to the wanted person."""

MOST_FAILED = 0.5
"""Fraction of failed faces above which the whole output has failed; fewer are reported, but the output is a swap."""

TOLD_FAILED = 0.05
"""Fraction of failed faces from which they are reported."""

LEAST_FOLLOWING = 0.15
"""Fraction of the input's motion below which the swapped face does not follow it; still images pasted over four clips
reach at most 0.06, the stiffest swap that was measured 0.3."""

CHECKS = "checks"
"""Folder of the workspace in which the worst face of a conversion is stored."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SwapCheck:
    """Result of the check of an output's faces.

    Attributes:
        looked_at: Number of sampled faces.
        mask_mean: Mean attention mask, 0 to 1.
        change: Mean absolute difference from the input in the middle of the face, 0 to 255.
        to_original: Mean Euclidean distance of the embeddings of the swapped faces from that of the original person;
            None without a face recognition network.
        to_wanted: The same distance from the wanted person.
        nearer: Fraction of the faces that are nearer to the wanted person; None without a face recognition network.
        trouble: Why the output is not a swap, and what to do; None if it is one.
        likeness: Median likeness of eyes, mouth and skin to the wanted person's own faces, 1 for faces as real as
            these, 0 for no likeness; None if there was nothing to compare with.
        following: Fraction of the input's motion that the swapped face makes, 1 for all of it; None if the input hardly
            moves.
        failed: Fraction of the faces that are unlike the wanted person in some region, whose detection score is lower
            than in the input, or whose landmarks are far from those of the input; None if nothing was measured.
        note: Which part of the faces failed and why, if the output is a swap nevertheless; None otherwise.
        picture: Path of an image of the worst face: input, output, and the wanted person in a similar pose; None if no
            face failed.
    """

    looked_at: int
    mask_mean: float
    change: float
    to_original: float | None = None
    to_wanted: float | None = None
    nearer: float | None = None
    trouble: str | None = None
    likeness: tuple[float, float, float] | None = None
    following: float | None = None
    failed: float | None = None
    note: str | None = None
    picture: pathlib.Path | None = None

    def to_text(self) -> str:
        """Describes the result in one plain sentence, for users who do not know the measures."""
        if not self.looked_at:
            return "no face was looked at"
        plausible = None if self.failed is None or self.likeness is None else 1 - self.failed
        real = "" if plausible is None else f"{plausible:.0%} look like real pictures of that person"
        if self.nearer is None and not real:
            return (
                "whether the new face looks like the wanted person was not measured "
                "(pip install 'faceswap_lib[dlib]' measures it): look at it"
            )
        if self.nearer is None:
            return f"of {self.looked_at} faces looked at, {real.replace('that', 'the wanted')}"
        nearer = (
            f"{self.nearer:.0%} of {self.looked_at} faces looked at are more like the wanted person than like the "
            "original"
        )
        return f"{nearer}, and {real}" if real else nearer


def check_swap(
    report: ConversionReport,
    people: IdentityPair | None,
    *,
    direction: str,
    step: int,
    latent_shift: float | None = None,
    wanted: Faceset | None = None,
    detector: FaceRefiner | None = None,
    finder: LandmarkDetector | None = None,
    picture: pathlib.Path | None = None,
) -> SwapCheck:
    """Checks the faces that a conversion sampled before and after the swap.

    Args:
        report: Report of the conversion.
        people: Identity embeddings of the two people; None without a face recognition network.
        direction: "a2b" or "b2a".
        step: Number of training steps of the run.
        latent_shift: Requested shift of latent codes; None if the shift was chosen automatically.
        wanted: Faceset of the wanted person; None checks only pixels and identities.
        detector: Detects a face at a known position.
        finder: Detects 68 landmarks; None uses a fast detector of this machine.
        picture: Where an image of the worst face is written if faces failed; None writes no image.

    Returns:
        The measures, and what is wrong if the output is not a swap.
    """
    change = np.mean([_change(*sample) for sample in report.samples]) if report.samples else float("nan")
    check = SwapCheck(looked_at=len(report.samples), mask_mean=report.mask_mean, change=float(change))
    if not report.samples:
        return dataclasses.replace(check, trouble=_find_trouble(check, False, direction, step, latent_shift))
    before, after = (
        [
            FaceCrop(image=sample[which], landmarks=points, crop_from_frame=np.eye(2, 3))
            for sample, points in zip(report.samples, report.points, strict=True)
        ]
        for which in (0, 1)
    )
    was_wanted = False
    if people is not None:
        to_original, to_wanted = people.distances(after)
        originals = people.distances(before)
        was_wanted = bool(np.mean(originals[1] < originals[0]) > 0.5)
        check = dataclasses.replace(
            check,
            to_original=float(to_original.mean()),
            to_wanted=float(to_wanted.mean()),
            nearer=float(np.mean(to_wanted < to_original)),
        )
    trouble = _find_trouble(check, was_wanted, direction, step, latent_shift)
    if trouble is not None or wanted is None:
        return dataclasses.replace(check, trouble=trouble)
    measures = measure_faces(before, after, wanted=wanted, detector=detector, finder=finder)
    return _judge_faces(check, measures, before, after, wanted, step, picture, report.seconds)


def find_wanted(workspace: Workspace, direction: str) -> Faceset | None:
    """Opens the faceset of the wanted person; logs a warning and returns None if that is not possible."""
    try:
        return Faceset.open(workspace, "dst" if direction == "a2b" else "src")
    except WorkspaceError as error:  # the output is already written, and is kept
        logger.warning("the new faces are not compared with the wanted person's own: %s", error)
        return None


def worst_path(workspace: Workspace, out: pathlib.Path) -> pathlib.Path:
    """Returns where the image of an output's worst face is stored: in the workspace, under the output's name."""
    return workspace.root / CHECKS / f"{out.name}.worst.png"


def _judge_faces(
    check: SwapCheck,
    measures: FaceMeasures,
    before: list[FaceCrop],
    after: list[FaceCrop],
    wanted: Faceset,
    step: int,
    picture: pathlib.Path | None,
    seconds: tuple[float, ...],
) -> SwapCheck:
    """Judges whether the swapped faces are plausible and move with the input, and if not, why."""
    faults = find_faults(measures)
    failed = np.any(list(faults.values()), axis=0)
    likeness = None
    if measures.likeness is not None:
        columns = [column[np.isfinite(column)] for column in measures.likeness.T]
        likeness = tuple(float(np.median(column)) if len(column) else float("nan") for column in columns)
    check = dataclasses.replace(check, likeness=likeness, following=measures.following, failed=float(failed.mean()))
    following = 1.0 if measures.following is None else measures.following  # an input that hardly moves is not a failure
    is_still = following < LEAST_FOLLOWING
    if not is_still and failed.mean() < TOLD_FAILED:
        return check
    worst = int(np.argmax(rank_faults(measures)))
    if picture is not None:
        try:
            write_worst(picture, before[worst], after[worst], wanted)
            check = dataclasses.replace(check, picture=picture)
        except (OSError, FaceswapError) as error:  # the output is already written, and is kept
            logger.warning("no picture of the worst face: %s", error)
    if is_still and failed.mean() <= MOST_FAILED:
        return dataclasses.replace(
            check,
            trouble=f"the new face does not move with the input (it makes {max(0.0, following):.0%} of its "
            "motion): a picture pasted over it would look like this; train on, and look at the previews",
        )
    kinds = [f"{fault} in {flags.mean():.0%}" for fault, flags in faults.items() if flags.mean() >= TOLD_FAILED]
    reasons = find_reasons(Suspicion(before=before, points=measures.points, failed=failed, wanted=wanted, step=step))
    text = f"{failed.mean():.0%} of {len(failed)} faces looked at are no plausible face of the wanted person: " + (
        f"{', '.join(kinds)}. " + _format_reasons(reasons)
    )
    if seconds:
        text += f". The worst is at {seconds[worst]:.1f} seconds"
    if is_still:
        text += f". It also makes only {max(0.0, following):.0%} of the input's motion"
    return dataclasses.replace(check, **{"trouble" if failed.mean() > MOST_FAILED else "note": text})


def _format_reasons(reasons: list[str]) -> str:
    """Formats the three most likely reasons as one sentence."""
    if not reasons:
        return (
            "No cause that is measured explains it (head pose, mouth, eyes and brows, crops, steps, light, size). A "
            "mouth drawn to one side, pursed lips and objects in front of the face are not measured. Look at the worst "
            "face, and train on"
        )
    first, *others = reasons[:3]
    return f"Most likely because {first}" + "".join(f"; also, {other}" for other in others)


def _find_trouble(
    check: SwapCheck, was_wanted: bool, direction: str, step: int, latent_shift: float | None
) -> str | None:
    """Returns why an output is not a swap, by mask, pixels and identity; None if these are in order."""
    other = "b2a" if direction == "a2b" else "a2b"
    if was_wanted:
        return (
            f"the video shows the person it should get the face of ({direction} puts "
            f"{'B' if direction == 'a2b' else 'A'}'s face in): pass --direction {other}, or convert the other video"
        )
    if check.mask_mean < COLLAPSED:
        return (
            f"the attention mask has collapsed ({check.mask_mean:.2f}): the output is the input; train on (the run has "
            f"{step} steps), or begin another run with a larger --mask-hinge-weight, or convert with --blend face, "
            "which does not use the mask"
        )
    if check.change < UNCHANGED:
        return (
            f"the faces are almost the input's ({check.change:.1f} of 255): the run has {step} steps; train on, and "
            "look at its previews, whose last column is the swap"
        )
    if check.nearer is not None and check.nearer < NEARER:
        larger = ", or pass a larger --latent-shift, up to 1" if latent_shift is not None and latent_shift < 1 else ""
        return (
            f"most faces still look more like the original person than like the wanted one: the run has {step} steps; "
            f"train on (some thousand steps are usual){larger}"
        )
    return None


def _change(before: np.ndarray, after: np.ndarray) -> float:
    """Computes the mean absolute difference in the middle of two crops, 0 to 255."""
    side = len(before)
    middle = slice(side // 4, side - side // 4)
    return float(np.abs(after[middle, middle].astype(np.float32) - before[middle, middle]).mean())
