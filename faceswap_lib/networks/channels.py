"""How many channels the networks have, for every layout, capacity and resolution."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChannelCounts:
    """How many channels the networks have.

    Attributes:
        encoder: Channels at half the input's side, a quarter, and so on, down to 4x4; in the reference layout from the
            input's whole side.
        code: Numbers in the bottleneck.
        places: Channels at 8x8 that go past the bottleneck; more of them keep expression better and identity worse.
            The reference layout has none.
        decoder: Channels at 8x8, 16x16, and so on, up to half the output's side; in the reference layout up to the
            whole side.
        discriminator: Channels at half the input's side, a quarter, an eighth, and so on.
    """

    encoder: tuple[int, ...]
    code: int
    places: int
    decoder: tuple[int, ...]
    discriminator: tuple[int, ...]


WIDTHS = {
    ("tiny", 64): ChannelCounts(
        encoder=(32, 64, 128, 256), code=256, places=8, decoder=(128, 96, 64), discriminator=(16, 32, 64)
    ),
    ("tiny", 128): ChannelCounts(
        encoder=(32, 48, 64, 128, 256), code=256, places=8, decoder=(128, 96, 64, 32), discriminator=(16, 32, 64)
    ),
    ("tiny", 256): ChannelCounts(
        encoder=(16, 32, 48, 64, 128, 256),
        code=256,
        places=8,
        decoder=(128, 96, 64, 32, 16),
        discriminator=(8, 16, 32, 64),
    ),
    ("lite", 64): ChannelCounts(
        encoder=(64, 128, 256, 384), code=512, places=16, decoder=(256, 192, 96), discriminator=(32, 64, 128)
    ),
    ("lite", 128): ChannelCounts(
        encoder=(48, 96, 192, 256, 384), code=512, places=16, decoder=(256, 160, 96, 48), discriminator=(32, 64, 128)
    ),
    ("lite", 256): ChannelCounts(
        encoder=(32, 64, 96, 192, 256, 384),
        code=512,
        places=16,
        decoder=(256, 160, 96, 64, 32),
        discriminator=(24, 48, 96, 128),
    ),
    ("standard", 64): ChannelCounts(
        encoder=(96, 192, 384, 768), code=768, places=16, decoder=(384, 288, 144), discriminator=(48, 96, 192)
    ),
    ("standard", 128): ChannelCounts(
        encoder=(72, 144, 288, 384, 576), code=768, places=16, decoder=(384, 240, 144, 72), discriminator=(48, 96, 192)
    ),
    ("standard", 256): ChannelCounts(
        encoder=(48, 96, 144, 288, 384, 576),
        code=768,
        places=16,
        decoder=(384, 240, 144, 96, 48),
        discriminator=(32, 64, 128, 192),
    ),
}
"""Widths of the direct layout by capacity and resolution."""


def reference_widths(capacity: str, resolution: int) -> ChannelCounts:
    """Works out the widths of faceswap-GAN v2.2.

    Standard and lite are v2.2's own: lite has half the channels, a quarter of the deepest, and the whole discriminator.
    Tiny, which v2.2 has not, has a quarter of everything.

    Args:
        capacity: tiny, lite or standard.
        resolution: 64, 128 or 256 pixels.

    Source: shaoanlu, faceswap-GAN v2.2, 2018.
    """
    doublings = (resolution // 64).bit_length() - 1
    part = {"standard": 1, "lite": 2, "tiny": 4}[capacity]
    deepest = 1024 // 4 if capacity == "lite" else 1024 // part
    code = {"standard": 1024, "lite": 2048 if resolution > 64 else 1024, "tiny": 256}[capacity]
    judge = 4 if capacity == "tiny" else 1
    return ChannelCounts(
        encoder=(64 // part, 128 // part, 256 // part, 512 // part, *(deepest,) * (1 + doublings)),
        code=code,
        places=0,
        decoder=(512 // part, 256 // part, 128 // part, *(64 // part,) * (1 + doublings)),
        discriminator=(64 // judge, 128 // judge, *(256 // judge,) * (1 + doublings)),
    )
