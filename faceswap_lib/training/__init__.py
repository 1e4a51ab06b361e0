"""Training: augmentation, losses, schedule, the compiled step, checkpoints, previews."""

import lazy_loader

# The command line reads configurations for its help, and should not have to wait for Keras.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
