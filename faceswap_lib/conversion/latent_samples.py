"""Latent codes of both people's crops, mirrored ones too, with what the faces in them do."""

import dataclasses

import numpy as np

from faceswap_lib.conversion.expression import describe_motion
from faceswap_lib.faces.align import CROP_SIZE, scale_points
from faceswap_lib.faces.landmarks import LandmarkFinder
from faceswap_lib.faces.landmarks_68 import mirror_landmarks
from faceswap_lib.faces.landmarks_mesh import MeshFinder
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks.views import to_network

SAMPLED_CROPS = 240
"""Crops per person whose codes are looked at, spread evenly over the faceset."""

BATCH = 16


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LatentSample:
    """Latent codes of one person.

    Attributes:
        codes: (2 N, H, W, C) float32 codes of N crops, then of the same crops mirrored. Training shows networks both.
        motion: (2 N, 12) what each face does; see `expression.describe_motion`. None if no 68 landmarks are known.
        crops: The N crops.
    """

    codes: np.ndarray
    motion: np.ndarray | None
    crops: Faceset

    @property
    def filmed(self) -> np.ndarray:
        """(N, H, W, C) the codes of the crops as they were filmed."""
        return self.codes[: len(self.codes) // 2]


def sample_codes(networks, faceset: Faceset, finder: LandmarkFinder | None = None) -> LatentSample:
    """Encodes a person's crops.

    Args:
        networks: The run's `faceswap_lib.networks.Networks`.
        faceset: The person's.
        finder: Finds 68 landmarks where the mesh does not run and the faceset has none; None leaves what the faces do
            unknown then.

    Returns:
        The codes.
    """
    sampled = faceset.sample(SAMPLED_CROPS)
    codes = encode_crops(networks, sampled, mirrored=True)
    return LatentSample(codes=codes, motion=_find_motion(sampled, finder), crops=sampled)


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
    seen, _ = to_network(*arrays.views(config.resolution), config.view)
    if mirrored:
        seen = np.concatenate([seen, seen[:, :, ::-1]])
    batches = [networks.encoder.predict_on_batch(seen[start : start + BATCH]) for start in range(0, len(seen), BATCH)]
    return np.concatenate(batches).astype(np.float32, copy=False)


def _find_motion(faceset: Faceset, finder: LandmarkFinder | None) -> np.ndarray | None:
    """What faces do, mirrored ones last; by the mesh, which sees lids and lips best, else by any 68 landmarks."""
    points = [record.best_points_in_crop() for record in faceset.records]
    if MeshFinder.missing() is None:
        finder = MeshFinder()
    elif all(len(face) == 68 for face in points):
        finder = None
    if finder is not None:
        crops = faceset.read_crops()
        for index, (face, crop) in enumerate(zip(finder.find(crops), crops, strict=True)):
            if len(face) == 68:
                points[index] = scale_points(face, CROP_SIZE / len(crop.image))
    if any(len(face) != 68 for face in points):
        return None
    filmed = np.stack(points)
    return describe_motion(np.concatenate([filmed, mirror_landmarks(filmed, CROP_SIZE)]))
