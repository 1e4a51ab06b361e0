"""Neural networks for face swapping: a shared encoder, two decoders with attention masks, two discriminators.

All layers are written with `keras.ops`, so they run on every Keras backend.
"""

import lazy_loader

# Imports are lazy because the help of the command line reads only the configurations and must not import Keras.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
