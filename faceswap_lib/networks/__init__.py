"""Neural networks for face swapping: a shared encoder, two decoders with attention masks, two discriminators.

All layers are written with `keras.ops`, so they run on every Keras backend.
"""

import lazy_loader

# The command line reads configurations for its help, and should not have to wait for Keras.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
