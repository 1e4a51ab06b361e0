"""Finds the video file that a faceset was extracted from; a workspace stores only its name and its SHA-256."""

import pathlib
import typing

from faceswap_lib.atomic_io import file_digest
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.source import read_source
from faceswap_lib.facesets.workspace import MEDIA, Side, Workspace


def find_source_video(
    workspace: Workspace, side: Side, *, also: typing.Sequence[pathlib.Path | str] = ()
) -> pathlib.Path:
    """Finds the video that one person's faceset was extracted from.

    A file with the stored name is looked for in the workspace, in its folders of videos (`workspace.MEDIA`), beside the
    workspace, in the current folder, and in the folders of `also`. A file of this name with other bytes is not taken.

    Args:
        workspace: The workspace with the faceset.
        side: `src` for person A, `dst` for person B.
        also: More folders to look in.

    Returns:
        The path of the video.

    Raises:
        WorkspaceError: If the faceset does not know its video, or the video is in none of the folders. The message says
            what to do.
    """
    source = read_source(workspace.faces(side))
    if "video" not in source:
        raise WorkspaceError(
            f"face_{side} in {workspace.root} does not say from which video it was extracted; give its path"
        )
    name, digest = source["video"], source.get("sha256")
    own = [
        path.parent for pattern in MEDIA.values() for path in sorted(workspace.root.glob(pattern)) if path.name == name
    ]
    folders = [workspace.root, *own, workspace.root.absolute().parent, pathlib.Path.cwd(), *map(pathlib.Path, also)]
    found = [path for folder in folders if (path := folder / name).is_file()]
    for path in found:
        if digest is None or file_digest(path) == digest:
            return path
    if found:
        where = ", ".join(str(path) for path in dict.fromkeys(found))
        raise WorkspaceError(
            f"face_{side} was extracted from another video of the name {name} than {where}: "
            "the bytes differ; give the path of the video to convert"
        )
    raise WorkspaceError(
        f"face_{side} was extracted from {name}, which is gone: it is neither in {workspace.root} nor beside it; "
        f"copy it into {workspace.root / 'videos'}, or give the path of another video of this person"
    )
