"""Recording of a video from a webcam."""

import fractions
import logging
import pathlib
import time

import cv2

from faceswap_lib.errors import VideoError
from faceswap_lib.media.writer import VideoWriter

logger = logging.getLogger(__name__)


def record_webcam(index: int, path: pathlib.Path, *, seconds: float | None = None) -> int:
    """Records the frames of a webcam with their arrival times, until the time is over or Ctrl-C is pressed.

    Args:
        index: Index of the webcam, from 0.
        path: The .mp4 file to write.
        seconds: Duration in seconds; None records until Ctrl-C.

    Returns:
        The number of frames recorded.

    Raises:
        VideoError: If the webcam does not exist or returns no frame.
    """
    camera = cv2.VideoCapture(index)
    try:
        is_read, frame = camera.read() if camera.isOpened() else (False, None)
        if not is_read or frame is None:
            raise VideoError(f"expected a webcam number {index}, found none that returns frames; check it in a viewer")
        height, width = frame.shape[:2]
        rate = camera.get(cv2.CAP_PROP_FPS)
        fps = fractions.Fraction(rate if 1 <= rate <= 240 else 30).limit_denominator(1001)
        logger.info("recording webcam %d, %dx%d; Ctrl-C ends it", index, width, height)
        began, last = time.monotonic(), -1.0
        with VideoWriter(path, width=width, height=height, fps=fps, crf=12, timed=True) as writer:
            try:
                while is_read:
                    now = 0.0 if writer.frame_count == 0 else time.monotonic() - began
                    if seconds is not None and now >= seconds:
                        break
                    if now > last + 1e-3:
                        writer.write(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), now)
                        last = now
                    is_read, frame = camera.read()
            except KeyboardInterrupt:
                logger.info("recorded %.1f s", time.monotonic() - began)
            return writer.frame_count
    finally:
        camera.release()
