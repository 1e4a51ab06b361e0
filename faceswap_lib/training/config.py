"""How a training goes: its options, and what the presets set them to."""

import dataclasses
import pathlib
from typing import Annotated, Literal

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.errors import InputError
from faceswap_lib.networks.config import Preset
from faceswap_lib.training.schedule import SCHEDULES, Schedule

Perceptual = Literal["none", "auto", "onet", "vggface", "vggface-vgg16"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a training goes."""

    steps: Annotated[int, Doc("steps in all; the schedule scales with them")] = 1500
    schedule: Annotated[
        Literal["default", "faceswap-gan"],
        Doc("which phases: ours, or those of faceswap-GAN v2.2; see --show-schedule"),
    ] = "default"
    batch_size: Annotated[int, Doc("faces of each person per step")] = 8
    gradient_accumulation_steps: Annotated[
        int, Doc("batches whose gradients make one step; more faces per step in the same memory")
    ] = 1
    seed: Annotated[int, Doc("start of all randomness; same seed, same machine: same weights")] = 0
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Doc("numbers the networks compute with; auto takes bfloat16 where the device is faster with it"),
    ] = "auto"
    learning_rate: Annotated[float, Doc("generators' Adam")] = 1e-3
    beta_1: Annotated[float, Doc("decay of the first moment of the generators' Adam")] = 0.9
    global_clipnorm: Annotated[float, Doc("largest norm of a player's gradient; 0 for any")] = 1.0
    warmup_steps: Annotated[int, Doc("steps over which both learning rates rise from 0")] = 50
    discriminator_learning_rate: Annotated[float, Doc("discriminators' Adam")] = 2e-4
    rarity_exponent: Annotated[
        float, Doc("how much more often rare poses and expressions are drawn than common ones, 0 for all alike")
    ] = 1.0
    rotation_range: Annotated[float, Doc("random rotation, up to so many degrees either way")] = 5.0
    zoom_range: Annotated[float, Doc("random zoom, up to this share either way")] = 0.05
    shift_range: Annotated[float, Doc("random shift, up to this share of the picture's side either way")] = 0.03
    random_warp: Annotated[float, Doc("strength of the random warp, as a share of the picture's side")] = 0.02
    elastic_deformation: Annotated[
        float, Doc("strength of a smooth change of shape that the decoders must follow, as a share of the side")
    ] = 0.025
    color_augmentation_prob: Annotated[
        float, Doc("share of the pictures that take the colors of another one; for networks that see colors")
    ] = 0.0
    motion_blur_prob: Annotated[float, Doc("share of the warped pictures that are blurred along x or y")] = 0.0
    eye_weight: Annotated[float, Doc("extra weight of the eyes in reconstruction and edges")] = 4.0
    mouth_weight: Annotated[float, Doc("extra weight of the mouth in reconstruction and edges")] = 2.0
    background_weight: Annotated[float, Doc("weight of what lies outside the face, which is 1 inside")] = 0.02
    dssim_weight: Annotated[float, Doc("weight of structural dissimilarity")] = 3.0
    edge_weight: Annotated[float, Doc("weight of the edge loss")] = 1.0
    adversarial: Annotated[
        Literal["mixup", "relativistic"], Doc("how discriminators judge: mixtures, or one kind against the other")
    ] = "mixup"
    adversarial_weight: Annotated[float, Doc("weight of the adversarial loss, where the schedule has it")] = 0.1
    perceptual: Annotated[
        Perceptual,
        Doc("whose features are compared: VGGFace's or MTCNN's O-Net's; auto takes VGGFace if its file is there"),
    ] = "onet"
    perceptual_weight: Annotated[float, Doc("weight of the perceptual loss, where the schedule has it")] = 1.0
    perceptual_resolution: Annotated[int, Doc("side in pixels at which VGGFace looks, 224 at most")] = 112
    vggface: Annotated[pathlib.Path | None, Doc("VGGFace's weight file; looked for in Keras's folder if not given")] = (
        None
    )
    landmarks_weight: Annotated[float, Doc("weight of the distance of O-Net's five landmarks")] = 0.0
    cycle_weight: Annotated[float, Doc("weight of the way to the other person and back")] = 0.0
    composite_weight: Annotated[float, Doc("weight of the composite's reconstruction, where the schedule has it")] = 0.3
    mask_prior_weight: Annotated[float, Doc("weight of the mask's distance from the face's shape")] = 1.0
    mask_l1_weight: Annotated[float, Doc("weight of the mask's mean, where the schedule has it")] = 0.01
    mask_hinge_weight: Annotated[float, Doc("weight of what the mask falls below its level")] = 1.0
    mask_tv_weight: Annotated[float, Doc("weight of the mask's total variation")] = 0.1
    weight_decay: Annotated[float, Doc("weight of the squares of all kernels")] = 0.0
    ema_decay: Annotated[float, Doc("decay of the averaged weights that previews and conversion use, 0 for none")] = (
        0.99
    )

    def __post_init__(self):
        for name in ("steps", "batch_size", "gradient_accumulation_steps", "warmup_steps"):
            check_range(name, getattr(self, name), 1, 100_000_000)
        for field in dataclasses.fields(self):
            if field.name.endswith("_weight"):
                check_range(field.name, getattr(self, field.name), 0, 1000)
        for name in (
            "learning_rate",
            "discriminator_learning_rate",
            "weight_decay",
            "color_augmentation_prob",
            "motion_blur_prob",
        ):
            check_range(name, getattr(self, name), 0, 1)
        for name in ("ema_decay", "beta_1"):
            check_range(name, getattr(self, name), 0, 0.999999)
        check_range("global_clipnorm", self.global_clipnorm, 0, 1e6)
        check_range("rarity_exponent", self.rarity_exponent, 0, 4)
        check_range("rotation_range", self.rotation_range, 0, 180)
        for name in ("zoom_range", "shift_range", "random_warp", "elastic_deformation"):
            check_range(name, getattr(self, name), 0, 0.3)
        check_range("perceptual_resolution", self.perceptual_resolution, 32, 224)
        check_range("seed", self.seed, 0, 2**31 - 1)
        if self.schedule not in SCHEDULES:
            raise InputError(f"schedule: expected {' or '.join(SCHEDULES)}, got {self.schedule!r}")

    @property
    def phases(self) -> Schedule:
        """The schedule itself."""
        return SCHEDULES[self.schedule]


FACESWAP_GAN = TrainConfig(
    steps=40_000,
    schedule="faceswap-gan",
    learning_rate=1e-4,
    beta_1=0.5,
    global_clipnorm=0.0,
    warmup_steps=1,
    rarity_exponent=0.0,
    rotation_range=10.0,
    zoom_range=0.1,
    shift_range=0.05,
    random_warp=0.03,
    elastic_deformation=0.0,
    color_augmentation_prob=0.5,
    eye_weight=30.0,
    mouth_weight=0.0,
    background_weight=1.0,
    dssim_weight=0.0,
    edge_weight=0.1,
    perceptual="auto",
    perceptual_resolution=224,
    mask_hinge_weight=0.1,
    weight_decay=1e-4,
    ema_decay=0.0,
)
"""The numbers of faceswap-GAN v2.2."""

TRAINING_PRESETS: dict[Preset, TrainConfig] = {
    "tiny": TrainConfig(),
    "lite": TrainConfig(),
    "standard": TrainConfig(),
    "faceswap-gan": FACESWAP_GAN,
}
"""The options that go with the networks of the same name."""
