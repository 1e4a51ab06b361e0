"""Recording from a webcam."""

import fractions
import logging
import pathlib
import time

import cv2

from faceswap_lib.errors import VideoError
from faceswap_lib.media.writer import VideoWriter

logger = logging.getLogger(__name__)


def record_webcam(index: int, path: pathlib.Path, *, seconds: float | None = None) -> int:
    """Records a webcam's pictures with the times at which they came, until the time is up or Ctrl-C.

    Args:
        index: Which webcam, from 0.
        path: The .mp4 to write.
        seconds: How long; None until Ctrl-C.

    Returns:
        Pictures recorded.

    Raises:
        VideoError: If there is no such webcam, or it gives no picture.
    """
    camera = cv2.VideoCapture(index)
    try:
        is_there, picture = camera.read() if camera.isOpened() else (False, None)
        if not is_there:
            raise VideoError(f"expected a webcam number {index}, found none that gives pictures; check it in a viewer")
        height, width = picture.shape[:2]
        rate = camera.get(cv2.CAP_PROP_FPS)
        fps = fractions.Fraction(rate if 1 <= rate <= 240 else 30).limit_denominator(1001)
        logger.info("recording webcam %d, %dx%d; Ctrl-C ends it", index, width, height)
        began, last = time.monotonic(), -1.0
        with VideoWriter(path, width=width, height=height, fps=fps, crf=12, timed=True) as writer:
            try:
                while is_there:
                    now = 0.0 if writer.frame_count == 0 else time.monotonic() - began
                    if seconds is not None and now >= seconds:
                        break
                    if now > last + 1e-3:
                        writer.write(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), now)
                        last = now
                    is_there, picture = camera.read()
            except KeyboardInterrupt:
                logger.info("recorded %.1f s", time.monotonic() - began)
            return writer.frame_count
    finally:
        camera.release()
