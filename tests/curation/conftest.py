"""A varied faceset: of the two portraits' crops always, and of real clips where they are."""

import pathlib
import shutil

import pytest

from faceswap_lib.facesets import Faceset, Workspace, extract_faces, write_eye_masks
from tests.conftest import EXTRACT
from tests.curation.facesets import open_faceset, vary


@pytest.fixture(scope="session", params=["portrait", pytest.param("clip", marks=pytest.mark.clips)])
def varied_once(request, small_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory, detector) -> Faceset:
    folder = tmp_path_factory.mktemp("varied")
    if request.param == "portrait":
        return vary(open_faceset(small_workspace), folder)
    clip = request.getfixturevalue("real_clips") / "d6.mp4"
    workspace = Workspace(tmp_path_factory.mktemp("clip"))
    extract_faces(clip, workspace, "src", detector, config=EXTRACT)
    write_eye_masks(workspace, "src")
    return vary(open_faceset(workspace), folder)


@pytest.fixture
def varied(varied_once: Faceset, tmp_path: pathlib.Path) -> Faceset:
    """A copy that may be changed."""
    shutil.copytree(varied_once.folder.parent, tmp_path / "varied")
    return open_faceset(Workspace(tmp_path / "varied"))
