"""Videos and photos of the reader's own on Colab: uploaded once, then found again in the workspace.

A video of A is in WORKSPACE/own_videos/a, one of B in WORKSPACE/own_videos/b, photos are in WORKSPACE/own_photos.
`backup_workspace` carries these folders, so a later session and the next notebook find them.
"""

import pathlib
from collections.abc import Callable, Iterable, Mapping

from faceswap_lib.demo.fixtures import CLIPS
from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Workspace, require_consent
from faceswap_lib.facesets.consent import read_consent
from faceswap_lib.facesets.manifest import MANIFEST
from faceswap_lib.facesets.source import read_source
from faceswap_lib.facesets.workspace import OWN_PHOTOS, OWN_VIDEOS, SIDES

LABELS = {"a": "the video of A (the video that is changed)", "b": "the video of B (the face)"}
"""What is said before the dialog of each person."""

Say = Callable[[str], None]


def _say_nothing(line: str) -> None:
    pass


def find_own_videos(workspace: Workspace, people: Iterable[str]) -> dict[str, pathlib.Path]:
    """Finds the videos that were uploaded before.

    Args:
        workspace: The workspace.
        people: "a", "b" or both.

    Returns:
        The newest file of each person who has one.
    """
    found = {}
    for person in people:
        if files := _list_files(workspace.root / OWN_VIDEOS / person):
            found[person] = max(files, key=lambda path: path.stat().st_mtime_ns)
    return found


def choose_own_videos(
    workspace: Workspace,
    people: str,
    *,
    upload: bool = False,
    paths: Mapping[str, str] | None = None,
    statement: str | None = None,
    is_extracted: bool = True,
    say: Say = _say_nothing,
) -> dict[str, pathlib.Path]:
    """Chooses the reader's own videos: given paths, videos uploaded before, or else the files of an upload dialog.

    Args:
        workspace: The workspace.
        people: "a", "b" or "ab": whose video the notebook reads.
        upload: Whether to ask for the videos that are neither given nor uploaded before.
        paths: Paths by person; empty texts are ignored.
        statement: Who agreed to what; None or empty if the workspace has it already.
        is_extracted: Whether faces are extracted from these videos, so that the workspace cannot be the demo's.
        say: Called with each line for the reader, for example `print`.

    Returns:
        The video of each person; empty if there is none, which stands for the portraits of the demo.

    Raises:
        InputError: If only one of two videos is there, a path is not a file, nobody agreed, or the workspace has
            facesets of the demo's portraits.
    """
    given = {person: pathlib.Path(path) for person, path in (paths or {}).items() if path and person in people}
    chosen = find_own_videos(workspace, people) | given
    missing = [person for person in people if person not in chosen]
    if upload and missing:
        _check_is_agreed(workspace, statement)
        for person in missing:
            if uploaded := _ask(LABELS[person], workspace.root / OWN_VIDEOS / person, say, is_single=True):
                chosen[person] = uploaded[0]
    if not chosen:
        say("videos: those of the demo" + " (no file was chosen)" * bool(upload))
        return {}
    if missing := [person for person in people if person not in chosen]:
        raise InputError(f"{LABELS[missing[0]]} is missing: tick UPLOAD or enter its path, and run this cell again")
    for person, path in chosen.items():
        if not path.is_file():
            raise InputError(f"{LABELS[person]}: there is no file {path}; check the path and run this cell again")
    if is_extracted:
        _check_is_own(workspace)
    require_consent(workspace, statement or None, list(chosen.values()))
    for person, path in chosen.items():
        say(f"{LABELS[person]}: {path}")
    say("To use other videos, choose another WORKSPACE: faces and trainings belong to these.")
    return chosen


def choose_own_photos(
    workspace: Workspace,
    given: Iterable[str] = (),
    *,
    upload: bool = False,
    statement: str | None = None,
    say: Say = _say_nothing,
) -> list[str]:
    """Chooses the reader's own photos: given paths, photos uploaded before, or else the files of an upload dialog.

    Args:
        workspace: The workspace.
        given: Paths of photos.
        upload: Whether to ask for photos if there are none.
        statement: Who agreed to what; None or empty if the workspace has it already.
        say: Called with each line for the reader, for example `print`.

    Returns:
        Their paths; empty if there are none, which stands for the portraits of the demo.

    Raises:
        InputError: If nobody agreed.
    """
    photos = [pathlib.Path(path) for path in given] or _list_files(workspace.root / OWN_PHOTOS)
    if upload and not photos:
        _check_is_agreed(workspace, statement)
        photos = _ask("photos with one face each", workspace.root / OWN_PHOTOS, say)
    if photos:
        require_consent(workspace, statement or None, photos)
    say(f"photos: {', '.join(map(str, photos)) or 'the two portraits'}")
    return [str(photo) for photo in photos]


def _ask(label: str, folder: pathlib.Path, say: Say, *, is_single: bool = False) -> list[pathlib.Path]:
    """Asks for files with Colab's dialog and moves them to a folder; none if the dialog is canceled."""
    upload = _colab_upload()
    say(f"Choose {label}:")
    names = list(upload())
    if not names:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    paths = [pathlib.Path(name).replace(folder / pathlib.Path(name).name) for name in names]
    if is_single and len(paths) > 1:
        say(f"more than one file: {paths[0].name} is used")
    return paths[:1] if is_single else paths


def _colab_upload() -> Callable[[], Mapping[str, bytes]]:
    try:
        from google.colab import files  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError("UPLOAD works on Colab only; enter the path of the file instead") from error
    return files.upload


def _check_is_agreed(workspace: Workspace, statement: str | None) -> None:
    """Checks before a long upload that somebody says who agreed."""
    if not statement and not read_consent(workspace):
        raise InputError(
            "write in STATEMENT, in your own words, who agreed to what; then run this cell again and choose the files"
        )


def _check_is_own(workspace: Workspace) -> None:
    """Checks that the facesets of a workspace are not those of the demo."""
    for side in SIDES.values():
        faces = workspace.faces(side)
        if (faces / MANIFEST).is_file() and read_source(faces).get("video") in CLIPS:
            raise InputError(
                f"{workspace.root} has the faces of the demo's portraits: choose another name for WORKSPACE, the same "
                "in every notebook, and run from that cell on"
            )


def _list_files(folder: pathlib.Path) -> list[pathlib.Path]:
    files = folder.glob("*") if folder.is_dir() else ()
    return sorted(path for path in files if path.is_file() and not path.name.startswith("."))
