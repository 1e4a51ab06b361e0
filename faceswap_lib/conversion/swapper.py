"""Running a trained generator on views: one protocol, so that conversion can be tested without Keras or ONNX."""

import abc
import copy
import os
import typing

import numpy as np
from typing_extensions import Self

from faceswap_lib.conversion.detail.sources import DetailSources
from faceswap_lib.conversion.latent.mapping import LatentMap
from faceswap_lib.conversion.placement import Placement
from faceswap_lib.devices import compiles_with_xla
from faceswap_lib.errors import InputError
from faceswap_lib.export.onnx_runtime import import_onnxruntime
from faceswap_lib.faces.region import Hairline, settle_region
from faceswap_lib.networks.preprocessing import postprocess_faces, preprocess_views

PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""Where ONNX Runtime runs networks, the best first."""


class ViewSwapper(typing.Protocol):
    """Anything that writes new faces for views.

    Attributes:
        resolution: Side R of the views in pixels.
        coverage: Side of the views as a share of the crop's.
        face_region: What is inside the face; the ellipse for a swapper without this attribute.
        placement: Where the faces it writes are shown in their views; a swapper without this attribute, or with None,
            writes them where they belong.
        hairline: Where the original's forehead ends, where outlines are the region; a swapper without this attribute,
            or with None, looks in every frame.
        detail: The wanted person's crops, from which the new faces take detail; none for a swapper without this
            attribute.
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
        latent_map: What is done to every latent code between encoder and decoder; None for nothing.
    """

    def __init__(self, networks, direction: str, latent_map: LatentMap | None = None):
        if direction not in ("a2b", "b2a"):
            raise ValueError(f"expected direction a2b or b2a, got {direction}")
        self.resolution, self.coverage = networks.config.resolution, networks.config.view_coverage
        self.face_region, self._input_mode = settle_region(networks.config.face_region), networks.config.input_mode
        self._latent_map = latent_map
        self.placement: Placement | None = None
        self.hairline: Hairline | None = None
        self.detail: DetailSources | None = None
        self._contrast = 1.0

    def with_latent_map(self, latent_map: LatentMap | None) -> Self:
        """Gives the same generator with another map of its latent codes; no network is built again."""
        other = copy.copy(self)
        other._latent_map = latent_map
        return other

    def with_placement(self, placement: Placement | None) -> Self:
        """Gives the same generator, whose faces are shown elsewhere; see `ViewSwapper`."""
        other = copy.copy(self)
        other.placement = placement
        return other

    def with_hairline(self, hairline: Hairline | None) -> Self:
        """Gives the same generator for a person whose forehead ends there; see `ViewSwapper`."""
        other = copy.copy(self)
        other.hairline = hairline
        return other

    def with_contrast(self, factor: float) -> Self:
        """Gives the same generator, whose faces have that many times the contrast of the tone they are written in.

        Networks that see the whole picture write their own tones, and are left as they are.
        """
        other = copy.copy(self)
        other._contrast = factor if self._input_mode == "masked" else 1.0
        return other

    def with_detail(self, detail: DetailSources | None) -> Self:
        """Gives the same generator, whose faces take detail from these crops; see `ViewSwapper`."""
        other = copy.copy(self)
        other.detail = detail
        return other

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Writes new faces; see `ViewSwapper.swap`."""
        codes, tones = self.encode(views, faces)
        return self.decode(codes, tones)

    def encode(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Encodes views.

        Args:
            views: (B, R, R, 3) uint8 RGB.
            faces: (B, R, R) uint8, 255 inside the face of each view.

        Returns:
            Latent codes (B, H, W, C) float32, before any latent map, and tones (B, 2, 3), which `decode` wants.
        """
        seen, tones = preprocess_views(views, faces, self._input_mode)
        return self._encode(seen).astype(np.float32, copy=False), tones

    def decode(self, codes: np.ndarray, tones: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Decodes latent codes, after the latent map; returns masks and faces as `ViewSwapper.swap`."""
        mapped = codes if self._latent_map is None else self._latent_map(codes)
        masks, raw = self._decode(mapped)
        return masks, postprocess_faces(raw, tones * np.array([[1.0], [self._contrast]], np.float32))

    @abc.abstractmethod
    def _encode(self, seen: np.ndarray) -> np.ndarray:
        """Gives the codes (B, H, W, C) of what the encoder reads."""

    @abc.abstractmethod
    def _decode(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gives the masks (B, R, R) and raw faces (B, R, R, 3) of codes."""


class KerasSwapper(GeneratorSwapper):
    """A generator run by Keras, in the precision the networks were built for.

    Args:
        networks, direction, latent_map: As in `GeneratorSwapper`.
        batch_size: Faces at a time where XLA compiles, which takes seconds for every other number of them.
    """

    def __init__(self, networks, direction: str, latent_map: LatentMap | None = None, *, batch_size: int = 8):
        import keras

        super().__init__(networks, direction, latent_map)
        self._batch_size = batch_size if compiles_with_xla() else None
        decoder = _decoder(networks, direction)
        self._encoder = networks.encoder
        self._decoder = keras.Model(decoder.input, decoder.outputs[:2])

    def _encode(self, seen: np.ndarray) -> np.ndarray:
        (codes,) = self._predict(lambda batch: [self._encoder.predict_on_batch(batch)], seen)
        return codes

    def _decode(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        masks, raw = self._predict(self._decoder.predict_on_batch, codes)
        return masks[..., 0], raw

    def _predict(self, network: typing.Callable, values: np.ndarray) -> list[np.ndarray]:
        """Runs a network in batches.

        Batches of every size would each be traced; filled up to powers of two there are few, to one size just one.
        """
        size = self._batch_size or 1 << (len(values) - 1).bit_length()
        parts = []
        for start in range(0, len(values), size):
            batch = values[start : start + size]
            filled = np.pad(batch, [(0, size - len(batch)), *[(0, 0)] * (values.ndim - 1)], mode="edge")
            parts.append([output[: len(batch)] for output in network(filled)])
        return [np.concatenate(part) for part in zip(*parts, strict=True)]


class OnnxSwapper(GeneratorSwapper):
    """A generator run by ONNX Runtime in float32, on a CUDA device where it can, else on the processor.

    Args:
        networks, direction, latent_map: As in `GeneratorSwapper`.

    Raises:
        InputError: If the extra `export` is not installed.
    """

    def __init__(self, networks, direction: str, latent_map: LatentMap | None = None):
        super().__init__(networks, direction, latent_map)
        if lack := self.unavailable_reason():
            raise InputError(lack)
        from faceswap_lib.export.onnx_model import decoder_to_onnx, encoder_to_onnx

        self._encoder = _open_session(encoder_to_onnx(networks.encoder))
        self._decoder = _open_session(decoder_to_onnx(_decoder(networks, direction)))

    @staticmethod
    def unavailable_reason() -> str | None:
        """What it lacks on this machine, and what to do; None where it works."""
        try:
            import onnx  # noqa: F401

            import_onnxruntime()
        except ImportError as error:
            return f"ONNX Runtime cannot be used ({error}); pip install 'faceswap_lib[export]'"
        return None

    def _encode(self, seen: np.ndarray) -> np.ndarray:
        (codes,) = self._encoder.run(["codes"], {"views": seen.astype(np.float32, copy=False)})
        return codes

    def _decode(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        masks, faces = self._decoder.run(["masks", "faces"], {"codes": codes.astype(np.float32, copy=False)})
        return masks, faces


def _open_session(model):
    """Opens an ONNX model with threads that leave the processor to others while they wait."""
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = _usable_processors()
    # Threads without work give the processor back at once: decoding and encoding go on beside.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = [name for name in PROVIDERS if name in onnxruntime.get_available_providers()]
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)


def _decoder(networks, direction: str):
    return networks.decoder_b if direction == "a2b" else networks.decoder_a


def _usable_processors() -> int:
    """Processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
