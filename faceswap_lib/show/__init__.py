"""Figures and HTML for notebooks: results of a step, source code, and the progress of a training.

Every function returns an object that a notebook shows when it is the last line of a cell. No function prints, and no
figure stays open. Figures are plain matplotlib figures, so `.savefig` also works outside a notebook.
"""

from faceswap_lib.show.charts import plot_gaussians, plot_series, plot_stacked_bars
from faceswap_lib.show.command import CommandLine, show_command
from faceswap_lib.show.conversion import draw_weight, plot_color_clusters
from faceswap_lib.show.embed import embed_video, show_source
from faceswap_lib.show.evaluation import plot_worst_frames, tabulate_metrics
from faceswap_lib.show.faces import (
    apply_colormap,
    draw_boxes,
    overlay_mask,
    plot_image_pyramid,
    plot_landmarks,
    plot_mean_std,
    zoom_box_corners,
)
from faceswap_lib.show.images import Picture, draw_face, plot_images
from faceswap_lib.show.loss_board import LossBoard, plot_losses
from faceswap_lib.show.networks import overlay_heatmap, plot_architecture, plot_matrices, split_channels
from faceswap_lib.show.provenance import show_credentials
from faceswap_lib.show.roc import plot_roc
from faceswap_lib.show.training import plot_previews, preview_column

__all__ = [
    "CommandLine",
    "LossBoard",
    "Picture",
    "plot_mean_std",
    "plot_gaussians",
    "split_channels",
    "plot_color_clusters",
    "apply_colormap",
    "show_command",
    "zoom_box_corners",
    "show_credentials",
    "plot_series",
    "plot_roc",
    "draw_boxes",
    "draw_face",
    "draw_weight",
    "overlay_heatmap",
    "plot_architecture",
    "plot_landmarks",
    "plot_losses",
    "tabulate_metrics",
    "plot_matrices",
    "overlay_mask",
    "plot_images",
    "preview_column",
    "plot_previews",
    "plot_image_pyramid",
    "plot_stacked_bars",
    "show_source",
    "embed_video",
    "plot_worst_frames",
]
