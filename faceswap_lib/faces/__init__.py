"""Faces in frames: detection, tracking, alignment, landmarks and masks.

Trains no networks. Only MTCNN and dlib's face recognition network need Keras.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
