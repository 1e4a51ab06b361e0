"""Evaluation of swapped videos: metrics, score and verdict, and HTML reports. Importing it does not import Keras."""

from faceswap_lib.evaluation.charts import draw_losses
from faceswap_lib.evaluation.config import EvaluateConfig
from faceswap_lib.evaluation.evaluate import evaluate_to_page, evaluate_video
from faceswap_lib.evaluation.html import Page
from faceswap_lib.evaluation.report import Report, check_limits
from faceswap_lib.evaluation.video_diff import SwapDifference, compare_videos

__all__ = [
    "EvaluateConfig",
    "Page",
    "Report",
    "SwapDifference",
    "check_limits",
    "compare_videos",
    "draw_losses",
    "evaluate_to_page",
    "evaluate_video",
]
