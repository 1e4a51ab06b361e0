"""Finds the published files of weights in a folder, and builds the networks with them."""

import dataclasses
import pathlib
import typing
from collections.abc import Callable

import keras
import numpy as np

from faceswap_lib.atomic_io import file_digest
from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.reenactment.bilayer import networks
from faceswap_lib.reenactment.bilayer.options import ARGS, BilayerOptions, read_options
from faceswap_lib.reenactment.bilayer.state_dict import StateDict, fill

FILES = {
    "identity_embedder": "2225_identity_embedder.pth",
    "texture_generator": "2225_texture_generator.pth",
    "keypoints_embedder": "2225_keypoints_embedder.pth",
    "inference_generator": "2225_inference_generator.pth",
    "texture_enhancer": "1225_texture_enhancer.pth",
}
"""File of each network as published: number of the epoch, and name."""

BUILDERS: dict[str, tuple[Callable[[BilayerOptions], keras.Model], ...]] = {
    "identity_embedder": (networks.build_embedder,),
    "texture_generator": (networks.build_texture,),
    "keypoints_embedder": (networks.build_keypoints,),
    "inference_generator": (networks.build_inference_projector, networks.build_inference),
    "texture_enhancer": (networks.build_enhancer,),
}
"""What builds the networks of each file."""

PLACES = (".", "checkpoints", "*/checkpoints", "runs/*/checkpoints")
"""Folders below the given one in which the files are searched for."""

REPOSITORY = "https://github.com/saic-violet/bilayer-model"

SOURCE = (
    f"Zakharov et al., 2020, {REPOSITORY} (Mozilla Public License 2.0; no other terms of the weights are published)"
)
"""Source and license of the weights, as the provenance states them."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class BilayerNetworks:
    """The published networks.

    Attributes:
        options: Their options.
        generators: The networks.
        digests: SHA-256 of each file of weights by its name.
        calls: Compiled functions by name, see `rendering.compiled_call`.
    """

    options: BilayerOptions
    generators: tuple[keras.Model, ...]
    digests: dict[str, str]
    calls: dict[str, typing.Any] = dataclasses.field(default_factory=dict)

    def __getitem__(self, name: str) -> typing.Any:
        """Returns a network by its name, as a callable without types, as Keras declares none.

        Raises:
            KeyError: If there is none with this name.
        """
        return {network.name: network for network in self.generators}[name]


def load_bilayer(folder: pathlib.Path | str) -> BilayerNetworks:
    """Loads the published weights of the bilayer avatars.

    Args:
        folder: Folder with the five files of `FILES`, or the folder `runs` of the published download, or the folder
            that contains it. If there is an `args.txt` beside the file of the enhancer or above its folder, its options
            are used.

    Raises:
        InputError: If the folder or a file is missing, or a file is there twice.
        CheckpointError: If a file is damaged, an array is missing, superfluous or of another shape, or `args.txt`
            states other networks.
        OSError: If a file cannot be read.
    """
    folder = pathlib.Path(folder)
    paths = {name: _find(folder, file) for name, file in FILES.items()}
    enhancer = paths["texture_enhancer"].parent
    stated = next((place / ARGS for place in (enhancer, enhancer.parent) if (place / ARGS).is_file()), None)
    options = BilayerOptions() if stated is None else read_options(stated)
    generators = []
    for name, builders in BUILDERS.items():
        state = StateDict(paths[name])
        for build in builders:
            generators.append(build(options))
            fill(generators[-1], state, options.eps)
        if name == "inference_generator":
            _check_grid(state, options.image_size, paths[name])
        state.finish()
    return BilayerNetworks(
        options=options,
        generators=tuple(generators),
        digests={path.name: file_digest(path) for path in paths.values()},
    )


def _find(folder: pathlib.Path, file: str) -> pathlib.Path:
    """Finds a file in a folder or in those below it that `PLACES` names.

    Raises:
        InputError: If it is missing, or there twice.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder with the published weights; see {REPOSITORY}#installation")
    found = sorted({path.resolve() for place in PLACES for path in folder.glob(f"{place}/{file}")})
    if not found:
        raise InputError(
            f"{folder}: expected {file}, in this folder or in {', '.join(PLACES[1:])}; the files that are needed are "
            f"{', '.join(FILES.values())}: see {REPOSITORY}#installation"
        )
    if len(found) > 1:
        raise InputError(f"{folder}: {file} is there twice, as {found[0]} and {found[1]}; remove one")
    return found[0]


def _check_grid(state: StateDict, size: int, path: pathlib.Path) -> None:
    """Checks the stored places of the pixels, to which the flow is added.

    Raises:
        CheckpointError: If they are not the centers of the pixels, from -1 to 1.
    """
    grid = state.take("identity_grid", (1, size, size, 2))
    centers = (2 * np.arange(size) + 1) / size - 1
    if np.abs(grid - np.stack(np.meshgrid(centers, centers), axis=-1)).max() > 1e-4:
        raise CheckpointError(f"{path}: identity_grid: expected the centers of the pixels, got other places")
