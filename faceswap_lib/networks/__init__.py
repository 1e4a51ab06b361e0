"""The networks: a shared encoder, two decoders with attention masks, two discriminators. `keras.ops` only."""

import lazy_loader

# The command line's help reads configurations, and should not have to wait for Keras.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
