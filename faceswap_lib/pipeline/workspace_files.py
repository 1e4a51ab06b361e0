"""Lists what belongs to a workspace: only files that this program writes, under the names that it gives them."""

import json
import os
import pathlib
import re

from faceswap_lib.errors import FaceswapError
from faceswap_lib.evaluation.contact_sheets import sheet_paths
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.crop_cache import CROP_CACHE
from faceswap_lib.facesets.exclusion import SET_ASIDE
from faceswap_lib.facesets.file_names import check_file_name
from faceswap_lib.facesets.occlusion_masks import NOTES
from faceswap_lib.facesets.removal import list_extracted
from faceswap_lib.facesets.text_files import MOST_IN_LINE
from faceswap_lib.facesets.workspace import SIDES, Side
from faceswap_lib.provenance import verify
from faceswap_lib.reenactment.head_masks import HEADS
from faceswap_lib.reenactment.identities import IDENTITIES
from faceswap_lib.reenactment.shape_cache import SHAPES
from faceswap_lib.training.run_metadata import CONFIG

MODELS = "models"

SORTED = "sorted"
"""Folder of the contact sheets of sorted facesets."""

SIDECAR = ".provenance.json"

RESULT_SUFFIXES = (".mp4", ".mov", ".mkv", ".gif", ".png", ".jpg", ".jpeg")
"""Suffixes of results of a conversion, which are recognized by their credentials."""

REPORTS = ("report.html", "report.json", "side_by_side.mp4", "audit_a.html", "audit_b.html")
REPORTS += tuple(path.name for path in sheet_paths(pathlib.Path("report.html")).values())
"""Names of reports at the top of a workspace."""

SCORES = "scores.jsonl"
"""Name of the measures of the crops, in a faceset."""

RUN_FILES = {
    "": re.compile(rf"{re.escape(CONFIG)}|history\.jsonl|rollbacks\.jsonl|(schedule|plan)\.png|events\.out\..*"),
    "checkpoints": re.compile(r"\.?step-.*\.npz"),
    "checkpoints/backups": re.compile(r"\.?step-.*\.npz"),
    "previews": re.compile(r".*\.png"),
    "exports": re.compile(r"\.?model_.*\.(dfm|onnx|md)|.*\.dfm\.md"),
    CROP_CACHE: re.compile(r"\.?.*\.(rows|npz)"),
    "tensorboard": re.compile(r"events\.out\..*"),
}
"""Names of the files of a run, by folder."""


def list_workspace_files(workspace: Workspace) -> list[pathlib.Path]:
    """Lists the files that belong to a workspace: facesets, masks, packs, runs, results and reports.

    The consents are not in the list, neither are videos, files of other programs, and whatever is behind a link.

    Args:
        workspace: The workspace.

    Returns:
        The existing files, sorted.
    """
    found = {*list_results(workspace)}
    for side in SIDES.values():
        found |= set(list_faceset_files(workspace, side))
    for run in list_runs(workspace):
        found |= set(list_run_files(run))
    for store in list_identity_folders(workspace):
        found |= set(list_identity_files(store))
    found.add(workspace.occlusion_network)
    found |= set((workspace.root / SORTED).glob("face_*/*/sheet_*.jpg"))
    real = _RealFolders(workspace.root)
    return sorted(path for path in found if real.contains(path) and (path.is_file() or path.is_symlink()))


def list_faceset_files(workspace: Workspace, side: Side) -> list[pathlib.Path]:
    """Lists the files of one person's faceset, with masks and pack."""
    extracted = list_extracted(workspace, side, saves=True)
    stems = {path.stem for path in extracted} | {pathlib.PurePath(name).stem for name in _noted(workspace, side)}
    masks, faces = workspace.occlusion_masks(side), workspace.faces(side)
    found = [*extracted, masks / NOTES, masks / SET_ASIDE / NOTES, workspace.pack(side)]
    found += [faces / name for name in (SCORES, SHAPES, HEADS)]
    found += [folder / f"{stem}.png" for stem in stems for folder in (masks, masks / SET_ASIDE)]
    return [path for path in found if os.path.lexists(path) and not path.is_dir()]


def list_runs(workspace: Workspace) -> list[pathlib.Path]:
    """Lists the folders of the training runs, sorted by name."""
    return sorted(path.parent for path in (workspace.root / MODELS).glob(f"*/{CONFIG}"))


def list_run_files(run: pathlib.Path) -> list[pathlib.Path]:
    """Lists the files of a training run."""
    found = []
    for name, pattern in RUN_FILES.items():
        folder = run / name
        if folder.is_dir():
            found += [path for path in folder.iterdir() if pattern.fullmatch(path.name) and not path.is_dir()]
    return found


def list_identity_folders(workspace: Workspace) -> list[pathlib.Path]:
    """Lists the folders with the crops of people from folders of images, sorted by name."""
    return sorted(path for path in (workspace.root / IDENTITIES).glob("*") if path.is_dir())


def list_identity_files(store: pathlib.Path) -> list[pathlib.Path]:
    """Lists the files of the people in such a folder: rows with notes beside them."""
    return [path for rows in store.glob("*.rows") for path in (rows, rows.with_suffix(".npz")) if path.is_file()]


def list_results(workspace: Workspace) -> list[pathlib.Path]:
    """Lists the results and reports at the top of a workspace.

    A video or an image is a result only if its credentials say that this program made it. So a video of the user is
    never taken for a result.
    """
    found = [workspace.root / name for name in REPORTS if (workspace.root / name).is_file()]
    for path in sorted(workspace.root.iterdir()) if workspace.root.is_dir() else ():
        if path.is_symlink() or not path.is_file() or path.suffix.lower() not in RESULT_SUFFIXES:
            continue
        if is_result(path):
            found.append(path)
            sidecar = path.with_name(path.name + SIDECAR)
            found += [sidecar] if sidecar.is_file() else []
    return list(dict.fromkeys(found))


def is_result(path: pathlib.Path) -> bool:
    """Checks whether the credentials of a file say that this program made it, and that it is unchanged."""
    try:
        found = verify(path)
    except FaceswapError:  # a file that cannot be judged is nobody's result
        return False
    return found.intact and bool(found.facts)


def _noted(workspace: Workspace, side: Side) -> set[str]:
    """Reads the names of the crops in the notes of the occlusion masks."""
    path, names = workspace.occlusion_masks(side) / NOTES, set()
    if path.is_file():
        with path.open("rb") as file:
            for line in iter(lambda: file.readline(MOST_IN_LINE), b""):
                try:
                    names.add(check_file_name(json.loads(line)["crop"]))
                except (ValueError, KeyError, TypeError, RecursionError):
                    continue  # a damaged line names no file
    return names


class _RealFolders:
    """Folders of a workspace that are no links, neither themselves nor those above them."""

    def __init__(self, root: pathlib.Path):
        self._root, self._real = root, pathlib.Path(os.path.realpath(root))
        self._known: dict[pathlib.Path, bool] = {}

    def contains(self, path: pathlib.Path) -> bool:
        """Checks whether the folder of a path is really in the workspace."""
        folder = path.parent
        if folder not in self._known:
            expected = self._real / folder.relative_to(self._root)
            self._known[folder] = pathlib.Path(os.path.realpath(folder)) == expected
        return self._known[folder]
