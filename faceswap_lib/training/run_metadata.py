"""`config.json` of a run: which networks it has, how it was trained, and on whose faces."""

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

logger = logging.getLogger(__name__)

CONFIG = "config.json"
SCHEMA = 2
"""Version 1 had other names for some options; see `upgrades`."""

INIT_FROM = "init_from"
"""Names the run that another was begun from, and among what it learnt from that run's videos."""

LONGEST_ID = 100
"""Letters of a run's id, at most; this version gives 32."""


def resolve_network_config(folder: pathlib.Path, asked: NetworkConfig | None) -> NetworkConfig:
    """Says which networks a run has, or will have.

    Args:
        folder: The run's folder.
        asked: The ones asked for; None means whichever it has.

    Raises:
        WorkspaceError: If it has others than were asked for.
    """
    if not (folder / CONFIG).is_file():
        return asked or NetworkConfig()
    advice = "choose another --run or leave the option out"
    return match_networks(stored_networks(folder), asked, f"run '{folder.name}' was trained with", advice)


def match_networks(stored: NetworkConfig, asked: NetworkConfig | None, whose: str, advice: str) -> NetworkConfig:
    """Gives stored networks, if they are the ones asked for; None and "auto" ask for whichever they are.

    Args:
        stored: The networks there are.
        asked: The ones asked for.
        whose, advice: Beginning and end of the message.

    Raises:
        WorkspaceError: If they differ.
    """
    for field in dataclasses.fields(stored):
        had, wanted = getattr(stored, field.name), getattr(asked or stored, field.name)
        if had != wanted and wanted != "auto":
            raise WorkspaceError(f"{whose} {field.name} {had}, asked for {wanted}; {advice}")
    return stored


def stored_networks(folder: pathlib.Path) -> NetworkConfig:
    """The networks that a run's `config.json` names; one that says nothing of the region of a face has the ellipse."""
    path = folder / CONFIG
    options = {"face_region": "ellipse"} | read_json(path).get("networks", {})
    return options_from_dict(NetworkConfig, options, origin=str(path))


def read_config(folder: pathlib.Path) -> dict:
    """Reads a run's `config.json`; empty if there is none.

    Raises:
        WorkspaceError: If it is damaged: no JSON, an id that is no text, facesets or options that are not named values.
        OSError: If it cannot be read, which says nothing of what it holds.
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
        raise WorkspaceError(f"{path}: id: expected a text of at most {LONGEST_ID} letters, got {name!r:.60}")
    if not isinstance(facesets, dict) or not all(isinstance(value, dict) for value in facesets.values()):
        raise WorkspaceError(f"{path}: facesets: expected named values, got {facesets!r:.60}")
    for group in ("networks", "training", INIT_FROM):
        if not isinstance(stored.get(group, {}), dict):
            raise WorkspaceError(f"{path}: {group}: expected options by name, got {stored[group]!r:.60}")
    for group, options_class in (("networks", NetworkConfig), ("training", TrainConfig)):
        stored[group] = upgrade_options(options_class, stored.get(group, {}))
    return stored


def run_id(folder: pathlib.Path) -> str:
    """Reads what tells a run from all others, whatever its name; empty for one of a version that gave none.

    Raises:
        WorkspaceError: If `config.json` is damaged.
    """
    return read_config(folder).get("id", "")


def learnt_videos(folder: pathlib.Path) -> tuple[ConsentVideo, ...]:
    """Names every video whose faces a run has been trained on, also those that its facesets no longer come from.

    Args:
        folder: The run's folder. A run of a version that did not note them gives none.

    Raises:
        WorkspaceError: If `config.json` is damaged.
    """
    return tuple(dict.fromkeys(video for videos in _read_learnt(folder).values() for video in videos))


def _read_learnt(folder: pathlib.Path) -> dict[str, list[ConsentVideo]]:
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


def _add_learnt(learnt: dict[str, list[ConsentVideo]], facesets: list[Faceset]) -> dict[str, list[dict[str, str]]]:
    """Adds the videos that facesets come from now to those that were learnt before."""
    for faceset in facesets:
        source = read_source(faceset.folder)
        if source.get("sha256"):
            videos = learnt.setdefault(faceset.folder.name, [])
            video = ConsentVideo(name=str(source.get("video", faceset.folder.name)), sha256=source["sha256"])
            if video.sha256 not in [known.sha256 for known in videos]:
                videos.append(video)
    return {name: [dataclasses.asdict(video) for video in videos] for name, videos in learnt.items()}


def stored_training(folder: pathlib.Path) -> TrainConfig | None:
    """The options a run was last trained with; None for no run, or for one of a version with other options."""
    path = folder / CONFIG
    if not path.is_file():
        return None
    try:
        return options_from_dict(TrainConfig, read_json(path).get("training", {}), origin=str(path))
    except InputError as error:
        logger.warning("%s; the run's other options are not taken over either", error)
        return None


def write_config(
    folder: pathlib.Path,
    network_config: NetworkConfig,
    config: TrainConfig,
    facesets: list[Faceset],
    *,
    init_from: dict[str, object] | None = None,
) -> None:
    """Notes the options and the faces; says what of them a resumed run was not begun with.

    Args:
        folder: The run's folder.
        network_config, config: The options.
        facesets: Both people's.
        init_from: What `warm_start.warm_start` gave, where the run begins from another one.
    """
    import keras

    faces = {faceset.folder.name: _describe(faceset) for faceset in facesets}
    options = options_to_dict(config)
    if before := read_config(folder):
        _compare_options(folder.name, before.get("training", {}), options)
        _compare_faces(folder.name, before.get("facesets", {}), faces)
    learnt, origin = _read_learnt(folder), before.get(INIT_FROM)
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
            "learnt_from": _add_learnt(learnt, facesets),
        }
        | ({INIT_FROM: origin} if origin else {}),
    )


def _compare_options(run: str, before: dict, now: dict) -> None:
    changed = [f"{name} {before.get(name)} -> {value}" for name, value in now.items() if before.get(name) != value]
    if changed:
        logger.warning("run '%s' goes on with other options: %s", run, ", ".join(changed))


def _compare_faces(run: str, before: dict, now: dict) -> None:
    def is_same(old: str, new: str) -> bool:
        return all(now[new].get(key, value) == value for key, value in before.get(old, {"crops": -1}).items())

    (src, dst), changed = now, [name for name in now if name in before and not is_same(name, name)]
    if changed and is_same(src, dst) and is_same(dst, src):
        logger.warning(
            "run '%s' was begun with %s and %s the other way round: each decoder would learn the other person; "
            "exchange the folders back, or begin another --run",
            *(run, src, dst),
        )
    elif changed:
        logger.warning("run '%s' goes on with other faces in %s", run, " and ".join(changed))


def _describe(faceset: Faceset) -> dict[str, object]:
    """What tells a faceset from another: how many crops, a sum over its manifest, and that of the video if known."""
    facts = {"crops": len(faceset), "manifest_sha256": digest_records(faceset.records)}
    video = read_source(faceset.folder).get("sha256")
    return facts | ({"video_sha256": video} if video else {})


def digest_records(records: typing.Iterable[CropRecord]) -> str:
    """Computes the SHA-256 of a faceset's records, in hexadecimal."""
    return hashlib.sha256("".join(record.to_line() for record in records).encode()).hexdigest()
