"""Whether a result is a swap, in plain words, and if not, what is wrong and where.

How the limits were chosen stands in docs/evaluation.md.
"""

import typing

from faceswap_lib.faces.likeness import LEAST_LIKENESS, REGIONS

LEAST = {f"{region}_likeness": least for region, least in zip(REGIONS, LEAST_LIKENESS, strict=True)}
"""By metric, the likeness to the wanted person's own faces below which a region is none of that person's."""

LEAST_PLAUSIBLE = 67.0
"""Percent of the measured frames in which no region fails; a face that breaks in every third frame is no swap."""

LEAST_AGREEMENT = {"expression_agreement": 0.4, "motion_agreement": 0.7}
"""Agreement below which a face does not move; the first that was measured counts, which needs 68 landmarks."""

LEAST_SHARPNESS = 0.04
"""Share of the original's sharpness below which a face has no features left."""

MOSTLY_WANTED = 0.5
"""Part of the score for identity from which a face that does not move is a picture of the wanted person."""

SMALL_SHARE = 0.15
"""Below it a part of the score is named."""

_REGIONS = {
    "eyes_likeness": "the eyes are unlike the wanted person's own",
    "mouth_likeness": "the mouth is unlike the wanted person's own",
    "skin_likeness": "the skin is unlike the wanted person's own",
}

_PARTS = {
    "identity": "the original person is still there",
    "expression": "pose and expression are not the original's",
    "face": "what was pasted is hardly a face",
    "clarity": "the face is blurred or drowned in noise",
    "steadiness": "it shakes or flickers much more than the input",
    "untouched": "the picture away from the face was changed",
}


def describe_verdict(
    values: typing.Mapping[str, float | None],
    parts: typing.Mapping[str, float],
    plot_worst_frames: typing.Mapping[str, int] | None = None,
) -> str:
    """Describes in one sentence whether it is a swap.

    Args:
        values: Metrics by name, as in `METRICS`; None where one could not be measured.
        parts: Of the score, by name.
        plot_worst_frames: By metric the number of the frame in which it is worst.

    Returns:
        The sentence; it begins with "A swap", "Not a swap", "Nothing was swapped" or "Something was swapped".
    """
    coverage = values.get("coverage")
    if coverage is not None and coverage < 1:
        return "Nothing was swapped: the result is the input."
    faults = find_faults(values, parts, plot_worst_frames or {})
    if faults:
        return f"Not a swap: {'; '.join(faults)}."
    if "identity" not in parts:
        return "Something was swapped; whose face it is was not measured."
    return "A swap: the face is the wanted person's, and it moves as the original does."


def find_faults(
    values: typing.Mapping[str, float | None],
    parts: typing.Mapping[str, float],
    plot_worst_frames: typing.Mapping[str, int],
) -> list[str]:
    """Finds what keeps a result from being a swap; arguments as in `describe_verdict`. Empty if nothing does."""
    faults = []
    for name, text in _REGIONS.items():
        value = values.get(name)
        if value is not None and value < LEAST[name]:
            where = f", least in frame {plot_worst_frames[name]}" if name in plot_worst_frames else ""
            faults.append(f"{text} ({value:.2f} of 1, at least {LEAST[name]:.2f}{where})")
    plausible = values.get("plausible")
    if not faults and plausible is not None and plausible < LEAST_PLAUSIBLE:
        faults.append(f"only {plausible:.0f} % of the frames look like the wanted person everywhere")
    sharpness = values.get("sharpness")
    is_blurred = sharpness is not None and sharpness < LEAST_SHARPNESS
    if is_blurred:
        faults.append(f"the face is blurred: {100 * sharpness:.0f} % of the original's detail")
    agreement = next((name for name in LEAST_AGREEMENT if values.get(name) is not None), None)
    if agreement is not None and not is_blurred and values[agreement] < LEAST_AGREEMENT[agreement]:
        is_wanted = parts.get("identity", 0) >= MOSTLY_WANTED
        still = "a still picture of the wanted person pasted: it does not move"
        faults.append(still if is_wanted else "it does not move as the original does")
    for name, text in _PARTS.items():
        is_said = (name == "clarity" and is_blurred) or (name == "expression" and any("move" in one for one in faults))
        if parts.get(name, 1) < SMALL_SHARE and not is_said:
            faults.append(text)
    return faults
