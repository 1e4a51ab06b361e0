"""What `reenact`, `express` and `train --system` are given wrongly: one line says what was expected."""

import fractions
import json
import pathlib
import re
import shutil
import typing

import cv2
import numpy as np
import pytest

from faceswap_lib.cli import main
from faceswap_lib.faces.landmarks import open_landmark_detector
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.facesets.manifest import read_manifest, write_manifest
from faceswap_lib.media import VideoWriter, read_frames, write_image
from faceswap_lib.reenactment import face_shape, training
from faceswap_lib.reenactment.motion import Motion, read_motion, write_motion
from faceswap_lib.reenactment.pair_sampling import draw_pairs
from faceswap_lib.reenactment.people import load_people, open_people
from tests.reenactment.faces import irises_of, points_68

needs_mesh = pytest.mark.skipif(MeshLandmarkDetector.unavailable_reason() is not None, reason="no mesh networks")

pytestmark = needs_mesh


class Place(typing.NamedTuple):
    """A folder with good and bad inputs, by name; `w` is a workspace without faces whose run `swap` is a swap's."""

    folder: pathlib.Path
    files: dict[str, pathlib.Path]

    def fill(self, words: str) -> list[str]:
        """Replaces {name} by the path of a file, and {new} by the folder for outputs."""
        return [word.format(new=self.folder / "new", **self.files) for word in words.split()]


def damage(arrays: dict[str, np.ndarray], path: pathlib.Path, **changes) -> None:
    np.savez(path, **arrays | changes)


@pytest.fixture(scope="module")
def place(portrait_clips, tmp_path_factory) -> Place:
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "new").mkdir()
    files = {"driver": portrait_clips[0], "w": folder / "w", "folder": folder}
    for name in ("photo", "blank", "two", "small", "text", "empty"):
        files[name] = folder / f"{name}.png"
    frame = next(iter(read_frames(portrait_clips[1])))
    write_image(files["photo"], frame)
    write_image(files["blank"], np.full_like(frame, 120))
    write_image(files["two"], np.hstack([frame, frame]))
    write_image(files["small"], cv2.copyMakeBorder(cv2.resize(frame, (64, 64)), *[80] * 4, cv2.BORDER_REPLICATE))
    files["text"].write_text("no picture")
    files["empty"].write_bytes(b"")
    files["file"] = folder / "file"
    files["file"].write_text("a file")
    files["blank_video"] = folder / "blank.mp4"
    with VideoWriter(files["blank_video"], width=96, height=96, fps=fractions.Fraction(25)) as writer:
        for _ in range(6):
            writer.write(np.full((96, 96, 3), 120, np.uint8))
    for run, config in (("swap", {}), ("untrained", {"system": "avatar"})):
        path = folder / "w" / "models" / run / "config.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"schema": 2, "networks": config, "training": {}, **config}))
    shape = face_shape.FaceShape(points=points_68(), irises=irises_of(points_68()))
    files["motion"] = folder / "motion.npz"
    matrices = np.stack([np.eye(2, 3)] * 5)
    write_motion(files["motion"], Motion(fps=25.0, shapes=(shape,) * 5, crop_from_frame=matrices))
    with np.load(files["motion"]) as stored:
        arrays = dict(stored)
    for name in ("cut", "other", "future", "no_face", "infinite", "objects", "no_numbers"):
        files[f"{name}_motion"] = folder / f"{name}.npz"
    files["cut_motion"].write_bytes(files["motion"].read_bytes()[:900])
    damage({}, files["other_motion"], x=np.zeros(3))
    damage(arrays, files["future_motion"], format=np.int64(9))
    damage(arrays, files["no_face_motion"], points=np.full((5, 68, 2), np.nan))
    damage(arrays, files["infinite_motion"], crop_from_frame=np.full((5, 2, 3), np.inf))
    damage(arrays, files["objects_motion"], points=np.array([{}], object))
    files["no_numbers_motion"].write_text("hello")
    return Place(folder, files)


REENACT = "reenact {photo} --driver {driver} --workspace {w} --out {new}/o.mp4 --consent yes"
EXPRESS = "express {photo} --workspace {w} --out {new}/faces --consent yes"
ALONE = " --without-network"


def reenact(more: str = ALONE, **other: str) -> str:
    """The command with other files than usual."""
    words = REENACT
    for name, file in other.items():
        words = words.replace(f"{{{name}}}", file)
    return words + more


def express(more: str = ALONE, **other: str) -> str:
    """The same of the other verb."""
    words = EXPRESS
    for name, file in other.items():
        words = words.replace(f"{{{name}}}", file)
    return words + more


TABLE = {
    "the photo shows no face": (reenact(photo="{blank}"), "no face is found; choose a photo"),
    "two faces": (reenact(photo="{two}"), "expected one face, found 2; .*--largest"),
    "the face is small": (
        REENACT.replace("{photo}", "{small}") + ALONE + " --min-face-area 400",
        "pixels apart, expected at least 20; choose a larger photo",
    ),
    "text as photo": (reenact(photo="{text}"), "expected a picture, got a file that cannot be"),
    "an empty file as photo": (reenact(photo="{empty}"), "expected a picture, got a file that"),
    "a video as photo": (
        reenact(photo="{driver}"),
        "expected a photo, got a video; save one frame of it as an image",
    ),
    "a folder as photo": (
        reenact(photo="{folder}"),
        "expected an image as the photo, got a folder",
    ),
    "no photo": (reenact(photo="{new}/none.png"), "none.png: no such file; check the name of the"),
    "a driver without a face": (
        reenact(driver="{blank_video}"),
        "no face is found in any of 6 frames; choose a driver whose face is seen",
    ),
    "an image as driver": (
        reenact(driver="{photo}"),
        r"expected a video or a motion \(.npz\) as driver, got an image; .*faceswap express",
    ),
    "a folder as driver": (reenact(driver="{w}"), "as the driver, got a folder; name one file"),
    "no driver": (reenact(driver="{new}/none.npz"), "none.npz: no such file; check the name of"),
    "no video": (reenact(driver="{file}"), "file: expected a video|file that cannot be|cannot be opened"),
    "a motion that is cut off": (
        reenact(driver="{cut_motion}"),
        r"cut.npz: expected a motion that",
    ),
    "text as motion": (reenact(driver="{no_numbers_motion}"), "expected a motion that .*save it"),
    "other arrays": (
        reenact(driver="{other_motion}"),
        "expected a motion .*format is missing.*save",
    ),
    "a later format": (
        reenact(driver="{future_motion}"),
        "its format is 9, this version reads 1;",
    ),
    "a motion without a face": (reenact(driver="{no_face_motion}"), "no face in any of 5 frames;"),
    "infinite numbers": (reenact(driver="{infinite_motion}"), "expected numbers from -10000 to"),
    "objects in a motion": (reenact(driver="{objects_motion}"), "holds Python objects"),
    "no run": (REENACT, "no run 'reenactment' in .*; run 'faceswap train --system' first"),
    "the run of a swap": (
        REENACT + " --run swap",
        "run 'swap' is of a face swap, not of a reenactment; choose another",
    ),
    "a run without a checkpoint": (REENACT + " --run untrained", "no checkpoint in .*; run 'faceswap train' first"),
    "a file as workspace": (REENACT.replace("{w}", "{file}") + ALONE, "expected a folder as workspace, got the file"),
    "another suffix": (
        REENACT.replace("o.mp4", "o.avi") + ALONE,
        "expected a name ending in .mp4, .m4v, .mov, .mkv, got",
    ),
    "no suffix": (REENACT.replace("o.mp4", "o") + ALONE, "expected a name ending in .mp4"),
    "output below a file": (REENACT.replace("{new}/o", "{file}/o") + ALONE, "file is no folder; name another place"),
    "motion to another suffix": (REENACT + ALONE + " --save-motion {new}/m.txt", "expected a name that ends in .npz"),
    "motion below a file": (REENACT + ALONE + " --save-motion {file}/m.npz", "file is no folder; name another place"),
    "motion over the driver": (
        REENACT.replace("{driver}", "{motion}") + ALONE + " --save-motion {motion} --overwrite",
        "motion.npz is the driver; name another place for the motion",
    ),
    "output over the driver": (
        REENACT.replace("{new}/o.mp4", "{driver}") + ALONE + " --overwrite",
        "is the driver; name another place for the output",
    ),
    "another quality": (REENACT + ALONE + " --crf 99", "crf must be between 0 and 51, got 99"),
    "a reference that is not there": (REENACT.replace("{driver}", "{motion}") + ALONE + " --reference 9", "frame 9 of"),
    "express: no face": (express(photo="{blank}"), "none of 1 photos could be changed; .*no face"),
    "express: two faces": (express(photo="{two}"), "expected one face, found 2; .*--largest"),
    "express: no picture": (express(photo="{text}"), "expected a picture, got a file that cannot"),
    "express: a video": (
        express(photo="{driver}"),
        "expected a photo, got a video; save one frame",
    ),
    "express: no photo": (
        express(photo="{new}/no.png"),
        "no.png: no such file; check the name of",
    ),
    "express: an empty folder": (express(photo="{w}"), "no images in this folder; name a photo"),
    "express: the run of a swap": (EXPRESS + " --run swap", "run 'swap' is of a face swap, not of a reenactment"),
    "express: no run": (EXPRESS, "no run 'reenactment' in .*; run 'faceswap train --system' first"),
    "express: a misspelled expression": (EXPRESS + ALONE + " --expression smlie", "did you mean 'smile'"),
    "express: no such photo of it": (
        EXPRESS + ALONE + " --expression {new}/e.png",
        "e.png: no such file; expected neutral",
    ),
    "express: nobody shows it": (EXPRESS + ALONE + " --expression {blank}", "no face is found; choose a photo"),
    "express: too strong": (EXPRESS + ALONE + " --strength 3", "strength must be between 0 and 1, got 3"),
    "express: a file as folder": (EXPRESS.replace("{new}/faces", "{file}") + ALONE, "expected a folder for the images"),
    "train: no faces": (
        "train --system avatar --workspace {w} --steps 1",
        "no faces in .*; run 'faceswap extract' first",
    ),
    "train: the run of a swap": (
        "train --system avatar --workspace {w} --run swap --steps 1",
        "run 'swap' is of a face swap, not of a reenactment; choose another --run",
    ),
    "train: another system": ("train --system other --workspace {w}", "avatar"),
    "train: no number": ("train --system avatar --workspace {w} --loss-weights a", "expected name=number such as"),
}


@pytest.mark.parametrize(("words", "message"), TABLE.values(), ids=TABLE)
def test_a_wrong_input_is_one_line_that_says_what_was_expected(place, capsys, words, message):
    assert main(place.fill(words)) == 2
    shown = capsys.readouterr().err.split("\r")[-1]  # after progress bars
    said = [line for line in shown.splitlines() if line.startswith("faceswap: ")]
    assert len(said) == 1, shown
    assert re.search(message, said[0]), said[0]
    assert not list((place.folder / "new").iterdir()), "nothing was written"


def test_wrong_outputs_are_found_before_the_networks_are_opened(place, capsys, monkeypatch):
    """What is slow would fail here."""
    monkeypatch.setattr(face_shape, "open_landmark_detector", None)
    monkeypatch.setattr(face_shape, "MeshLandmarkDetector", None)
    for case in ("another suffix", "motion to another suffix", "motion below a file", "another quality"):
        assert main(place.fill(TABLE[case][0])) == 2
        assert "it/s" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [REENACT + ALONE, EXPRESS + ALONE, "train --system avatar --resolution 64 --capacity tiny --workspace {own}"],
)
def test_without_landmark_networks_the_packages_are_named(place, workspace_copy, capsys, monkeypatch, words):
    monkeypatch.setattr(MeshLandmarkDetector, "unavailable_reason", staticmethod(lambda: "not installed"))
    monkeypatch.setattr(face_shape, "open_landmark_detector", lambda: open_landmark_detector("five"))
    own = Place(place.folder, place.files | {"own": workspace_copy.root})
    assert main(own.fill(words + " --run new" * ("train" in words))) == 2
    assert "needs 68 landmarks per face, and no network for them is installed: not installed" in capsys.readouterr().err
    assert not list((place.folder / "new").iterdir())


def test_frames_without_the_face_of_the_driver_are_held_and_counted(place, tmp_path, portrait_clips, capsys):
    driver, frames = tmp_path / "driver.mp4", list(read_frames(portrait_clips[0]))[:24]
    with VideoWriter(driver, width=224, height=224, fps=fractions.Fraction(25)) as writer:
        for index, frame in enumerate(frames):
            writer.write(np.full_like(frame, 90) if 8 <= index < 20 else frame)
    out = tmp_path / "o.mkv"
    words = f"reenact {place.files['photo']} --driver {driver} --workspace {tmp_path}/w --out {out} --consent yes"
    more = f"--without-network --no-label --max-gap 0 --save-motion {tmp_path}/m.npz"
    assert main([*words.split(), *more.split()]) == 0
    motion = read_motion(tmp_path / "m.npz")
    lost = [index for index, shape in enumerate(motion.shapes) if shape is None]
    assert lost and set(lost) <= set(range(8, 20))
    assert f"{len(lost)} frames without a usable face of the driver repeat" in capsys.readouterr().out
    made = list(read_frames(out))
    assert len(made) == 24
    for index in lost:
        np.testing.assert_array_equal(made[index], made[lost[0] - 1])


def test_a_face_with_impossible_landmarks_is_held_like_a_missing_one(place, tmp_path, capsys):
    motion = read_motion(place.files["motion"])
    moved = face_shape.FaceShape(points=motion.shapes[0].points + [90, 0], irises=motion.shapes[0].irises)
    shapes = (*motion.shapes[:2], moved, *motion.shapes[3:])
    driver, out = tmp_path / "m.npz", tmp_path / "o.mp4"
    write_motion(driver, Motion(fps=25.0, shapes=shapes, crop_from_frame=motion.crop_from_frame))
    words = f"reenact {place.files['photo']} --driver {driver} --workspace {tmp_path}/w --out {out} --consent yes"
    assert main([*words.split(), "--without-network"]) == 0
    assert "1 frames without a usable face of the driver repeat the frame before them" in capsys.readouterr().out


def test_one_person_is_enough_for_a_training_but_one_crop_is_not(workspace_copy, capsys):
    shutil.rmtree(workspace_copy.faces("dst"))
    people = load_people(open_people([workspace_copy]), 64)
    sources, targets = draw_pairs(people, 20, rarity_exponent=0.5, seed=(0,))
    assert len(people.names) == 1 and (sources != targets).any()
    write_manifest(workspace_copy.faces("src"), read_manifest(workspace_copy.faces("src"))[:1])
    words = f"train --system landmark-gan --resolution 64 --capacity tiny --workspace {workspace_copy.root}"
    assert main(words.split()) == 2
    assert "expected at least 2 crops in which 68 landmarks are found, got 1 of 1; extract" in capsys.readouterr().err


def test_weights_of_losses_that_a_system_does_not_have_are_found_before_crops_are_read(
    workspace_copy, capsys, monkeypatch
):
    monkeypatch.setattr(training, "load_people", None)
    words = f"train --system avatar --resolution 64 --capacity tiny --workspace {workspace_copy.root} --run new"
    assert main([*words.split(), "--loss-weights", "beauty=1"]) == 2
    assert "this system has reconstruction, base, " in capsys.readouterr().err
