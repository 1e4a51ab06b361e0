"""Which latent map gives the most plausible faces of the wanted person that do what the input does.

Identity alone is easily bought with the picture, so likeness of eyes, mouth and skin to the wanted person's own faces,
landmarks and identity count together: what ruins one cannot be made good by another. The faces are looked at without
transferred detail, which would hide what the networks draw.
"""

import dataclasses
import typing
from collections.abc import Callable, Mapping

import numpy as np

from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.latent.identities import IdentityPair
from faceswap_lib.conversion.latent.mapping import LatentMap
from faceswap_lib.conversion.placement import Placement, make_placement, sides_from_crop
from faceswap_lib.conversion.stages.swap import swap_faces
from faceswap_lib.conversion.swap_check.measures import open_gallery
from faceswap_lib.conversion.swapper import ViewSwapper
from faceswap_lib.faces import Face, FaceCrop
from faceswap_lib.faces.alignment import CROP_SIZE, EYE_DISTANCE, invert_affine, map_points
from faceswap_lib.faces.landmarks import LandmarkDetector
from faceswap_lib.faces.likeness import LikenessGallery
from faceswap_lib.facesets import Faceset

SAMPLED = 24
"""Crops of the original person that are swapped to compare maps."""

CLEARLY = 1.05
"""How much better another map than the first must be: on so few faces less is chance."""

WORST_DRIFT = 0.2
"""Distance of the landmarks from the input's, in eye distances, at which a face is worth nothing."""

GOOD_LIKENESS, GOOD_DRIFT, GOOD_NEARER = 0.75, 0.07, 0.97
"""With these a map is taken without trying others."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MapQuality:
    """How good the faces of a latent map are.

    Attributes:
        likeness: Likeness of eyes, mouth and skin to the wanted person's own faces, 1 as real as hers.
        drift: Mean distance of the landmarks from the input's, in eye distances, once the face is placed.
        nearer: Share of the faces that are nearer to the wanted person than to the original.
        placement: Where the face lies in its view; None leaves it where the network wrote it.
    """

    likeness: tuple[float, float, float]
    drift: float
    nearer: float
    placement: Placement | None = None

    @property
    def score(self) -> float:
        """The product of all three, 0 to 1."""
        plausible = float(np.mean(np.clip(self.likeness, 0, 1)))
        return plausible * max(0.0, 1 - self.drift / WORST_DRIFT) * self.nearer

    @property
    def is_good(self) -> bool:
        """Whether nothing better needs to be looked for."""
        return min(self.likeness) >= GOOD_LIKENESS and self.drift <= GOOD_DRIFT and self.nearer >= GOOD_NEARER


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MapJudge:
    """Judges swapped faces.

    Attributes:
        crops: Faces of the original person.
        landmarks: Their landmarks, (68, 2) or (5, 2) each.
        original, wanted: Either person's own faces.
        finder: Finds landmarks in the swapped faces.
        people: Tells the two people apart; None does it by whose own faces explain the new one better.
    """

    crops: tuple[FaceCrop, ...]
    landmarks: tuple[np.ndarray, ...]
    original: LikenessGallery
    wanted: LikenessGallery
    finder: LandmarkDetector
    people: IdentityPair | None

    @classmethod
    def open(
        cls, original: Faceset, wanted: Faceset, finder: LandmarkDetector, people: IdentityPair | None
    ) -> typing.Optional["MapJudge"]:
        """Looks at both facesets; None if one of them is too short to be compared with."""
        galleries = [open_gallery(faceset, finder) for faceset in (original, wanted)]
        if None in galleries:
            return None
        crops = original.sample(SAMPLED).read_crops()
        return cls(
            crops=tuple(crops),
            landmarks=tuple(finder.detect(crops)),
            original=galleries[0],
            wanted=galleries[1],
            finder=finder,
            people=people,
        )

    def judge(self, swapper: ViewSwapper, config: ConvertConfig) -> MapQuality:
        """Swaps the faces and measures what comes out."""
        swapped = swap_crops(self.crops, swapper, dataclasses.replace(config, detail_transfer="none"))
        landmarks = self.finder.detect(swapped)
        likeness = self.wanted.measure(swapped, landmarks)
        placement = None
        if config.placement == "auto":
            options = (CROP_SIZE, swapper.coverage, config.proportions)
            placement = make_placement(self.landmarks, landmarks, *options)
        apart = [
            np.linalg.norm(_place(placement, new, swapper.coverage) - old, axis=1).mean()
            if new.shape == old.shape
            else np.nan
            for new, old in zip(landmarks, self.landmarks, strict=True)
        ]
        if self.people is None:
            is_nearer = likeness.mean(axis=1) > self.original.measure(swapped, landmarks).mean(axis=1)
        else:
            to_original, to_wanted = self.people.distances(swapped)
            is_nearer = to_wanted < to_original
        # a face in which no landmarks are found any more counts as far off
        drift = np.nan_to_num(np.array(apart) / (EYE_DISTANCE * CROP_SIZE), nan=WORST_DRIFT)
        return MapQuality(
            likeness=tuple(float(value) for value in np.nan_to_num(np.nanmedian(likeness, axis=0))),
            drift=float(np.mean(drift)),
            nearer=float(np.mean(is_nearer)),
            placement=placement,
        )


def choose_latent_map(
    maps: Mapping[str, LatentMap | None], judge: Callable[[LatentMap | None], MapQuality]
) -> tuple[str, dict[str, MapQuality]]:
    """Finds the map with the best faces.

    Args:
        maps: By name, the one that is most likely the best first, which another one replaces only if it is clearly
            better; None leaves codes as they are.
        judge: Measures the faces of a map.

    Returns:
        The name of the best, and what was measured of those that were tried.
    """
    tried: dict[str, MapQuality] = {}
    for name, latent_map in maps.items():
        tried[name] = judge(latent_map)
        if tried[name].is_good:
            return name, tried
    first = next(iter(maps))
    return max(tried, key=lambda name: tried[name].score * (CLEARLY if name == first else 1)), tried


def swap_crops(crops: typing.Sequence[FaceCrop], swapper: ViewSwapper, config: ConvertConfig) -> list[FaceCrop]:
    """Puts the new face into crops."""
    compositor = Compositor(config, swapper.coverage)
    faces = [(crop.image, _as_face(crop)) for crop in crops]
    return [
        FaceCrop(
            image=compositor.composite(crop.image, swapped).frame,
            landmarks=crop.landmarks,
            crop_from_frame=crop.crop_from_frame,
        )
        for crop, swapped in zip(crops, swap_faces(faces, swapper), strict=True)
    ]


def _place(placement: Placement | None, points: np.ndarray, coverage: float) -> np.ndarray:
    """Where (N, 2) points of a new face in a crop come to lie."""
    if placement is None:
        return points
    view_from_crop = sides_from_crop(CROP_SIZE, coverage)
    return map_points(invert_affine(view_from_crop), placement.map_points(map_points(view_from_crop, points)))


def _as_face(crop: FaceCrop) -> Face:
    """The face of a crop, in pixels of the crop."""
    low, high = crop.landmarks.min(axis=0), crop.landmarks.max(axis=0)
    return Face(box_xyxy=[*low, *high], score=1.0, landmarks=crop.landmarks)
