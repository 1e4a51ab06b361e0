"""Which networks to build."""

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
    """Which networks to build; a checkpoint fits only the networks of its own configuration."""

    resolution: Annotated[Literal[64, 128, 256], Doc("side of the networks' input and output in pixels")] = 128
    coverage: Annotated[
        float, Doc("side of what they see as a share of the crop's side; less is closer to the face")
    ] = VIEW_COVERAGE
    capacity: Annotated[Capacity, Doc("how many channels the networks have")] = "lite"
    attention: Annotated[
        Attention,
        Doc(
            "self-attention over positions (self), over positions and channels (dual), or none. With architecture skip "
            "over 16x16 positions in the encoder and the decoders, with faceswap-gan where faceswap-GAN v2.2 has it"
        ),
    ] = "self"
    norm: Annotated[
        Norm,
        Doc("normalization after convolutions; hybrid normalizes half of the channels and mixes the other half"),
    ] = "hybrid"
    upsampling: Annotated[
        Upsampling,
        Doc(
            "how the decoders upsample: pixel-shuffle turns channels into pixels, nearest repeats pixels and convolves"
        ),
    ] = "pixel-shuffle"
    architecture: Annotated[
        Architecture,
        Doc("skip: a few channels go past the bottleneck; faceswap-gan: the networks of faceswap-GAN v2.2"),
    ] = "skip"
    input_mode: Annotated[
        InputMode,
        Doc(
            "what the encoder reads: masked: the face alone, colors normalized; full: the whole view in its own colors"
        ),
    ] = "masked"
    face_region: Annotated[
        RegionChoice,
        Doc(
            "what of the face the encoder reads and the new face covers: an ellipse from five landmarks, the face's "
            "outline up to its hair (wants the extra mesh), or auto: the outline where the extra is installed as the "
            "run begins"
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
        """Side in pixels at which training keeps crops, so that a pixel of the view is a pixel of the crop."""
        return stored_size(self.resolution, self.coverage)

    @property
    def view_coverage(self) -> float:
        """`coverage` in whole pixels of the stored crop; training and conversion both use this one."""
        return self.resolution / self.stored_size

    def settled(self) -> "NetworkConfig":
        """Gives the same networks, with nothing left to what this machine can do, as a run begins."""
        return dataclasses.replace(self, face_region=settle_region(self.face_region))

    @property
    def widths(self) -> ChannelCounts:
        """The channels that go with layout, capacity and resolution."""
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
"""What the options in words may say; capacity and resolution are checked together."""

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
"""Networks under short names: `tiny` for tests and first looks, `lite` for results on a CPU or a small GPU, `standard`
for a large GPU, `faceswap-gan` for what faceswap-GAN v2.2 gives."""
