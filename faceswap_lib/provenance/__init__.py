"""Provenance of an output: the visible label, Content Credentials and signed sidecars, and their verification."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
