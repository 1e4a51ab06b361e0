"""Opening what a conversion needs of a run: its generator, moved as far as the faces ask for."""

import functools
import logging
import typing

import numpy as np

from faceswap_lib.conversion import ConvertConfig, FaceSwapper
from faceswap_lib.conversion.engines import Engine, open_engine
from faceswap_lib.conversion.latent_map import LatentShift
from faceswap_lib.conversion.people import People
from faceswap_lib.conversion.share import choose_share
from faceswap_lib.conversion.shift import measure_shift
from faceswap_lib.faces.identity import DlibEmbedder, open_embedder
from faceswap_lib.facesets import Workspace
from faceswap_lib.networks import NetworkConfig, Networks

logger = logging.getLogger(__name__)

UNSEEN_SHARE = 0.5
"""How far codes move where nothing tells people apart: enough for most pairs; some need 0.9."""


def open_swapper(
    networks: Networks,
    workspace: Workspace,
    config: ConvertConfig,
    *,
    people: People | None = None,
    engine: Engine = "keras",
) -> FaceSwapper:
    """Opens a run's generator, with codes moved as far as `config.code_shift` says or as the faces ask for.

    Args:
        networks: The run's.
        workspace: Holds both facesets.
        config: Options.
        people: Who the two are; None where nothing tells people apart.
        engine: What runs the networks.

    Returns:
        The swapper.
    """
    if engine == "auto" and config.blend == "face":
        engine = "keras"  # what bfloat16 writes where its own mask is 0 may be far off, and this blend would show it
    swapper = open_engine(networks, config.direction, engine, batch_size=config.swap_batch)
    if config.code_shift == 0:
        return swapper
    shift = measure_shift(networks, workspace, config.direction)
    share = config.code_shift
    if share is None and people is None:
        share = UNSEEN_SHARE
    elif share is None:
        share = choose_share(lambda part: swapper.with_latent_map(LatentShift(shift=part * shift)), people, config)
        if share:
            logger.info(
                "a sample still looked like the original person: moved towards the wanted one (--code-shift %g)", share
            )
    return swapper.with_latent_map(LatentShift(shift=share * shift))


class LateSwapper:
    """Opens its generator when the first face is to be written; a video without faces is refused before."""

    def __init__(self, network_config: NetworkConfig, open_it: typing.Callable[[], FaceSwapper]):
        self.resolution, self.coverage = network_config.resolution, network_config.view_coverage
        self._open = functools.cache(open_it)

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Writes new faces; see `FaceSwapper.swap`."""
        return self._open().swap(views, faces)


def look_at_people(workspace: Workspace, direction: str) -> People | None:
    """Who the two people are, or None, which is said, where nothing tells people apart."""
    if lack := DlibEmbedder.missing():
        logger.info("nothing here can tell people apart, so whose face comes out is not checked (%s)", lack)
        return None
    return People.measure(workspace, direction, open_embedder())
