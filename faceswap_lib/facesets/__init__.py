"""Facesets: the aligned face crops of one person on disk. Extracts them from a video and reads them for training."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
