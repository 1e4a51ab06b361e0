"""What a notebook shows that answers to the mouse: a wipe between pictures, a training that can be stopped.

Everything works in Jupyter and in Colab, needs no network, and several on one page do not disturb each other.
"""

from faceswap_lib.widgets.comparison import Comparison, before_after
from faceswap_lib.widgets.dashboard import TrainingDashboard

__all__ = ["Comparison", "TrainingDashboard", "before_after"]
