"""Identity of the run in a folder: the id in `config.json` decides, not the name of the folder or its progress.

A run from a version without ids, or with a damaged `config.json`, is identified by its history, networks and faces.
"""

import json
import pathlib
import re

from faceswap_lib.atomic_io import file_digest
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.backup_note import EARLIER, digest_ends, rename_earlier
from faceswap_lib.facesets.manifest import MANIFEST, read_manifest
from faceswap_lib.facesets.source import read_source
from faceswap_lib.training.checkpoint import list_checkpoints
from faceswap_lib.training.run_metadata import CONFIG, SYSTEM, digest_records, read_config, run_id

HISTORY = "history.jsonl"

LONGEST_LINE = 100_000
"""Largest number of bytes that are read of the first line of a history."""


def has_run(folder: pathlib.Path) -> bool:
    """Checks whether a folder contains a run, also one that has just begun."""
    return (folder / CONFIG).is_file() or bool(list_checkpoints(folder / "checkpoints"))


def is_same_run(one: pathlib.Path, other: pathlib.Path) -> bool:
    """Checks whether two folders contain the same run.

    Compares the ids. If one run has no id, compares the first steps of their histories, then their networks and faces.

    Args:
        one: The folder of a run.
        other: The folder of another run, or of a copy.

    Raises:
        WorkspaceError: If a `config.json` is damaged and the histories do not show that the runs are the same.
    """
    problem: WorkspaceError | None = None
    facts = []
    for folder in (one, other):
        try:
            facts.append(read_config(folder))
        except WorkspaceError as error:
            problem = error
            facts.append({})
    ids = [fact.get("id", "") for fact in facts]
    if all(ids):
        return ids[0] == ids[1]
    first, second = _first_step(one), _first_step(other)
    if len(first) > 1 and first == second:
        return True
    if problem is not None:
        raise problem
    if first and second and first.get("step") == second.get("step") and first != second:
        return False
    return all(_agree(*(fact.get(name, {}) for fact in facts)) for name in ("networks", "facesets"))


def check_readable(*runs: pathlib.Path) -> None:
    """Checks that the newest checkpoint of each run can be read, by reading its beginning and end.

    This distinguishes a drive that is temporarily unavailable from a damaged checkpoint.

    Raises:
        OSError: If a checkpoint cannot be read.
    """
    for run in runs:
        for path in list_checkpoints(run / "checkpoints")[:1]:
            digest_ends(path)


def describe_run(folder: pathlib.Path) -> str:
    """Describes the run in a folder, for messages."""
    try:
        return f"run {run_id(folder)[:8]}" if run_id(folder) else "a run without an id"
    except WorkspaceError:
        return f"a run with a damaged {CONFIG}"


def find_copy(place: pathlib.Path, run: pathlib.Path) -> pathlib.Path:
    """Finds the copy of a run in a folder of runs: under its name, or under the name that `set_run_aside` gave it.

    Args:
        place: The folder of runs.
        run: The folder of the run.

    Returns:
        The folder of the copy. If there is no copy, the folder with the name of the run.
    """
    named = place / run.name
    if not has_run(run) or (has_run(named) and is_same_run(run, named)):
        return named
    for path in sorted(place.iterdir()) if run_id(run) and place.is_dir() else ():
        if path.name.startswith(f"{run.name}.earlier-") and EARLIER.search(path.name) and run_id(path) == run_id(run):
            return path
    return named


def set_run_aside(run: pathlib.Path) -> pathlib.Path:
    """Renames the folder of a run to a name with ".earlier-" and the beginning of its id; returns the new path.

    Raises:
        OSError: If the folder cannot be renamed.
    """
    try:
        mark = run_id(run)
    except WorkspaceError:
        mark = ""
    if not mark and (run / CONFIG).is_file():
        mark = file_digest(run / CONFIG)
    return rename_earlier(run, mark)


def find_other_faces(run: pathlib.Path, workspace: pathlib.Path) -> list[str]:
    """Compares the faces that a run was trained on with the faces of a workspace.

    Facesets that were extracted from the same video count as the same. If a faceset does not come from a video, the
    crops are compared; such a difference counts only if the facesets of both people differ.

    Args:
        run: The folder of the run.
        workspace: The root of the workspace.

    Returns:
        The names of the facesets that show other people, as far as is known; empty if there are none.

    Raises:
        WorkspaceError: If `config.json` or another file that is needed for the comparison is damaged.
    """
    stored, other, unsure = read_config(run), [], []
    if stored.get(SYSTEM):
        return _find_other_people(stored.get("facesets", {}), workspace)
    for name, trained in stored.get("facesets", {}).items():
        folder = workspace / name
        if not re.fullmatch(r"face_(src|dst)", name) or not isinstance(trained, dict) or not folder.is_dir():
            continue
        before, now = trained.get("video_sha256", ""), read_source(folder).get("sha256", "")
        if before and now:
            other += [name] if before != now else []
        elif not before and not now and (folder / MANIFEST).is_file():
            unsure += [name] if trained.get("manifest_sha256") != digest_records(read_manifest(folder)) else []
    return other or (unsure if len(unsure) == 2 else [])


def _find_other_people(facesets: dict, workspace: pathlib.Path) -> list[str]:
    """Compares the people of a reenactment run, who may come from several workspaces, with those of a workspace.

    They are other people if their videos are known, and none of them is a video of the workspace.
    """
    trained = {str(each.get("video_sha256", "")) for each in facesets.values() if isinstance(each, dict)} - {""}
    folders = [folder for folder in (workspace / "face_src", workspace / "face_dst") if folder.is_dir()]
    videos = {folder.name: video for folder in folders if (video := read_source(folder).get("sha256", ""))}
    return list(videos) if trained and videos and not trained & set(videos.values()) else []


def _first_step(run: pathlib.Path) -> dict:
    """Reads the first line of a run's history; empty if it is missing or damaged."""
    path = run / HISTORY
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        line = file.readline(LONGEST_LINE)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _agree(one: object, other: object) -> bool:
    """Compares two values; of two dicts only the keys in both, because versions store different keys."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_agree(one[name], other[name]) for name in one.keys() & other.keys())
    return one == other
