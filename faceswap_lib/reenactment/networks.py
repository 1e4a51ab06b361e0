"""The networks of a reenactment system, in the two groups that a training step changes."""

import dataclasses
import typing

import keras

from faceswap_lib.reenactment.config import ReenactmentNetworkConfig


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ReenactmentNetworks:
    """The networks of one system.

    Attributes:
        config: The configuration.
        generators: The networks that make the picture. Their averaged weights are used after the training.
        discriminators: The networks that only the training needs: discriminators, and detectors that are trained along.
        calls: Compiled functions of the generators by name, see `rendering.compiled_call`.
    """

    config: ReenactmentNetworkConfig
    generators: tuple[keras.Model, ...]
    discriminators: tuple[keras.Model, ...]
    calls: dict[str, typing.Any] = dataclasses.field(default_factory=dict)

    def __getitem__(self, name: str) -> typing.Any:
        """Returns a network by its name, as a callable without types, as Keras declares none.

        Raises:
            KeyError: If there is none with this name.
        """
        for network in (*self.generators, *self.discriminators):
            if network.name == name:
                return network
        raise KeyError(name)
