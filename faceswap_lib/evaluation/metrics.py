"""The metrics of a report: what each is called, which way is better, and in which unit."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """One number of a report.

    Attributes:
        text: What it says, in a line.
        better: Which way is better; "one" for ratios to the original, "none" where neither is.
        unit: Empty for plain numbers.
        group: Heading under which it is shown.
    """

    text: str
    better: typing.Literal["higher", "lower", "one", "none"]
    unit: str = ""
    group: str


METRICS = {
    "identity_distance": Metric(
        text="distance of the swapped faces to the wanted person's average", better="lower", group="identity"
    ),
    "original_distance": Metric(
        text="distance of the swapped faces to the original person's average", better="higher", group="identity"
    ),
    "margin": Metric(text="distance to the original less distance to the wanted", better="higher", group="identity"),
    "identity_transfer_rate": Metric(
        text="frames nearer to the wanted person than to the original", better="higher", unit="%", group="identity"
    ),
    "same_person": Metric(
        text="frames nearer to the wanted person than the network's same-person line",
        better="higher",
        unit="%",
        group="identity",
    ),
    "before": Metric(
        text="distance of the original's own faces to the wanted person's average", better="none", group="identity"
    ),
    "within": Metric(
        text="distance of the wanted person's own faces to their average", better="none", group="identity"
    ),
    "id_retrieval": Metric(
        text="ID retrieval: faces whose most similar person in the gallery is the wanted one",
        better="higher",
        unit="%",
        group="identity",
    ),
    "id_similarity": Metric(
        text="ID similarity: cosine to the wanted person's average", better="higher", group="identity"
    ),
    "identity_steadiness": Metric(
        text="change of the embedding from one measured frame to the next, against the original's",
        better="one",
        group="identity",
    ),
    "eyes_likeness": Metric(
        text="likeness of the eyes to the wanted person's own, 1 = as real as a held-out frame",
        better="higher",
        group="likeness",
    ),
    "mouth_likeness": Metric(text="likeness of the mouth", better="higher", group="likeness"),
    "skin_likeness": Metric(text="likeness of the rest of the face below the brows", better="higher", group="likeness"),
    "plausible": Metric(
        text="measured frames in which none of the three falls below its limit",
        better="higher",
        unit="%",
        group="likeness",
    ),
    "likeness_to_wanted": Metric(
        text="likeness of the face to the wanted person's own, mean of the regions", better="higher", group="likeness"
    ),
    "likeness_to_original": Metric(
        text="likeness of the face to the original person's own", better="lower", group="likeness"
    ),
    "more_like_wanted": Metric(
        text="frames whose face the wanted person's own faces explain better than the original's",
        better="higher",
        unit="%",
        group="likeness",
    ),
    "likeness_margin": Metric(
        text="likeness to the wanted person less likeness to the original", better="higher", group="likeness"
    ),
    "likeness_before": Metric(text="the same of the original's own faces", better="none", group="likeness"),
    "likeness_within": Metric(text="the same of the wanted person's own faces", better="none", group="likeness"),
    "landmark_error": Metric(
        text="distance of the landmarks from the original's", better="lower", unit="eye distances", group="expression"
    ),
    "expression_error": Metric(
        text="difference of action-unit-like distances", better="lower", unit="eye distances", group="expression"
    ),
    "expression_agreement": Metric(
        text="correlation of those distances over time, where the original moves", better="higher", group="expression"
    ),
    "motion_agreement": Metric(
        text="correlation of which moments look alike, eyes and mouth", better="higher", group="expression"
    ),
    "pose_error": Metric(text="difference of the head's angles", better="lower", unit="degrees", group="expression"),
    "eyes_error": Metric(text="difference of how open the eyes are", better="lower", group="expression"),
    "mouth_error": Metric(text="difference of how open the mouth is", better="lower", group="expression"),
    "gaze_error": Metric(
        text="difference of where the irises lie", better="lower", unit="half eye widths", group="expression"
    ),
    "detection_rate": Metric(
        text="faces of the original that the detector also finds in the result",
        better="higher",
        unit="%",
        group="picture",
    ),
    "face_score": Metric(
        text="the detector's certainty that it is a face, against the original's", better="one", group="picture"
    ),
    "sharpness": Metric(
        text="variance of the Laplacian inside the face, against the original's", better="one", group="picture"
    ),
    "perceptual": Metric(text="perceptual distance from the original's face", better="none", group="picture"),
    "ssim": Metric(text="structural similarity with the original's face", better="none", group="picture"),
    "ms_ssim": Metric(text="the same at several scales", better="none", group="picture"),
    "psnr": Metric(
        text="peak signal-to-noise ratio against the original's face", better="none", unit="dB", group="picture"
    ),
    "jitter": Metric(text="second difference of the landmarks, against the original's", better="one", group="motion"),
    "flicker": Metric(
        text="change of colors between frames inside the face, against the original's", better="one", group="motion"
    ),
    "background_psnr": Metric(
        text="peak signal-to-noise ratio away from the face and a label", better="higher", unit="dB", group="blend"
    ),
    "seam": Metric(text="gradient along the border of the change, against the original's", better="one", group="blend"),
    "coverage": Metric(text="share of the face that was changed", better="none", unit="%", group="blend"),
    "outside_face_ratio": Metric(
        text="share of the change that lies outside the face", better="lower", unit="%", group="blend"
    ),
}
"""By name, in the order in which a report shows them."""
