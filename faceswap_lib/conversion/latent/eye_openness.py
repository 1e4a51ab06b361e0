"""Calibration of eye openness, so that the eyes of swapped faces are as open as those of the original faces.

An aligned latent code is a mean of the wanted person's codes, and the mean of open and half-closed eyes is half closed.
The openness of swapped eyes is measured on a sample, and the requested openness is corrected accordingly.
"""

import dataclasses
import typing
from collections.abc import Callable

import numpy as np

from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.latent.expression import LID_NUMBERS, LID_UNIT, measure_lids
from faceswap_lib.conversion.latent.mapping import REACHED, LatentMap
from faceswap_lib.conversion.latent.samples import LatentSample
from faceswap_lib.conversion.latent.search import swap_crops
from faceswap_lib.conversion.swapper import GeneratorSwapper
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.faces.mesh import PRESENT
from faceswap_lib.faces.mesh_landmarks import correct_68
from faceswap_lib.facesets.faceset import spread_evenly

SAMPLED = 24
"""Crops of the original person that are swapped to measure their eyes."""

ROUNDS = 2
"""Number of corrections of the requested openness."""

LEAST, MOST = 0.85, 1.35
"""Range to which the factor is clipped."""


def calibrate_eye_openness(
    align: Callable[[float], LatentMap],
    swapper: GeneratorSwapper,
    original: LatentSample,
    wanted: LatentSample,
    config: ConvertConfig,
) -> float:
    """Calibrates the factor of eye openness of an alignment, in a closed loop.

    Args:
        align: Returns the alignment for a factor of eye openness, relative to the original face.
        swapper: The swapper; its latent map is not used.
        original: Latent codes of the original person, with the motion of the faces.
        wanted: Latent codes of the wanted person, with the motion of the faces.
        config: How faces are swapped.

    Returns:
        The factor, `LEAST` to `MOST`; 1 if openness cannot be measured, because the mesh detector is not available on
        this machine, the motion of the wanted person is not known, or no swapped face is detected.
    """
    if MeshLandmarkDetector.unavailable_reason() is not None or wanted.open_lids is None:
        return 1.0
    motion, wanted_motion = (typing.cast(np.ndarray, sample.motion) for sample in (original, wanted))
    config = dataclasses.replace(config, detail_transfer="none")
    chosen = spread_evenly(len(original.crops), SAMPLED)
    crops = original.crops.sample(SAMPLED).read_crops()
    low, high = np.percentile(wanted_motion[:, LID_NUMBERS], REACHED, axis=0)
    expected = np.clip(motion[chosen][:, LID_NUMBERS], low, high).mean() * LID_UNIT
    factor, detector = 1.0, MeshLandmarkDetector()
    for _ in range(ROUNDS):
        meshes = detector.find_meshes(swap_crops(crops, swapper.with_latent_map(align(factor)), config))
        points = [correct_68(mesh.points) for mesh in meshes if mesh.presence >= PRESENT]
        if not points:
            return 1.0
        measured = (measure_lids(np.stack(points)) / wanted.open_lids).mean()
        factor = float(np.clip(factor * expected / max(measured, 1e-6), LEAST, MOST))
    return factor
