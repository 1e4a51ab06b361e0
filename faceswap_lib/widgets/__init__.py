"""Interactive notebook widgets: comparison, training dashboard, and gallery, repair and labels of a faceset.

All widgets work in Jupyter and in Colab and without network access. Several widgets on one page do not interfere.
"""

from faceswap_lib.widgets.comparison import Comparison, compare_before_after
from faceswap_lib.widgets.dashboard import TrainingDashboard
from faceswap_lib.widgets.gallery import FacesetGallery
from faceswap_lib.widgets.label_editor import LabelEditor
from faceswap_lib.widgets.repair_editor import RepairEditor

__all__ = [
    "Comparison",
    "FacesetGallery",
    "LabelEditor",
    "RepairEditor",
    "TrainingDashboard",
    "compare_before_after",
]
