"""What a notebook of the course stands on, made where it is missing: each notebook runs without those before it."""

import pathlib

from faceswap_lib.atomic_io import read_json, write_json
from faceswap_lib.demo.animate import write_demo_clips
from faceswap_lib.demo.portraits import PORTRAIT_SIZE
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.manifest import MANIFEST
from faceswap_lib.facesets.source import read_source
from faceswap_lib.networks import PRESETS
from faceswap_lib.pipeline import extract
from faceswap_lib.training import TrainConfig, train
from faceswap_lib.training.run_metadata import stored_training

CLIPS = ("hopper.mp4", "collins.mp4")
"""File names of A's and of B's clip."""

STEPS = 600
"""Steps of a training that only has to be looked at."""


def make_clips(
    folder: pathlib.Path | str, *, seconds: float = 6.0, size: int = PORTRAIT_SIZE
) -> tuple[pathlib.Path, pathlib.Path]:
    """Makes the two clips of animated portraits, unless the same ones are there already.

    Args:
        folder: Where they lie.
        seconds: Length of either, at 25 frames a second.
        size: Side of the square frames in pixels.

    Returns:
        A's clip, Grace Hopper, and B's, Eileen Collins.
    """
    folder = pathlib.Path(folder)
    note, wanted = folder / "clips.json", {"seconds": seconds, "size": size}
    if not note.exists() or read_json(note) != wanted:  # the note is written last
        write_demo_clips(folder, seconds=seconds, size=size)
        write_json(note, wanted)
    video_a, video_b = (folder / name for name in CLIPS)
    return video_a, video_b


def make_facesets(
    root: pathlib.Path | str, *, seconds: float = 6.0, size: int = PORTRAIT_SIZE, progress: bool = True
) -> Workspace:
    """Opens a workspace with two facesets, those of the two portraits if it has none.

    Args:
        root: The workspace.
        seconds: Length of the clips, if they must be made.
        size: Side of their frames, if they must be made.
        progress: Show progress bars.

    Returns:
        The workspace.

    Raises:
        WorkspaceError: If one faceset is there that is not of a portrait, and the other is not.
    """
    workspace = Workspace(root)
    present = [side for side in ("src", "dst") if (workspace.faces(side) / MANIFEST).is_file()]
    if len(present) == 1 and read_source(workspace.faces(present[0])).get("video") not in CLIPS:
        missing = "dst" if present == ["src"] else "src"
        raise WorkspaceError(f"{workspace.root} has face_{present[0]} only; extract face_{missing} from a video first")
    if len(present) < 2:
        videos = make_clips(workspace.root / "clips", seconds=seconds, size=size)
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
    """Opens a workspace with a trained run, and trains one if it has none.

    Args:
        root: The workspace.
        run: Name of the run; a longer one that is there is taken as it is, however far it is.
        preset: Which networks, if they must be trained.
        steps: How long, if they must be trained.
        batch_size: Faces of each person per step.
        seconds: Length of the clips, if they must be made.
        size: Side of their frames, if they must be made.
        progress: Show progress bars.

    Returns:
        The workspace.

    Raises:
        FaceswapError: As extraction and training do.
    """
    workspace = make_facesets(root, seconds=seconds, size=size, progress=progress)
    config, begun = TrainConfig(steps=steps, batch_size=batch_size), stored_training(workspace.run(run))
    if begun is None:
        train(workspace, run=run, network_config=PRESETS[preset], config=config, progress=progress)
    elif begun.steps <= steps:  # a training of this size, which may have been interrupted
        train(workspace, run=run, config=begun, progress=progress)
    return workspace
