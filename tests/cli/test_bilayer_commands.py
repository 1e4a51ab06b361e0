"""`faceswap express` and `faceswap reenact` with the published bilayer weights, here with random numbers in them."""

import cv2
import numpy as np
import pytest

from faceswap_lib.cli import main
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.media import count_frames, read_frames, write_image
from faceswap_lib.provenance.provenance import verify
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.motion import Motion, write_motion
from tests.reenactment.bilayer_files import write_bilayer
from tests.reenactment.faces import open_mouth, points_68

pytestmark = pytest.mark.skipif(MeshLandmarkDetector.unavailable_reason() is not None, reason="no mesh networks")

NAMES = ("source", "hf", "target", "pred", "cropped")


@pytest.fixture(scope="module")
def photo(portrait_clips, tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    write_image(path, next(iter(read_frames(portrait_clips[1]))))
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    write_bilayer(folder / "runs")
    return folder


def express(photo, weights, folder, *more) -> list[str]:
    words = ["express", photo, "--bilayer-weights", weights, "--out", folder / "out", *more]
    return [str(word) for word in words]


def test_a_photo_gets_five_images_without_a_workspace(photo, weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(express(photo, weights, tmp_path, "--fusion", "none", "--consent", "she agreed")) == 0
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {f"photo_{name}.png" for name in NAMES}
    images = {name: cv2.imread(str(tmp_path / "out" / f"photo_{name}.png")) for name in NAMES}
    assert all(images[name].shape == (256, 256, 3) for name in NAMES[:4])
    assert images["hf"].std() > 10, "the texture"
    face = (slice(90, 200), slice(80, 180))
    assert np.abs(images["pred"].astype(int) - images["source"])[face].mean() > 10, "random networks draw no face"
    found = verify(tmp_path / "out" / "photo_cropped.png")
    assert found.ours and found.intact
    said = "\n".join(found.summary)
    assert "published bilayer weights" in said and "Mozilla Public License" in said and "consent: she agreed" in said
    assert len(found.facts["options"]["weights"]["files"]) == 5
    assert not list(tmp_path.rglob("consent.yaml")), "there is no workspace"


def test_a_motion_moves_the_photo(photo, weights, tmp_path):
    shapes = tuple(FaceShape(points=open_mouth(points_68(), gap)) for gap in (0, 6, 12))
    write_motion(tmp_path / "m.npz", Motion(fps=25.0, shapes=shapes, crop_from_frame=np.stack([np.eye(2, 3)] * 3)))
    words = [
        "reenact",
        photo,
        "--driver",
        tmp_path / "m.npz",
        "--bilayer-weights",
        weights,
        "--out",
        tmp_path / "o.mkv",
    ]
    more = ("--workspace", tmp_path / "w", "--consent", "both agreed", "--fusion", "none")
    assert main([str(word) for word in (*words, *more)]) == 0
    assert count_frames(tmp_path / "o.mkv") == 3
    first, *_, last = read_frames(tmp_path / "o.mkv")
    assert np.abs(first.astype(int) - last).mean() > 0.1, "it moves"
    assert "both agreed" in (tmp_path / "w" / "consent.yaml").read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((), "without --workspace there is no recorded consent"),
        (("--consent", " "), "expected a consent statement"),
        (("--consent", "yes", "--without-network"), "got both"),
    ],
)
def test_wrong_uses_are_refused(photo, weights, tmp_path, capsys, more, message):
    assert main(express(photo, weights, tmp_path, *more)) == 2
    assert message in capsys.readouterr().err


def test_something_must_be_used(photo, tmp_path, capsys):
    assert main(["express", str(photo), "--out", str(tmp_path / "out"), "--consent", "yes"]) == 2
    assert "--workspace" in capsys.readouterr().err
    assert main(express(photo, tmp_path / "none", tmp_path, "--consent", "yes")) == 2
    assert "expected a folder with the published weights" in capsys.readouterr().err
    more = ("--without-network", "--consent", "yes")
    assert main([str(word) for word in ("express", photo, "--out", tmp_path / "out", *more)]) == 0
