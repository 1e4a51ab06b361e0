"""Finds a trained run by its name or folder, for a warm start."""

import pathlib

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.training.run_metadata import CONFIG


def find_run(workspace: Workspace, name: str, *, usual: str = "default") -> pathlib.Path:
    """Finds the run for a warm start.

    Args:
        workspace: The workspace in which the run is searched for by its name.
        name: The folder of a run, the folder of a workspace (for its run `usual`), or the name of a run in
            `workspace`.
        usual: Name of the run of a workspace.

    Returns:
        The folder of the run.

    Raises:
        WorkspaceError: If there is no such run.
    """
    given = pathlib.Path(name)
    places = [given, given / "models" / usual]
    if name and len(given.parts) == 1:
        places.append(workspace.run(name))
    for folder in places:
        if (folder / CONFIG).is_file():
            return folder
    raise WorkspaceError(
        f"init_from: no trained run in {', '.join(str(place) for place in places)}; give the folder of a run, as in "
        f"WORKSPACE/models/{usual}"
    )
