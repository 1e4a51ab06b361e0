"""What a notebook shows that answers to the mouse: a wipe between pictures, a training to be stopped, a faceset.

Everything works in Jupyter and in Colab, needs no network, and several on one page do not disturb each other.
"""

from faceswap_lib.widgets.comparison import Comparison, compare_before_after
from faceswap_lib.widgets.dashboard import TrainingDashboard
from faceswap_lib.widgets.gallery import FacesetGallery

__all__ = ["Comparison", "FacesetGallery", "TrainingDashboard", "compare_before_after"]
