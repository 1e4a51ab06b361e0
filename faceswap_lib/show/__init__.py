"""Pictures for notebooks: what a step made, the code that made it, and how a training goes.

Every function gives back something that a notebook shows when it is the last line of a cell; nothing is printed and
nothing is kept open. Figures are plain matplotlib, so `.savefig` works outside a notebook too.
"""

from faceswap_lib.show.charts import bells, curves, shares
from faceswap_lib.show.command import CommandLine, command
from faceswap_lib.show.conversion import colour_clouds, draw_weight
from faceswap_lib.show.embed import source, video
from faceswap_lib.show.evaluation import metric_table, worst_frames
from faceswap_lib.show.faces import averages, colour_map, corner, draw_boxes, landmarks, paint, pyramid
from faceswap_lib.show.loss_board import LossBoard, losses
from faceswap_lib.show.networks import channels, heat, ladder, numbers
from faceswap_lib.show.pictures import Picture, draw_face, pictures
from faceswap_lib.show.provenance import credentials
from faceswap_lib.show.roc import detector_scores
from faceswap_lib.show.training import preview_column, previews

__all__ = [
    "CommandLine",
    "LossBoard",
    "Picture",
    "averages",
    "bells",
    "channels",
    "colour_clouds",
    "colour_map",
    "command",
    "corner",
    "credentials",
    "curves",
    "detector_scores",
    "draw_boxes",
    "draw_face",
    "draw_weight",
    "heat",
    "ladder",
    "landmarks",
    "losses",
    "metric_table",
    "numbers",
    "paint",
    "pictures",
    "preview_column",
    "previews",
    "pyramid",
    "shares",
    "source",
    "video",
    "worst_frames",
]
