"""Whether a conversion swapped anything and what it shows is a face; if not, why that happens and what to do."""

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
"""Mean attention mask below which the network leaves the picture to the input; a face fills half of its view."""

UNCHANGED = 3.0
"""Mean change of a face, of 255, below which it is the input's; another person's face differs by 10 to 30."""

NEARER = 0.5
"""Share of the looked-at faces that must be nearer to the wanted person."""

MOST_FAILED = 0.5
"""Share of the looked-at faces from which the output as a whole has failed; fewer are told, but it is a swap."""

TOLD_FAILED = 0.05
"""Share from which they are told."""

LEAST_FOLLOWING = 0.15
"""Share of the input's motion below which the new face does not follow it; stills pasted over four clips have at most
0.06, the stiffest swap that was looked at 0.3."""

CHECKS = "checks"
"""Folder of the workspace in which the worst face of a conversion is kept."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SwapCheck:
    """What the faces of an output say.

    Attributes:
        looked_at: How many faces were.
        mask_mean: Mean attention mask, 0 to 1.
        change: Mean absolute difference from the input in the middle of the face, 0 to 255.
        to_original: Mean distance of their embeddings from the original person, None without the network for it.
        to_wanted: The same from the wanted person.
        nearer: Share of them that is nearer to the wanted person.
        trouble: Why it is no swap and what to do; None if it is one.
        likeness: Median likeness of eyes, mouth and skin to the wanted person's own faces, 1 as real as hers, 0 unlike;
            None where there was nothing to compare with.
        following: How much of the input's motion the new face makes, 1 all of it; None where the input hardly moves.
        failed: Share of the faces that are unlike the wanted person in some region, that the detector hardly finds any
            more, or whose landmarks are far from the input's; None where none of it was measured.
        note: What part of it failed and why, where it is a swap all the same.
        picture: The worst face: input, output and the wanted person in about this pose; None if none failed.
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
        """Says in one plain sentence what the faces show; a person who knows no numbers of ours can read it."""
        if not self.looked_at:
            return "no face was looked at"
        plausible = None if self.failed is None or self.likeness is None else 1 - self.failed
        real = None if plausible is None else f"{plausible:.0%} look like real pictures of that person"
        if self.nearer is None and real is None:
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
        return nearer if real is None else f"{nearer}, and {real}"


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
    """Looks at the faces that a conversion kept, before and after.

    Args:
        report: Of the conversion.
        people: Who the two are; None where nothing tells people apart.
        direction: "a2b" or "b2a".
        step: How many steps the run was trained.
        latent_shift: How far codes were told to move; None if they moved as far as it helps.
        wanted: The faceset of the person whose face is put in; None looks at pixels and people alone.
        detector: Reads faces where they must be.
        finder: Finds 68 landmarks; None takes what is quick here.
        picture: Where the worst face is written if some failed; None writes none.

    Returns:
        The numbers, and what is wrong if the output is no swap.
    """
    change = np.mean([_change(*sample) for sample in report.samples]) if report.samples else float("nan")
    check = SwapCheck(looked_at=len(report.samples), mask_mean=report.mask_mean, change=float(change))
    if not report.samples:
        return dataclasses.replace(check, trouble=_trouble(check, False, direction, step, latent_shift))
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
    trouble = _trouble(check, was_wanted, direction, step, latent_shift)
    if trouble is not None or wanted is None:
        return dataclasses.replace(check, trouble=trouble)
    measures = measure_faces(before, after, wanted=wanted, detector=detector, finder=finder)
    return _look_closer(check, measures, before, after, wanted, step, picture, report.seconds)


def find_wanted(workspace: Workspace, direction: str) -> Faceset | None:
    """Opens the faceset of the person whose face a conversion puts in; None, which is said, if that is not possible."""
    try:
        return Faceset.open(workspace, "dst" if direction == "a2b" else "src")
    except WorkspaceError as error:  # the output is written already, and stays
        logger.warning("the new faces are not compared with the wanted person's own: %s", error)
        return None


def worst_path(workspace: Workspace, out: pathlib.Path) -> pathlib.Path:
    """Says where the worst face of an output is kept: in the workspace, under the output's name."""
    return workspace.root / CHECKS / f"{out.name}.worst.png"


def _look_closer(
    check: SwapCheck,
    measures: FaceMeasures,
    before: list[FaceCrop],
    after: list[FaceCrop],
    wanted: Faceset,
    step: int,
    picture: pathlib.Path | None,
    seconds: tuple[float, ...],
) -> SwapCheck:
    """Judges whether the new faces are plausible and move with the input, and where not, why."""
    faults = find_faults(measures)
    failed = np.any(list(faults.values()), axis=0)
    likeness = None
    if measures.likeness is not None:
        columns = [column[np.isfinite(column)] for column in measures.likeness.T]
        likeness = tuple(float(np.median(column)) if len(column) else float("nan") for column in columns)
    check = dataclasses.replace(check, likeness=likeness, following=measures.following, failed=float(failed.mean()))
    is_still = measures.following is not None and measures.following < LEAST_FOLLOWING
    if not is_still and failed.mean() < TOLD_FAILED:
        return check
    worst = int(np.argmax(rank_faults(measures)))
    if picture is not None:
        try:
            write_worst(picture, before[worst], after[worst], wanted)
            check = dataclasses.replace(check, picture=picture)
        except (OSError, FaceswapError) as error:  # the output is written already, and stays
            logger.warning("no picture of the worst face: %s", error)
    if is_still and failed.mean() <= MOST_FAILED:
        return dataclasses.replace(
            check,
            trouble=f"the new face does not move with the input (it makes {max(0.0, measures.following):.0%} of its "
            "motion): a picture pasted over it would look like this; train on, and look at the previews",
        )
    kinds = [f"{said} in {flags.mean():.0%}" for said, flags in faults.items() if flags.mean() >= TOLD_FAILED]
    reasons = find_reasons(Suspicion(before=before, points=measures.points, failed=failed, wanted=wanted, step=step))
    said = f"{failed.mean():.0%} of {len(failed)} faces looked at are no plausible face of the wanted person: " + (
        f"{', '.join(kinds)}. " + _say_reasons(reasons)
    )
    if seconds:
        said += f". The worst is at {seconds[worst]:.1f} seconds"
    if is_still:
        said += f". It also makes only {max(0.0, measures.following):.0%} of the input's motion"
    return dataclasses.replace(check, **{"trouble" if failed.mean() > MOST_FAILED else "note": said})


def _say_reasons(reasons: list[str]) -> str:
    if not reasons:
        return (
            "Nothing that is counted explains it (head pose, mouth, eyes and brows, crops, steps, light, size); a "
            "mouth drawn aside or pursed and things before the face are not counted. Look at the worst face, and "
            "train on"
        )
    first, *others = reasons[:3]
    return f"Most likely because {first}" + "".join(f"; also, {other}" for other in others)


def _trouble(check: SwapCheck, was_wanted: bool, direction: str, step: int, latent_shift: float | None) -> str | None:
    other = "b2a" if direction == "a2b" else "a2b"
    if was_wanted:
        return (
            f"the video shows the person it should get the face of ({direction} puts "
            f"{'B' if direction == 'a2b' else 'A'}'s face in): pass --direction {other}, or convert the other video"
        )
    if check.mask_mean < COLLAPSED:
        return (
            f"the attention mask has collapsed ({check.mask_mean:.2f}): the network leaves the picture to the input; "
            f"train on (the run has {step} steps), or anew with a larger --mask-hinge-weight, or convert with "
            "--blend face, which does not ask the mask"
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
    side = len(before)
    middle = slice(side // 4, side - side // 4)
    return float(np.abs(after[middle, middle].astype(np.float32) - before[middle, middle]).mean())
