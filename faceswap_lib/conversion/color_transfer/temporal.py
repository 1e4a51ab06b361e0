"""Temporal smoothing of color transfer: its parameters are averaged along the track of a face to prevent flicker.

Standard deviations and curves vary from frame to frame. They describe how the colors of the swapped face differ from
those of the target face. If the light on both changes, they change little, so the average does not lag behind. The mean
color, one number per channel, is measured precisely and is not averaged: this removes the flicker of generated faces.
"""

import math

import numpy as np

from faceswap_lib.conversion.color_transfer.registry import ColorMatch, to_picture
from faceswap_lib.conversion.color_transfer.skin_mask import SkinSample


class TemporalColorTransfer:
    """Color transfer whose parameters are smoothed along each track.

    Args:
        match: Method of color transfer.
        frames: Time constant of the average in frames; 0 for no smoothing.
    """

    def __init__(self, match: ColorMatch, frames: float):
        self._match = match
        self._newest_weight = 1 - math.exp(-1 / frames) if frames > 0 else 1.0
        self._tracks: dict[int, tuple[int, np.ndarray]] = {}

    def apply(self, new: np.ndarray, sample: SkinSample, track: int | None) -> np.ndarray:
        """Matches the colors of a swapped face to those of its target face.

        Args:
            new: (R, R, 3) uint8 RGB, the swapped face.
            sample: Images of both faces to which the parameters are fitted.
            track: Number of the face's track; None for a single face.

        Returns:
            (R, R, 3) uint8 RGB.
        """
        fitted = self._match.fit(sample.new, sample.old, sample.weights)
        smoothed = self.smooth(track, fitted)
        matched = self._match.apply(new, smoothed)
        if smoothed is not fitted:
            matched += _mean(sample.old, sample) - _mean(self._match.apply(sample.new, smoothed), sample)
        return to_picture(matched)

    def smooth(self, track: int | None, parameters: np.ndarray) -> np.ndarray:
        """Adds the parameters of one frame to the average of its track, and returns the average.

        The first frames of a track have equal weights, until their number reaches the time constant.

        Args:
            track: Number of the face's track; None for a single face.
            parameters: Parameters of the frame, float32.

        Returns:
            The average, of the same shape; the parameters themselves without a track or without smoothing.
        """
        if track is None or self._newest_weight == 1:
            return parameters
        seen, average = self._tracks.get(track, (0, parameters))
        average = average + np.float32(max(self._newest_weight, 1 / (seen + 1))) * (parameters - average)
        self._tracks[track] = seen + 1, average
        return average

    def state(self) -> dict[str, np.ndarray]:
        """Returns the averages of all tracks: "seen/N" and "average/N" for track N."""
        state: dict[str, np.ndarray] = {}
        for track, (seen, average) in self._tracks.items():
            state |= {f"seen/{track}": np.array(seen, np.int64), f"average/{track}": average}
        return state

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Sets the averages that `state` returned."""
        tracks = [name.removeprefix("seen/") for name in state if name.startswith("seen/")]
        self._tracks = {int(track): (int(state[f"seen/{track}"]), state[f"average/{track}"]) for track in tracks}


def _mean(picture: np.ndarray, sample: SkinSample) -> np.ndarray:
    """Computes the weighted mean color, (3,) float32, of an image of the sample's size."""
    weights = sample.weights.reshape(1, -1)
    return (weights @ picture.reshape(-1, 3).astype(np.float32))[0] / max(float(weights.sum()), 1e-6)
