"""Search for the latent map with the most plausible faces of the wanted person and the expressions of the input.

Identity alone is a bad criterion, because bad images can have a high identity score. So the score is a product of
likeness (of eyes, mouth and skin to the wanted person's own faces), landmarks and identity: a bad value of one cannot
be compensated by another. Faces are compared without detail transfer, which would hide the output of the networks.
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
"""Factor by which another map must be better than the first one; on so few faces, a smaller difference is chance."""

WORST_DRIFT = 0.2
"""Distance of the landmarks from those of the input, in eye distances, at which the score of a face is 0."""

GOOD_LIKENESS, GOOD_DRIFT, GOOD_NEARER = 0.75, 0.07, 0.97
"""Limits within which a map is accepted without trying others."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MapQuality:
    """Quality of the faces of a latent map.

    Attributes:
        likeness: Likeness of eyes, mouth and skin to the wanted person's own faces, 1 for faces as real as these.
        drift: Mean distance of the landmarks from those of the input after placement, in eye distances.
        nearer: Fraction of the faces whose identity is nearer to the wanted person than to the original person.
        placement: Placement of the face in its view; None shows it where the network generated it.
    """

    likeness: tuple[float, float, float]
    drift: float
    nearer: float
    placement: Placement | None = None

    @property
    def score(self) -> float:
        """Product of the three measures, 0 to 1."""
        plausible = float(np.mean(np.clip(self.likeness, 0, 1)))
        return plausible * max(0.0, 1 - self.drift / WORST_DRIFT) * self.nearer

    @property
    def is_good(self) -> bool:
        """Whether the map is accepted without trying others."""
        return min(self.likeness) >= GOOD_LIKENESS and self.drift <= GOOD_DRIFT and self.nearer >= GOOD_NEARER


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MapJudge:
    """Judge of the quality of latent maps on a sample of faces.

    Attributes:
        crops: Faces of the original person.
        landmarks: Their landmarks, (68, 2) or (5, 2) each.
        original: Faces of the original person for comparison.
        wanted: Faces of the wanted person for comparison.
        finder: Detects landmarks in the swapped faces.
        people: Identity embeddings of the two people; None compares the likeness to both instead.
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
        """Opens the judge for two facesets.

        Args:
            original: Faces of the original person.
            wanted: Faces of the wanted person.
            finder: Detects landmarks.
            people: Identity embeddings of the two people; None if no face recognition is available.

        Returns:
            The judge; None if one of the facesets is too short for a comparison, see `measures.open_gallery`.
        """
        original_gallery, wanted_gallery = (open_gallery(faceset, finder) for faceset in (original, wanted))
        if original_gallery is None or wanted_gallery is None:
            return None
        crops = original.sample(SAMPLED).read_crops()
        return cls(
            crops=tuple(crops),
            landmarks=tuple(finder.detect(crops)),
            original=original_gallery,
            wanted=wanted_gallery,
            finder=finder,
            people=people,
        )

    def judge(self, swapper: ViewSwapper, config: ConvertConfig) -> MapQuality:
        """Swaps the faces and measures their quality; the swapper contains the latent map."""
        swapped = swap_crops(self.crops, swapper, dataclasses.replace(config, detail_transfer="none"))
        landmarks = self.finder.detect(swapped)
        likeness = self.wanted.measure(swapped, landmarks)
        placement = None
        if config.placement == "auto":
            options = (CROP_SIZE, swapper.coverage, config.proportions)
            placement = make_placement(self.landmarks, landmarks, *options)
        distances = [
            np.linalg.norm(_place(placement, after, swapper.coverage) - before, axis=1).mean()
            if after.shape == before.shape
            else np.nan
            for after, before in zip(landmarks, self.landmarks, strict=True)
        ]
        if self.people is None:
            is_nearer = likeness.mean(axis=1) > self.original.measure(swapped, landmarks).mean(axis=1)
        else:
            to_original, to_wanted = self.people.distances(swapped)
            is_nearer = to_wanted < to_original
        # A face in which no landmarks are detected has the largest drift.
        drift = np.nan_to_num(np.array(distances) / (EYE_DISTANCE * CROP_SIZE), nan=WORST_DRIFT)
        eyes, mouth, skin = np.nan_to_num(np.nanmedian(likeness, axis=0)).tolist()
        return MapQuality(
            likeness=(eyes, mouth, skin),
            drift=float(np.mean(drift)),
            nearer=float(np.mean(is_nearer)),
            placement=placement,
        )


def choose_latent_map(
    maps: Mapping[str, LatentMap | None], judge: Callable[[LatentMap | None], MapQuality]
) -> tuple[str, dict[str, MapQuality]]:
    """Chooses the first latent map that is good enough, or otherwise the one with the best faces.

    Args:
        maps: Maps by name; None leaves codes unchanged. The first one should be the most likely choice; another one is
            chosen only if it is better by the factor `CLEARLY`.
        judge: Measures the quality of a map.

    Returns:
        Name of the chosen map, and the quality of all maps that were tried, by name.
    """
    tried: dict[str, MapQuality] = {}
    for name, latent_map in maps.items():
        tried[name] = judge(latent_map)
        if tried[name].is_good:
            return name, tried
    first = next(iter(maps))
    return max(tried, key=lambda name: tried[name].score * (CLEARLY if name == first else 1)), tried


def swap_crops(crops: typing.Sequence[FaceCrop], swapper: ViewSwapper, config: ConvertConfig) -> list[FaceCrop]:
    """Swaps the faces of aligned crops."""
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
    """Applies a placement to points of a swapped face, (N, 2) x, y in pixels of its crop."""
    if placement is None:
        return points
    view_from_crop = sides_from_crop(CROP_SIZE, coverage)
    return map_points(invert_affine(view_from_crop), placement.map_points(map_points(view_from_crop, points)))


def _as_face(crop: FaceCrop) -> Face:
    """Returns the face of a crop, in pixels of the crop."""
    low, high = crop.landmarks.min(axis=0), crop.landmarks.max(axis=0)
    return Face(box_xyxy=np.concatenate([low, high]), score=1.0, landmarks=crop.landmarks)
