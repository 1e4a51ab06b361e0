"""Converting pictures, folders of them, and what a webcam gives."""

import os
import types

import cv2
import numpy as np
import pytest

from faceswap_lib.conversion import ConvertConfig, OutputConfig
from faceswap_lib.conversion.stills import convert_stills, find_stills
from faceswap_lib.errors import InputError, VideoError
from faceswap_lib.faces import TrackConfig
from faceswap_lib.media import read_image, read_times
from faceswap_lib.media.webcam import record_webcam
from tests.fakes import ListedDetector, PaintSwapper, make_face
from tests.videos import pattern_frame

OPTIONS = {"config": ConvertConfig(colour="none", sharpen=0, texture=0), "output_config": OutputConfig(label=False)}
GREEN = PaintSwapper((0, 255, 0))
LEFT, RIGHT = make_face(70, 80, 20), make_face(200, 80, 26)


@pytest.fixture
def folder(tmp_path):
    for index, name in enumerate(("a.png", "b.JPG", "c.bmp")):
        picture = pattern_frame(index, 270, 180)
        (tmp_path / "in").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "in" / name), picture[..., ::-1])
    (tmp_path / "in" / "notes.txt").write_text("not a picture")
    return tmp_path / "in"


def is_green(image, face) -> bool:
    x, y = np.round(face.landmarks[2]).astype(int)
    return image[y, x, 1] > 200 > 90 > image[y, x, 0]


def test_one_picture(folder, tmp_path):
    out = tmp_path / "o.png"
    report = convert_stills(folder / "a.png", out, GREEN, ListedDetector([(LEFT, RIGHT)]), **OPTIONS)
    assert (report.frames, report.swapped, len(report.samples)) == (1, 1, 1)
    before, after = read_image(folder / "a.png"), read_image(out)
    assert is_green(after, RIGHT) and not is_green(after, LEFT)  # the larger one
    assert np.array_equal(after[:, :140], before[:, :140])


@pytest.mark.parametrize(("who", "left", "right"), [("all", 1, 1), ("largest", 0, 1), ("center", 1, 0)])
def test_whose_face(folder, tmp_path, who, left, right):
    near = {"center": make_face(120, 80, 20)}.get(who, LEFT)
    detector = ListedDetector([(near, RIGHT)])
    convert_stills(folder / "a.png", tmp_path / "o.png", GREEN, detector, track_config=TrackConfig(who=who), **OPTIONS)
    image = read_image(tmp_path / "o.png")
    assert (is_green(image, near), is_green(image, RIGHT)) == (bool(left), bool(right))


def test_a_folder_of_pictures(folder, tmp_path):
    out, detector = tmp_path / "out", ListedDetector([(LEFT,), (), (RIGHT,)])
    report = convert_stills(folder, out, GREEN, detector, **OPTIONS)
    assert (report.frames, report.swapped, report.resumed_at) == (3, 2, 0)
    assert sorted(os.listdir(out)) == ["a.png", "b.JPG", "c.bmp.png"]
    assert is_green(read_image(out / "a.png"), LEFT) and is_green(read_image(out / "c.bmp.png"), RIGHT)
    (out / "a.png").unlink()
    again = convert_stills(folder, out, GREEN, ListedDetector([(LEFT,)]), **OPTIONS)
    assert (again.frames, again.resumed_at) == (1, 2)


def test_masks_and_finishing(folder, tmp_path):
    finished = []
    convert_stills(
        folder,
        tmp_path / "out",
        GREEN,
        ListedDetector([(LEFT,)] * 3),
        config=OPTIONS["config"],
        output_config=OutputConfig(mask_out=tmp_path / "masks", show="pair"),
        finish=finished.append,
    )
    assert finished == [tmp_path / "out" / name for name in ("a.png", "b.JPG", "c.bmp.png")]
    assert sorted(os.listdir(tmp_path / "masks")) == ["a.png", "b.png", "c.bmp.png"]
    assert read_image(tmp_path / "out" / "a.png").shape == (180, 540, 3)
    assert read_image(tmp_path / "masks" / "a.png")[85, 70].min() > 250


def test_a_broken_picture_is_passed_over_and_said(folder, tmp_path, caplog):
    (folder / "b.JPG").write_bytes(b"no picture")
    report = convert_stills(folder, tmp_path / "out", GREEN, ListedDetector([(LEFT,)] * 2), **OPTIONS)
    assert report.frames == 2 and "1 of 3 pictures could not be read" in caplog.text
    with pytest.raises(VideoError, match="cannot be decoded"):
        convert_stills(folder / "b.JPG", tmp_path / "o.png", GREEN, ListedDetector([]), **OPTIONS)


def test_what_is_refused(folder, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for source, out, message in (
        (empty, tmp_path / "o", "no picture in it"),
        (folder, tmp_path / "o.png", "expected a folder"),
        (folder, folder, "is the input"),
        (folder / "a.png", tmp_path / "o.mp4", "expected an output named .png"),
        (folder / "a.png", folder / "a.png", "is the input"),
        (folder / "a.png", folder / "b.JPG", "already there"),
    ):
        with pytest.raises(InputError, match=message):
            convert_stills(source, out, GREEN, ListedDetector([(LEFT,)]), **OPTIONS)
    with pytest.raises(InputError, match="no face in any of 1 pictures"):
        convert_stills(folder / "a.png", tmp_path / "o.png", GREEN, ListedDetector([()]), **OPTIONS)
    assert find_stills(tmp_path / "film.mp4") == []


# A webcam ----------------------------------------------------------------------------------------------------------


class FakeCamera:
    """Gives numbered pictures; breaks off after so many."""

    def __init__(self, pictures: int):
        self.left, self.index, self.released = pictures, 0, False

    def isOpened(self):
        return True

    def get(self, _):
        return 0.0

    def read(self):
        if self.index >= self.left:
            return False, None
        self.index += 1
        return True, pattern_frame(self.index - 1)[..., ::-1]

    def release(self):
        self.released = True


def test_a_webcam_is_recorded_with_its_own_times(tmp_path, monkeypatch):
    camera, clock = FakeCamera(12), iter(np.cumsum([0.0] + [0.04, 0.1] * 8))
    monkeypatch.setattr("faceswap_lib.media.webcam.cv2.VideoCapture", lambda index: camera)
    monkeypatch.setattr("faceswap_lib.media.webcam.time", types.SimpleNamespace(monotonic=clock.__next__))
    assert record_webcam(0, tmp_path / "o.mp4") == 12
    assert camera.released
    assert read_times(tmp_path / "o.mp4")[:4] == pytest.approx([0, 0.04, 0.14, 0.18], abs=1e-4)


def test_a_recording_ends_in_time(tmp_path, monkeypatch):
    camera, clock = FakeCamera(100), iter(np.arange(200) * 0.1)
    monkeypatch.setattr("faceswap_lib.media.webcam.cv2.VideoCapture", lambda index: camera)
    monkeypatch.setattr("faceswap_lib.media.webcam.time", types.SimpleNamespace(monotonic=clock.__next__))
    assert record_webcam(0, tmp_path / "o.mp4", seconds=1.0) == 10


def test_a_webcam_that_is_not_there(tmp_path):
    with pytest.raises(VideoError, match="expected a webcam number 97"):
        record_webcam(97, tmp_path / "o.mp4")
    assert os.listdir(tmp_path) == []
