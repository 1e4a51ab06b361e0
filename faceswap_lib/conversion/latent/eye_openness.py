"""Eye openness: how wide open eyes must be asked for, so that those of the new face are as open as the original's.

An aligned code is a mean of the wanted person's codes, and a mean of open and half shut eyes is half shut. How much
that takes off is measured on a sample of new faces, and more is asked for by as much.
"""

import dataclasses
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
"""Crops of the original that are swapped to look at their eyes."""

ROUNDS = 2
"""How often what is asked for is corrected."""

LEAST, MOST = 0.85, 1.35
"""Factors that are believed."""


def calibrate_eye_openness(
    align: Callable[[float], LatentMap],
    swapper: GeneratorSwapper,
    original: LatentSample,
    wanted: LatentSample,
    config: ConvertConfig,
) -> float:
    """Calibrates the eye openness that an alignment asks for, in a closed loop.

    Args:
        align: Gives the alignment that asks for eyes so many times as open as the original's.
        swapper: Its latent map is not used.
        original, wanted: Both people's codes, with what their faces do.
        config: How faces are swapped.

    Returns:
        The factor, `LEAST` to `MOST`; 1 where the mesh does not run.
    """
    if MeshLandmarkDetector.unavailable_reason() is not None or wanted.open_lids is None:
        return 1.0
    config = dataclasses.replace(config, detail_transfer="none")
    chosen = spread_evenly(len(original.crops), SAMPLED)
    crops = original.crops.sample(SAMPLED).read_crops()
    reach = np.percentile(wanted.motion[:, LID_NUMBERS], REACHED, axis=0)
    asked = np.clip(original.motion[chosen][:, LID_NUMBERS], *reach).mean() * LID_UNIT
    factor, finder = 1.0, MeshLandmarkDetector()
    for _ in range(ROUNDS):
        meshes = finder.find_meshes(swap_crops(crops, swapper.with_latent_map(align(factor)), config))
        points = [correct_68(mesh.points) for mesh in meshes if mesh.presence >= PRESENT]
        if not points:
            return 1.0
        came = (measure_lids(np.stack(points)) / wanted.open_lids).mean()
        factor = float(np.clip(factor * asked / max(came, 1e-6), LEAST, MOST))
    return factor
