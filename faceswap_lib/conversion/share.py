"""How far codes must move for a swap to be one, as a network that tells people apart says.

With some pairs the original shows through, with others it does not (see `shift`); every step towards the wanted person
costs expression. So the smallest step is taken with which nearly all of a sample of swapped faces are nearer to the
wanted person than to the original.
"""

import typing

import numpy as np

from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.paste import paste_face
from faceswap_lib.conversion.swapper import FaceSwapper
from faceswap_lib.faces import FaceCrop, face_mask, view_matrix, warp_frame
from faceswap_lib.faces.align import map_points
from faceswap_lib.faces.identity import FaceEmbedder
from faceswap_lib.facesets import Faceset, Workspace

SHARES = tuple(round(0.1 * step, 1) for step in range(11))
"""Parts of the way that are tried."""

SAMPLED = 60
"""Crops of each person that are looked at, spread evenly over the faceset."""

NEARER = 0.97
"""Share of the sample that must be nearer to the wanted person: all but one."""

MARGIN = 0.15
"""How much nearer they must be on average, as a share of the two people's own distance."""


def choose_share(
    make_swapper: typing.Callable[[float], FaceSwapper],
    workspace: Workspace,
    embedder: FaceEmbedder,
    config: ConvertConfig,
) -> float:
    """Finds the smallest part of the way with which the swap is one.

    Args:
        make_swapper: Gives the swapper for a part of the way, 0 to 1.
        workspace: Holds both facesets.
        embedder: Tells people apart.
        config: How faces are pasted, and the direction.

    Returns:
        One of `SHARES`; 1 if none is enough.

    Raises:
        WorkspaceError: If a faceset is missing.
    """
    read, wanted = ("src", "dst") if config.direction == "a2b" else ("dst", "src")
    crops, others = (Faceset.open(workspace, side).sample(SAMPLED).read_crops() for side in (read, wanted))
    people = [embedder.embed(sample).mean(axis=0) for sample in (crops, others)]
    apart = np.linalg.norm(people[1] - people[0])

    def is_enough(share: float) -> bool:
        found = embedder.embed(swap_crops(crops, make_swapper(share), config))
        to_read, to_wanted = (np.linalg.norm(found - person, axis=1) for person in people)
        return np.mean(to_wanted < to_read) >= NEARER and np.mean(to_read - to_wanted) >= MARGIN * apart

    if is_enough(SHARES[0]):
        return SHARES[0]
    too_little, enough = 0, len(SHARES) - 1
    while enough - too_little > 1:
        middle = (too_little + enough) // 2
        too_little, enough = (too_little, middle) if is_enough(SHARES[middle]) else (middle, enough)
    return SHARES[enough]


def swap_crops(crops: list[FaceCrop], swapper: FaceSwapper, config: ConvertConfig) -> list[FaceCrop]:
    """The same crops with the new face in them."""
    size, coverage = swapper.resolution, swapper.coverage
    matrices = [view_matrix(np.eye(2, 3), len(crop.image), size, coverage) for crop in crops]
    views = np.stack([warp_frame(crop.image, matrix, size) for crop, matrix in zip(crops, matrices, strict=True)])
    points = [map_points(matrix, crop.landmarks) for crop, matrix in zip(crops, matrices, strict=True)]
    masks, new = swapper.swap(views, np.stack([face_mask(p, size, coverage=coverage) for p in points]))
    return [
        FaceCrop(
            image=paste_face(crop.image, view, face, mask, p, matrix, coverage, config),
            landmarks=crop.landmarks,
            crop_from_frame=crop.crop_from_frame,
        )
        for crop, view, face, mask, p, matrix in zip(crops, views, new, masks, points, matrices, strict=True)
    ]
