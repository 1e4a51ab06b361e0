"""Options of the published bilayer networks, under the names of their program, and its file `args.txt`."""

import dataclasses
import pathlib

from faceswap_lib.errors import CheckpointError
from faceswap_lib.limits import TEXT_BYTES

ARGS = "args.txt"
"""File in the folder of a training of the published program: one option per line, `name: value`."""

LEAK = 0.2
"""Slope of the leaky ReLU for negative inputs."""

POOLED = 1024
"""Number of values of each channel of an embedding that the projectors read, if they read one channel at a time."""

FIXED = {
    "num_keypoints": "68",
    **{"emb_activation_type": "leakyrelu", "emb_apply_masks": "True", "emb_downsampling_type": "avgpool"},
    **{"emb_no_stickman": "False", "emb_norm_layer_type": "none"},
    **{"tex_activation_type": "leakyrelu", "tex_norm_layer_type": "ada_spade_bn", "tex_pixelwise_bias_type": "none"},
    **{"tex_skip_layer_type": "ada_conv", "tex_upsampling_type": "nearest"},
    **{"pse_activation_type": "leakyrelu", "pse_in_channels": "136", "pse_norm_layer_type": "none"},
    **{"pse_use_harmonic_enc": "False"},
    **{"inf_activation_type": "leakyrelu", "inf_norm_layer_type": "ada_bn", "inf_pred_segmentation": "True"},
    **{"inf_skip_layer_type": "ada_conv", "inf_upsampling_type": "nearest"},
    **{"enh_activation_type": "leakyrelu", "enh_downsampling_type": "avgpool", "enh_guiding_rgb_loss_type": "sse"},
    **{"enh_norm_layer_type": "none", "enh_upsampling_type": "nearest"},
}
"""Options that have one value here; those of the published trainings."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BilayerOptions:
    """Options of the networks; the defaults are those of the published trainings.

    Attributes:
        image_size: Side R of pictures and texture.
        emb_num_channels: Channels of the identity embedder at the finest side; they double at each halving.
        emb_max_channels: Most channels of the embedder.
        emb_output_tensor_size: Side of the embeddings.
        tex_num_channels: As for the embedder, for the texture generator.
        tex_max_channels: As above.
        tex_input_tensor_size: Side at which the texture generator starts.
        pse_num_channels: Channels of the hidden layers of the keypoints embedder.
        pse_num_blocks: Number of its layers.
        inf_num_channels: As for the embedder, for the inference generator.
        inf_max_channels: As above.
        inf_input_tensor_size: Side at which the inference generator starts.
        enh_num_channels: As for the embedder, for the texture enhancer.
        enh_max_channels: As above.
        enh_bottleneck_tensor_size: Side of its coarsest features.
        enh_num_blocks: Number of residual blocks at this side.
        enh_unrolling_depth: How often the enhancer changes the texture.
        eps: Number that is added to variances.
        stickmen_thickness: Width of the lines of the stick figure in pixels.

    Raises:
        CheckpointError: If a value does not fit the others.
    """

    image_size: int = 256
    emb_num_channels: int = 64
    emb_max_channels: int = 512
    emb_output_tensor_size: int = 8
    tex_num_channels: int = 64
    tex_max_channels: int = 512
    tex_input_tensor_size: int = 4
    pse_num_channels: int = 256
    pse_num_blocks: int = 4
    inf_num_channels: int = 32
    inf_max_channels: int = 256
    inf_input_tensor_size: int = 4
    enh_num_channels: int = 64
    enh_max_channels: int = 128
    enh_bottleneck_tensor_size: int = 128
    enh_num_blocks: int = 8
    enh_unrolling_depth: int = 4
    eps: float = 1e-7
    stickmen_thickness: int = 2

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            largest = 4096 if field.name.endswith(("size", "channels")) else 64
            if not 0 < value <= largest:
                raise CheckpointError(f"{field.name}: expected more than 0 and at most {largest}, got {value}")
        sides = [self.emb_output_tensor_size, self.tex_input_tensor_size, self.inf_input_tensor_size]
        for side in (self.image_size, *sides, self.enh_bottleneck_tensor_size):
            if side & (side - 1) or side > self.image_size:
                raise CheckpointError(f"sides: expected powers of 2 up to image_size {self.image_size}, got {side}")
        if self.pse_num_blocks < 2:
            raise CheckpointError(f"pse_num_blocks: expected at least 2, got {self.pse_num_blocks}")


def channels_at(least: int, most: int, level: int) -> int:
    """Computes the channels of a network `level` halvings below its finest side."""
    return min(least << level, most)


def levels(image_size: int, side: int) -> int:
    """Computes how many halvings lie between the side of the pictures and another side."""
    return (image_size // side).bit_length() - 1


def read_options(path: pathlib.Path) -> BilayerOptions:
    """Reads the options of the networks from a file `args.txt`; other options in it are not used.

    Args:
        path: The file. Options that it does not state have their published values.

    Raises:
        CheckpointError: If an option has a value with which other networks than these were trained.
        InputError: If the file is larger than a text may be.
        OSError: If it cannot be read.
    """
    TEXT_BYTES.check(path.stat().st_size, path)
    stated = dict(_split(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
    for name, value in FIXED.items():
        if stated.get(name, value) != value:
            raise CheckpointError(
                f"{path}: {name} is {stated[name]!r:.60}, these networks are for {value!r}; use the weights that the "
                "authors published"
            )
    numbers = {}
    for field in dataclasses.fields(BilayerOptions):
        if field.name in stated:
            try:
                numbers[field.name] = (int if isinstance(field.default, int) else float)(stated[field.name])
            except ValueError as error:
                got = f"{stated[field.name]!r:.60}"
                raise CheckpointError(f"{path}: {field.name}: expected a number, got {got}") from error
    try:
        return BilayerOptions(**numbers)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _split(line: str) -> tuple[str, str]:
    """Splits a line at its first colon."""
    name, _, value = line.partition(":")
    return name.strip(), value.strip()
