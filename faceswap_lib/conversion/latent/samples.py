"""Samples of latent codes: codes of a person's crops, also mirrored, with the motion of the faces in them."""

import dataclasses
import logging

import numpy as np

from faceswap_lib.conversion.latent.expression import describe_gaze, describe_motion, measure_lids, open_lids
from faceswap_lib.faces.alignment import CROP_SIZE, scale_points
from faceswap_lib.faces.landmarks import LandmarkDetector
from faceswap_lib.faces.landmarks_68 import mirror_landmarks
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.faces.mesh import PRESENT
from faceswap_lib.faces.mesh_landmarks import correct_68
from faceswap_lib.faces.mesh_measures import measure_gaze
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks.preprocessing import preprocess_views

SAMPLED_CROPS = 240
"""Crops per person that are encoded, spread evenly over the faceset."""

KNOWN = 0.5
"""Minimum fraction of crops with landmarks; with fewer, landmarks are not used at all."""

BATCH = 16

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LatentSample:
    """Sample of one person's latent codes.

    Attributes:
        codes: (2 N, H, W, C) float32 codes of N crops, then of the same crops mirrored; training uses both.
        motion: (2 N, 12) motion of each face, see `expression.describe_motion`. With the mesh detector (2 N, 14), since
            the gaze is added, see `describe_gaze`. None if 68 landmarks are not known.
        crops: The N crops.
        open_lids: (2,) distance between the lids of each open eye, in eye distances, see `expression.open_lids`; None
            if `motion` is None.
    """

    codes: np.ndarray
    motion: np.ndarray | None
    crops: Faceset
    open_lids: np.ndarray | None = None

    @property
    def filmed(self) -> np.ndarray:
        """Codes of the crops that are not mirrored, (N, H, W, C)."""
        return self.codes[: len(self.codes) // 2]


def sample_codes(networks, faceset: Faceset, finder: LandmarkDetector | None = None) -> LatentSample:
    """Encodes a sample of a person's crops, and describes the motion of their faces.

    Args:
        networks: Networks of the run, a `faceswap_lib.networks.Networks`.
        faceset: Faces of the person.
        finder: Detector of 68 landmarks, used if the mesh detector is not available and the faceset has none; with
            None, motion is not known in this case.

    Returns:
        The sample.
    """
    sampled, points, gaze = _find_landmarks(faceset.sample(SAMPLED_CROPS), finder)
    codes = encode_crops(networks, sampled, mirrored=True)
    if points is None:
        return LatentSample(codes=codes, motion=None, crops=sampled)
    both = np.concatenate([points, mirror_landmarks(points, CROP_SIZE)])
    motion = describe_motion(both)
    if gaze is not None:
        directions = describe_gaze(gaze)
        motion = np.hstack([motion, np.concatenate([directions, directions * [-1, 1]])])
    return LatentSample(codes=codes, motion=motion, crops=sampled, open_lids=open_lids(measure_lids(both)))


def encode_crops(networks, faceset: Faceset, *, mirrored: bool) -> np.ndarray:
    """Encodes all crops of a faceset.

    Args:
        networks: Networks of the run, a `faceswap_lib.networks.Networks`.
        faceset: N crops.
        mirrored: Whether the mirrored crops are encoded as well, after the others.

    Returns:
        (N, H, W, C) or (2 N, H, W, C) float32 codes.
    """
    config = networks.config
    arrays = faceset.load(config.stored_size, face_region=config.face_region)
    seen, _ = preprocess_views(*arrays.views(config.resolution), config.input_mode)
    if mirrored:
        seen = np.concatenate([seen, seen[:, :, ::-1]])
    batches = [networks.encoder.predict_on_batch(seen[start : start + BATCH]) for start in range(0, len(seen), BATCH)]
    return np.concatenate(batches).astype(np.float32, copy=False)


def _find_landmarks(
    faceset: Faceset, finder: LandmarkDetector | None
) -> tuple[Faceset, np.ndarray | None, np.ndarray | None]:
    """Detects (N, 68, 2) landmarks and (N, 2, 2) gaze by the mesh, which is best for eyelids, lips and gaze.

    Without the mesh detector, other 68 landmarks are used, and gaze is None. Crops without landmarks are removed; if
    these are more than half, all crops are kept, and landmarks and gaze are None.
    """
    points = [record.landmarks_in_crop() for record in faceset.records]
    gaze = None
    if MeshLandmarkDetector.unavailable_reason() is None:
        meshes = MeshLandmarkDetector().find_meshes(faceset.read_crops())
        for index, mesh in enumerate(meshes):
            if mesh.presence >= PRESENT:
                points[index] = correct_68(mesh.points)
        gaze = np.stack([measure_gaze(mesh) for mesh in meshes])
    elif finder is not None and any(len(face) != 68 for face in points):
        crops = faceset.read_crops()
        for index, (face, crop) in enumerate(zip(finder.detect(crops), crops, strict=True)):
            points[index] = scale_points(face, CROP_SIZE / len(crop.image))
    known = np.flatnonzero([len(face) == 68 for face in points])
    if len(known) < KNOWN * len(points):
        return faceset, None, None
    if len(known) < len(points):
        logger.info(
            "%d of %d crops are not used for latent maps: no face was detected", len(points) - len(known), len(points)
        )
        faceset = dataclasses.replace(faceset, records=tuple(faceset.records[index] for index in known))
    return faceset, np.stack([points[index] for index in known]), None if gaze is None else gaze[known]
