"""The video of a faceset is found again, by its name and its bytes, or the message says what to do."""

import hashlib
import json
import pathlib

import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.source import SOURCE
from faceswap_lib.facesets.source_video import find_source_video

BYTES = b"frames"


@pytest.fixture
def workspace(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    workspace = Workspace(tmp_path / "project" / "w")
    workspace.faces("src").mkdir(parents=True)
    note = {"video": "anna.mp4", "sha256": hashlib.sha256(BYTES).hexdigest()}
    (workspace.faces("src") / SOURCE).write_text(json.dumps(note))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return workspace


PLACES = ["project/w", "project/w/clips", "project/w/videos", "project/w/own_videos/a", "project", "here", "else"]


@pytest.mark.parametrize("folder", PLACES)
def test_the_video_is_found(workspace: Workspace, tmp_path: pathlib.Path, folder: str):
    path = tmp_path / folder / "anna.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(BYTES)
    assert find_source_video(workspace, "src", also=[tmp_path / "else"]).samefile(path)


def test_a_file_with_other_bytes_is_passed_over(workspace: Workspace, tmp_path: pathlib.Path):
    (workspace.root / "anna.mp4").write_bytes(b"other")
    with pytest.raises(WorkspaceError, match="the bytes differ; give the path"):
        find_source_video(workspace, "src")
    (tmp_path / "project" / "anna.mp4").write_bytes(BYTES)
    assert find_source_video(workspace, "src") == tmp_path / "project" / "anna.mp4"


def test_a_video_that_is_gone_is_named_and_the_message_says_what_to_do(workspace: Workspace):
    with pytest.raises(WorkspaceError, match="extracted from anna.mp4, which is gone.*copy it into .*videos"):
        find_source_video(workspace, "src")


def test_a_faceset_without_a_video_says_so(workspace: Workspace):
    with pytest.raises(WorkspaceError, match="face_dst .* does not say from which video"):
        find_source_video(workspace, "dst")
