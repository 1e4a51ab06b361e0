"""From two videos to a swapped one: every room in order."""

from faceswap_lib.pipeline.converting import Conversion, convert
from faceswap_lib.pipeline.extracting import extract
from faceswap_lib.pipeline.frame_swapper import FaceSwapper
from faceswap_lib.pipeline.load_swapper import open_swapper
from faceswap_lib.pipeline.report import RunReport
from faceswap_lib.pipeline.running import run_all

__all__ = ["Conversion", "FaceSwapper", "RunReport", "convert", "extract", "open_swapper", "run_all"]
