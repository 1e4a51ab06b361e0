"""`config.json` of a reenactment run: system, networks, options, and the people it was trained on."""

import pathlib
import typing
import uuid

from faceswap_lib import __version__
from faceswap_lib.atomic_io import write_json
from faceswap_lib.config_fields import options_from_dict, options_to_dict
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.consent_file import ConsentVideo
from faceswap_lib.facesets.faceset import Faceset
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig
from faceswap_lib.reenactment.identities import IDENTITIES
from faceswap_lib.reenactment.identity_folders import IdentityFolder
from faceswap_lib.training.run_metadata import (
    CHOOSE_ANOTHER,
    CONFIG,
    INIT_FROM,
    SCHEMA,
    SYSTEM,
    add_learnt,
    describe_faceset,
    match_networks,
    read_config,
    read_learnt,
)

USUAL_RUN = "reenactment"
"""Name of the run of a workspace if no other is given."""


def read_networks(folder: pathlib.Path) -> ReenactmentNetworkConfig:
    """Reads the configuration of the networks of a reenactment run.

    Raises:
        WorkspaceError: If there is no run, it is the run of a face swap, or `config.json` is damaged.
    """
    stored = read_config(folder)
    if not stored:
        raise WorkspaceError(f"no run '{folder.name}' in {folder.parent}; run 'faceswap train --system' first")
    if not stored.get(SYSTEM):
        raise WorkspaceError(f"run '{folder.name}' is of a face swap, not of a reenactment; choose another --run")
    return options_from_dict(ReenactmentNetworkConfig, stored["networks"], origin=str(folder / CONFIG))


def resolve_networks(folder: pathlib.Path, asked: ReenactmentNetworkConfig | None) -> ReenactmentNetworkConfig:
    """Determines the configuration of an existing or new run.

    Args:
        folder: The folder of the run.
        asked: The requested configuration; None uses that of the run, or the default for a new run.

    Raises:
        WorkspaceError: If the run has another configuration than requested, or is of a face swap.
    """
    if not (folder / CONFIG).is_file():
        return asked or ReenactmentNetworkConfig()
    return match_networks(read_networks(folder), asked, f"run '{folder.name}' was trained with", CHOOSE_ANOTHER)


def read_training(folder: pathlib.Path) -> ReenactmentTrainConfig | None:
    """Reads the options of the last training of a run; None if there is no run.

    Raises:
        InputError: If an option is unknown or out of range.
        WorkspaceError: If the run is of a face swap, or `config.json` is damaged.
    """
    if not (folder / CONFIG).is_file():
        return None
    read_networks(folder)
    return options_from_dict(ReenactmentTrainConfig, read_config(folder)["training"], origin=str(folder / CONFIG))


def write_notes(
    folder: pathlib.Path,
    networks: ReenactmentNetworkConfig,
    config: ReenactmentTrainConfig,
    people: dict[str, Faceset],
    *,
    identities: IdentityFolder | None = None,
    begun: dict[str, typing.Any] | None = None,
) -> None:
    """Writes `config.json`; videos that a run learned from earlier stay in it.

    Args:
        folder: The folder of the run.
        networks: Configuration of the networks.
        config: Options of the training.
        people: The facesets by name.
        identities: The folder of people that is trained on; None for facesets.
        begun: The result of `warm_start.start_from`, if the run starts from another run.
    """
    import keras

    before, learnt = read_config(folder), read_learnt(folder)
    facesets = {name: describe_faceset(faceset) for name, faceset in people.items()}
    origin = before.get(INIT_FROM)
    if identities is not None:
        name, source = f"{IDENTITIES}/{identities.name}", identities.as_source()
        facesets[name] = {"people": len(identities.people), "files_sha256": source.sha256}
        learnt[name] = list(dict.fromkeys([*learnt.get(name, []), source]))
    if begun is not None:
        learnt[INIT_FROM] = [ConsentVideo(**video) for video in begun["learnt_from"]]
        origin = {name: begun[name] for name in ("id", "name", "step")}
    write_json(
        folder / CONFIG,
        {
            "schema": SCHEMA,
            SYSTEM: networks.system,
            "id": before.get("id") or uuid.uuid4().hex,
            "version": __version__,
            "backend": keras.backend.backend(),
            "networks": options_to_dict(networks),
            "training": options_to_dict(config),
            "facesets": facesets,
            "learnt_from": add_learnt(learnt, people),
        }
        | ({INIT_FROM: origin} if origin else {}),
    )


def check_people(folder: pathlib.Path, identities: IdentityFolder | None) -> None:
    """Checks that a run goes on with the same kind of people: those of a folder of people, or those of facesets.

    Raises:
        WorkspaceError: If it was trained on the other kind.
    """
    names = read_config(folder).get("facesets", {})
    before = [name for name in names if name.startswith(f"{IDENTITIES}/")]
    if before and identities is None:
        raise WorkspaceError(
            f"run '{folder.name}' was trained on the people in {before[0].partition('/')[2]}; give --identities again, "
            "or choose another --run"
        )
    if names and not before and identities is not None:
        raise WorkspaceError(
            f"run '{folder.name}' was trained on facesets; leave --identities out, or choose another --run, which may "
            "begin with --init-from"
        )
