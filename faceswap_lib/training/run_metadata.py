"""Metadata of a run in `config.json`: network configuration, training options, and facesets."""

import dataclasses
import hashlib
import logging
import pathlib
import typing
import uuid

from faceswap_lib import __version__
from faceswap_lib.atomic_io import read_json, write_json
from faceswap_lib.config_fields import options_from_dict, options_to_dict
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets import CropRecord, Faceset
from faceswap_lib.facesets.consent import ConsentVideo
from faceswap_lib.facesets.source import read_source
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.training.config import TrainConfig
from faceswap_lib.upgrades import upgrade_options

if typing.TYPE_CHECKING:
    from _typeshed import DataclassInstance

logger = logging.getLogger(__name__)

AnyNetworks = typing.TypeVar("AnyNetworks", bound="DataclassInstance")

CONFIG = "config.json"
"""Name of the metadata file."""

SCHEMA = 2
"""Version of the file format; version 1 had other names for some options, see `upgrades`."""

SYSTEM = "system"
"""Key of the reenactment system in `config.json`; the run of a face swap has none."""

INIT_FROM = "init_from"
"""Key of the run that initialized this run; in `learnt_from`, key of the videos of that run."""

CHOOSE_ANOTHER = "choose another --run or leave the option out"
"""End of the message about a run with other networks than requested."""

LONGEST_ID = 100
"""Largest accepted length of the id of a run; this version creates ids with 32 characters."""


def resolve_network_config(folder: pathlib.Path, asked: NetworkConfig | None) -> NetworkConfig:
    """Determines the network configuration of an existing or new run.

    Args:
        folder: The folder of the run.
        asked: The requested configuration; None uses that of the run, or the default for a new run.

    Returns:
        The configuration of the run; for a new run the requested one.

    Raises:
        WorkspaceError: If the run has a different configuration than requested, or is not a face swap.
    """
    if not (folder / CONFIG).is_file():
        return asked or NetworkConfig()
    return match_networks(stored_networks(folder), asked, f"run '{folder.name}' was trained with", CHOOSE_ANOTHER)


def match_networks(stored: AnyNetworks, asked: AnyNetworks | None, whose: str, advice: str) -> AnyNetworks:
    """Checks that a stored network configuration matches the requested one, and returns it.

    Args:
        stored: The stored configuration.
        asked: The requested configuration. None, and options with the value "auto", match everything.
        whose: Beginning of the error message.
        advice: End of the error message.

    Raises:
        WorkspaceError: If the configurations differ.
    """
    for field in dataclasses.fields(stored):
        had, wanted = getattr(stored, field.name), getattr(asked or stored, field.name)
        if had != wanted and wanted != "auto":
            raise WorkspaceError(f"{whose} {field.name} {had}, asked for {wanted}; {advice}")
    return stored


def stored_networks(folder: pathlib.Path) -> NetworkConfig:
    """Reads the network configuration from `config.json`; without an entry the face region is "ellipse".

    Raises:
        WorkspaceError: If the file is missing or damaged, or the run is a reenactment.
        InputError: If it has an unknown option, or a value out of range.
    """
    path = folder / CONFIG
    stored = read_json(path)
    if system := stored.get(SYSTEM):
        raise WorkspaceError(
            f"run '{folder.name}' is a reenactment ({system!s:.40}), not a face swap; choose another --run, or use it "
            "with 'faceswap reenact'"
        )
    options = {"face_region": "ellipse"} | stored.get("networks", {})
    return options_from_dict(NetworkConfig, options, origin=str(path))


def read_config(folder: pathlib.Path) -> dict:
    """Reads `config.json` of a run; empty if the file is missing.

    Raises:
        WorkspaceError: If the file is damaged: invalid JSON, an id that is not a string, or facesets or options that
            are not dictionaries.
        OSError: If the file cannot be read, which does not mean that it is damaged.
    """
    path = folder / CONFIG
    if not path.is_file():
        return {}
    try:
        stored = read_json(path)
    except WorkspaceError as error:
        raise error.__cause__ if isinstance(error.__cause__, OSError) else error from None
    name, facesets = stored.get("id", ""), stored.get("facesets", {})
    if not isinstance(name, str) or len(name) > LONGEST_ID:
        raise WorkspaceError(f"{path}: id: expected a string of at most {LONGEST_ID} characters, got {name!r:.60}")
    if not isinstance(facesets, dict) or not all(isinstance(value, dict) for value in facesets.values()):
        raise WorkspaceError(f"{path}: facesets: expected named values, got {facesets!r:.60}")
    for group in ("networks", "training", INIT_FROM):
        if not isinstance(stored.get(group, {}), dict):
            raise WorkspaceError(f"{path}: {group}: expected options by name, got {stored[group]!r:.60}")
    if SYSTEM in stored:
        return stored
    for group, options_class in (("networks", NetworkConfig), ("training", TrainConfig)):
        stored[group] = upgrade_options(options_class, stored.get(group, {}))
    return stored


def run_id(folder: pathlib.Path) -> str:
    """Reads the unique id of a run, which does not depend on its name; empty for runs of versions without ids.

    Raises:
        WorkspaceError: If `config.json` is damaged.
    """
    return read_config(folder).get("id", "")


def learnt_videos(folder: pathlib.Path) -> tuple[ConsentVideo, ...]:
    """Lists every video whose faces a run was trained on, also videos that its facesets no longer come from.

    Args:
        folder: The folder of the run.

    Returns:
        The videos; empty for runs of versions that did not store them.

    Raises:
        WorkspaceError: If `config.json` is damaged.
    """
    return tuple(dict.fromkeys(video for videos in read_learnt(folder).values() for video in videos))


def read_learnt(folder: pathlib.Path) -> dict[str, list[ConsentVideo]]:
    """Reads the videos of earlier trainings of a run, by the name of the faceset.

    Raises:
        WorkspaceError: If `config.json` is damaged.
    """
    noted = read_config(folder).get("learnt_from", {})
    try:
        return {
            str(name): [ConsentVideo(name=str(video["name"]), sha256=str(video["sha256"])) for video in videos]
            for name, videos in noted.items()
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise WorkspaceError(
            f"{folder / CONFIG}: learnt_from: expected lists of videos, got {noted!r:.60}; take this file from a copy "
            "of the run, or begin another --run"
        ) from error


def add_learnt(
    learnt: dict[str, list[ConsentVideo]], facesets: typing.Mapping[str, Faceset]
) -> dict[str, list[dict[str, str]]]:
    """Adds the source videos of the current facesets to the videos of earlier trainings.

    Args:
        learnt: The videos of earlier trainings, by the name of the faceset; see `read_learnt`.
        facesets: The current facesets by name.

    Returns:
        The same as plain JSON.
    """
    for name, faceset in facesets.items():
        source = read_source(faceset.folder)
        if source.get("sha256"):
            videos = learnt.setdefault(name, [])
            video = ConsentVideo(name=str(source.get("video", name)), sha256=source["sha256"])
            if video.sha256 not in [known.sha256 for known in videos]:
                videos.append(video)
    return {name: [dataclasses.asdict(video) for video in videos] for name, videos in learnt.items()}


def stored_training(folder: pathlib.Path) -> TrainConfig | None:
    """Reads the options of the last training of a run; None if there is no run, or if the options are not valid."""
    path = folder / CONFIG
    if not path.is_file():
        return None
    try:
        return options_from_dict(TrainConfig, read_json(path).get("training", {}), origin=str(path))
    except InputError as error:
        logger.warning("%s; none of the stored options of this run are used", error)
        return None


def write_config(
    folder: pathlib.Path,
    network_config: NetworkConfig,
    config: TrainConfig,
    facesets: list[Faceset],
    *,
    init_from: dict[str, typing.Any] | None = None,
    occlusion_digests: typing.Sequence[str] = (),
) -> None:
    """Writes `config.json`; warns if a resumed run has other options or facesets than before.

    Args:
        folder: The folder of the run.
        network_config: Configuration of the networks.
        config: Options of the training.
        facesets: The facesets of A and of B.
        init_from: The result of `warm_start.warm_start`, if the run starts from another run.
        occlusion_digests: Digests of the occlusion masks of A and of B; empty if they are not used.
    """
    import keras

    faces = {faceset.folder.name: describe_faceset(faceset) for faceset in facesets}
    for faceset, digest in zip(facesets, occlusion_digests, strict=False):
        faces[faceset.folder.name]["occlusion_masks_sha256"] = digest
    options = options_to_dict(config)
    if before := read_config(folder):
        _compare_options(folder.name, {"use_occlusion_masks": "off"} | before.get("training", {}), options)
        _compare_faces(folder.name, before.get("facesets", {}), faces)
    learnt, origin = read_learnt(folder), before.get(INIT_FROM)
    if init_from is not None:
        learnt[INIT_FROM] = [ConsentVideo(**video) for video in init_from["learnt_from"]]
        origin = {name: init_from[name] for name in ("id", "name", "step")}
    write_json(
        folder / CONFIG,
        {
            "schema": SCHEMA,
            "id": before.get("id") or uuid.uuid4().hex,
            "version": __version__,
            "backend": keras.backend.backend(),
            "networks": options_to_dict(network_config),
            "training": options,
            "facesets": faces,
            "learnt_from": add_learnt(learnt, {faceset.folder.name: faceset for faceset in facesets}),
        }
        | ({INIT_FROM: origin} if origin else {}),
    )


def _compare_options(run: str, before: dict, now: dict) -> None:
    changed = [f"{name} {before.get(name)} -> {value}" for name, value in now.items() if before.get(name) != value]
    if changed:
        logger.warning("run '%s' continues with other options: %s", run, ", ".join(changed))


def _compare_faces(run: str, before: dict, now: dict) -> None:
    def is_same(old: str, new: str) -> bool:
        return all(now[new].get(key, value) == value for key, value in before.get(old, {"crops": -1}).items())

    (src, dst), changed = now, [name for name in now if name in before and not is_same(name, name)]
    if changed and is_same(src, dst) and is_same(dst, src):
        logger.warning(
            "run '%s' was begun with %s and %s exchanged: each decoder would learn the other person; exchange the "
            "folders back, or begin another --run",
            *(run, src, dst),
        )
    elif changed:
        logger.warning("run '%s' continues with other faces in %s", run, " and ".join(changed))


def describe_faceset(faceset: Faceset) -> dict[str, object]:
    """Describes a faceset: number of crops, SHA-256 of its manifest, and SHA-256 of its source video if known."""
    facts: dict[str, object] = {"crops": len(faceset), "manifest_sha256": digest_records(faceset.records)}
    video = read_source(faceset.folder).get("sha256")
    return facts | ({"video_sha256": video} if video else {})


def digest_records(records: typing.Iterable[CropRecord]) -> str:
    """Computes the SHA-256 of a faceset's records, in hexadecimal."""
    return hashlib.sha256("".join(record.to_line() for record in records).encode()).hexdigest()
