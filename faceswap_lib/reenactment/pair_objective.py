"""Base of the losses of all reenactment systems: what they depend on, and the pairs of a batch."""

import dataclasses

import keras

from faceswap_lib.reenactment.config import ReenactmentTrainConfig
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.pair_views import DeviceCrops, DeviceDataset, PairViews, view_pairs
from faceswap_lib.training.loss_model import Batch
from faceswap_lib.training.perceptual import PerceptualLoss, open_perceptual_loss


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PairObjective:
    """Losses of a system; each system computes them in `__call__`, see `System.build_objective`.

    Attributes:
        networks: The networks.
        people: The crops.
        config: Options of the training.
        seed: Random seed generator on the device.
        perceptual: The perceptual loss; None if the options do not use it.
    """

    networks: ReenactmentNetworks
    people: DeviceDataset
    config: ReenactmentTrainConfig
    seed: keras.random.SeedGenerator
    perceptual: PerceptualLoss | None = dataclasses.field(init=False)

    def __post_init__(self):
        # Opened here because networks cannot be built while a step is being compiled.
        object.__setattr__(self, "perceptual", open_perceptual_loss(self.config, self.networks.config.resolution))

    def view(self, batch: Batch) -> PairViews:
        """Draws the augmented views of a batch of pairs."""
        resolution = self.networks.config.resolution
        crops = DeviceCrops.of_batch(batch)
        return view_pairs(self.people, batch.index_a, batch.index_b, self.config, resolution, self.seed, crops=crops)
