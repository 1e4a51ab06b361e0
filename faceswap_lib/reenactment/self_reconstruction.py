"""Self-reconstruction of a photo: whether networks can draw its person at all.

Networks that were trained on a few people may draw noise for anybody else. This shows before any motion: they draw the
photo once with its own shape, and the photo itself is the right answer.
"""

import logging
import pathlib

import numpy as np

from faceswap_lib.facesets.crop_loading import shrink
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.part_warp import part_map
from faceswap_lib.reenactment.shape_pictures import stack_shapes
from faceswap_lib.reenactment.skin_alpha import skin_alpha
from faceswap_lib.reenactment.system import Renderer

logger = logging.getLogger(__name__)

LEAST_PSNR = 18.0
"""PSNR of the skin in dB below which a face counts as unknown. The landmark GAN reached 23 to 33 with the three people
of its training, and 12 to 14 with a stranger, of whom it drew noise; `one-shot` never had less than 29."""


def self_reconstruction(renderer: Renderer, photo: np.ndarray, shape: FaceShape) -> float:
    """Computes the PSNR of a photo that its renderer draws with the photo's own shape.

    Args:
        renderer: The renderer of the photo.
        photo: (S, S, 3) uint8 RGB, the aligned crop.
        shape: Its shape.

    Returns:
        PSNR in dB within the skin, of 255 gray levels, at the resolution of the renderer; NaN if no skin is visible.
    """
    (drawn,) = renderer.render(stack_shapes([shape]))
    side = len(drawn)
    skin = skin_alpha(shape.points, shape.points, part_map(shape.points, shape.points, side)) > 0.5
    if not skin.any():
        return float("nan")
    error = np.mean(np.square(drawn[skin].astype(np.float64) - shrink(photo, side)[skin]))
    return float(10 * np.log10(255**2 / max(error, 1e-6)))


def warn_unknown_face(path: pathlib.Path, psnr: float) -> bool:
    """Warns if the networks cannot draw the person of a photo; returns whether it did.

    Args:
        path: The photo.
        psnr: Its self-reconstruction in dB; NaN if it was not measured.
    """
    unknown = psnr < LEAST_PSNR
    if unknown:
        logger.warning(
            "%s: the networks have not learned to draw this face (they redraw the photo with %.1f dB, known faces have "
            "more than %.0f), so expect noise; learn the face (train --init-from), or leave the networks out "
            "(--without-network)",
            path,
            psnr,
            LEAST_PSNR,
        )
    return unknown
