"""The verdict: one sentence that says whether a result is a swap, and if not, what is wrong and in which frame.

docs/evaluation.md explains how the limits were chosen.
"""

import typing

from faceswap_lib.faces.likeness import LEAST_LIKENESS, REGIONS

LEAST = {f"{region}_likeness": least for region, least in zip(REGIONS, LEAST_LIKENESS, strict=True)}
"""Minimum likeness to the wanted person's own faces, by metric; a region below it does not show that person."""

LEAST_PLAUSIBLE = 67.0
"""Minimum percentage of the measured frames in which no region fails; a face that breaks in every third frame is not
a swap."""

LEAST_AGREEMENT = {"expression_agreement": 0.4, "motion_agreement": 0.7}
"""Minimum agreement; a face below it does not move. The first metric that was measured counts; `expression_agreement`
needs 68 landmarks."""

LEAST_SHARPNESS = 0.04
"""Minimum sharpness relative to the original; a face below it has no features left."""

MOSTLY_WANTED = 0.5
"""Identity part of the score from which a face that does not move is called a still picture of the wanted person."""

SMALL_SHARE = 0.15
"""Threshold below which the verdict names a part of the score."""

_REGIONS = {
    "eyes_likeness": "the eyes are unlike the wanted person's own",
    "mouth_likeness": "the mouth is unlike the wanted person's own",
    "skin_likeness": "the skin is unlike the wanted person's own",
}

_PARTS = {
    "identity": "the original person is still there",
    "expression": "pose and expression are not the original's",
    "face": "the pasted area hardly looks like a face",
    "clarity": "the face is blurred or very noisy",
    "steadiness": "it shakes or flickers much more than the input",
    "untouched": "the background was changed",
}


def describe_verdict(
    values: typing.Mapping[str, float | None],
    parts: typing.Mapping[str, float],
    worst_frames: typing.Mapping[str, int] | None = None,
) -> str:
    """Describes in one sentence whether a result is a swap.

    Args:
        values: Metrics by name, as in `METRICS`; None where one could not be measured.
        parts: Parts of the score, by name.
        worst_frames: Index of the worst frame by metric.

    Returns:
        The sentence; it begins with "A swap", "Not a swap", "Nothing was swapped" or "Something was swapped".
    """
    coverage = values.get("coverage")
    if coverage is not None and coverage < 1:
        return "Nothing was swapped: the result is the input."
    faults = find_faults(values, parts, worst_frames or {})
    if faults:
        return f"Not a swap: {'; '.join(faults)}."
    if "identity" not in parts:
        return "Something was swapped; the identity of the face was not measured."
    return "A swap: the face is the wanted person's, and it moves as the original does."


def find_faults(
    values: typing.Mapping[str, float | None],
    parts: typing.Mapping[str, float],
    worst_frames: typing.Mapping[str, int],
) -> list[str]:
    """Lists the faults that keep a result from being a swap.

    Args:
        values: As in `describe_verdict`.
        parts: As in `describe_verdict`.
        worst_frames: As in `describe_verdict`.

    Returns:
        One text per fault; empty if there is none.
    """
    faults = []
    for name, text in _REGIONS.items():
        value = values.get(name)
        if value is not None and value < LEAST[name]:
            where = f", least in frame {worst_frames[name]}" if name in worst_frames else ""
            faults.append(f"{text} ({value:.2f} of 1, at least {LEAST[name]:.2f}{where})")
    plausible = values.get("plausible")
    if not faults and plausible is not None and plausible < LEAST_PLAUSIBLE:
        faults.append(f"only {plausible:.0f} % of the frames look like the wanted person everywhere")
    sharpness = values.get("sharpness")
    is_blurred = False
    if sharpness is not None and sharpness < LEAST_SHARPNESS:
        is_blurred = True
        faults.append(f"the face is blurred: {100 * sharpness:.0f} % of the original's detail")
    measured = ((values.get(name), least) for name, least in LEAST_AGREEMENT.items())
    agreement = next(((value, least) for value, least in measured if value is not None), None)
    if agreement is not None and not is_blurred and agreement[0] < agreement[1]:
        is_wanted = parts.get("identity", 0) >= MOSTLY_WANTED
        still = "like a still picture of the wanted person, it does not move as the original does"
        faults.append(still if is_wanted else "it does not move as the original does")
    for name, text in _PARTS.items():
        is_named = (name == "clarity" and is_blurred) or (name == "expression" and any("move" in one for one in faults))
        if parts.get(name, 1) < SMALL_SHARE and not is_named:
            faults.append(text)
    return faults
