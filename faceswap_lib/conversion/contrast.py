"""Contrast of the swapped face, between the contrasts of the two people, with the hues of the wanted person.

Networks generate faces in a standard tone, and the tone of the target face is applied to them. A target face with pale
brows has a low contrast; applied to a person with dark lashes, it makes the eyes look milky. Contrast comes partly from
the person (brows, complexion) and partly from the light, and one image does not show how much comes from each. So by
default the contrast of swapped faces is the geometric mean of the contrasts with which the two people were filmed. The
same factor also corrects the contrast that the networks lose.

The hues are those of the wanted person, see `color_normalization.restore_colors`.
"""

import typing

import cv2
import numpy as np

from faceswap_lib.faces.color_normalization import measure_color_spread
from faceswap_lib.faces.masks import middle_of_face
from faceswap_lib.facesets import Faceset

if typing.TYPE_CHECKING:
    from faceswap_lib.conversion.swapper import GeneratorSwapper
    from faceswap_lib.networks import NetworkConfig

SAMPLED = 48
"""Crops of each person on which contrast is measured."""

MIDDLE = (0.85, 1.0, 1.1)
"""Half axes of the part of a face in which contrast is measured; see `masks.middle_of_face`."""

FACTORS = (0.5, 2.0)
"""Range to which the factor is clipped."""


def measure_contrast(pictures: np.ndarray, coverage: float) -> float:
    """Measures the contrast of faces.

    Args:
        pictures: (N, R, R, 3) uint8 RGB views.
        coverage: Side of the view as a fraction of the crop's side.

    Returns:
        Median over the faces of the standard deviation of brightness, divided by its mean.
    """
    inside = middle_of_face(pictures.shape[1], MIDDLE, coverage=coverage)
    levels = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[inside] for picture in pictures]).astype(np.float32)
    return float(np.median(levels.std(axis=1) / np.maximum(levels.mean(axis=1), 1)))


def fit_contrast(
    swapper: "GeneratorSwapper", network_config: "NetworkConfig", original: Faceset, wanted: Faceset, share: float
) -> "GeneratorSwapper":
    """Fits the contrast of swapped faces, and their hues, to the two people.

    Args:
        swapper: The swapper, with its latent map.
        network_config: Options of its networks.
        original: Faces of the original person.
        wanted: Faces of the wanted person.
        share: 0 keeps the contrast that the target's tone gives, 1 gives the wanted person's contrast; values between
            are interpolated geometrically.

    Returns:
        A copy of the swapper with a factor of contrast within `FACTORS` and the wanted person's color spread.
    """

    def load_views(faceset: Faceset) -> tuple[np.ndarray, np.ndarray]:
        arrays = faceset.sample(SAMPLED).load(network_config.stored_size, face_region=network_config.face_region)
        return arrays.views(network_config.resolution)

    filmed, faces = load_views(wanted)
    spread = measure_color_spread(filmed, faces)
    _, swapped = swapper.with_contrast(1.0, spread).swap(*load_views(original))
    ratio = measure_contrast(filmed, swapper.coverage) / max(measure_contrast(swapped, swapper.coverage), 1e-3)
    return swapper.with_contrast(float(np.clip(ratio**share, *FACTORS)), spread)
