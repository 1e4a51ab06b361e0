"""Numbers and pages about a result."""

from faceswap_lib.evaluation.charts import draw_losses
from faceswap_lib.evaluation.difference import SwapDifference, compare_videos
from faceswap_lib.evaluation.page import Page

__all__ = ["Page", "SwapDifference", "compare_videos", "draw_losses"]
