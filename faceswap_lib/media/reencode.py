"""Re-encoding of a clip."""

import pathlib

import cv2

from faceswap_lib.media.reader import read_frames
from faceswap_lib.media.video_info import probe_video
from faceswap_lib.media.writer import VideoWriter


def reencode(video: pathlib.Path, out: pathlib.Path, *, crf: int = 18, scale: float = 1.0) -> None:
    """Encodes the frames and the audio of a clip to a new H.264 file, as video platforms do with an upload.

    Metadata such as Content Credentials is not copied.

    Args:
        video: The clip, with a constant frame rate.
        out: File to write, ending in .mp4, .m4v or .mov; an existing file is replaced.
        crf: Quality of x264, 0 (lossless, large) to 51 (poor, small); 18 looks like the original.
        scale: Scale factor of the frames, above 0 and at most 1; below 1, width and height are rounded to even numbers.

    Raises:
        ValueError: If the scale or the quality is out of range.
        VideoError: If the clip cannot be read or the new file cannot be written.
    """
    if not 0 < scale <= 1:
        raise ValueError(f"expected scale above 0 and at most 1, got {scale}")
    info = probe_video(video)
    size = info.width, info.height
    if scale < 1:
        size = tuple(max(2, 2 * round(side * scale / 2)) for side in size)
    sound = info.path if info.has_audio else None
    with VideoWriter(out, width=size[0], height=size[1], fps=info.fps, audio_from=sound, crf=crf) as writer:
        for frame in read_frames(video):
            writer.write(frame if scale == 1 else cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
