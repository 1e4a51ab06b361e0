"""Conversion of images with a color profile to sRGB, the color space of all computations in this library."""

import functools
import io
import itertools
import typing

import numpy as np
from PIL import Image, ImageCms

LARGEST_STEP = 1
"""Largest difference between existing sRGB profiles, in levels of 0 to 255. A profile that changes no color by more
counts as sRGB, so nothing is converted."""

LEVELS = (0, 51, 102, 153, 204, 255)
"""Values of each channel that are converted to test whether a profile is sRGB."""


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Converts an image to sRGB with the relative colorimetric intent and black point compensation.

    Colors outside of sRGB are mapped to the nearest color in it.

    Args:
        image: Image of mode RGB, L, CMYK or LAB.
        profile: ICC profile of the image; empty for LAB.

    Returns:
        An image of mode RGB; `image` itself if its profile is sRGB.

    Raises:
        ValueError: If the profile is damaged, or belongs to another image mode.
    """
    try:
        transform = _build_transform(profile, image.mode)
        if transform is None:
            return image
        return typing.cast(Image.Image, ImageCms.applyTransform(image, transform))  # None only with `inPlace`
    except (ImageCms.PyCMSError, OSError, TypeError) as error:
        raise ValueError(" ".join(str(error).split())[:200]) from error


@functools.lru_cache(maxsize=16)
def _build_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Builds the transform to sRGB; returns None if the profile is sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if mode != "RGB":
        return transform
    colors = np.array([list(itertools.product(LEVELS, repeat=3))], np.uint8)
    changed = np.asarray(ImageCms.applyTransform(Image.fromarray(colors), transform))
    is_same = np.abs(changed.astype(int) - colors).max() <= LARGEST_STEP
    return None if is_same else transform
