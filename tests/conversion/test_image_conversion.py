"""Converting pictures, folders of them, and what a webcam gives."""

import os
import shutil
import sys
import types

import cv2
import numpy as np
import pytest
from PIL import Image, features

from faceswap_lib.conversion import ConvertConfig, OutputConfig
from faceswap_lib.conversion.image_conversion import convert_images, find_images
from faceswap_lib.conversion.image_outputs import finished_name
from faceswap_lib.conversion.job import ConversionJob
from faceswap_lib.errors import InputError, VideoError
from faceswap_lib.faces import TrackConfig
from faceswap_lib.media import read_image, read_times
from faceswap_lib.media.images import read_picture
from faceswap_lib.media.webcam import record_webcam
from faceswap_lib.provenance.visible_label import Label
from tests.fakes import ListedDetector, PaintSwapper, make_face
from tests.media.test_odd_pictures import png_with_size
from tests.videos import pattern_frame

OPTIONS = {
    "config": ConvertConfig(color_transfer="none", sharpen=0, detail_transfer="none"),
    "output_config": OutputConfig(label=False),
}
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
    report = convert_images(
        ConversionJob(source=folder / "a.png", out=out, **OPTIONS), GREEN, ListedDetector([(LEFT, RIGHT)])
    )
    assert (report.frames, report.swapped, len(report.samples)) == (1, 1, 1)
    before, after = read_image(folder / "a.png"), read_image(out)
    assert is_green(after, RIGHT) and not is_green(after, LEFT)  # the larger one
    assert np.array_equal(after[:, :140], before[:, :140])


@pytest.mark.parametrize(("who", "left", "right"), [("all", 1, 1), ("largest", 0, 1), ("center", 1, 0)])
def test_whose_face(folder, tmp_path, who, left, right):
    near = {"center": make_face(120, 80, 20)}.get(who, LEFT)
    detector = ListedDetector([(near, RIGHT)])
    convert_images(
        ConversionJob(
            source=folder / "a.png", out=tmp_path / "o.png", track_config=TrackConfig(subject=who), **OPTIONS
        ),
        GREEN,
        detector,
    )
    image = read_image(tmp_path / "o.png")
    assert (is_green(image, near), is_green(image, RIGHT)) == (bool(left), bool(right))


def test_a_folder_of_pictures(folder, tmp_path):
    out, detector = tmp_path / "out", ListedDetector([(LEFT,), (), (RIGHT,)])
    report = convert_images(ConversionJob(source=folder, out=out, **OPTIONS), GREEN, detector)
    assert (report.frames, report.swapped, report.resumed_at) == (3, 2, 0)
    assert sorted(path.name for path in out.glob("[!.]*")) == ["a.png", "b.JPG", "c.bmp.png"]
    assert is_green(read_image(out / "a.png"), LEFT) and is_green(read_image(out / "c.bmp.png"), RIGHT)
    (out / "a.png").unlink()
    again = convert_images(ConversionJob(source=folder, out=out, **OPTIONS), GREEN, ListedDetector([(LEFT,)]))
    assert (again.frames, again.resumed_at) == (1, 2)


def test_masks_and_finishing(folder, tmp_path):
    finished = []
    convert_images(
        ConversionJob(
            source=folder,
            out=tmp_path / "out",
            config=OPTIONS["config"],
            output_config=OutputConfig(mask_path=tmp_path / "masks", layout="pair"),
            on_written=finished.append,
        ),
        GREEN,
        ListedDetector([(LEFT,)] * 3),
    )
    assert [finished_name(path) for path in finished] == ["a.png", "b.JPG", "c.bmp.png"]
    assert sorted(path.name for path in (tmp_path / "masks").glob("[!.]*")) == ["a.png", "b.png", "c.bmp.png"]
    assert read_image(tmp_path / "out" / "a.png").shape == (180, 540, 3)
    assert read_image(tmp_path / "masks" / "a.png")[85, 70].min() > 250


def test_a_broken_picture_is_passed_over_and_said(folder, tmp_path, caplog):
    (folder / "b.JPG").write_bytes(b"no picture")
    report = convert_images(
        ConversionJob(source=folder, out=tmp_path / "out", **OPTIONS), GREEN, ListedDetector([(LEFT,)] * 2)
    )
    assert report.frames == 2 and "1 of 3 pictures could not be read" in caplog.text
    with pytest.raises(VideoError, match="cannot be decoded"):
        convert_images(
            ConversionJob(source=folder / "b.JPG", out=tmp_path / "o.png", **OPTIONS), GREEN, ListedDetector([])
        )


def test_what_is_no_picture_is_counted_and_named(folder, tmp_path, caplog):
    """A HEIC, a link in a circle, a pipe, a folder, a file without a suffix: passed over without a word before."""
    for name in ("d.HEIC", "e", "._a.png", ".DS_Store"):
        (folder / name).write_bytes(b"data")
    (folder / "f.png").mkdir()
    (folder / "g.png").symlink_to(folder / "g.png")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "h.png")
    report = convert_images(
        ConversionJob(source=folder, out=tmp_path / "out", **OPTIONS), GREEN, ListedDetector([(LEFT,)] * 3)
    )
    others = ["._a.png", "d.HEIC", "e", "f.png", "g.png", *(["h.png"] if hasattr(os, "mkfifo") else []), "notes.txt"]
    assert report.frames == 3
    assert (
        f"{len(others)} skipped, because they are not pictures that can be read: {', '.join(others[:5])}" in caplog.text
    )
    assert "save HEIC pictures as JPEG" in caplog.text and ".DS_Store" not in caplog.text
    for path in folder.iterdir():
        if path.name not in others:
            path.unlink()
    with pytest.raises(InputError, match=r"no picture in it \(\d skipped.*expected files named"):
        convert_images(ConversionJob(source=folder, out=tmp_path / "out", **OPTIONS), GREEN, ListedDetector([]))


def test_more_kinds_of_pictures(tmp_path):
    """AVIF in a folder was passed over; a GIF by itself is a video."""
    (tmp_path / "in").mkdir()
    picture = Image.fromarray(pattern_frame(0, 270, 180))
    kinds = [kind for kind in ("avif", "gif", "jp2", "ppm", "jfif") if kind != "avif" or features.check("avif")]
    for kind in kinds:
        picture.save(tmp_path / "in" / f"a.{kind}")
    detector = ListedDetector([(LEFT,)] * len(kinds))
    assert convert_images(
        ConversionJob(source=tmp_path / "in", out=tmp_path / "out", **OPTIONS), GREEN, detector
    ).swapped == len(kinds)
    for kind in kinds:
        assert is_green(read_image(tmp_path / "out" / f"a.{kind}.png"), LEFT)
    assert find_images(tmp_path / "in" / "a.gif") == []


def test_one_giant_picture_does_not_stop_a_folder(folder, tmp_path, caplog):
    """A picture of 2^34 pixels ended the conversion of its folder with a traceback of OpenCV."""
    (folder / "b.JPG").write_bytes(png_with_size(1 << 17, 1 << 17))
    report = convert_images(
        ConversionJob(source=folder, out=tmp_path / "out", **OPTIONS), GREEN, ListedDetector([(LEFT,)] * 2)
    )
    assert report.frames == 2 and "1 of 3 pictures could not be read" in caplog.text
    assert "FACESWAP_MAX_PICTURE_PIXELS=17179869184" in caplog.text


@pytest.fixture
def clear(tmp_path):
    """A portrait whose upper 40 rows and lower half of the label are transparent, over black."""
    picture = np.dstack([pattern_frame(0, 270, 180), np.full((180, 270), 255, np.uint8)])
    picture[:40] = 0
    picture[-8:, :, 3] = 0
    (tmp_path / "in").mkdir()
    Image.fromarray(picture).save(tmp_path / "in" / "clear.png")
    return tmp_path / "in" / "clear.png"


def test_transparency_stays(clear, tmp_path):
    detector = ListedDetector([(LEFT,)] * 4)
    convert_images(ConversionJob(source=clear, out=tmp_path / "o.png", **OPTIONS), GREEN, detector)
    before, after = read_picture(clear), read_picture(tmp_path / "o.png")
    assert np.array_equal(after.alpha, before.alpha) and is_green(after.image, LEFT)
    labeled = OPTIONS | {"output_config": OutputConfig()}
    convert_images(ConversionJob(source=clear, out=tmp_path / "l.png", **labeled), GREEN, detector)
    left, top, right, bottom = Label(270, 180).box_xyxy
    alpha = read_picture(tmp_path / "l.png").alpha
    assert (alpha[top:bottom, left:right] == 255).all() and (alpha[:40] == 0).all()  # the label is seen


@pytest.mark.parametrize(("name", "show"), [("o.jpg", "result"), ("o.png", "pair")])
def test_transparency_becomes_white_where_it_cannot_stay(clear, tmp_path, caplog, name, show):
    """It was a black band."""
    options = OPTIONS | {"output_config": OutputConfig(label=False, layout=show)}
    convert_images(ConversionJob(source=clear, out=tmp_path / name, **options), GREEN, ListedDetector([(LEFT,)]))
    assert read_image(tmp_path / name)[:35].min() > 250 and read_picture(tmp_path / name).alpha is None
    assert f"{name}: transparent parts are white" in caplog.text


def test_a_picture_that_was_not_signed_is_not_finished(folder, tmp_path):
    """Signing fails once: the next call converts that picture again. It counted as finished, unsigned."""

    def fail(path):
        raise InputError("the key cannot be read")

    with pytest.raises(InputError, match="the key"):
        convert_images(
            ConversionJob(source=folder, out=tmp_path / "out", on_written=fail, **OPTIONS),
            GREEN,
            ListedDetector([(LEFT,)] * 3),
        )
    assert list((tmp_path / "out").glob("*.png")) == []
    report = convert_images(
        ConversionJob(source=folder, out=tmp_path / "out", **OPTIONS), GREEN, ListedDetector([(LEFT,)] * 3)
    )
    assert (report.frames, report.resumed_at) == (3, 0)


def test_another_conversion_does_not_pass_old_pictures_over(folder, tmp_path):
    """Another run, another option: its pictures are not those that are there, which is said instead of 'mask nan'."""
    convert_images(
        ConversionJob(source=folder, out=tmp_path / "out", fingerprint={"step": 1}, **OPTIONS),
        GREEN,
        ListedDetector([(LEFT,)] * 3),
    )
    for change in (
        {"fingerprint": {"step": 2}},
        {"fingerprint": {"step": 1}, "config": ConvertConfig(color_transfer="none", sharpen=1)},
    ):
        with pytest.raises(InputError, match="already there from another run, with other options"):
            convert_images(
                ConversionJob(source=folder, out=tmp_path / "out", **OPTIONS | change),
                GREEN,
                ListedDetector([(LEFT,)] * 3),
            )
    again = convert_images(
        ConversionJob(source=folder, out=tmp_path / "out", fingerprint={"step": 1}, **OPTIONS),
        GREEN,
        ListedDetector([]),
    )
    assert (again.frames, again.resumed_at) == (0, 3)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are Unicode")
def test_names_that_are_not_utf_8(folder, tmp_path, capfd):
    source = tmp_path / os.fsdecode(b"caf\xe9.png")
    shutil.copy(folder / "a.png", source)
    shutil.copy(folder / "a.png", folder / os.fsdecode(b"\xe9t\xe9.png"))
    (folder / os.fsdecode(b"n\xe9e.txt")).touch()
    out = tmp_path / os.fsdecode(b"o\xff.png")
    convert_images(ConversionJob(source=source, out=out, **OPTIONS), GREEN, ListedDetector([(LEFT,)]))
    assert is_green(read_image(out), LEFT)
    report = convert_images(
        ConversionJob(source=folder, out=tmp_path / "out", **OPTIONS), GREEN, ListedDetector([(LEFT,)] * 4)
    )
    assert report.frames == 4 and b"\xe9t\xe9.png" in os.listdir(os.fsencode(tmp_path / "out"))
    assert "Traceback" not in capfd.readouterr().err


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
            convert_images(ConversionJob(source=source, out=out, **OPTIONS), GREEN, ListedDetector([(LEFT,)]))
    with pytest.raises(InputError, match="no face in any of 1 pictures"):
        convert_images(
            ConversionJob(source=folder / "a.png", out=tmp_path / "o.png", **OPTIONS), GREEN, ListedDetector([()])
        )
    assert find_images(tmp_path / "film.mp4") == []


def test_a_folder_of_unreadable_pictures_is_not_said_to_have_no_faces(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"no picture")
    with pytest.raises(InputError, match="none of 2 pictures could be read"):
        convert_images(ConversionJob(source=folder, out=tmp_path / "o", **OPTIONS), GREEN, ListedDetector([]))


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
