"""Running a trained generator on views: one protocol, so that conversion can be tested without Keras or ONNX."""

import abc
import copy
import os
import typing

import numpy as np
from typing_extensions import Self

from faceswap_lib.devices import compiles_with_xla
from faceswap_lib.errors import InputError
from faceswap_lib.networks.onnx_runtime import import_onnxruntime
from faceswap_lib.networks.views import to_network, to_pixels

PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""Where ONNX Runtime runs networks, the best first."""


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


class GeneratorSwapper(abc.ABC):
    """A run's generator in one direction, on whichever engine.

    Args:
        networks: The run's `faceswap_lib.networks.Networks`.
        direction: "a2b" or "b2a".
        shift: (8, 8, C) float32 added to every code, as `conversion.shift.measure_shift` gives; None for nothing.
    """

    def __init__(self, networks, direction: str, shift: np.ndarray | None = None):
        if direction not in ("a2b", "b2a"):
            raise ValueError(f"expected direction a2b or b2a, got {direction}")
        self.resolution, self.coverage = networks.config.resolution, networks.config.view_coverage
        self._view = networks.config.view
        self._shift = np.zeros(networks.encoder.output_shape[1:], np.float32) if shift is None else shift

    def shifted(self, shift: np.ndarray) -> Self:
        """The same generator with another shift; nothing is built anew."""
        other = copy.copy(self)
        other._shift = shift
        return other

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Writes new faces; see `FaceSwapper.swap`."""
        seen, tones = to_network(views, faces, self._view)
        masks, raw = self._generate(seen, self._shift[None])
        return masks, to_pixels(raw, tones)

    @abc.abstractmethod
    def _generate(self, seen: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gives masks (B, R, R) and faces (B, R, R, 3) of what the encoder reads and a (1, 8, 8, C) shift."""


class KerasSwapper(GeneratorSwapper):
    """A generator run by Keras, in the precision the networks were built for.

    Args:
        networks, direction, shift: As in `GeneratorSwapper`.
        batch_size: Faces at a time where XLA compiles, which takes seconds for every other number of them.
    """

    def __init__(self, networks, direction: str, shift: np.ndarray | None = None, *, batch_size: int = 8):
        import keras

        super().__init__(networks, direction, shift)
        self._batch_size = batch_size if compiles_with_xla() else None
        views = networks.encoder.input
        code = networks.encoder(views)
        way = keras.Input(code.shape[1:], name="shift")
        self._model = keras.Model([views, way], _decoder(networks, direction)(code + way)[:2])

    def _generate(self, seen: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # Batches of every size would each be traced; filled up to powers of two there are few, to one size just one.
        size = self._batch_size or 1 << (len(seen) - 1).bit_length()
        parts = [self._generate_batch(seen[start : start + size], shift, size) for start in range(0, len(seen), size)]
        masks, raw = (np.concatenate(part) for part in zip(*parts, strict=True))
        return masks, raw

    def _generate_batch(self, seen: np.ndarray, shift: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Generates a batch that is filled up to a size."""
        count = len(seen)
        filled = np.pad(seen, [(0, size - count), (0, 0), (0, 0), (0, 0)], mode="edge")
        masks, raw = self._model.predict_on_batch([filled, np.repeat(shift, size, axis=0)])
        return masks[:count, ..., 0], raw[:count]


class OnnxSwapper(GeneratorSwapper):
    """A generator run by ONNX Runtime in float32, on a CUDA device where it can, else on the processor.

    Args:
        networks, direction, shift: As in `GeneratorSwapper`.

    Raises:
        InputError: If the extra `export` is not installed.
    """

    def __init__(self, networks, direction: str, shift: np.ndarray | None = None):
        super().__init__(networks, direction, shift)
        if lack := self.missing():
            raise InputError(lack)
        from faceswap_lib.networks.onnx_model import to_onnx

        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        options.intra_op_num_threads = _usable_processors()
        # Threads without work give the processor back at once: decoding and encoding go on beside.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = [name for name in PROVIDERS if name in onnxruntime.get_available_providers()]
        model = to_onnx(networks.encoder, _decoder(networks, direction)).SerializeToString()
        self._session = onnxruntime.InferenceSession(model, options, providers=providers)

    @staticmethod
    def missing() -> str | None:
        """What it lacks on this machine, and what to do; None where it works."""
        try:
            import onnx  # noqa: F401

            import_onnxruntime()
        except ImportError as error:
            return f"ONNX Runtime cannot be used ({error}); pip install 'faceswap_lib[export]'"
        return None

    def _generate(self, seen: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inputs = {"views": seen.astype(np.float32, copy=False), "shift": shift.astype(np.float32, copy=False)}
        masks, faces = self._session.run(["masks", "faces"], inputs)
        return masks, faces


def _decoder(networks, direction: str):
    return networks.decoder_b if direction == "a2b" else networks.decoder_a


def _usable_processors() -> int:
    """Processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
