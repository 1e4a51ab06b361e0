"""Job description of a conversion, and the report of its result."""

import dataclasses
import pathlib
import typing

import numpy as np

from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.faces import DetectConfig, TrackConfig, VideoTracks


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ConversionJob:
    """One conversion: its input, its output and all options.

    Attributes:
        source: The video, image or folder of images to convert.
        out: Output path. For a video: .mp4, .m4v or .mov (H.264), .mkv (lossless), .gif, or a folder for PNG files (a
            name without a suffix, or an existing folder). For an image: .png or .jpg. For a folder: a folder. A
            symbolic link is refused.
        config: How faces are swapped.
        output_config: What is written.
        detect_config: How faces are detected.
        track_config: How faces are tracked, and which person is swapped.
        tracks: Face tracks of the whole video, if they are known already; then faces are not detected.
        fingerprint: Plain JSON that identifies this conversion. A killed conversion with the same fingerprint is
            resumed; with None it starts again from the first frame.
        overwrite: Whether existing outputs are replaced; in a folder only files that a conversion wrote.
        on_written: Called with each complete output file before it gets its final name, for example to sign it.
        progress: Whether progress bars are shown.
    """

    source: pathlib.Path
    out: pathlib.Path
    config: ConvertConfig = ConvertConfig()
    output_config: OutputConfig = OutputConfig()
    detect_config: DetectConfig = DetectConfig()
    track_config: TrackConfig = TrackConfig()
    tracks: VideoTracks | None = None
    fingerprint: dict | None = None
    overwrite: bool = False
    on_written: typing.Callable[[pathlib.Path], None] | None = None
    progress: bool = False

    @property
    def outputs(self) -> dict[str, pathlib.Path]:
        """Output paths by kind; "picture" is last because its presence means that everything is complete."""
        mask_path = self.output_config.mask_path
        return ({"mask": mask_path} if mask_path is not None else {}) | {"picture": self.out}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ConversionReport:
    """Report of a finished conversion.

    Attributes:
        out: The written video, image or folder.
        frames: Number of frames written, equal to the number of frames read.
        swapped: Number of frames that show the new face; the others are unchanged except for the label.
        mask_mean: Mean of the attention mask over all swapped views, 0 to 1; near 0 means that nothing was swapped. NaN
            if an earlier call had finished all images of a folder.
        resumed_at: Number of frames that an earlier, interrupted conversion had finished.
        samples: Some faces before and after the swap, (2, S, S, 3) uint8 RGB each.
        points: Their five landmarks, (5, 2) x, y in pixels of the crop.
        seconds: Their times in seconds from the first frame of the video; empty for images.
    """

    out: pathlib.Path
    frames: int
    swapped: int
    mask_mean: float
    resumed_at: int = 0
    samples: tuple[np.ndarray, ...] = ()
    points: tuple[np.ndarray, ...] = ()
    seconds: tuple[float, ...] = ()
