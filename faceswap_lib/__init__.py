"""Face swapping you can read: from two videos to a swapped one, one room per step.

Usually imported as `import faceswap_lib as fs`. What most programs need is in this namespace; the file `__init__.pyi`
lists it. Importing the package is cheap: a name is loaded when it is used for the first time, Keras with `networks`,
`training`, `MTCNN` and `FaceSwapper`. What the environment says to TensorFlow and JAX is set here, before either is
imported; see `environment`.
"""

import lazy_loader

from faceswap_lib.environment import prepare_environment

__version__ = "0.1.0"

prepare_environment()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
