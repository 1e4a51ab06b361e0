"""Building blocks of both architectures: the options for normalization, attention and upsampling as layers."""

from keras import layers, ops

from faceswap_lib.networks.attention import DualAttention, SelfAttention
from faceswap_lib.networks.config import NetworkConfig
from faceswap_lib.networks.norms import GroupNorm, HybridNorm, InstanceNorm
from faceswap_lib.networks.upsampling import ReflectPad

_NORMS = {
    "instance": InstanceNorm,
    "batch": layers.BatchNormalization,
    "layer": lambda: GroupNorm(groups=1),
    "group": GroupNorm,
    "hybrid": HybridNorm,
}
_ATTENTIONS = {"self": SelfAttention, "dual": DualAttention}


def normalize(x, config: NetworkConfig):
    """Applies the normalization layer that `config.norm` names to (B, H, W, C)."""
    return x if config.norm == "none" else _NORMS[config.norm]()(x)


def apply_attention(x, config: NetworkConfig, **options):
    """Applies the attention layer that `config.attention` names to (B, H, W, C)."""
    return x if config.attention == "none" else _ATTENTIONS[config.attention](**options)(x)


def upsample_nearest(x, channels: int, name: str | None = None):
    """Upsamples (B, H, W, C) by nearest neighbor and applies a 3x3 convolution: (B, 2 H, 2 W, channels)."""
    x = ReflectPad(1)(layers.UpSampling2D(2, interpolation="nearest")(x))
    return layers.Conv2D(channels, 3, kernel_initializer="he_normal", name=name)(x)


def to_mask(x):
    """Converts the output of a convolution to a mask, float32 in [0, 1], with a sigmoid."""
    return ops.sigmoid(ops.cast(x, "float32"))


def to_picture(x):
    """Converts the output of a convolution to an image, float32 in [-1, 1], with tanh."""
    return ops.tanh(ops.cast(x, "float32"))
