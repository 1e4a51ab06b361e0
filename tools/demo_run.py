"""Opens the trained run of the demo that is shown in drawings of the documentation."""

import argparse
import dataclasses
import pathlib

import numpy as np

from faceswap_lib.demo.fixtures import CLIPS
from faceswap_lib.facesets import Workspace
from faceswap_lib.media import read_frames
from faceswap_lib.networks import Networks
from faceswap_lib.training import load_run


@dataclasses.dataclass(frozen=True, kw_only=True)
class DemoRun:
    """A run with one frame of each person.

    Attributes:
        workspace: Workspace with the clips, the facesets and the run.
        networks: The networks of the run.
        frames: One frame of A's clip and one of B's clip, (H, W, 3) RGB uint8.
    """

    workspace: Workspace
    networks: Networks
    frames: tuple[np.ndarray, np.ndarray]


def open_demo_run(description: str) -> DemoRun:
    """Opens the run in the workspace `--workspace` of the command line, with the frame at the fraction `--at`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--workspace", type=pathlib.Path, required=True)
    parser.add_argument("--at", type=float, default=0.3, help="which frame, as a fraction of the clip")
    options = parser.parse_args()
    clips = [list(read_frames(options.workspace / "clips" / clip)) for clip in CLIPS]
    workspace = Workspace(options.workspace)
    networks, _ = load_run(workspace)
    frames = tuple(frames[int(options.at * len(frames))] for frames in clips)
    return DemoRun(workspace=workspace, networks=networks, frames=frames)
