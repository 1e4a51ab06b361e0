"""White text with a black outline, which is legible on any picture."""

import cv2
import numpy as np


def draw_outlined_text(image: np.ndarray, text: str, origin: tuple[int, int], scale: float, outline: int) -> None:
    """Draws white text with a black outline in place.

    The outline is the widened text itself, because OpenCV 5 spaces the letters of thick text differently.

    Args:
        image: (H, W, 3) uint8 RGB.
        text: The text.
        origin: x, y of the left end of the baseline in pixels.
        scale: Scale of the font; capitals are about 22 pixels high with 1.
        outline: Width of the outline in pixels.
    """
    letters = np.zeros(image.shape[:2], np.uint8)
    thickness = max(1, round(2 * scale))
    cv2.putText(letters, text, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness, cv2.LINE_AA)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * outline + 1,) * 2)
    around = cv2.dilate(letters, disk)[..., None] / 255.0
    inside = letters[..., None] / 255.0
    image[:] = np.round(image * (1 - around) * (1 - inside) + 255 * inside).astype(np.uint8)
