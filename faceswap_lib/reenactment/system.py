"""What a reenactment system consists of: networks, losses, and a renderer of one photo."""

import dataclasses
import importlib
import typing
from collections.abc import Callable

import numpy as np

from faceswap_lib.config_fields import nearest
from faceswap_lib.errors import InputError
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.shape_pictures import ShapeBatch
from faceswap_lib.training.loss_model import AnyObjective

MODULES = {"landmark-gan": "landmark_gan", "one-shot": "one_shot", "avatar": "avatar"}
"""Module of each system in `reenactment.systems`."""


class Renderer(typing.Protocol):
    """Protocol of the renderer of one photo. What depends only on the photo is computed once, when it is made."""

    def render(self, shapes: ShapeBatch) -> np.ndarray:
        """Renders the person of the photo with other shapes.

        Args:
            shapes: B shapes, as arrays of NumPy.

        Returns:
            (B, R, R, 3) uint8 RGB, aligned crops of side R, the resolution of the networks.
        """
        ...


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class System:
    """A reenactment system.

    Attributes:
        name: Its name.
        source: The publication.
        loss_weights: Weight of each loss by name.
        critical_losses: Names of the losses that need the second group of networks; if the weights of all of them are
            0, this group is not trained.
        build_networks: Builds the networks of a configuration.
        build_objective: Builds the losses from the arguments of `PairObjective`. In a batch, `index_a` are the indices
            of the sources and `index_b` those of the targets; the weights are those of `loss_weights`. The terms are
            unweighted, and the term "reconstruction" is watched for divergence.
        build_renderer: Builds the renderer of a photo, (R, R, 3) uint8 RGB, with its shape.
        needs_heads: Whether the losses need the head mask of every crop.
    """

    name: str
    source: str
    loss_weights: dict[str, float]
    critical_losses: frozenset[str]
    build_networks: Callable[[ReenactmentNetworkConfig], ReenactmentNetworks]
    build_objective: Callable[..., AnyObjective]
    build_renderer: Callable[[ReenactmentNetworks, np.ndarray, FaceShape], Renderer]
    needs_heads: bool = False


def open_system(name: str) -> System:
    """Loads a system by its name.

    Raises:
        InputError: If the name is unknown.
    """
    if name not in MODULES:
        raise InputError(f"unknown system '{name}'{nearest(name, MODULES)}")
    return importlib.import_module(f"faceswap_lib.reenactment.systems.{MODULES[name]}").SYSTEM
