"""All custom Keras layers and initializers in one module; they use `keras.ops` and can be saved and loaded."""

from faceswap_lib.networks.attention import ChannelAttention, DualAttention, SelfAttention
from faceswap_lib.networks.norms import GroupNorm, HybridNorm, InstanceNorm
from faceswap_lib.networks.spade import Spade, SpadeResidual
from faceswap_lib.networks.upsampling import IcnrInitializer, PixelShuffle, ReflectPad

__all__ = [
    "ChannelAttention",
    "DualAttention",
    "GroupNorm",
    "HybridNorm",
    "IcnrInitializer",
    "InstanceNorm",
    "PixelShuffle",
    "ReflectPad",
    "SelfAttention",
    "Spade",
    "SpadeResidual",
]
