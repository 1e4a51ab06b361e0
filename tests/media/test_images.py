"""Pictures and masks: `read_image`, `read_mask`, `write_image`."""

import cv2
import numpy as np
import pytest
from PIL import Image

from faceswap_lib.errors import VideoError
from faceswap_lib.media import read_image, read_mask, write_image
from tests.videos import pattern_frame, psnr


def test_png_is_exact_even_in_a_folder_outside_ascii(tmp_path):
    image = pattern_frame(3)
    path = tmp_path / "Gesichter_äöü" / "лицо 顔.png"
    write_image(path, image)
    assert np.array_equal(read_image(path), image)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPG"])
def test_jpeg_keeps_colors(tmp_path, suffix):
    smooth = pattern_frame(0, 128, 96)[24:]
    write_image(tmp_path / f"a{suffix}", smooth)
    assert psnr(read_image(tmp_path / f"a{suffix}"), smooth) > 38
    with Image.open(tmp_path / f"a{suffix}") as other_reader:
        assert other_reader.format == "JPEG"


def test_channels_are_rgb_for_other_programs(tmp_path):
    write_image(tmp_path / "a.png", np.full((4, 4, 3), (255, 0, 0), np.uint8))
    assert np.asarray(Image.open(tmp_path / "a.png"))[0, 0].tolist() == [255, 0, 0]


def test_masks(tmp_path):
    mask = np.arange(256, dtype=np.uint8).reshape(16, 16)
    write_image(tmp_path / "mask.png", mask)
    assert np.array_equal(read_mask(tmp_path / "mask.png"), mask)
    assert np.array_equal(read_image(tmp_path / "mask.png"), np.dstack([mask] * 3))
    write_image(tmp_path / "color.png", np.full((4, 4, 3), 77, np.uint8))
    assert np.array_equal(read_mask(tmp_path / "color.png"), np.full((4, 4), 77, np.uint8))


def test_alpha_is_dropped_and_16_bits_become_8(tmp_path):
    image = pattern_frame(0)
    Image.fromarray(np.dstack([image, np.zeros(image.shape[:2], np.uint8)])).save(tmp_path / "alpha.png")
    assert np.array_equal(read_image(tmp_path / "alpha.png"), image)
    deep = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    assert np.array_equal(read_image(tmp_path / "deep.png")[..., 1], deep >> 8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honored(tmp_path, orientation):
    upright = pattern_frame(9, 96, 64)
    undo = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 1, 7: 3, 8: 3}[orientation]
    stored = np.rot90(upright, undo)
    if orientation in (2, 4, 7, 5):
        stored = stored[:, ::-1] if orientation in (2, 4) else stored[::-1]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.jpg", exif=exif, quality=98, subsampling=0)
    assert psnr(read_image(tmp_path / "a.jpg"), upright) > 30
    assert read_mask(tmp_path / "a.jpg").shape == (64, 96)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4,), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        "a.png",
    ],
)
def test_a_wrong_array_is_refused(tmp_path, image):
    with pytest.raises(ValueError, match=r"expected a \(H, W, 3\) or \(H, W\) uint8 array, got"):
        write_image(tmp_path / "a.png", image)
    assert not list(tmp_path.iterdir())


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(VideoError, match=r"expected a name ending in .png"):
        write_image(tmp_path / "a.bmp", pattern_frame(0))


@pytest.mark.parametrize("read", [read_image, read_mask])
def test_what_is_no_picture_is_refused_in_one_line(tmp_path, read):
    write_image(tmp_path / "whole.jpg", pattern_frame(0, 256, 192))
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:1500])
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    for name, words in {
        "missing.png": "no such file",
        "": "got a folder",
        "cut.jpg": "cannot be decoded",
        "text.png": "cannot be decoded",
        "empty.png": "cannot be decoded",
    }.items():
        with pytest.raises(VideoError, match=words) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)
