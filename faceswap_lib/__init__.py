"""Face swapping you can read: from two videos to a swapped one, one room per step.

Importing this package is cheap. Each room (`media`, `faces`, `facesets`, `networks`, `training`, `conversion`,
`evaluation`) is imported by the code that needs it. Keras comes with `networks` and `training`, and with what is made
of them elsewhere: the MTCNN detector, the Keras swapper. What the environment says to TensorFlow and JAX is set here,
before any of them is imported; see `environment`.
"""

from faceswap_lib.environment import prepare_environment

__version__ = "0.1.0"

prepare_environment()
