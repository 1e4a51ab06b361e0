"""Keeping colors from flickering: the shape of a color match is averaged along the track of its face.

Spreads and curves are what scatters from frame to frame; they say how the new face's colors differ from the old one's,
not what they are, so light that changes on both changes them little and the average does not lag behind it. The level,
one number per channel, is measured well and stays each frame's own: it takes out what the network's faces flicker.
"""

import math

import numpy as np

from faceswap_lib.conversion.color_transfer.registry import ColorMatch, to_picture
from faceswap_lib.conversion.color_transfer.skin_mask import SkinSample


class TemporalColorTransfer:
    """Matches colors over time, each track by itself.

    Args:
        match: How.
        frames: Time constant of the average in frames; 0 for none.
    """

    def __init__(self, match: ColorMatch, frames: float):
        self._match = match
        self._newest_share = 1 - math.exp(-1 / frames) if frames > 0 else 1.0
        self._tracks: dict[int, tuple[int, np.ndarray]] = {}

    def apply(self, new: np.ndarray, sample: SkinSample, track: int | None) -> np.ndarray:
        """Gives a face the colors of the one it replaces.

        Args:
            new: (R, R, 3) uint8 RGB, the new face.
            sample: What of both is compared.
            track: Number of the face's track; None for a face by itself.

        Returns:
            (R, R, 3) uint8 RGB.
        """
        own = self._match.fit(sample.new, sample.old, sample.weights)
        steady = self.smooth(track, own)
        matched = self._match.apply(new, steady)
        if steady is not own:
            matched += _mean(sample.old, sample) - _mean(self._match.apply(sample.new, steady), sample)
        return to_picture(matched)

    def smooth(self, track: int | None, parameters: np.ndarray) -> np.ndarray:
        """Takes one frame's parameters and gives the average so far.

        The first frames of a track count equally, until there are enough of them for the time constant; so a track
        starts with its own colors.

        Args:
            track: Number of the face's track; None for a face by itself.
            parameters: The frame's own, float32.

        Returns:
            The average, of the same shape; the parameters themselves where there is nothing to average.
        """
        if track is None or self._newest_share == 1:
            return parameters
        seen, average = self._tracks.get(track, (0, parameters))
        average = average + np.float32(max(self._newest_share, 1 / (seen + 1))) * (parameters - average)
        self._tracks[track] = seen + 1, average
        return average

    def state(self) -> dict[str, np.ndarray]:
        """What is remembered: "seen/N" and "average/N" for track N."""
        state = {}
        for track, (seen, average) in self._tracks.items():
            state |= {f"seen/{track}": np.int64(seen), f"average/{track}": average}
        return state

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Remembers what `state` gave."""
        tracks = [name.removeprefix("seen/") for name in state if name.startswith("seen/")]
        self._tracks = {int(track): (int(state[f"seen/{track}"]), state[f"average/{track}"]) for track in tracks}


def _mean(picture: np.ndarray, sample: SkinSample) -> np.ndarray:
    """(3,) float32, the mean of a picture of the sample's size."""
    weights = sample.weights.reshape(1, -1)
    return (weights @ picture.reshape(-1, 3).astype(np.float32))[0] / max(float(weights.sum()), 1e-6)
