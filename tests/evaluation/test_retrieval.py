"""The gallery of ID retrieval: who is in it besides the two people of the videos."""

import numpy as np
import pytest

from faceswap_lib.evaluation import retrieval
from faceswap_lib.evaluation.retrieval import PORTRAIT_POINTS, embed_others, retrieval_rate
from faceswap_lib.faces.recognition import DlibEmbedder


class FirstColor:
    """Says of a face the mean color around its nose."""

    name, same_person = "color", 1.0

    def embed(self, crops):
        return np.array([crop.image[118:138, 118:138].mean(axis=(0, 1)) for crop in crops])


def test_the_portraits_are_cut_where_their_faces_are():
    """Skin is redder than blue; beside the faces are a flag, a cap and a dark wall."""
    others = embed_others([], None, FirstColor())
    assert list(others) == list(PORTRAIT_POINTS)
    assert all(color[0] > color[1] > color[2] > 60 for color in others.values())


@pytest.mark.skipif(DlibEmbedder.unavailable_reason() is not None, reason="dlib is not installed")
def test_each_portrait_is_retrieved_as_itself_and_nobody_else():
    embedder = DlibEmbedder()
    gallery = np.stack([*embed_others([], None, embedder).values()])
    assert np.linalg.norm(gallery[0] - gallery[1]) > embedder.same_person
    assert [retrieval_rate(gallery[[row]], gallery, 0) for row in (0, 1)] == [100, 0]


def test_a_folder_of_crops_is_one_person(small_workspace, monkeypatch):
    monkeypatch.setattr(retrieval, "SAMPLES", 3)
    folder = small_workspace.faces("src")
    others = embed_others([str(folder)], None, FirstColor())
    assert list(others) == [str(folder), *PORTRAIT_POINTS] and others[str(folder)].shape == (3,)
