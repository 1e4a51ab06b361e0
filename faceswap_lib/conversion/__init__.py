"""Conversion: a trained run swaps the faces of a video, an image or a folder of images."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
