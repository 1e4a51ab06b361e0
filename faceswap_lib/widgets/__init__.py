"""Interactive notebook widgets: before-after comparison, training dashboard and faceset gallery.

All widgets work in Jupyter and in Colab and without network access. Several widgets on one page do not interfere.
"""

from faceswap_lib.widgets.comparison import Comparison, compare_before_after
from faceswap_lib.widgets.dashboard import TrainingDashboard
from faceswap_lib.widgets.gallery import FacesetGallery

__all__ = ["Comparison", "FacesetGallery", "TrainingDashboard", "compare_before_after"]
