"""Options of a training, those that every training has, and the presets of a face swap."""

import dataclasses
import pathlib
from typing import Annotated, Literal

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.errors import InputError
from faceswap_lib.networks.config import Preset
from faceswap_lib.training.schedule import SCHEDULES, Schedule

Perceptual = Literal["none", "auto", "onet", "vggface", "vggface-vgg16"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BaseTrainConfig:
    """Options that the trainings of a face swap and of a reenactment have in common.

    Descriptions and defaults are those of a face swap; a reenactment has its own for some options.
    """

    steps: Annotated[int, Doc("total number of steps; the schedule scales with it")] = 1500
    batch_size: Annotated[int, Doc("faces of each person per batch")] = 8
    gradient_accumulation_steps: Annotated[
        int, Doc("number of batches whose gradients are averaged for one step; more faces per step in the same memory")
    ] = 1
    seed: Annotated[int, Doc("random seed; the same seed on the same machine produces the same weights")] = 0
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Doc("precision of the computations; auto uses bfloat16 if the device is faster with it"),
    ] = "auto"
    learning_rate: Annotated[float, Doc("learning rate of the generators (Adam)")] = 1e-3
    beta_1: Annotated[float, Doc("decay of the first moment in the Adam optimizer of the generators")] = 0.9
    global_clipnorm: Annotated[
        float,
        Doc("largest norm of the gradient of all generators, and of all discriminators; 0 for no gradient clipping"),
    ] = 1.0
    warmup_steps: Annotated[int, Doc("steps over which both learning rates rise from 0")] = 50
    discriminator_learning_rate: Annotated[float, Doc("learning rate of the discriminators (Adam)")] = 2e-4
    ema_decay: Annotated[
        float,
        Doc("decay of the exponential moving average of the weights, for previews and conversion; 0 for no average"),
    ] = 0.99
    rarity_exponent: Annotated[
        float, Doc("how strongly sampling prefers rare poses and expressions; 0 for uniform sampling")
    ] = 1.0
    rotation_range: Annotated[float, Doc("largest random rotation in degrees, in both directions")] = 5.0
    zoom_range: Annotated[float, Doc("largest random zoom as a fraction, in both directions")] = 0.05
    shift_range: Annotated[
        float, Doc("largest random shift as a fraction of the side of the view, in both directions")
    ] = 0.03
    perceptual: Annotated[
        Perceptual,
        Doc("network of the perceptual loss: VGGFace or O-Net of MTCNN; auto uses VGGFace if its weight file exists"),
    ] = "onet"
    perceptual_resolution: Annotated[int, Doc("side in pixels of the input of VGGFace, at most 224")] = 112
    vggface: Annotated[
        pathlib.Path | None, Doc("weight file of VGGFace; if not given, it is searched for in the Keras folder")
    ] = None

    def __post_init__(self):
        for name in ("steps", "batch_size", "gradient_accumulation_steps", "warmup_steps"):
            check_range(name, getattr(self, name), 1, 100_000_000)
        for name in ("learning_rate", "discriminator_learning_rate"):
            check_range(name, getattr(self, name), 0, 1)
        for name in ("ema_decay", "beta_1"):
            check_range(name, getattr(self, name), 0, 0.999999)
        check_range("global_clipnorm", self.global_clipnorm, 0, 1e6)
        check_range("rarity_exponent", self.rarity_exponent, 0, 4)
        check_range("rotation_range", self.rotation_range, 0, 180)
        for name in ("zoom_range", "shift_range"):
            check_range(name, getattr(self, name), 0, 0.3)
        check_range("perceptual_resolution", self.perceptual_resolution, 32, 224)
        check_range("seed", self.seed, 0, 2**31 - 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig(BaseTrainConfig):
    """Options of the training of a face swap."""

    schedule: Annotated[
        Literal["default", "faceswap-gan"],
        Doc("training schedule: default, or the phases of faceswap-GAN v2.2; see --show-schedule"),
    ] = "default"
    random_warp: Annotated[float, Doc("strength of the random warp as a fraction of the side of the view")] = 0.02
    elastic_deformation: Annotated[
        float,
        Doc(
            "strength of the elastic deformation, which is in the input and the target, as a fraction of the side of "
            "the view"
        ),
    ] = 0.025
    color_augmentation_prob: Annotated[
        float,
        Doc("probability that an image gets the colors of another crop; meant for networks with input mode full"),
    ] = 0.0
    motion_blur_prob: Annotated[float, Doc("probability that a warped image is blurred along x or y")] = 0.0
    eye_weight: Annotated[float, Doc("extra weight of the eyes in the reconstruction and edge losses")] = 4.0
    mouth_weight: Annotated[float, Doc("extra weight of the mouth in the reconstruction and edge losses")] = 2.0
    use_occlusion_masks: Annotated[
        Literal["auto", "on", "off"],
        Doc(
            "whether covered pixels are left out of all reconstruction losses: needs occlusion masks, see 'faceswap "
            "mask'; auto: as the run was begun, and for a new run if there are masks"
        ),
    ] = "auto"
    background_weight: Annotated[float, Doc("weight of pixels outside the face; pixels inside have weight 1")] = 0.02
    dssim_weight: Annotated[float, Doc("weight of the structural dissimilarity (DSSIM)")] = 3.0
    edge_weight: Annotated[float, Doc("weight of the edge loss")] = 1.0
    adversarial: Annotated[
        Literal["mixup", "relativistic"],
        Doc(
            "adversarial loss: mixup: discriminators score mixtures of real and fake images; relativistic: they "
            "compare real with fake images"
        ),
    ] = "mixup"
    adversarial_weight: Annotated[
        float, Doc("weight of the adversarial loss, in phases of the schedule that use it")
    ] = 0.1
    perceptual_weight: Annotated[float, Doc("weight of the perceptual loss, in phases of the schedule that use it")] = (
        1.0
    )
    landmarks_weight: Annotated[
        float, Doc("weight of the landmark loss, the distance of the five landmarks that O-Net predicts")
    ] = 0.0
    cycle_weight: Annotated[float, Doc("weight of the cycle consistency loss")] = 0.0
    composite_weight: Annotated[
        float, Doc("weight of the reconstruction loss of the composite, in phases of the schedule that use it")
    ] = 0.3
    mask_prior_weight: Annotated[float, Doc("weight of the difference between mask and face region")] = 1.0
    mask_l1_weight: Annotated[float, Doc("weight of the mean of the mask, in phases of the schedule that use it")] = (
        0.01
    )
    mask_hinge_weight: Annotated[
        float, Doc("weight of the mask hinge loss, for mask values below the level of the schedule")
    ] = 1.0
    mask_tv_weight: Annotated[float, Doc("weight of the total variation of the mask")] = 0.1
    weight_decay: Annotated[float, Doc("weight of the sum of squares of all kernels (weight decay)")] = 0.0

    def __post_init__(self):
        super().__post_init__()
        for field in dataclasses.fields(self):
            if field.name.endswith("_weight"):
                check_range(field.name, getattr(self, field.name), 0, 1000)
        for name in ("weight_decay", "color_augmentation_prob", "motion_blur_prob"):
            check_range(name, getattr(self, name), 0, 1)
        for name in ("random_warp", "elastic_deformation"):
            check_range(name, getattr(self, name), 0, 0.3)
        if self.use_occlusion_masks not in ("auto", "on", "off"):
            raise InputError(f"use_occlusion_masks: expected auto, on or off, got {self.use_occlusion_masks!r:.40}")
        if self.schedule not in SCHEDULES:
            raise InputError(f"schedule: expected {' or '.join(SCHEDULES)}, got {self.schedule!r}")

    @property
    def phases(self) -> Schedule:
        """Phases of the schedule."""
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
"""Options of faceswap-GAN v2.2."""

TRAINING_PRESETS: dict[Preset, TrainConfig] = {
    "tiny": TrainConfig(),
    "lite": TrainConfig(),
    "standard": TrainConfig(),
    "faceswap-gan": FACESWAP_GAN,
}
"""Training options for the network presets of the same name."""
