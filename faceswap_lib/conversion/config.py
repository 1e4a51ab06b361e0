"""How a video is converted."""

import dataclasses
from typing import Annotated, Literal

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.errors import InputError

PartName = Literal["face", "eyes", "eyebrows", "nose", "mouth"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConvertConfig:
    """How a video is converted."""

    direction: Annotated[Literal["a2b", "b2a"], Doc("a2b: A's video gets B's face; b2a: the other way round")] = "a2b"
    parts: Annotated[
        tuple[PartName, ...],
        Doc("what of the new face shows: face (forehead to chin), or any of eyes, eyebrows, nose and mouth"),
    ] = ("face",)
    color_transfer: Annotated[
        Literal["none", "adain", "adain-xyz", "histogram", "reinhard", "linear", "mkl", "sot"],
        Doc(
            "how the new face takes on the colors of the old one: not; mean and spread in RGB (adain), XYZ "
            "(adain-xyz) or CIELAB (reinhard); histogram of each channel; covariance by PCA (linear) or with the least "
            "change (mkl); the whole distribution, by sliced optimal transport (sot)"
        ),
    ] = "adain"
    color_smoothing: Annotated[
        float, Doc("frames over which the color match is averaged along a face's track, 0 for every frame by itself")
    ] = 6.0
    blend: Annotated[
        Literal["attention", "face", "seamless", "overlay"],
        Doc(
            "where the new face shows: attention (where the network wants it, inside the face), face (all of the "
            "inside), seamless (attention, with gradients in place of colors), overlay (where the network wants it, "
            "up to the border of its view)"
        ),
    ] = "attention"
    erode: Annotated[
        float, Doc("by how much what shows shrinks before its border is softened, in eye distances; below 0 it grows")
    ] = 0.0
    face_scale: Annotated[float, Doc("size of the new face, about its middle, against the old one's")] = 1.0
    latent_map: Annotated[
        Literal["auto", "align", "project", "shift", "none"],
        Doc(
            "how the original's latent codes are brought to what the wanted person's decoder knows: align (to that "
            "person's codes of the same head pose and expression; wants 68 landmarks), project (onto the principal "
            "components of that person's codes), shift (see latent_shift), none; auto: what gives the most plausible "
            "faces on a sample, or shift where latent_shift is given"
        ),
    ] = "auto"
    latent_shift: Annotated[
        float | None,
        Doc(
            "how far codes are shifted from the original's average to the wanted person's, 0 to 1: more identity, less "
            "expression; 0.5 unless given, and only with latent_map shift"
        ),
    ] = None
    latent_limit: Annotated[
        float,
        Doc(
            "how far codes may lie from the wanted person's average along each principal component, in standard "
            "deviations: less is safer, more has more expression"
        ),
    ] = 2.0
    placement: Annotated[
        Literal["auto", "none"],
        Doc(
            "where the new face lies: auto moves and scales it by what puts its features onto the original's, as "
            "measured on the sample on which latent maps are compared; none leaves it where the networks write it"
        ),
    ] = "auto"
    proportions: Annotated[
        float,
        Doc(
            "how far the new face is bent to the original's proportions, which the head around it has: 0 leaves it "
            "the wanted person's own, 1 brings every feature to the original's place; only with placement auto"
        ),
    ] = 0.5
    contrast: Annotated[
        float,
        Doc(
            "whose contrast the new face has: 0 that of the original's tone, 1 what the wanted person was filmed with, "
            "between them by ratio"
        ),
    ] = 0.5
    feather: Annotated[float, Doc("width of the soft border of the new face, in eye distances")] = 0.15
    sharpen: Annotated[float, Doc("how much detail is lifted in the new face, 0 for not at all")] = 3.0
    detail_transfer: Annotated[
        Literal["none", "original", "wanted"],
        Doc(
            "whose detail the new face takes on, which the networks are too small to draw: wanted (from that person's "
            "crops), original (what of the frame is finer than the networks' pixels, where both faces look alike), none"
        ),
    ] = "wanted"
    swap_batch_size: Annotated[int, Doc("frames whose faces are swapped at a time")] = 16

    def __post_init__(self):
        if self.latent_shift is not None:
            check_range("latent_shift", self.latent_shift, 0, 1)
            if self.latent_map not in ("auto", "shift"):
                raise InputError(f"latent_shift: latent_map {self.latent_map} has no shift; leave one of the two out")
        check_range("latent_limit", self.latent_limit, 0.5, 10)
        if not self.parts:
            raise InputError("parts: expected face, or at least one of eyes, eyebrows, nose and mouth, got nothing")
        check_range("color_smoothing", self.color_smoothing, 0, 1000)
        check_range("erode", self.erode, -0.5, 0.5)
        check_range("face_scale", self.face_scale, 0.8, 1.2)
        check_range("contrast", self.contrast, 0, 1)
        check_range("proportions", self.proportions, 0, 1)
        check_range("feather", self.feather, 0.01, 1)
        check_range("sharpen", self.sharpen, 0, 5)
        check_range("swap_batch_size", self.swap_batch_size, 1, 1024)
