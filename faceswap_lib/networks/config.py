"""Which networks to build."""

import dataclasses
from typing import Annotated, Literal

from faceswap_lib.errors import InputError
from faceswap_lib.faces.align import VIEW_COVERAGE, stored_size
from faceswap_lib.options import Doc, check_range


@dataclasses.dataclass(frozen=True, kw_only=True)
class Widths:
    """How many channels the networks have.

    Attributes:
        encoder: Channels at half the input's side, a quarter, and so on, down to 4x4.
        code: Numbers in the bottleneck.
        places: Channels at 8x8 that go past the bottleneck; more of them keep expression better and identity worse.
        decoder: Channels at 8x8, 16x16, and so on, up to half the output's side.
        discriminator: Channels at half the input's side, a quarter, an eighth.
    """

    encoder: tuple[int, ...]
    code: int
    places: int
    decoder: tuple[int, ...]
    discriminator: tuple[int, int, int]


WIDTHS = {
    ("tiny", 64): Widths(
        encoder=(32, 64, 128, 256), code=256, places=8, decoder=(128, 96, 64), discriminator=(16, 32, 64)
    ),
    ("tiny", 128): Widths(
        encoder=(32, 48, 64, 128, 256), code=256, places=8, decoder=(128, 96, 64, 32), discriminator=(16, 32, 64)
    ),
    ("lite", 64): Widths(
        encoder=(64, 128, 256, 512), code=512, places=16, decoder=(256, 192, 96), discriminator=(32, 64, 128)
    ),
    ("lite", 128): Widths(
        encoder=(48, 96, 192, 256, 384), code=512, places=16, decoder=(256, 160, 96, 48), discriminator=(32, 64, 128)
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Which networks to build; a checkpoint fits only the networks of its own configuration."""

    resolution: Annotated[Literal[64, 128], Doc("side of the networks' input and output in pixels")] = 128
    coverage: Annotated[
        float, Doc("side of what they see as a share of the crop's side; less is closer to the face")
    ] = VIEW_COVERAGE
    capacity: Annotated[Literal["tiny", "lite"], Doc("how many channels the networks have")] = "lite"
    attention: Annotated[bool, Doc("self-attention over 16x16 positions in the encoder and the decoders")] = True
    norm: Annotated[
        Literal["none", "instance", "hybrid"],
        Doc("normalisation after convolutions; hybrid normalises half of the channels and mixes the other half"),
    ] = "hybrid"

    def __post_init__(self):
        check_range("coverage", self.coverage, 0.4, 1)
        if (self.capacity, self.resolution) not in WIDTHS:
            known = ", ".join(f"{capacity} at {resolution}" for capacity, resolution in WIDTHS)
            raise InputError(f"no networks of capacity {self.capacity} at {self.resolution} pixels; there are {known}")

    @property
    def stored_size(self) -> int:
        """Side in pixels at which training keeps crops, so that a pixel of the view is a pixel of the crop."""
        return stored_size(self.resolution, self.coverage)

    @property
    def view_coverage(self) -> float:
        """`coverage` in whole pixels of the stored crop; training and conversion both use this one."""
        return self.resolution / self.stored_size

    @property
    def widths(self) -> Widths:
        """The channels that go with capacity and resolution."""
        return WIDTHS[self.capacity, self.resolution]


Preset = Literal["tiny", "lite"]

PRESETS: dict[str, NetworkConfig] = {
    "tiny": NetworkConfig(capacity="tiny", resolution=64, attention=False),
    "lite": NetworkConfig(capacity="lite", resolution=128),
}
"""Networks under short names: `tiny` for tests and first looks, `lite` for results on a CPU or a small GPU."""
