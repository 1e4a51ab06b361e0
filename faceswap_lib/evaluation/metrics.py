"""The metrics of a report: name, description, better direction, unit and group."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """Description of one metric.

    Attributes:
        text: Description in one line.
        better: Direction that is better: "higher" or "lower"; "one" for ratios to the original, which should be near 1;
            "none" if no direction is better.
        unit: Unit; empty for plain numbers.
        group: Heading under which the report shows the metric.
    """

    text: str
    better: typing.Literal["higher", "lower", "one", "none"]
    unit: str = ""
    group: str


METRICS = {
    "identity_distance": Metric(
        text="embedding distance of the swapped faces to the wanted person's average", better="lower", group="identity"
    ),
    "original_distance": Metric(
        text="embedding distance of the swapped faces to the original person's average",
        better="higher",
        group="identity",
    ),
    "margin": Metric(
        text="distance to the original person minus distance to the wanted person", better="higher", group="identity"
    ),
    "identity_transfer_rate": Metric(
        text="frames nearer to the wanted person than to the original person",
        better="higher",
        unit="%",
        group="identity",
    ),
    "same_person": Metric(
        text="frames whose distance to the wanted person is below the network's same-person threshold",
        better="higher",
        unit="%",
        group="identity",
    ),
    "before": Metric(
        text="distance of the original person's own faces to the wanted person's average",
        better="none",
        group="identity",
    ),
    "within": Metric(
        text="distance of the wanted person's own faces to their average", better="none", group="identity"
    ),
    "id_retrieval": Metric(
        text="ID retrieval: swapped faces whose most similar person in the gallery is the wanted person",
        better="higher",
        unit="%",
        group="identity",
    ),
    "id_similarity": Metric(
        text="ID similarity: cosine similarity to the wanted person's average", better="higher", group="identity"
    ),
    "identity_steadiness": Metric(
        text="change of the embedding from one measured frame to the next, relative to the original",
        better="one",
        group="identity",
    ),
    "eyes_likeness": Metric(
        text="likeness of the eyes to the wanted person's own; 1 = as similar as a held-out frame of that person",
        better="higher",
        group="likeness",
    ),
    "mouth_likeness": Metric(text="the same for the mouth", better="higher", group="likeness"),
    "skin_likeness": Metric(
        text="the same for the rest of the face below the eyebrows", better="higher", group="likeness"
    ),
    "plausible": Metric(
        text="measured frames in which eyes, mouth and skin are all above their limits",
        better="higher",
        unit="%",
        group="likeness",
    ),
    "likeness_to_wanted": Metric(
        text="likeness of the face to the wanted person's own faces, mean of the regions",
        better="higher",
        group="likeness",
    ),
    "likeness_to_original": Metric(
        text="likeness of the face to the original person's own faces", better="lower", group="likeness"
    ),
    "more_like_wanted": Metric(
        text="frames whose face is more like the wanted person's own faces than like the original person's",
        better="higher",
        unit="%",
        group="likeness",
    ),
    "likeness_margin": Metric(
        text="likeness to the wanted person minus likeness to the original person", better="higher", group="likeness"
    ),
    "likeness_before": Metric(text="the same for the original person's own faces", better="none", group="likeness"),
    "likeness_within": Metric(text="the same for the wanted person's own faces", better="none", group="likeness"),
    "landmark_error": Metric(
        text="mean distance of the landmarks to the original's",
        better="lower",
        unit="eye distances",
        group="expression",
    ),
    "expression_error": Metric(
        text="mean difference of distances that resemble action units",
        better="lower",
        unit="eye distances",
        group="expression",
    ),
    "expression_agreement": Metric(
        text="correlation of those distances over time, where the original moves", better="higher", group="expression"
    ),
    "motion_agreement": Metric(
        text="correlation of the frame-to-frame distance matrices of eyes and mouth",
        better="higher",
        group="expression",
    ),
    "pose_error": Metric(
        text="mean difference of yaw, pitch and roll", better="lower", unit="degrees", group="expression"
    ),
    "eyes_error": Metric(text="difference of eye openness", better="lower", group="expression"),
    "mouth_error": Metric(text="difference of mouth openness", better="lower", group="expression"),
    "gaze_error": Metric(
        text="difference of the iris positions", better="lower", unit="half eye widths", group="expression"
    ),
    "detection_rate": Metric(
        text="faces of the original that the detector also finds in the result",
        better="higher",
        unit="%",
        group="image",
    ),
    "face_score": Metric(text="face detection score, relative to the original", better="one", group="image"),
    "sharpness": Metric(
        text="variance of the Laplacian inside the face, relative to the original", better="one", group="image"
    ),
    "perceptual": Metric(text="perceptual distance to the original's face", better="none", group="image"),
    "ssim": Metric(text="structural similarity to the original's face", better="none", group="image"),
    "ms_ssim": Metric(text="multi-scale structural similarity to the original's face", better="none", group="image"),
    "psnr": Metric(
        text="peak signal-to-noise ratio against the original's face", better="none", unit="dB", group="image"
    ),
    "jitter": Metric(text="second difference of the landmarks, relative to the original", better="one", group="motion"),
    "flicker": Metric(
        text="change of colors between frames inside the face, relative to the original", better="one", group="motion"
    ),
    "background_psnr": Metric(
        text="peak signal-to-noise ratio outside the face and the label", better="higher", unit="dB", group="blend"
    ),
    "seam": Metric(
        text="gradient along the border of the changed area, relative to the original", better="one", group="blend"
    ),
    "coverage": Metric(text="fraction of the face that was changed", better="none", unit="%", group="blend"),
    "outside_face_ratio": Metric(
        text="fraction of the changed area that is outside the face", better="lower", unit="%", group="blend"
    ),
}
"""All metrics by name, in the order of the report."""
