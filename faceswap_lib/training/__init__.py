"""Training: augmentation, losses, schedule, the compiled step, checkpoints, previews."""

import lazy_loader

# Imports are lazy because the help of the command line reads only the configurations and must not import Keras.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
