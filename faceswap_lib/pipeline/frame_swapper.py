"""Swapping of single faces in single frames with a trained run."""

import dataclasses

import numpy as np
from typing_extensions import Self

from faceswap_lib.conversion import ConvertConfig, ViewSwapper
from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.inference_backends import InferenceBackend
from faceswap_lib.conversion.stages.swap import swap_faces
from faceswap_lib.faces import Face
from faceswap_lib.facesets import Workspace
from faceswap_lib.pipeline.load_swapper import load_identities, open_swapper
from faceswap_lib.training import load_run


class FaceSwapper:
    """Swapper of single faces in frames.

    Args:
        generator: Generates swapped faces for views.
        config: How faces are swapped.

    For example:

        swapper = fs.FaceSwapper.from_run(fs.Workspace("demo"), direction="a2b")
        swapped_frame = swapper.swap(frame, fs.MTCNN().detect(frame)[0])
    """

    def __init__(self, generator: ViewSwapper, config: ConvertConfig | None = None):
        self._generator = generator
        self._compositor = Compositor(config or ConvertConfig(), generator.coverage)

    @classmethod
    def from_run(
        cls,
        workspace: Workspace,
        *,
        run: str = "default",
        direction: str = "a2b",
        config: ConvertConfig | None = None,
        inference_backend: InferenceBackend = "keras",
    ) -> Self:
        """Loads a trained run; takes about half a minute, because both facesets are analyzed.

        Args:
            workspace: Contains the run and both facesets.
            run: Name of the run.
            direction: "a2b" shows B's face in A's video, "b2a" shows A's face in B's video.
            config: How faces are swapped; its own direction is not used.
            inference_backend: Backend that runs the networks.

        Returns:
            The swapper.

        Raises:
            WorkspaceError: If the run or a faceset is missing.
            CheckpointError: If no checkpoint of the run is complete.
        """
        config = dataclasses.replace(config or ConvertConfig(), direction=direction)
        networks, _ = load_run(workspace, run)
        people = load_identities(workspace, direction)
        return cls(
            open_swapper(networks, workspace, config, people=people, inference_backend=inference_backend), config
        )

    def swap(self, frame: np.ndarray, face: Face, *, track: int | None = None) -> np.ndarray:
        """Swaps one face in a frame.

        Args:
            frame: (H, W, 3) uint8 RGB.
            face: The face to replace, in pixels of the frame.
            track: Number of the person if frames are passed in their order; then colors and detail are smoothed over
                time. None for a single frame.

        Returns:
            (H, W, 3) uint8 RGB, a new array, without the visible label that `convert` draws.
        """
        (swapped,) = swap_faces([(frame, face)], self._generator)
        return self._compositor.composite(frame, swapped, track=track).frame
