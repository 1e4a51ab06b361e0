"""How strong light and dark of a new face are, between those of the two people.

Networks write in a standard tone, and the tone of the original's face is put back: a face with pale brows lends its low
contrast to one with dark lashes, whose eyes turn milky. Contrast is in part the person's, brows and complexion, in part
the light's, and a picture does not tell which; so new faces stand halfway, by ratio, between what the two were filmed
with. What the networks lose in drawing is made good by the same measure.
"""

import typing

import cv2
import numpy as np

from faceswap_lib.faces.masks import middle_of_face
from faceswap_lib.facesets import Faceset

if typing.TYPE_CHECKING:
    from faceswap_lib.conversion.swapper import GeneratorSwapper
    from faceswap_lib.networks import NetworkConfig

SAMPLED = 48
"""Crops of either person that are looked at."""

MIDDLE = (0.85, 1.0, 1.1)
"""Half axes of the part of a face whose contrast counts; see `masks.middle_of_face`."""

FACTORS = (0.5, 2.0)
"""Factors that are believed."""


def measure_contrast(pictures: np.ndarray, coverage: float) -> float:
    """Measures the contrast of faces.

    Args:
        pictures: (N, R, R, 3) uint8 RGB views.
        coverage: Side of the views as a share of the crop's.

    Returns:
        The median of the standard deviation of each face's brightness as a share of its mean.
    """
    inside = middle_of_face(pictures.shape[1], MIDDLE, coverage=coverage)
    levels = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[inside] for picture in pictures]).astype(np.float32)
    return float(np.median(levels.std(axis=1) / np.maximum(levels.mean(axis=1), 1)))


def fit_contrast(
    swapper: "GeneratorSwapper", network_config: "NetworkConfig", original: Faceset, wanted: Faceset, share: float
) -> float:
    """Finds the factor by which new faces come to the contrast they should have.

    Args:
        swapper: With its latent map.
        network_config: Of its networks.
        original, wanted: Both people's faces.
        share: 0 leaves the contrast of the original's tone, 1 leads to the wanted person's own, between them by ratio.

    Returns:
        The factor, within `FACTORS`.

    Taught in notebooks/06_video_conversion.
    """

    def load_views(faceset: Faceset) -> tuple[np.ndarray, np.ndarray]:
        arrays = faceset.sample(SAMPLED).load(network_config.stored_size, face_region=network_config.face_region)
        return arrays.views(network_config.resolution)

    _, new = swapper.swap(*load_views(original))
    own, _ = load_views(wanted)
    ratio = measure_contrast(own, swapper.coverage) / max(measure_contrast(new, swapper.coverage), 1e-3)
    return float(np.clip(ratio**share, *FACTORS))
