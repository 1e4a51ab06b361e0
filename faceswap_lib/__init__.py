"""Face swapping library: creates a swapped video from two videos, with one subpackage ("room") per step.

Usually imported as `import faceswap_lib as fs`. This namespace contains the names that most programs need; the file
`__init__.pyi` lists them. Importing the package is fast, because a name is loaded when it is first used. `networks`,
`training`, `MTCNN` and `FaceSwapper` load Keras. The environment variables for TensorFlow and JAX are set here, before
either of the two is imported; see `environment`.
"""

import lazy_loader

from faceswap_lib.environment import prepare_environment

__version__ = "0.1.0"

prepare_environment()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
