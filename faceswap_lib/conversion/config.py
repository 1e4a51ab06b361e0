"""Options of how faces are swapped."""

import dataclasses
from typing import Annotated, Literal

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.errors import InputError

PartName = Literal["face", "eyes", "eyebrows", "nose", "mouth"]

OCCLUSION_CHOICES = ("auto", "none", "network")
"""Values of the option `occlusion` that are no path."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConvertConfig:
    """Options of how faces are swapped: color transfer, blending, latent map, placement and detail transfer."""

    direction: Annotated[Literal["a2b", "b2a"], Doc("a2b: A's video gets B's face; b2a: the reverse")] = "a2b"
    parts: Annotated[
        tuple[PartName, ...],
        Doc("which parts of the new face are shown: face (forehead to chin), or any of eyes, eyebrows, nose and mouth"),
    ] = ("face",)
    color_transfer: Annotated[
        Literal["none", "adain", "adain-xyz", "histogram", "reinhard", "linear", "mkl", "sot"],
        Doc(
            "how the colors of the new face are matched to those of the original face: not at all (none); mean and "
            "standard deviation in RGB (adain), XYZ (adain-xyz) or CIELAB (reinhard); histogram of each channel; "
            "covariance by PCA (linear) or with the least change (mkl); the whole distribution, by sliced optimal "
            "transport (sot)"
        ),
    ] = "adain"
    color_smoothing: Annotated[
        float, Doc("frames over which the color match is averaged along a face's track; 0 matches each frame by itself")
    ] = 6.0
    blend: Annotated[
        Literal["attention", "face", "seamless", "overlay"],
        Doc(
            "where the new face is shown: attention (the network's attention mask, inside the face), face (the whole "
            "inside of the face), seamless (as attention, but blends gradients instead of colors), overlay (the "
            "attention mask, up to the border of the view)"
        ),
    ] = "attention"
    erode: Annotated[
        float,
        Doc(
            "how far the shown region is eroded before its border is softened, in eye distances; below 0 it is dilated"
        ),
    ] = 0.0
    face_scale: Annotated[float, Doc("size relative to the original face; scales the new face about its center")] = 1.0
    latent_map: Annotated[
        Literal["auto", "align", "project", "shift", "none"],
        Doc(
            "how latent codes of the original person are mapped to codes that the wanted person's decoder knows: align "
            "(to that person's codes of the same head pose and expression; needs 68 landmarks), project (onto the "
            "principal components of that person's codes), shift (see latent_shift), none; auto: the map with the most "
            "plausible faces on a sample, or shift if latent_shift is given"
        ),
    ] = "auto"
    latent_shift: Annotated[
        float | None,
        Doc(
            "how far latent codes are shifted from the original person's mean to the wanted person's mean, 0 to 1: "
            "larger values give more identity and less expression; with latent_map shift 0.5 unless given; with "
            "latent_map auto, a given value selects shift"
        ),
    ] = None
    latent_limit: Annotated[
        float,
        Doc(
            "largest distance of a latent code from the wanted person's mean along each principal component, in "
            "standard deviations: smaller is safer, larger keeps more expression"
        ),
    ] = 2.0
    placement: Annotated[
        Literal["auto", "none"],
        Doc(
            "where the new face is placed: auto shifts and scales it so that its features match those of the original "
            "face, as measured on the sample on which latent maps are compared; none leaves it where the network "
            "generated it"
        ),
    ] = "auto"
    proportions: Annotated[
        float,
        Doc(
            "how far the new face is warped to the proportions of the original face, which fit the head around it: 0 "
            "keeps the wanted person's proportions, 1 moves every feature to its place in the original face; only with "
            "placement auto"
        ),
    ] = 0.5
    contrast: Annotated[
        float,
        Doc(
            "contrast of the new face: 0 is the contrast that the original's tone gives, 1 the contrast with which the "
            "wanted person was filmed; values between are interpolated geometrically"
        ),
    ] = 0.5
    feather: Annotated[float, Doc("width of the soft border of the new face, in eye distances")] = 0.15
    sharpen: Annotated[float, Doc("how strongly the new face is sharpened; 0 does not sharpen")] = 3.0
    detail_transfer: Annotated[
        Literal["none", "original", "wanted"],
        Doc(
            "source of fine detail that the networks are too small to generate: wanted (the wanted person's crops), "
            "original (detail of the frame that is finer than the networks' pixels, where both faces look alike), none"
        ),
    ] = "wanted"
    occlusion: Annotated[
        str,
        Doc(
            "which network finds what covers a face, such as a hand, so that it stays in the picture: none; network "
            "(the workspace's, see 'faceswap mask --train'); auto: that network if there is one; or the path of an "
            "ONNX file, for example an XSeg model"
        ),
    ] = "auto"
    swap_batch_size: Annotated[int, Doc("number of frames whose faces are swapped in one batch")] = 16

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
        if self.occlusion not in OCCLUSION_CHOICES and not self.occlusion.lower().endswith(".onnx"):
            choices = ", ".join(OCCLUSION_CHOICES)
            raise InputError(f"occlusion: expected {choices} or the path of an .onnx file, got {self.occlusion!r:.200}")
