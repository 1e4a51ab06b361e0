"""What a notebook shows that answers to the mouse: two pictures with a wipe between them.

Everything works in Jupyter and in Colab, needs no network, and several on one page do not disturb each other.
"""

from faceswap_lib.widgets.comparison import Comparison, before_after

__all__ = ["Comparison", "before_after"]
