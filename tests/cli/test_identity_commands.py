"""`train --system --identities`: people of a folder, with a consent, on a new run or one that begins with another."""

import numpy as np
import pytest

from faceswap_lib.atomic_io import read_json
from faceswap_lib.cli import main
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.facesets.consent import read_consent
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.media import read_frames, write_image
from faceswap_lib.reenactment.identity_folders import open_identities

pytestmark = pytest.mark.skipif(MeshLandmarkDetector.unavailable_reason() is not None, reason="no mesh networks")


@pytest.fixture
def people(portrait_clips, tmp_path):
    """A folder of two people, three images each."""
    for number, clip in enumerate(portrait_clips):
        for frame, image in enumerate(read_frames(clip, step=15)):
            write_image(tmp_path / "people" / f"id{number}" / "v" / f"{frame}.jpg", image)
    return tmp_path / "people"


QUICK = ("--batch-size", "2", "--perceptual", "none", "--loss-weights", "keypoints=0 adversarial=0 identity=0")


def words(folder, people, *more) -> list[str]:
    first = ["train", "--system", "landmark-gan", "--workspace", folder / "w", "--identities", people]
    return [str(word) for word in (*first, *QUICK, *more)]


TINY = ("--resolution", "64", "--capacity", "tiny", "--steps", "1")


def test_a_folder_of_strangers_needs_a_statement(people, tmp_path, capsys):
    assert main(words(tmp_path, people, *TINY)) == 2
    assert "consent" in capsys.readouterr().err and not (tmp_path / "w").exists()
    assert main(words(tmp_path, people, *TINY, "--consent", "a public dataset, for research")) == 0
    assert "trained 1 of 1 steps" in capsys.readouterr().out
    workspace = Workspace(tmp_path / "w")
    (consent,) = read_consent(workspace)
    assert consent.videos == (open_identities(people).as_source(),)
    write_image(people / "id2" / "v" / "1.jpg", np.zeros((50, 50, 3), np.uint8))
    assert main(words(tmp_path, people, *TINY)) == 2, "other people than those of the statement"
    capsys.readouterr()


def test_a_run_that_begins_with_another_one_takes_its_networks(people, tmp_path, capsys):
    assert main(words(tmp_path, people, *TINY, "--consent", "they agreed")) == 0
    assert main(words(tmp_path, people, "--steps", "1", "--run", "mine", "--init-from", "reenactment")) == 0
    notes = read_json(Workspace(tmp_path / "w").run("mine") / "config.json")
    assert notes["networks"] == {"system": "landmark-gan", "resolution": 64, "capacity": "tiny"}
    assert notes["init_from"]["name"] == "reenactment"
    assert main(words(tmp_path, people, "--steps", "1", "--run", "other", "--init-from", "missing")) == 2
    assert "no trained run" in capsys.readouterr().err


def test_wrong_folders_are_refused(tmp_path, capsys):
    assert main(words(tmp_path, tmp_path / "missing", "--consent", "yes")) == 2
    assert "one folder per person" in capsys.readouterr().err
