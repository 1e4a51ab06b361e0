"""Configuration of the networks."""

import dataclasses
import typing
from typing import Annotated, Literal

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import VIEW_COVERAGE, stored_size
from faceswap_lib.faces.region import RegionChoice, settle_region
from faceswap_lib.networks.channels import WIDTHS, ChannelCounts, reference_widths

Capacity = Literal["tiny", "lite", "standard"]
Attention = Literal["none", "self", "dual"]
Norm = Literal["none", "instance", "batch", "layer", "group", "hybrid"]
Upsampling = Literal["pixel-shuffle", "nearest"]
Architecture = Literal["skip", "faceswap-gan"]
InputMode = Literal["masked", "full"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Configuration of the networks; a checkpoint fits only networks that were built from the same configuration.

    Example:
        >>> NetworkConfig(capacity="lite", resolution=128).stored_size
        160
    """

    resolution: Annotated[Literal[64, 128, 256], Doc("side of the networks' input and output in pixels")] = 128
    coverage: Annotated[
        float,
        Doc(
            "side of the networks' view as a fraction of the crop's side, 0.4 to 1; a smaller value zooms in on the "
            "face"
        ),
    ] = VIEW_COVERAGE
    capacity: Annotated[Capacity, Doc("how many channels the networks have")] = "lite"
    attention: Annotated[
        Attention,
        Doc(
            "self-attention over positions (self), over positions and channels (dual), or none. Architecture skip has "
            "it at 16x16 positions in the encoder and the decoders, faceswap-gan in the layers of faceswap-GAN v2.2"
        ),
    ] = "self"
    norm: Annotated[
        Norm,
        Doc(
            "normalization after convolutions; hybrid applies instance normalization to half of the channels and a 1x1 "
            "convolution to the other half"
        ),
    ] = "hybrid"
    upsampling: Annotated[
        Upsampling,
        Doc(
            "how the decoders upsample: pixel-shuffle rearranges channels into pixels, nearest repeats pixels and then "
            "applies a convolution"
        ),
    ] = "pixel-shuffle"
    architecture: Annotated[
        Architecture,
        Doc(
            "skip: an autoencoder with a narrow skip connection around the bottleneck; faceswap-gan: the networks of "
            "faceswap-GAN v2.2"
        ),
    ] = "skip"
    input_mode: Annotated[
        InputMode,
        Doc("input of the encoder: masked: only the face, with normalized colors; full: the whole view in its colors"),
    ] = "masked"
    face_region: Annotated[
        RegionChoice,
        Doc(
            "region of the face that the encoder reads and the new face covers: an ellipse from five landmarks, the "
            "outline of the face up to the hair, or auto: the outline if MediaPipe's networks work on this machine "
            "when the run begins"
        ),
    ] = "auto"

    def __post_init__(self):
        check_range("coverage", self.coverage, 0.4, 1)
        if (self.capacity, self.resolution) not in WIDTHS:
            known = ", ".join(f"{capacity} at {resolution}" for capacity, resolution in WIDTHS)
            raise InputError(f"no networks of capacity {self.capacity} at {self.resolution} pixels; there are {known}")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)}")

    @property
    def stored_size(self) -> int:
        """Side in pixels of the crops in training, at which the view of a crop has a side of `resolution` pixels."""
        return stored_size(self.resolution, self.coverage)

    @property
    def view_coverage(self) -> float:
        """`coverage`, adjusted to whole pixels of the stored crop; training and conversion both use this value."""
        return self.resolution / self.stored_size

    def settled(self) -> "NetworkConfig":
        """Returns a copy in which "auto" is replaced by the choice for this machine; called when a run begins."""
        return dataclasses.replace(self, face_region=settle_region(self.face_region))

    @property
    def widths(self) -> ChannelCounts:
        """Numbers of channels for this architecture, capacity and resolution."""
        if self.architecture == "faceswap-gan":
            return reference_widths(self.capacity, self.resolution)
        return WIDTHS[self.capacity, self.resolution]


CHOICES = {
    "attention": typing.get_args(Attention),
    "norm": typing.get_args(Norm),
    "upsampling": typing.get_args(Upsampling),
    "architecture": typing.get_args(Architecture),
    "input_mode": typing.get_args(InputMode),
    "face_region": typing.get_args(RegionChoice),
}
"""Allowed values of the options that are strings; capacity and resolution are checked together."""

Preset = Literal["tiny", "lite", "standard", "faceswap-gan"]

PRESETS: dict[str, NetworkConfig] = {
    "tiny": NetworkConfig(capacity="tiny", resolution=64, attention="none"),
    "lite": NetworkConfig(capacity="lite", resolution=128),
    "standard": NetworkConfig(capacity="standard", resolution=128),
    "faceswap-gan": NetworkConfig(
        architecture="faceswap-gan",
        input_mode="full",
        resolution=64,
        coverage=0.68,
        capacity="standard",
        attention="self",
        norm="instance",
        face_region="ellipse",
    ),
}
"""Configurations by name: `tiny` for tests and first experiments, `lite` for results on a CPU or a small GPU,
`standard` for a large GPU, `faceswap-gan` for the results of faceswap-GAN v2.2."""
