"""Faces in frames: detection, tracking, alignment, landmarks and masks. Trains no networks; only MTCNN needs Keras."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
