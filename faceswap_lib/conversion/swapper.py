"""Running a trained generator on views: one protocol, so that conversion can be tested without Keras."""

import copy
import typing

import numpy as np

from faceswap_lib.networks.views import to_network, to_pixels


class FaceSwapper(typing.Protocol):
    """Anything that writes new faces for views.

    Attributes:
        resolution: Side R of the views in pixels.
        coverage: Side of the views as a share of the crop's.
    """

    resolution: int
    coverage: float

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Writes new faces.

        Args:
            views: (B, R, R, 3) uint8 RGB.
            faces: (B, R, R) uint8, 255 inside the face of each view.

        Returns:
            Masks (B, R, R) float32 in [0, 1] and faces (B, R, R, 3) uint8 RGB.
        """
        ...


class KerasSwapper:
    """A run's generator in one direction.

    Args:
        networks: The run's `faceswap_lib.networks.Networks`.
        direction: "a2b" or "b2a".
        shift: (8, 8, C) float32 added to every code, as `conversion.shift.measure_shift` gives; None for nothing.
    """

    def __init__(self, networks, direction: str, shift: np.ndarray | None = None):
        import keras

        if direction not in ("a2b", "b2a"):
            raise ValueError(f"expected direction a2b or b2a, got {direction}")
        self.resolution, self.coverage = networks.config.resolution, networks.config.view_coverage
        self._view = networks.config.view
        decoder = networks.decoder_b if direction == "a2b" else networks.decoder_a
        views = networks.encoder.input
        code = networks.encoder(views)
        way = keras.Input(code.shape[1:], name="shift")
        self._model = keras.Model([views, way], decoder(code + way)[:2])
        self._shift = np.zeros(code.shape[1:], np.float32) if shift is None else shift

    def shifted(self, shift: np.ndarray) -> "KerasSwapper":
        """The same generator with another shift; nothing is built anew."""
        other = copy.copy(self)
        other._shift = shift
        return other

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Writes new faces; see `FaceSwapper.swap`."""
        seen, tones = to_network(views, faces, self._view)
        shifts = np.broadcast_to(self._shift, (len(seen), *self._shift.shape))
        masks, raw = self._model.predict_on_batch([seen, shifts])
        return masks[..., 0], to_pixels(raw, tones)
