"""Color profiles of pictures: what they mean is brought to sRGB, in which everything here is computed and shown."""

import functools
import io
import itertools

import numpy as np
from PIL import Image, ImageCms

LARGEST_STEP = 1
"""Levels of 255 by which sRGB's own profiles differ from each other; no more than this is no conversion."""

LEVELS = (0, 51, 102, 153, 204, 255)
"""Values of each channel that are tried to see whether a profile is sRGB's."""


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Converts a picture's colors to sRGB by relative colorimetry with black point compensation.

    Colors that sRGB cannot show become the nearest that it can.

    Args:
        image: Of mode RGB, L, CMYK or LAB.
        profile: The ICC profile that came with it; empty for LAB.

    Returns:
        A picture of mode RGB; `image` itself if its profile is sRGB's.

    Raises:
        ValueError: If the profile is damaged, or one of another kind of picture.
    """
    try:
        transform = _build_transform(profile, image.mode)
        return image if transform is None else ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, OSError, TypeError) as error:
        raise ValueError(" ".join(str(error).split())[:200]) from error


@functools.lru_cache(maxsize=16)
def _build_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Builds the transform to sRGB; None where there is nothing to convert."""
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
