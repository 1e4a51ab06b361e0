"""How far codes must move for a swap to be one, as a network that tells people apart says.

With some pairs the original shows through, with others it does not (see `shift`); every step towards the wanted person
costs expression. So the smallest step is taken with which nearly all of a sample of swapped faces are nearer to the
wanted person than to the original.
"""

import typing

import numpy as np

from faceswap_lib.conversion.composite import Compositor
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.people import People
from faceswap_lib.conversion.stages import swap_faces
from faceswap_lib.conversion.swapper import FaceSwapper
from faceswap_lib.faces import Face, FaceCrop

SHARES = tuple(round(0.1 * step, 1) for step in range(11))
"""Parts of the way that are tried."""

NEARER = 0.97
"""Share of the sample that must be nearer to the wanted person: all but one."""

MARGIN = 0.15
"""How much nearer they must be on average, as a share of the two people's own distance."""


def choose_share(make_swapper: typing.Callable[[float], FaceSwapper], people: People, config: ConvertConfig) -> float:
    """Finds the smallest part of the way with which the swap is one.

    Args:
        make_swapper: Gives the swapper for a part of the way, 0 to 1.
        people: Whose faces they are.
        config: How faces are painted.

    Returns:
        One of `SHARES`; 1 if none is enough.
    """

    def is_enough(share: float) -> bool:
        to_original, to_wanted = people.distances(swap_crops(people.crops, make_swapper(share), config))
        is_nearer = np.mean(to_wanted < to_original) >= NEARER
        return is_nearer and np.mean(to_original - to_wanted) >= MARGIN * people.apart

    if is_enough(SHARES[0]):
        return SHARES[0]
    too_little, enough = 0, len(SHARES) - 1
    while enough - too_little > 1:
        middle = (too_little + enough) // 2
        too_little, enough = (too_little, middle) if is_enough(SHARES[middle]) else (middle, enough)
    return SHARES[enough]


def swap_crops(crops: typing.Sequence[FaceCrop], swapper: FaceSwapper, config: ConvertConfig) -> list[FaceCrop]:
    """The same crops with the new face in them."""
    compositor = Compositor(config, swapper.coverage)
    faces = [(crop.image, _as_face(crop)) for crop in crops]
    return [
        FaceCrop(
            image=compositor.paint(crop.image, swapped).frame,
            landmarks=crop.landmarks,
            crop_from_frame=crop.crop_from_frame,
        )
        for crop, swapped in zip(crops, swap_faces(faces, swapper), strict=True)
    ]


def _as_face(crop: FaceCrop) -> Face:
    """The face of a crop, in pixels of the crop."""
    low, high = crop.landmarks.min(axis=0), crop.landmarks.max(axis=0)
    return Face(box_xyxy=[*low, *high], score=1.0, landmarks=crop.landmarks)
