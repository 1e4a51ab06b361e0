"""The counter of faces in images hands on everything that the swapper has."""

import types

import numpy as np

from faceswap_lib.conversion.swapper import GeneratorSwapper, ViewSwapper
from faceswap_lib.pipeline.people import PictureCounter

OPTIONAL = ("placement", "hairline", "detail", "occlusion")


def test_images_get_placement_hairline_detail_and_occlusion_as_videos_do():
    swapper = types.SimpleNamespace(resolution=64, coverage=0.8, face_region="ellipse")
    for name in OPTIONAL:
        assert getattr(PictureCounter(None, swapper), name) is None
        setattr(swapper, name, object())
    counter = PictureCounter(None, swapper)
    assert all(getattr(counter, name) is getattr(swapper, name) for name in OPTIONAL)


def test_no_attribute_of_a_swapper_is_forgotten():
    documented = {
        line.strip().split(":")[0] for line in ViewSwapper.__doc__.splitlines() if line.startswith("        ")
    }
    attributes = {name for name in documented if name.isidentifier()}
    assert set(OPTIONAL) <= attributes
    counter = PictureCounter(None, types.SimpleNamespace(resolution=64, coverage=0.8, **dict.fromkeys(OPTIONAL)))
    assert all(hasattr(counter, name) for name in attributes)
    assert hasattr(GeneratorSwapper, "with_detail") and np.isscalar(counter.resolution)
