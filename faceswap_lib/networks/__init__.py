"""The networks: a shared encoder, two decoders with attention masks, two discriminators. `keras.ops` only."""

import lazy_loader

# Configurations are read by the command line's help, which should not have to wait for Keras.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"config": ["PRESETS", "NetworkConfig"], "models": ["Networks", "build_networks"]},
)
