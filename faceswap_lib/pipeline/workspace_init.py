"""Creates the folders of a new workspace, and a template for the consents."""

import pathlib

from faceswap_lib.atomic_io import replacing
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.consent_file import CONSENT
from faceswap_lib.facesets.workspace import SIDES
from faceswap_lib.facesets.writable import check_writable
from faceswap_lib.pipeline.workspace_files import MODELS

VIDEOS = "videos"
"""Folder for the videos of the user; it is backed up, and never cleared."""

TEMPLATE = """\
# Who agreed to the swap. Without an entry here, every command that reads a new video needs the option --consent.
# Write each consent in this form, without the "#"; several are separated by a line "---". A statement without a list
# of videos is for the two videos of this workspace.
#
# statement: Anna Example and Ben Example agreed on 3 May 2025 that Ben's face replaces Anna's in clip.mp4.
"""


def init_workspace(root: pathlib.Path | str) -> tuple[pathlib.Path, ...]:
    """Creates what a workspace needs and does not have yet. Existing files and folders stay as they are.

    Args:
        root: The folder of the workspace.

    Returns:
        The folders and files that were created.

    Raises:
        WorkspaceError: If `root` is a file.
        InputError: If the folder cannot be written.
    """
    workspace = Workspace(root)
    check_writable(workspace.root)
    folders = [workspace.root, workspace.root / VIDEOS, workspace.root / MODELS]
    created = [folder for folder in (*folders, *map(workspace.faces, SIDES.values())) if not folder.is_dir()]
    for folder in created:
        folder.mkdir(parents=True)
    consents = workspace.root / CONSENT
    if not consents.exists() and not consents.is_symlink():
        with replacing(consents, mode=0o600) as temporary:
            temporary.write_text(TEMPLATE, encoding="utf-8", newline="\n")
        created.append(consents)
    return tuple(created)
