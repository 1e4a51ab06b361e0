"""Self-reconstruction of a photo: whether networks can draw its person at all.

Networks that were trained on a few people may draw noise for anybody else. This shows before any motion: they draw the
photo once with its own shape, and the photo itself is the right answer.
"""

import logging
import pathlib

import numpy as np

from faceswap_lib.facesets.crop_loading import shrink
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.shape_pictures import stack_shapes
from faceswap_lib.reenactment.system import Renderer

logger = logging.getLogger(__name__)

LEAST_PSNR = 18.0
"""PSNR in dB below which a person counts as unknown. The landmark GAN reached 18 to 27 with 36 crops of the three
people of its training, and 10 to 18 with five strangers, around whom it drew noise; `one-shot` had 31 or more with
all."""


def self_reconstruction(renderer: Renderer, photo: np.ndarray, shape: FaceShape) -> float:
    """Computes the PSNR of a photo that its renderer draws with the photo's own shape.

    Args:
        renderer: The renderer of the photo.
        photo: (S, S, 3) uint8 RGB, the aligned crop.
        shape: Its shape.

    Returns:
        PSNR in dB of the whole crop, of 255 gray levels, at the resolution of the renderer; at most 120.
    """
    (drawn,) = renderer.render(stack_shapes([shape]))
    error = np.mean(np.square(drawn.astype(np.float64) - shrink(photo, len(drawn))))
    return float(10 * np.log10(255**2 / max(error, 255**2 * 1e-12)))


def warn_unknown_person(path: pathlib.Path, psnr: float) -> None:
    """Warns if the networks cannot draw the person of a photo.

    Args:
        path: The photo.
        psnr: Its self-reconstruction in dB.
    """
    if psnr < LEAST_PSNR:
        logger.warning(
            "%s: the networks have not learned to draw this person (they redraw the photo with a PSNR of %.1f dB; "
            "people of the training have %.0f or more), so expect noise; leave the networks out (--without-network), "
            "or let a run of your own learn the person (train --init-from)",
            path,
            psnr,
            LEAST_PSNR,
        )
