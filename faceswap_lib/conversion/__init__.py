"""Conversion: a trained run swaps the faces of a video, an image or a folder of images."""

from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.job import ConversionJob, ConversionReport
from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.swapper import KerasSwapper, ViewSwapper
from faceswap_lib.conversion.video_conversion import convert_video

__all__ = [
    "ConversionJob",
    "ConversionReport",
    "ConvertConfig",
    "KerasSwapper",
    "OutputConfig",
    "ViewSwapper",
    "convert_video",
]
