"""`faceswap reenact`: a photo moved by a driver, what the output says of itself, and inputs that are refused."""

import cv2
import numpy as np
import pytest

from faceswap_lib.atomic_io import read_json
from faceswap_lib.cli import main
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.media import count_frames, probe_video, read_frames, write_image
from faceswap_lib.provenance.provenance import verify

pytestmark = pytest.mark.skipif(MeshLandmarkDetector.unavailable_reason() is not None, reason="no mesh networks")


@pytest.fixture(scope="module")
def photo(portrait_clips, tmp_path_factory):
    """The first frame of the second person's clip, one row and column smaller: odd sides."""
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    write_image(path, next(iter(read_frames(portrait_clips[1])))[:-1, :-1])
    return path


def words(photo, driver, folder, *more) -> list[str]:
    first = ["reenact", photo, "--driver", driver, "--workspace", folder / "w", "--out", folder / "out.mp4"]
    return [str(word) for word in (*first, *more)]


def test_a_photo_moves_like_the_driver_and_says_what_it_is(portrait_clips, photo, tmp_path, capsys):
    assert main(words(photo, portrait_clips[0], tmp_path, "--without-network", "--consent", "both agreed")) == 0
    out = tmp_path / "out.mp4"
    info = probe_video(out)
    assert (info.width, info.height) == (222, 222) and count_frames(out) == 38 and info.has_audio
    assert info.fps == probe_video(portrait_clips[0]).fps
    frames = list(read_frames(out))
    inside = (slice(60, 170), slice(60, 170))
    assert max(np.abs(frame[inside].astype(int) - frames[0][inside]).mean() for frame in frames) > 1, "it moves"
    found = verify(out)
    assert found.ours and found.intact
    assert found.facts["direction"] == "reenactment"
    assert [entry["role"] for entry in found.facts["inputs"]] == ["photo", "driver"]
    said = "\n".join(found.summary)
    assert "a face reenactment by" in said and "face of the photo photo.png" in said and "motion from" in said
    assert "consent: both agreed" in said and "visible label: on every picture" in said and "people" not in said

    capsys.readouterr()


def test_a_stored_motion_moves_the_photo_as_its_video_does(portrait_clips, photo, tmp_path):
    motion, moved = tmp_path / "motion.npz", {}
    for driver, more in ((portrait_clips[0], ("--save-motion", motion)), (motion, ())):
        out = tmp_path / f"{driver.suffix[1:]}.mkv"  # without loss
        words_of_it = words(photo, driver, tmp_path, "--out", out, "--without-network", "--consent", "yes", *more)
        assert main(words_of_it) == 0
        moved[driver] = list(read_frames(out))
        assert probe_video(out).has_audio == (driver != motion)
    for one, other in zip(*moved.values(), strict=True):
        assert np.abs(one.astype(int) - other).mean() < 0.05


def test_nothing_is_done_without_consent(portrait_clips, photo, tmp_path, capsys):
    assert main(words(photo, portrait_clips[0], tmp_path, "--without-network")) == 2
    assert "consent" in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda image: np.full_like(image, 120), "no face is found"),
        (lambda image: np.hstack([image, image]), "expected one face, found 2"),
        (
            lambda image: cv2.copyMakeBorder(cv2.resize(image, (64, 64)), *[80] * 4, cv2.BORDER_REPLICATE),
            "pixels apart",
        ),
    ],
)
def test_photos_that_cannot_be_used_are_refused(portrait_clips, photo, tmp_path, capsys, draw, message):
    path = tmp_path / "other.png"
    write_image(path, draw(cv2.imread(str(photo))[..., ::-1].copy()))
    small = ("--min-face-area", "400")
    assert main(words(path, portrait_clips[0], tmp_path, "--without-network", "--consent", "yes", *small)) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not (tmp_path / "out.mp4").exists()


def test_other_wrong_uses_are_refused(portrait_clips, photo, tmp_path, capsys):
    consent = ("--consent", "yes")
    for arguments, message in (
        (words(tmp_path / "missing.png", portrait_clips[0], tmp_path, *consent), "missing.png"),
        (words(photo, portrait_clips[0], tmp_path, *consent), "no run 'reenactment'"),
        (words(photo, tmp_path / "w.mp4", tmp_path, "--without-network", *consent), "no such file"),
    ):
        assert main(arguments) == 2
        assert message in capsys.readouterr().err
    out = tmp_path / "out.mp4"
    out.write_bytes(b"mine")
    assert main(words(photo, portrait_clips[0], tmp_path, "--without-network", *consent)) == 2
    assert "exists" in capsys.readouterr().err and out.read_bytes() == b"mine"


def test_train_with_a_system_is_a_training_of_that_system(tmp_path, capsys):
    assert main(["train", "--system", "avatar", "--workspace", str(tmp_path), "--steps", "1"]) == 2
    assert "no faces in" in capsys.readouterr().err
    assert main(["train", "--system", "other", "--workspace", str(tmp_path)]) == 2
    assert "avatar" in capsys.readouterr().err


def express(photo, folder, *more) -> list[str]:
    first = ["express", photo, "--workspace", folder / "w", "--out", folder / "out", "--without-network"]
    return [str(word) for word in (*first, *more)]


def test_a_photo_gets_five_images_and_says_what_it_is(photo, portrait_clips, tmp_path, capsys):
    assert main(express(photo, tmp_path, "--expression", "smile", "--consent", "she agreed")) == 0
    assert "1 photos with the expression smile" in capsys.readouterr().out
    names = ("source", "hf", "target", "pred", "cropped")
    images = {name: cv2.imread(str(tmp_path / "out" / f"photo_{name}.png")) for name in names}
    assert all(images[name].shape == (256, 256, 3) for name in names[:4])
    assert min(images["cropped"].shape[:2]) > 100 and (images["target"] == 0).mean() > 0.8
    mouth = (slice(150, 215), slice(85, 175))
    moved = np.abs(images["pred"].astype(int) - images["source"])
    assert moved[mouth].mean() > 2 * moved[20:60, 20:60].mean() and moved[mouth].mean() > 1
    found = verify(tmp_path / "out" / "photo_cropped.png")
    assert found.ours and found.intact and "consent: she agreed" in found.summary
    assert found.facts["options"]["expression"] == "smile"
    assert main(express(photo, tmp_path, "--consent", "she agreed")) == 2
    assert "exists" in capsys.readouterr().err


def test_a_neutral_expression_of_no_strength_leaves_the_face(photo, tmp_path):
    more = ("--expression", "neutral", "--strength", "0", "--consent", "yes", "--no-label")
    assert main(express(photo, tmp_path, *more)) == 0
    source, made = (cv2.imread(str(tmp_path / "out" / f"photo_{name}.png")) for name in ("source", "pred"))
    assert np.abs(source.astype(int) - made).mean() < 1


def test_an_expression_can_come_from_another_photo(photo, portrait_clips, tmp_path):
    other = tmp_path / "other.png"
    write_image(other, list(read_frames(portrait_clips[0]))[20])
    assert main(express(photo, tmp_path, "--expression", other, "--consent", "both agreed")) == 0
    facts = verify(tmp_path / "out" / "photo_cropped.png").facts
    assert [entry["role"] for entry in facts["inputs"]] == ["photo", "driver"]


def test_the_same_persons_expression_needs_a_photo_and_is_copied_exactly(photo, portrait_clips, tmp_path, capsys):
    other = tmp_path / "other.png"
    write_image(other, list(read_frames(portrait_clips[1]))[20])
    more = ("--consent", "she agreed", "--same-person", "--overwrite")
    made = {}
    for words_of_it in (("--expression", other, *more), ("--expression", other, *more[:2], "--overwrite")):
        assert main(express(photo, tmp_path, *words_of_it)) == 0
        made[words_of_it] = cv2.imread(str(tmp_path / "out" / "photo_target.png"))
    same, anybody = made.values()
    assert np.abs(same.astype(int) - anybody).max() > 50
    capsys.readouterr()
    assert main(express(photo, tmp_path, "--expression", "smile", *more)) == 2
    assert "same_person: expected a photo" in capsys.readouterr().err


def test_photos_that_cannot_be_changed_are_counted(photo, tmp_path, capsys, caplog):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "good.png").write_bytes(photo.read_bytes())
    write_image(folder / "empty.png", np.full((90, 90, 3), 100, np.uint8))
    assert main(express(folder, tmp_path, "--consent", "yes")) == 0
    said = capsys.readouterr().out
    assert "1 photos with" in said and "1 photos could not be changed" in said and "no face" in caplog.text
    (folder / "good.png").unlink()
    assert main(express(folder, tmp_path, "--consent", "yes", "--overwrite")) == 2
    assert main(express(photo, tmp_path, "--expression", "happy", "--consent", "yes", "--overwrite")) == 2
    assert "happy" in capsys.readouterr().err


def test_a_run_goes_on_with_its_own_networks_and_options(workspace_copy, capsys):
    first = ["train", "--system", "landmark-gan", "--workspace", str(workspace_copy.root)]
    assert main([*first, "--resolution", "64", "--capacity", "tiny", "--batch-size", "2", "--steps", "1"]) == 0
    assert main([*first, "--steps", "2"]) == 0
    notes = read_json(workspace_copy.run("reenactment") / "config.json")
    assert notes["networks"] == {"system": "landmark-gan", "resolution": 64, "capacity": "tiny"}
    assert (
        notes["training"]["batch_size"] == 2 and notes["training"]["steps"] == 2 and notes["system"] == "landmark-gan"
    )
    assert main([*first, "--resolution", "128", "--steps", "3"]) == 2
    assert "resolution 64, asked for 128" in capsys.readouterr().err
