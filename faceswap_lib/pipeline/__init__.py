"""Pipeline: from two videos to a swapped video, with extraction, training and conversion."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
