"""Inputs of the course's notebooks, created if they are missing, so that each notebook runs without the others."""

import pathlib

from faceswap_lib.atomic_io import read_json, write_json
from faceswap_lib.demo.animate import write_demo_clips
from faceswap_lib.demo.motion import lively_poses, talking_poses
from faceswap_lib.demo.portraits import PORTRAIT_SIZE
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.manifest import MANIFEST
from faceswap_lib.facesets.source import read_source
from faceswap_lib.facesets.workspace import SIDES, Side
from faceswap_lib.networks import PRESETS
from faceswap_lib.pipeline import extract
from faceswap_lib.training import TrainConfig, train
from faceswap_lib.training.run_metadata import stored_training

CLIPS = ("hopper.mp4", "collins.mp4")
"""File names of the clips of A and of B."""

STEPS = 600
"""Number of steps of a training that is only used as an example."""


def make_clips(
    folder: pathlib.Path | str,
    *,
    seconds: float = 6.0,
    size: int = PORTRAIT_SIZE,
    lively: bool = False,
    mouth_scale: float = 1.0,
) -> tuple[pathlib.Path, pathlib.Path]:
    """Creates the two clips of animated portraits, unless the same clips exist already.

    Args:
        folder: Folder of the clips.
        seconds: Length of each clip in seconds, at 25 frames per second.
        size: Side of the square frames in pixels.
        lively: Whether the heads turn and the mouths open wide, as reenactment needs it.
        mouth_scale: Factor of how far the mouths open, see `write_demo_clips`.

    Returns:
        The paths of A's clip (Grace Hopper) and B's clip (Eileen Collins).
    """
    folder = pathlib.Path(folder)
    note, wanted = folder / "clips.json", {"seconds": seconds, "size": size} | ({"lively": True} if lively else {})
    wanted |= {} if mouth_scale == 1 else {"mouth_scale": mouth_scale}
    if not note.exists() or read_json(note) != wanted:  # the note is written last
        motion = lively_poses if lively else talking_poses
        write_demo_clips(folder, seconds=seconds, size=size, motion=motion, mouth_scale=mouth_scale)
        write_json(note, wanted)
    video_a, video_b = (folder / name for name in CLIPS)
    return video_a, video_b


def make_facesets(
    root: pathlib.Path | str,
    *,
    seconds: float = 6.0,
    size: int = PORTRAIT_SIZE,
    lively: bool = False,
    mouth_scale: float = 1.0,
    progress: bool = True,
) -> Workspace:
    """Opens a workspace with two facesets; missing facesets are extracted from the two portrait clips.

    Args:
        root: The workspace.
        seconds: Length of the clips in seconds, if they must be created.
        size: Side of their frames in pixels, if they must be created.
        lively: Whether the heads turn and the mouths open wide, if the clips must be created.
        mouth_scale: Factor of how far the mouths open, if the clips must be created.
        progress: Whether to show progress bars.

    Returns:
        The workspace.

    Raises:
        WorkspaceError: If the workspace has only one faceset, and this one is not of a portrait clip.
    """
    workspace = Workspace(root)
    present: list[Side] = [side for side in SIDES.values() if (workspace.faces(side) / MANIFEST).is_file()]
    if len(present) == 1 and read_source(workspace.faces(present[0])).get("video") not in CLIPS:
        missing = "dst" if present == ["src"] else "src"
        raise WorkspaceError(f"{workspace.root} has face_{present[0]} only; extract face_{missing} from a video first")
    if len(present) < 2:
        folder = workspace.root / "clips"
        videos = make_clips(folder, seconds=seconds, size=size, lively=lively, mouth_scale=mouth_scale)
        for video, side in zip(videos, ("src", "dst"), strict=True):
            if side not in present:
                extract(video, workspace, side, progress=progress)
    return workspace


def make_run(
    root: pathlib.Path | str,
    *,
    run: str = "default",
    preset: str = "lite",
    steps: int = STEPS,
    batch_size: int = 8,
    seconds: float = 6.0,
    size: int = PORTRAIT_SIZE,
    progress: bool = True,
) -> Workspace:
    """Opens a workspace with a trained run; trains it if it does not exist or is not finished.

    Args:
        root: The workspace.
        run: Name of the run. An existing run that is configured for more than `steps` steps is not trained further,
            finished or not.
        preset: Name of the preset of the networks, if they must be trained.
        steps: Number of training steps, if they must be trained.
        batch_size: Number of faces of each person per step.
        seconds: Length of the clips in seconds, if they must be created.
        size: Side of their frames in pixels, if they must be created.
        progress: Whether to show progress bars.

    Returns:
        The workspace.

    Raises:
        FaceswapError: If the extraction or the training fails.
    """
    workspace = make_facesets(root, seconds=seconds, size=size, progress=progress)
    config, begun = TrainConfig(steps=steps, batch_size=batch_size), stored_training(workspace.run(run))
    if begun is None:
        train(workspace, run=run, network_config=PRESETS[preset], config=config, progress=progress)
    elif begun.steps <= steps:  # a run of this size, which may have been interrupted
        train(workspace, run=run, config=begun, progress=progress)
    return workspace
