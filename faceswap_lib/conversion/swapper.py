"""Inference with a trained generator: a protocol, so that conversion can be tested without Keras, and two backends."""

import abc
import copy
import os
import typing

import numpy as np
from typing_extensions import Self

from faceswap_lib.conversion.color_transfer.registry import to_picture
from faceswap_lib.conversion.detail.sources import DetailSources
from faceswap_lib.conversion.latent.mapping import LatentMap
from faceswap_lib.conversion.placement import Placement
from faceswap_lib.devices import compiles_with_xla
from faceswap_lib.errors import InputError
from faceswap_lib.export.onnx_runtime import import_onnxruntime, unavailable_reason
from faceswap_lib.faces.color_normalization import restore_colors
from faceswap_lib.faces.region import FaceRegion, Hairline, settle_region
from faceswap_lib.networks.preprocessing import postprocess_faces, preprocess_views
from faceswap_lib.occlusion.network import OcclusionPredictor

PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""Execution providers of ONNX Runtime, the fastest first."""


class ViewSwapper(typing.Protocol):
    """Generator of swapped faces for views.

    Attributes:
        resolution: Side R of the views in pixels.
        coverage: Side of the view as a fraction of the crop's side.
        face_region: Region inside the face; a swapper without this attribute uses the ellipse.
        placement: Where its faces are shown in their views; without this attribute, or with None, they are shown where
            the network generates them.
        hairline: Upper end of the original person's forehead, used if the region is the outline; without this
            attribute, or with None, it is detected in every frame.
        detail: The wanted person's crops, from which swapped faces take detail; without this attribute there is no
            detail transfer.
        occlusion: Finds what covers a face and stays in the picture; without this attribute, or with None, all is
            painted over.
    """

    resolution: int
    coverage: float

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Generates swapped faces.

        Args:
            views: (B, R, R, 3) uint8 RGB.
            faces: (B, R, R) uint8, 255 inside the face of each view.

        Returns:
            Attention masks (B, R, R) float32 in [0, 1], and faces (B, R, R, 3) uint8 RGB.
        """
        ...


class GeneratorSwapper(abc.ABC):
    """Generator of a run in one direction; subclasses run it with an inference backend.

    Args:
        networks: Networks of the run, a `faceswap_lib.networks.Networks`.
        direction: "a2b" or "b2a".
        latent_map: Applied to the latent codes between encoder and decoder; None leaves them unchanged.

    Raises:
        ValueError: If the direction is unknown.
    """

    def __init__(self, networks, direction: str, latent_map: LatentMap | None = None):
        if direction not in ("a2b", "b2a"):
            raise ValueError(f"expected direction a2b or b2a, got {direction}")
        self.resolution, self.coverage = networks.config.resolution, networks.config.view_coverage
        self.face_region: FaceRegion = settle_region(networks.config.face_region)
        self._input_mode = networks.config.input_mode
        self._latent_map = latent_map
        self.placement: Placement | None = None
        self.hairline: Hairline | None = None
        self.detail: DetailSources | None = None
        self.occlusion: OcclusionPredictor | None = None
        self._contrast = 1.0
        self._color_spread: np.ndarray | None = None

    @property
    def latent_map(self) -> LatentMap | None:
        """Latent map between encoder and decoder; None leaves latent codes unchanged."""
        return self._latent_map

    @property
    def contrast(self) -> float:
        """Factor of the contrast of swapped faces; see `with_contrast`."""
        return self._contrast

    @property
    def color_spread(self) -> np.ndarray | None:
        """How much each color channel varies in the wanted person's faces, (3,); see `with_contrast`."""
        return self._color_spread

    def with_latent_map(self, latent_map: LatentMap | None) -> Self:
        """Returns a copy with another latent map; the networks are shared."""
        other = copy.copy(self)
        other._latent_map = latent_map
        return other

    def with_placement(self, placement: Placement | None) -> Self:
        """Returns a copy whose faces have another placement; see `ViewSwapper`."""
        other = copy.copy(self)
        other.placement = placement
        return other

    def with_hairline(self, hairline: Hairline | None) -> Self:
        """Returns a copy for a person with this hairline; see `ViewSwapper`."""
        other = copy.copy(self)
        other.hairline = hairline
        return other

    def with_contrast(self, factor: float, color_spread: np.ndarray | None = None) -> Self:
        """Returns a copy that multiplies the contrast of its faces by a factor.

        Networks whose input is the whole image generate their own tones; their contrast is not changed.

        Args:
            factor: The factor, see `contrast.fit_contrast`.
            color_spread: (3,) from `color_normalization.measure_color_spread`, for faces with the hues of the wanted
                person; with None, each color channel gets the standard deviation of the target face.
        """
        other = copy.copy(self)
        if self._input_mode == "masked":
            other._contrast, other._color_spread = factor, color_spread
        return other

    def with_detail(self, detail: DetailSources | None) -> Self:
        """Returns a copy whose faces take detail from these crops; see `ViewSwapper`."""
        other = copy.copy(self)
        other.detail = detail
        return other

    def with_occlusion(self, network: OcclusionPredictor | None) -> Self:
        """Returns a copy with a network that finds what covers a face; see `ViewSwapper`."""
        other = copy.copy(self)
        other.occlusion = network
        return other

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Generates swapped faces; see `ViewSwapper.swap`."""
        codes, tones = self.encode(views, faces)
        return self.decode(codes, tones)

    def encode(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Encodes views into latent codes.

        Args:
            views: (B, R, R, 3) uint8 RGB.
            faces: (B, R, R) uint8, 255 inside the face of each view.

        Returns:
            Latent codes (B, H, W, C) float32 before any latent map, and tones (B, 2, 3), which `decode` needs.
        """
        seen, tones = preprocess_views(views, faces, self._input_mode)
        return self._encode(seen).astype(np.float32, copy=False), tones

    def decode(self, codes: np.ndarray, tones: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Applies the latent map to latent codes and decodes them.

        Args:
            codes: (B, H, W, C) float32 latent codes from `encode`.
            tones: (B, 2, 3) tones from `encode`.

        Returns:
            The same as `ViewSwapper.swap`.
        """
        mapped = codes if self._latent_map is None else self._latent_map(codes)
        masks, raw = self._decode(mapped)
        if self._color_spread is None:
            return masks, postprocess_faces(raw, tones * np.array([[1.0], [self._contrast]], np.float32))
        return masks, to_picture(restore_colors(raw, tones, self._color_spread, self._contrast))

    @abc.abstractmethod
    def _encode(self, seen: np.ndarray) -> np.ndarray:
        """Runs the encoder on preprocessed views; returns latent codes (B, H, W, C)."""

    @abc.abstractmethod
    def _decode(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Runs the decoder on latent codes; returns masks (B, R, R) and raw faces (B, R, R, 3)."""


class KerasSwapper(GeneratorSwapper):
    """Generator that is run by Keras, in the precision for which the networks were built.

    Args:
        networks, direction, latent_map: As in `GeneratorSwapper`.
        batch_size: Fixed batch size if XLA compiles the networks, because compilation for each new batch size takes
            seconds.
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

        Keras traces a network again for every new batch size. So batches are padded to the fixed batch size if XLA is
        used, and to a power of two otherwise.
        """
        size = self._batch_size or 1 << (len(values) - 1).bit_length()
        parts = []
        for start in range(0, len(values), size):
            batch = values[start : start + size]
            filled = np.pad(batch, [(0, size - len(batch)), *[(0, 0)] * (values.ndim - 1)], mode="edge")
            parts.append([output[: len(batch)] for output in network(filled)])
        return [np.concatenate(part) for part in zip(*parts, strict=True)]


class OnnxSwapper(GeneratorSwapper):
    """Generator that is run by ONNX Runtime in float32, on a CUDA device if possible, otherwise on the CPU.

    Args:
        networks, direction, latent_map: As in `GeneratorSwapper`.

    Raises:
        InputError: If the extra `export` is not installed.
    """

    def __init__(self, networks, direction: str, latent_map: LatentMap | None = None):
        super().__init__(networks, direction, latent_map)
        if reason := self.unavailable_reason():
            raise InputError(reason)
        from faceswap_lib.export.onnx_model import decoder_to_onnx, encoder_to_onnx

        self._encoder = _open_session(encoder_to_onnx(networks.encoder))
        self._decoder = _open_session(decoder_to_onnx(_decoder(networks, direction)))

    @staticmethod
    def unavailable_reason() -> str | None:
        """Returns why ONNX Runtime cannot be used on this machine and what to do; None if it can be used."""
        return unavailable_reason()

    def _encode(self, seen: np.ndarray) -> np.ndarray:
        (codes,) = self._encoder.run(["codes"], {"views": seen.astype(np.float32, copy=False)})
        return codes

    def _decode(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        masks, faces = self._decoder.run(["masks", "faces"], {"codes": codes.astype(np.float32, copy=False)})
        return masks, faces


def _open_session(model):
    """Opens an inference session for an ONNX model, with threads that do not use the CPU while they wait."""
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = _usable_processors()
    # Idle threads must not spin: video decoding and encoding run at the same time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = [name for name in PROVIDERS if name in onnxruntime.get_available_providers()]
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)


def _decoder(networks, direction: str):
    return networks.decoder_b if direction == "a2b" else networks.decoder_a


def _usable_processors() -> int:
    """Returns the number of CPU cores on which this process may run."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
