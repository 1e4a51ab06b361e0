"""Latent codes of both people's crops, mirrored ones too, with what the faces in them do."""

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
"""Crops per person whose codes are looked at, spread evenly over the faceset."""

KNOWN = 0.5
"""Share of the crops whose landmarks must be known, for the rest to be left out."""

BATCH = 16

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LatentSample:
    """Latent codes of one person.

    Attributes:
        codes: (2 N, H, W, C) float32 codes of N crops, then of the same crops mirrored. Training shows networks both.
        motion: (2 N, 12) what each face does, see `expression.describe_motion`, or (2 N, 14) with where it looks, see
            `describe_gaze`, where the mesh runs. None if no 68 landmarks are known.
        crops: The N crops.
        open_lids: (2,) how far the lids of either eye are apart in open eyes, see `expression.open_lids`; None where
            motion is.
    """

    codes: np.ndarray
    motion: np.ndarray | None
    crops: Faceset
    open_lids: np.ndarray | None = None

    @property
    def filmed(self) -> np.ndarray:
        """(N, H, W, C) the codes of the crops as they were filmed."""
        return self.codes[: len(self.codes) // 2]


def sample_codes(networks, faceset: Faceset, finder: LandmarkDetector | None = None) -> LatentSample:
    """Encodes a person's crops.

    Args:
        networks: The run's `faceswap_lib.networks.Networks`.
        faceset: The person's.
        finder: Finds 68 landmarks where the mesh does not run and the faceset has none; None leaves what the faces do
            unknown then.

    Returns:
        The codes.
    """
    sampled, points, gaze = _find_landmarks(faceset.sample(SAMPLED_CROPS), finder)
    codes = encode_crops(networks, sampled, mirrored=True)
    if points is None:
        return LatentSample(codes=codes, motion=None, crops=sampled)
    both = np.concatenate([points, mirror_landmarks(points, CROP_SIZE)])
    motion = describe_motion(both)
    if gaze is not None:
        looks = describe_gaze(gaze)
        motion = np.hstack([motion, np.concatenate([looks, looks * [-1, 1]])])
    return LatentSample(codes=codes, motion=motion, crops=sampled, open_lids=open_lids(measure_lids(both)))


def encode_crops(networks, faceset: Faceset, *, mirrored: bool) -> np.ndarray:
    """Encodes all crops of a faceset.

    Args:
        networks: The run's `faceswap_lib.networks.Networks`.
        faceset: N crops.
        mirrored: Also encode each one mirrored, behind the others.

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
    """The crops with their (N, 68, 2) landmarks and (N, 2, 2) gaze; by the mesh, which sees lids, lips and gaze best.

    Where it does not run, any 68 landmarks are taken, and gaze is None. Crops in which nothing is found are left out;
    if these are more than half, all are kept and both are None.
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
            "%d of %d crops say nothing about codes: no face is found in them", len(points) - len(known), len(points)
        )
        faceset = dataclasses.replace(faceset, records=tuple(faceset.records[index] for index in known))
    return faceset, np.stack([points[index] for index in known]), None if gaze is None else gaze[known]
