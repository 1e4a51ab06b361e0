"""Curation of facesets: sort modes, audits, proposed rejects, contact sheets. Importing it does not import Keras."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
