"""Face swapping you can read: from two videos to a swapped one, one room per step.

Importing this package is cheap. Each room (`media`, `faces`, `facesets`, `networks`, `training`, `conversion`,
`evaluation`) is imported by the code that needs it; only `networks` and `training` bring in Keras, and the MTCNN
detector and the Keras swapper when one is made.
"""

from faceswap_lib.environment import prepare_environment

__version__ = "0.1.0"

prepare_environment()
