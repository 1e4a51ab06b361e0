"""Hostile pictures and videos."""

import functools
import io
import os
import pathlib
import struct
import typing
import warnings
import zlib

import numpy as np
from PIL import Image

from tests.trust.cases import REFUSED, SAME, Case
from tests.videos import make_video, pattern_frame

SIDES = (48, 64)
KINDS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "tif": "TIFF", "gif": "GIF", "jp2": "JPEG2000", "bmp": "BMP"}
FRAMES = 12


def cases(name: str) -> list[Case]:
    """The hostile files of a reader."""
    return {"picture": pictures, "video": videos}[name]()


@functools.cache
def encoded(kind: str, **options: object) -> bytes:
    """A picture of 64 x 48 pixels in some kind."""
    packed = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.fromarray(pattern_frame(4)).save(packed, KINDS[kind], **options)
    return packed.getvalue()


def write_pictures(path: pathlib.Path) -> None:
    """The same picture in every kind, beside each other."""
    for kind in KINDS:
        place = path if kind == "png" else path.with_name(f"{path.name}.{kind}")
        place.write_bytes(encoded(kind))


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, data: bytes, *, bits: int = 8, color: int = 2, more: bytes = b"", interlaced: int = 0
) -> bytes:
    """A PNG that claims a size, whatever its pixels are."""
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bmp(width: int, height: int) -> bytes:
    """A BMP that claims a size and has hardly a pixel."""
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 100, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(100)


def gif(width: int, height: int) -> bytes:
    """A GIF that claims a size."""
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0, 0, 0)
        + b","
        + struct.pack("<HHHHB", 0, 0, width, height, 0)
        + b"\x02\x01\x00\x00;"
    )


def tiff(*tags: tuple[int, int, int, int]) -> bytes:
    """A TIFF of some tags, with 100 bytes of pixels at 8."""
    body = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return b"II*\0" + struct.pack("<I", 108) + bytes(100) + body


def is_whole(shape: object) -> bool:
    """True for a picture of the right size."""
    return shape == [48, 64, 3]


def is_read_or_refused(result: object) -> bool:
    """True for any picture and for our error: decoders differ in how much damage they bear."""
    return True


def pictures() -> list[Case]:
    line = b"\0" + bytes(64 * 3)
    good = zlib.compress(line * 48)
    claims = {
        "PNG of 20,000 x 20,000": png(20_000, 20_000, zlib.compress(bytes(60_001))),
        "PNG of 2^31 - 1": png(2**31 - 1, 2**31 - 1, good),
        "PNG of 2^32 - 1": png(2**32 - 1, 1, good),
        "PNG of no width": png(0, 48, good),
        "PNG of no height": png(64, 0, good),
        "PNG of 3 bits": png(64, 48, good, bits=3),
        "PNG of color 9": png(64, 48, good, color=9),
        "PNG without data": png(64, 48, b""),
        "PNG whose data are none": png(64, 48, b"no stream of bytes"),
        "PNG without a header": b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", good) + chunk(b"IEND", b""),
        "PNG with a chunk of 4 GB": b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIHDR" + bytes(50),
        "BMP of 2^31 - 1": bmp(2**31 - 1, 2**31 - 1),
        "BMP of 30,000": bmp(30_000, 30_000),
        "BMP below 0": bmp(-5, -5),
        "GIF of 65,535": gif(65_535, 65_535),
        "TIFF of 2^31": tiff(
            (256, 4, 1, 2**31), (257, 4, 1, 2**31), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 100)
        ),
        "TIFF of a tile of 60,000": tiff(
            (256, 4, 1, 1),
            (257, 4, 1, 1),
            (258, 3, 1, 8),
            (262, 3, 1, 1),
            (322, 4, 1, 60_000),
            (323, 4, 1, 60_000),
            (324, 4, 1, 8),
            (325, 4, 1, 8),
        ),
        "TIFF without a size": tiff((258, 3, 1, 8), (262, 3, 1, 1)),
        "TIFF whose directory is itself": b"II*\0\x08\0\0\0" + struct.pack("<H", 0) + struct.pack("<I", 8),
        "TIFF with a million tags": b"II*\0\x08\0\0\0\xff\xff" + bytes(200),
        "JPEG of 65,500": encoded("jpg").replace(struct.pack(">HH", 48, 64), struct.pack(">HH", 65_500, 65_500)),
        "WebP of a megabyte that is not there": b"RIFF\xff\xff\xff\x7fWEBPVP8 \xff\xff\xff\x7f",
        "JPEG 2000 of 2^31": encoded("jp2")
        .replace(struct.pack(">II", 48, 64), struct.pack(">II", 2**31 - 1, 2**31 - 1))
        .replace(struct.pack(">II", 64, 48), struct.pack(">II", 2**31 - 1, 2**31 - 1)),
        "PPM of 10^6": b"P6 1000000 1000000 255\n" + bytes(100),
        "PPM of a number without end": b"P6 " + b"9" * 10_000 + b" 1 255\n",
        "PPM of letters": b"P6 a b 255\n" + bytes(100),
        "PPM that ends early": b"P6 64 48 255\n" + bytes(100),
        "a mask of floats": b"PF\n64 48\n-1.0\n" + bytes(64 * 48 * 12),
    }
    others = {
        "nothing": b"",
        "a page": b"<!DOCTYPE html><html></html>",
        "an SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n(/etc/passwd) (r) file\nshowpage\n%%EOF\n",
        "a PDF": b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF",
        "an icon": b"\0\0\1\0\1\0\0\0\0\0\1\0\x20\0\xff\xff\xff\x7f\x16\0\0\0",
        "a script of ImageMagick": b"push x\nimage over 0,0 0,0 '../outside/secret.txt'\npop x",
        "an archive": b"PK\x05\x06" + bytes(18),
        "pickled": b"\x80\x04c__builtin__\nexit\n(tR.",
        "FITS": b"SIMPLE  =                    T" + b" " * 2850,
        "a Photoshop file": b"8BPS\0\1" + bytes(6) + b"\0\3" + b"\xff" * 8 + b"\0\x08\0\3" + bytes(50),
        "zeros": bytes(5000),
        "a video": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    }
    made = [Case(name, content) for name, content in (claims | others).items()]
    bomb = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(100_000_000))) + chunk(
        b"zTXt", b"a\0\0" + zlib.compress(bytes(100_000_000))
    )
    exif = chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\xff\xff\xff\xff" * 20)
    made += [
        Case(
            "a profile and a text of 100 MB",
            png(64, 48, good, more=bomb),
            lambda result: result == REFUSED or is_whole(result),
        ),
        Case("EXIF without end", png(64, 48, good, more=exif), lambda result: result == REFUSED or is_whole(result)),
        Case(
            "EXIF that is none",
            encoded("png", exif=b"Exif\0\0" + b"\xff" * 100),
            lambda result: result == REFUSED or is_whole(result),
        ),
        Case(
            "an orientation of 77",
            png(64, 48, good, more=chunk(b"eXIf", b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\x4d\0\0\0\0\0\0\0")),
            is_whole,
        ),
        Case(
            "a profile that is none",
            png(64, 48, good, more=chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile"))),
            is_whole,
        ),
        Case(
            "too many pixels in the data",
            png(64, 48, zlib.compress(line * 480)),
            lambda result: result == REFUSED or is_whole(result),
        ),
        Case("too few pixels in the data", png(64, 48, zlib.compress(line * 4)), is_read_or_refused),
        Case("interlaced and short", png(64, 48, good[:20], interlaced=1), is_read_or_refused),
        Case("a palette that is missing", png(64, 48, zlib.compress(bytes(65 * 48)), color=3), is_read_or_refused),
        Case("something behind it", encoded("png") + b"PK\x05\x06" + bytes(18), is_whole),
        Case("a picture of another kind", encoded("jpg"), is_whole),
        Case("one pixel", png(1, 1, zlib.compress(bytes(4))), [1, 1, 3]),
        Case("one row of 60,000", png(60_000, 1, zlib.compress(bytes(1 + 60_000 * 3))), [1, 60_000, 3]),
        Case("a folder", pathlib.Path.mkdir),
        Case("a link in a circle", lambda path: path.symlink_to(path.name)),
        Case("a device", lambda path: path.symlink_to("/dev/zero")),
    ]
    for kind in KINDS:
        whole = encoded(kind)
        made += [
            Case(f"{kind} cut to {share:.0%}", whole[: round(len(whole) * share)], is_read_or_refused)
            for share in (0.05, 0.4, 0.95)
        ]
    if hasattr(os, "mkfifo"):
        made.append(Case("a pipe", os.mkfifo))
    return made


# Videos ---------------------------------------------------------------------------------------------------------------


@functools.cache
def video(suffix: str = ".mp4") -> bytes:
    """A video of twelve frames of 64 x 48 pixels."""
    import tempfile

    options = {
        ".mp4": {"container_options": {"movflags": "+faststart"}},
        ".avi": {"video_codec": "mpeg4", "options": {}},
    }.get(suffix, {})
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / f"a{suffix}"
        return make_video(path, frames=FRAMES, audio_seconds=0.2, **options).read_bytes()


def write_videos(path: pathlib.Path) -> None:
    """The same video in several containers, beside each other."""
    path.write_bytes(video())
    for suffix in (".mkv", ".ts", ".avi"):
        path.with_name(path.name + suffix).write_bytes(video(suffix))


def patched(data: bytes, box: bytes, offset: int, layout: str, *values: int) -> bytes:
    """Sets numbers behind the name of a box."""
    changed = bytearray(data)
    struct.pack_into(layout, changed, changed.index(box) + offset, *values)
    return bytes(changed)


def at_most(count: int) -> typing.Callable[[object], bool]:
    """True for our error, and for no more frames of the right size than there are."""
    return lambda result: (
        result == REFUSED or (0 < result[0] <= count and all(shape == [48, 64, 3] for shape in result[1]))
    )


def any_size(result: object) -> bool:
    """True for our error, and for up to twelve frames, whatever their size."""
    return result == REFUSED or 0 < result[0] <= FRAMES


def videos() -> list[Case]:
    """See also tests/media/test_hostile.py."""
    from tests.media.test_hostile import SCRIPTS

    mp4 = video()
    made = [
        Case(f"{name} of {url[:12]}", script.format(url=url))
        for name, script in SCRIPTS.items()
        for url in ("../outside/secret.txt", "http://127.0.0.1:9/a.ts")
    ]
    made += [
        Case("nothing", b""),
        Case("zeros", bytes(5000)),
        Case("a page", b"<!DOCTYPE html><html></html>"),
        Case("text", b"no video at all " * 100),
        Case(
            "a picture",
            png(64, 48, zlib.compress((b"\0" + bytes(192)) * 48)),
            lambda result: result == REFUSED or result[0] == 1,
        ),
        Case("an archive", b"PK\x05\x06" + bytes(18)),
        Case("a begin and no more", mp4[:32]),
        Case("an index without data", mp4[: mp4.index(b"mdat") - 4]),
        Case("data without an index", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + mp4[mp4.index(b"mdat") - 4 :]),
        Case("a box of no bytes", patched(mp4, b"moov", -4, ">I", 0), at_most(FRAMES)),
        Case("a box of 4 GB", patched(mp4, b"moov", -4, ">I", 0xFFFFFFF0), at_most(FRAMES)),
        Case("a box in itself", patched(mp4, b"trak", -4, ">I", 8), at_most(FRAMES)),
        Case("2^32 - 1 samples", patched(mp4, b"stsz", 8, ">II", 1, 2**32 - 1)),
        Case("9,000,000 samples of a byte", patched(mp4, b"stsz", 8, ">II", 1, 9_000_000)),
        Case("no samples", patched(mp4, b"stsz", 8, ">II", 0, 0), at_most(FRAMES)),
        Case("samples of 4 GB", patched(mp4, b"stsz", 16, ">I", 0xFFFFFFF0), at_most(FRAMES)),
        Case("2^31 times in the table", patched(mp4, b"stts", 8, ">II", 2**31 - 1, 1), at_most(FRAMES)),
        Case("a frame for an hour", patched(mp4, b"stts", 12, ">II", FRAMES, 2**31 - 1), at_most(FRAMES)),
        Case("chunks behind the file", patched(mp4, b"stco", 12, ">I", 0x7FFFFFF0), at_most(FRAMES)),
        Case("a time base of 0", patched(mp4, b"mdhd", 16, ">I", 0), at_most(FRAMES)),
        Case("a length of all bits", patched(mp4, b"mdhd", 20, ">I", 0xFFFFFFFF), at_most(FRAMES)),
        Case("a matrix of zeros", patched(mp4, b"tkhd", 44, ">9I", *[0] * 9), any_size),
        Case("a matrix of ones", patched(mp4, b"tkhd", 44, ">9i", *[-1] * 9), any_size),
        Case("a stated size of 60,000", patched(mp4, b"avc1", 28, ">HH", 60_000, 60_000), any_size),
        Case("a stated size of 0", patched(mp4, b"avc1", 28, ">HH", 0, 0), any_size),
        Case("another codec", mp4.replace(b"avc1", b"xxxx")),
        Case("AV1 that is none", mp4.replace(b"avc1", b"av01"), any_size),
        Case("a codec of no length", patched(mp4, b"avcC", -4, ">I", 8), any_size),
        Case("a begin of random", np.random.default_rng(1).bytes(2000) + mp4, any_size),
        Case("twice", mp4 + mp4, at_most(2 * FRAMES)),
        Case("something behind it", mp4 + b"PK\x05\x06" + bytes(18), SAME),
        Case("another container", video(".mkv"), SAME),
        Case("a transport stream", video(".ts"), SAME),
        Case("a folder", pathlib.Path.mkdir),
        Case("a link in a circle", lambda path: path.symlink_to(path.name)),
        Case("a device", lambda path: path.symlink_to("/dev/zero")),
    ]
    for suffix in (".mp4", ".mkv", ".ts", ".avi"):
        whole = video(suffix)
        made += [
            Case(f"{suffix} cut to {share:.0%}", whole[: round(len(whole) * share)], at_most(FRAMES))
            for share in (0.02, 0.3, 0.6, 0.97)
        ]
    if hasattr(os, "mkfifo"):
        made.append(Case("a pipe", os.mkfifo))
    return made
