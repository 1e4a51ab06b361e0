"""Pictures as cameras, phones and editors write them, and as nobody should: read as viewers show them, or refused."""

import io
import os
import pathlib
import struct
import sys
import time
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from faceswap_lib.errors import VideoError
from faceswap_lib.media import read_image, read_mask
from faceswap_lib.media.images import compose, read_picture, write_image
from tests.videos import pattern_frame, psnr

IMAGE = pattern_frame(4, 96, 64)
SMOOTH = np.dstack(
    [np.broadcast_to(np.linspace(40, 220, 96), (64, 96)), np.full((64, 96), 120), np.full((64, 96), 90)]
).astype(np.uint8)


def save(path: pathlib.Path, image: Image.Image | np.ndarray, **options) -> pathlib.Path:
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.save(path, **options)
    return path


def exchanged_profile() -> bytes:
    """sRGB's profile with red and green exchanged: what is stored as (r, g, b) is shown as about (g, r, b)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    tags = {bytes(profile[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = (
        profile[green + 4 : green + 12],
        profile[red + 4 : red + 12],
    )
    return bytes(profile)


def png_with_size(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG whose header claims a size; its pixels are `data`, which may be fewer."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


# Kinds and colors -----------------------------------------------------------------------------------------------------


KINDS = {
    "webp": {"lossless": True},
    "bmp": {},
    "tiff": {},
    "gif": {},
    "ppm": {},
    "jp2": {"irreversible": False},
    "png": {},
}


@pytest.mark.parametrize("kind", [*KINDS, "jpg", "avif"])
def test_every_kind_is_read_whatever_it_is_called(tmp_path, kind):
    if kind == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    path = save(tmp_path / f"a.{kind}", IMAGE, **KINDS.get(kind, {"quality": 95}))
    with Image.open(path) as whole:
        expected = np.asarray(whole.convert("RGB"))
    assert np.array_equal(read_image(path), expected)
    for name in ("WRONG.PNG", "none", "a.jpg.txt"):
        assert np.array_equal(read_image(path.rename(tmp_path / name)), expected)
        path = tmp_path / name
    assert read_picture(path).notes == ()


def test_a_color_profile_is_converted(tmp_path):
    """As iPhones write Display P3: the numbers change, what is seen does not. Before, the profile was dropped."""
    wide = read_picture(save(tmp_path / "wide.png", SMOOTH, icc_profile=exchanged_profile()))
    assert np.abs(wide.image.astype(int) - SMOOTH[..., [1, 0, 2]]).max() <= 2 and wide.notes == ()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(read_image(save(tmp_path / "srgb.png", IMAGE, icc_profile=srgb)), IMAGE)


def test_a_color_profile_goes_with_transparency_palettes_and_gray(tmp_path):
    profile = exchanged_profile()
    alpha = np.full((64, 96), 255, np.uint8)
    alpha[:9] = 0
    clear = read_picture(save(tmp_path / "a.png", np.dstack([SMOOTH, alpha]), icc_profile=profile))
    assert np.abs(clear.image.astype(int) - SMOOTH[..., [1, 0, 2]]).max() <= 2
    assert np.array_equal(clear.alpha, alpha)
    palette = Image.fromarray(SMOOTH).quantize(200)
    plain = np.asarray(palette.convert("RGB"))[..., [1, 0, 2]]
    assert np.abs(read_image(save(tmp_path / "p.png", palette, icc_profile=profile)).astype(int) - plain).max() <= 2
    gray = read_picture(save(tmp_path / "gray.png", SMOOTH[..., 0], icc_profile=profile))  # not made for gray
    assert np.array_equal(gray.image[..., 0], SMOOTH[..., 0]) and "color profile cannot be used" in gray.notes[0]


def test_a_damaged_color_profile_is_said(tmp_path):
    read = read_picture(save(tmp_path / "a.png", IMAGE, icc_profile=b"no profile"))
    assert np.array_equal(read.image, IMAGE) and "taken for sRGB" in read.notes[0]


def test_printing_inks(tmp_path):
    """CMYK as Photoshop saves it, with its inks inverted: not a negative."""
    path = save(tmp_path / "a.jpg", Image.fromarray(SMOOTH).convert("CMYK"), quality=98, subsampling=0)
    read = read_picture(path)
    assert psnr(read.image, SMOOTH) > 30 and "estimated" in read.notes[0]


def test_transparency(tmp_path):
    alpha = np.tile(np.arange(96, dtype=np.uint8) * 2, (64, 1))
    rgba = read_picture(save(tmp_path / "a.png", np.dstack([IMAGE, alpha])))
    assert np.array_equal(rgba.image, IMAGE) and np.array_equal(rgba.alpha, alpha)
    gray = read_picture(save(tmp_path / "la.png", Image.fromarray(np.dstack([IMAGE[..., 0], alpha]), "LA")))
    assert np.array_equal(gray.image[..., 2], IMAGE[..., 0]) and np.array_equal(gray.alpha, alpha)
    palette = Image.fromarray(IMAGE).quantize(16)
    first = np.asarray(palette) == 0
    clear = read_picture(save(tmp_path / "p.png", palette, transparency=0))
    assert np.array_equal(clear.alpha, np.where(first, 0, 255)) and first.any()
    assert np.array_equal(clear.image, np.asarray(palette.convert("RGB")))
    keyed = read_picture(save(tmp_path / "k.png", SMOOTH, transparency=tuple(SMOOTH[0, 5].tolist())))
    assert (keyed.alpha[:, 5] == 0).all() and (keyed.alpha[:, 50] == 255).all()
    webp = read_picture(save(tmp_path / "a.webp", np.dstack([IMAGE, alpha]), lossless=True, exact=True))
    assert np.array_equal(webp.alpha, alpha) and np.array_equal(webp.image, IMAGE)
    opaque = save(tmp_path / "o.png", np.dstack([IMAGE, np.full((64, 96), 255, np.uint8)]))
    assert read_picture(opaque).alpha is None


def test_what_is_transparent_is_written_so_and_laid_over_white_elsewhere(tmp_path):
    alpha = np.tile(np.arange(96, dtype=np.uint8) * 2, (64, 1))
    write_image(tmp_path / "a.png", IMAGE, alpha)
    back = read_picture(tmp_path / "a.png")
    assert np.array_equal(back.image, IMAGE) and np.array_equal(back.alpha, alpha)
    with pytest.raises(VideoError, match=r"expected a name ending in \.png"):
        write_image(tmp_path / "a.jpg", IMAGE, alpha)
    with pytest.raises(ValueError, match="expected an alpha of"):
        write_image(tmp_path / "b.png", IMAGE, alpha[1:])
    white = Image.new("RGB", (96, 64), "white")
    white.paste(Image.fromarray(IMAGE), mask=Image.fromarray(alpha))
    assert np.abs(compose(IMAGE, alpha).astype(int) - np.asarray(white)).max() <= 1


def test_16_bits(tmp_path):
    deep = (np.arange(64 * 96).reshape(64, 96) * 10).astype(np.uint16)
    for name in ("a.png", "a.tiff"):
        read = read_image(save(tmp_path / name, Image.fromarray(deep)))
        assert np.array_equal(read[..., 1], deep >> 8)
        assert np.array_equal(read_mask(tmp_path / name), deep >> 8)
    (tmp_path / "a.pgm").write_bytes(b"P5 96 64 65535\n" + deep.astype(">u2").tobytes())
    assert np.array_equal(read_image(tmp_path / "a.pgm")[..., 0], deep >> 8)
    for values in (np.linspace(0, 1, 96, dtype=np.float32)[None], np.full((2, 2), 1 << 20, np.int32)):
        with pytest.raises(VideoError, match="expected 8 or 16 bits a channel"):
            read_image(save(tmp_path / "float.tiff", Image.fromarray(values)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "webp", "tiff", "avif", "jpg"])
def test_exif_orientation_in_every_kind(tmp_path, kind, orientation):
    if kind == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    stored = {1: IMAGE, 2: IMAGE[:, ::-1], 3: np.rot90(IMAGE, 2), 4: IMAGE[::-1]}.get(orientation)
    if stored is None:
        stored = np.rot90({5: IMAGE[:, ::-1], 6: IMAGE, 7: IMAGE[::-1], 8: np.rot90(IMAGE, 2)}[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"avif": {"quality": 95}, "jpg": {"quality": 97, "subsampling": 0}, "webp": {"lossless": True}}.get(
        kind, {}
    )
    save(tmp_path / f"a.{kind}", np.ascontiguousarray(stored), exif=exif, **options)
    alpha = np.dstack([stored, np.full(stored.shape[:2], 7, np.uint8)])
    assert psnr(read_image(tmp_path / f"a.{kind}"), IMAGE) > 28
    if kind == "png":
        assert read_picture(save(tmp_path / "b.png", alpha, exif=exif)).alpha.shape == (64, 96)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tiff", "a.gif"])
def test_of_several_pictures_the_first_is_taken_and_it_is_said(tmp_path, name):
    frames = [Image.fromarray(np.full((64, 96, 3), value, np.uint8)) for value in (10, 200, 90)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    read = read_picture(tmp_path / name)
    assert np.abs(read.image.astype(int) - 10).max() <= 2 and "the first is taken" in read.notes[0]


def test_the_first_picture_of_a_stereo_camera(tmp_path):
    first = Image.fromarray(SMOOTH)
    first.save(
        tmp_path / "a.mpo", format="MPO", save_all=True, append_images=[Image.fromarray(SMOOTH[::-1])], quality=98
    )
    assert psnr(read_image((tmp_path / "a.mpo").rename(tmp_path / "a.jpg")), SMOOTH) > 35


# What cannot be read --------------------------------------------------------------------------------------------------


def test_the_header_is_asked_before_anything_is_decoded(tmp_path, monkeypatch):
    """20,000 x 20,000 pixels in 400 KB took 34 s and 2.4 GB; now nothing is made room for."""
    huge = tmp_path / "huge.png"
    huge.write_bytes(png_with_size(20_000, 20_000, bytes(60_001)))
    beyond = tmp_path / "beyond.png"
    beyond.write_bytes(png_with_size(1 << 17, 1 << 17))
    for path in (huge, beyond):
        start = time.perf_counter()
        with pytest.raises(VideoError, match="FACESWAP_MAX_PICTURE_PIXELS="):
            read_image(path)
        assert time.perf_counter() - start < 1
    monkeypatch.setenv("FACESWAP_MAX_PICTURE_PIXELS", "6143")
    save(tmp_path / "a.jpg", IMAGE)
    with pytest.raises(VideoError, match=r"a\.jpg: 6,144 pixels of one picture are more than the 6,143"):
        read_mask(tmp_path / "a.jpg")


def test_pillows_own_limit_is_neither_asked_nor_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert np.array_equal(read_image(save(tmp_path / "a.png", IMAGE)), IMAGE)
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_a_tiff_with_a_giant_tile(tmp_path):
    """One pixel in a tile of 60,000 x 60,000, for which a decoder would make room."""
    tags = [(256, 4, 1, 1), (257, 4, 1, 1), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)]
    tags += [(322, 4, 1, 60_000), (323, 4, 1, 60_000), (324, 4, 1, 8), (325, 4, 1, 8)]
    body = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 16) + zlib.compress(b"\0")[:8] + body)
    with pytest.raises(VideoError, match="FACESWAP_MAX_PICTURE_PIXELS="):
        read_image(tmp_path / "a.tif")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither pipes nor devices with a name")
def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "gone.png")
    for name, words in {
        "pipe.png": "a pipe or a device",
        "device.png": "a pipe or a device",
        "loop.png": "no such file",
        "nowhere.png": "no such file",
        "folder.png": "got a folder",
        "a\0b.png": "no such file",
        "a.png/b.png": "no such file",
        f"{'x' * 300}.png": "no such file",
    }.items():
        save(tmp_path / "a.png", IMAGE)
        with pytest.raises(VideoError, match=words):
            read_image(tmp_path / name)


def test_cut_and_flipped_files_are_read_or_refused(tmp_path):
    """Every kind, cut at 25 places and with 60 bits flipped: a picture of its size, or our error; nothing else."""
    rng = np.random.default_rng(7)
    read, refused = 0, 0
    alpha = Image.fromarray(np.dstack([IMAGE, IMAGE[..., 0]]))
    profile = exchanged_profile()
    kinds = {"PNG": {}, "JPEG": {}, "WEBP": {}, "TIFF": {}, "GIF": {}, "BMP": {}, "JPEG2000": {}, "PPM": {}}
    if features.check("avif"):
        kinds["AVIF"] = {}
    for kind in kinds:
        buffer = io.BytesIO()
        image = alpha if kind in ("PNG", "WEBP", "TIFF") else Image.fromarray(IMAGE)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.save(buffer, kind, **({"icc_profile": profile} if kind in ("PNG", "JPEG", "WEBP", "TIFF") else {}))
        whole = buffer.getvalue()
        damaged = [whole[: round(len(whole) * part)] for part in np.linspace(0, 0.98, 25)]
        for bit in rng.integers(0, 8 * len(whole), 30).tolist() + rng.integers(0, 8 * 200, 30).tolist():
            flipped = bytearray(whole)
            flipped[min(bit // 8, len(whole) - 1)] ^= 1 << bit % 8
            damaged.append(bytes(flipped))
        for data in damaged:
            path = tmp_path / "a.png"
            path.write_bytes(data)
            try:
                image = read_image(path)
            except VideoError as error:
                refused += 1
                assert "\n" not in str(error) and str(path) in str(error)
            else:
                read += 1
                assert image.dtype == np.uint8 and image.ndim == 3
    assert read > 100 and refused > 150


def test_a_picture_too_wide_for_jpeg_is_not_half_written(tmp_path):
    with pytest.raises(VideoError, match="cannot be written as .jpg"):
        write_image(tmp_path / "a.jpg", np.zeros((1, 70_000, 3), np.uint8))
    assert os.listdir(tmp_path) == []
