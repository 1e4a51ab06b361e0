"""Whether a conversion swapped anything, and if not, why that happens and what to do."""

import dataclasses

import numpy as np

from faceswap_lib.conversion.convert import ConversionReport
from faceswap_lib.conversion.people import People
from faceswap_lib.faces import FaceCrop

COLLAPSED = 0.05
"""Mean attention mask below which the network leaves the picture to the input; a face fills half of its view."""

UNCHANGED = 3.0
"""Mean change of a face, of 255, below which it is the input's; another person's face differs by 10 to 30."""

NEARER = 0.5
"""Share of the looked-at faces that must be nearer to the wanted person."""


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
    """

    looked_at: int
    mask_mean: float
    change: float
    to_original: float | None = None
    to_wanted: float | None = None
    nearer: float | None = None
    trouble: str | None = None

    def to_text(self) -> str:
        """Says in one plain sentence what the faces show; a person who knows no numbers of ours can read it."""
        if not self.looked_at:
            return "no face was looked at"
        if self.nearer is None:
            return (
                "whether the new face looks like the wanted person was not measured "
                "(pip install 'faceswap_lib[dlib]' measures it): look at it"
            )
        return (
            f"{self.nearer:.0%} of {self.looked_at} faces looked at are more like the wanted person than like the "
            "original"
        )


def check_swap(
    report: ConversionReport, people: People | None, *, direction: str, step: int, code_shift: float | None = None
) -> SwapCheck:
    """Looks at the faces that a conversion kept, before and after.

    Args:
        report: Of the conversion.
        people: Who the two are; None where nothing tells people apart.
        direction: "a2b" or "b2a".
        step: How many steps the run was trained.
        code_shift: How far codes were told to move; None if they moved as far as it helps.

    Returns:
        The numbers, and what is wrong if the output is no swap.
    """
    change = np.mean([_change(*sample) for sample in report.samples]) if report.samples else float("nan")
    check = SwapCheck(looked_at=len(report.samples), mask_mean=report.mask_mean, change=float(change))
    was_wanted = False
    if people is not None and report.samples:
        before, after = (
            [
                FaceCrop(image=sample[which], landmarks=points, crop_from_frame=np.eye(2, 3))
                for sample, points in zip(report.samples, report.points, strict=True)
            ]
            for which in (0, 1)
        )
        to_original, to_wanted = people.distances(after)
        originals = people.distances(before)
        was_wanted = bool(np.mean(originals[1] < originals[0]) > 0.5)
        check = dataclasses.replace(
            check,
            to_original=float(to_original.mean()),
            to_wanted=float(to_wanted.mean()),
            nearer=float(np.mean(to_wanted < to_original)),
        )
    trouble = _trouble(check, was_wanted=was_wanted, direction=direction, step=step, code_shift=code_shift)
    return dataclasses.replace(check, trouble=trouble)


def _trouble(check: SwapCheck, *, was_wanted: bool, direction: str, step: int, code_shift: float | None) -> str | None:
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
        larger = ", or pass a larger --code-shift, up to 1" if code_shift is not None and code_shift < 1 else ""
        return (
            f"most faces still look more like the original person than like the wanted one: the run has {step} steps; "
            f"train on (some thousand steps are usual){larger}"
        )
    return None


def _change(before: np.ndarray, after: np.ndarray) -> float:
    side = len(before)
    middle = slice(side // 4, side - side // 4)
    return float(np.abs(after[middle, middle].astype(np.float32) - before[middle, middle]).mean())
