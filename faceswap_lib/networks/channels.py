"""Numbers of channels of the networks for every architecture, capacity and resolution.

The code calls the architecture `skip` the direct layout and the architecture `faceswap-gan` the reference layout.
"""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChannelCounts:
    """Numbers of channels of the networks.

    Attributes:
        encoder: Channels at 1/2, 1/4, ... of the input resolution, down to 4x4. In the reference layout the first entry
            is for the full input resolution.
        code: Size of the bottleneck (latent code).
        places: Channels of the skip connection around the bottleneck at 8x8. More channels preserve expressions better
            and identity worse. The reference layout has no skip connection.
        decoder: Channels at 8x8, 16x16, ... up to half the output resolution; in the reference layout up to the full
            output resolution.
        discriminator: Channels at 1/2, 1/4, 1/8, ... of the input resolution.
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
"""Numbers of channels of the direct layout by capacity and resolution."""


def reference_widths(capacity: str, resolution: int) -> ChannelCounts:
    """Computes the numbers of channels of faceswap-GAN v2.2.

    `standard` and `lite` are the sizes of v2.2 itself. Compared with `standard`, `lite` has half of the channels, a
    quarter of the channels in the deepest layers, and the same discriminator. v2.2 has no `tiny`; here it has a quarter
    of the channels of `standard` everywhere.

    Args:
        capacity: tiny, lite or standard.
        resolution: 64, 128 or 256 pixels.

    Source: shaoanlu, faceswap-GAN v2.2, 2018.
    """
    doublings = (resolution // 64).bit_length() - 1
    divisor = {"standard": 1, "lite": 2, "tiny": 4}[capacity]
    deepest = 1024 // 4 if capacity == "lite" else 1024 // divisor
    code = {"standard": 1024, "lite": 2048 if resolution > 64 else 1024, "tiny": 256}[capacity]
    discriminator_divisor = 4 if capacity == "tiny" else 1
    return ChannelCounts(
        encoder=(64 // divisor, 128 // divisor, 256 // divisor, 512 // divisor, *(deepest,) * (1 + doublings)),
        code=code,
        places=0,
        decoder=(512 // divisor, 256 // divisor, 128 // divisor, *(64 // divisor,) * (1 + doublings)),
        discriminator=(
            64 // discriminator_divisor,
            128 // discriminator_divisor,
            *(256 // discriminator_divisor,) * (1 + doublings),
        ),
    )
