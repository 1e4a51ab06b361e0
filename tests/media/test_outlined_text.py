"""Outlined text: every white letter has black around it."""

import cv2
import numpy as np
import pytest

from faceswap_lib.media.outlined_text import draw_outlined_text


@pytest.mark.parametrize("scale", [0.42, 0.5, 1.2])
def test_every_letter_has_a_black_outline(scale):
    image = np.full((60, 640, 3), 128, np.uint8)
    draw_outlined_text(image, "photo, only warped", (8, 40), scale, outline=2)
    white = (image.min(axis=-1) > 200).astype(np.uint8)
    assert white.sum() > 50
    ring = cv2.dilate(white, np.ones((3, 3), np.uint8)).astype(bool) & ~white.astype(bool)
    around = image.max(axis=-1)[ring]
    assert (around <= 200).all() and around.mean() < 128, "no gray of the picture beside a letter"
    black = (image.max(axis=-1) < 30).astype(np.uint8)
    near = cv2.dilate(white, np.ones((13, 13), np.uint8)).astype(bool)
    assert not (black.astype(bool) & ~near).any(), "no outline without a letter"
    assert np.array_equal(image[:, -100:], np.full((60, 100, 3), 128)) or scale > 1
