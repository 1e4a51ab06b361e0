"""Preview image of a reenactment training: photos, shapes of drivers, and what the networks make of them."""

import dataclasses

import numpy as np

from faceswap_lib.facesets.crop_loading import shrink
from faceswap_lib.facesets.faceset import spread_evenly
from faceswap_lib.reenactment.crops import PeopleCrops, group_by_person, most_common
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.shape_pictures import ShapeBatch, stick_figure
from faceswap_lib.reenactment.system import System
from faceswap_lib.training.divergence import describe_dead_output

COLUMNS = 5
"""Number of targets of each person in a preview."""

MOST_PEOPLE = 6
"""Largest number of people in a preview; of more people, these are evenly spread."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PairPreview:
    """One photo of each of P people, with the shapes of the same person and with those of the next one.

    Attributes:
        system: The system.
        photos: (P, R, R, 3) uint8 RGB.
        photo_shapes: The shapes of the photos.
        targets: (P, K, R, R, 3) uint8 RGB, the pictures whose shapes are asked.
        target_shapes: Per person K shapes.
    """

    system: System
    photos: np.ndarray
    photo_shapes: tuple[FaceShape, ...]
    targets: np.ndarray
    target_shapes: tuple[ShapeBatch, ...]

    @classmethod
    def pick(cls, system: System, people: PeopleCrops, resolution: int) -> "PairPreview":
        """Selects the most common shape of each person as photo, and shapes spread over the video as targets."""
        photos, photo_shapes, targets, target_shapes = [], [], [], []
        crops = group_by_person(people)
        for number in spread_evenly(len(crops), MOST_PEOPLE):
            own = crops[number]
            photo = most_common(people, own)
            chosen = own[np.linspace(0, len(own) - 1, COLUMNS).round().astype(int)]
            first, others = people.read(np.array([photo])), people.read(chosen)
            photos.append(shrink(first.images[0], resolution))
            photo_shapes.append(first.shapes.shape(0))
            targets.append([shrink(image, resolution) for image in others.images])
            target_shapes.append(others.shapes)
        return cls(
            system=system,
            photos=np.stack(photos),
            photo_shapes=tuple(photo_shapes),
            targets=np.array(targets),
            target_shapes=tuple(target_shapes),
        )

    def draw(self, networks: ReenactmentNetworks) -> np.ndarray:
        """Draws the grid: per person a row of targets, of shapes, of results, and of results with the next person.

        Returns:
            (4 * P * R, (K + 1) * R, 3) uint8 RGB; the first column has the photo.
        """
        rows, people, resolution = [], len(self.photos), self.photos.shape[1]
        for number in range(people):
            photo, shapes = self.photos[number], self.target_shapes[number]
            following = (number + 1) % people
            renderer = self.system.build_renderer(networks, photo, self.photo_shapes[number])
            sticks = np.round(stick_figure(shapes, resolution) * 255).astype(np.uint8)
            grids = [self.targets[number], sticks, renderer.render(shapes)]
            grids.append(renderer.render(self.target_shapes[following]))
            heads = [photo, np.zeros_like(photo), photo, self.photos[following]]
            rows += [np.concatenate([head, *grid], axis=1) for head, grid in zip(heads, grids, strict=True)]
        return np.concatenate(rows)

    def find_damage(self, networks: ReenactmentNetworks) -> str | None:
        """Describes a degenerate output of the networks; None if there is none."""
        for number, photo in enumerate(self.photos):
            renderer = self.system.build_renderer(networks, photo, self.photo_shapes[number])
            made = renderer.render(self.target_shapes[number]) / 127.5 - 1
            if trouble := describe_dead_output(made, self.targets[number] / 127.5 - 1):
                return trouble
        return None
