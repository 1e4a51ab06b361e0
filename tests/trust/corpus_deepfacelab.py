"""Hostile facesets of DeepFaceLab: pickles that run code or ask for memory, packs and JPEG files that lie."""

import collections
import functools
import os
import pathlib
import pickle
import random
import struct
import typing
import zlib

import numpy as np

from tests import deepfacelab_files as dfl
from tests.faces68 import template_points_68
from tests.trust.cases import SAME, Case
from tests.trust.corpus_facesets import no_files

SIZE = 64
POINTS = template_points_68(SIZE)
SENTINEL = "pickle-ran"
"""Name of the file that the evil pickles would create in the current folder."""


def cases(name: str) -> list[Case]:
    """The hostile files of a reader."""
    return packs() if name == "packed faceset" else faces()


def write_pack(path: pathlib.Path) -> None:
    """A valid pack of two faces, and another one."""
    path.write_bytes(valid_pack())
    path.with_name(path.name + ".other").write_bytes(dfl.pack(dfl.dump(configs(3), protocol=3), files(3)))


def write_face(path: pathlib.Path) -> None:
    """A valid face, and one whose metadata are of another protocol."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(face_file())
    other = dfl.dump(dfl.make_values(POINTS, xseg_mask=np.frombuffer(png(8, 8), np.uint8)), protocol=3)
    path.with_name(path.name + ".other").write_bytes(dfl.add_segment(dfl.make_jpeg(SIZE, 2), other))


def configs(count: int = 2) -> list[dict[str, typing.Any]]:
    return [dfl.make_config(f"{number:05d}_0.jpg", POINTS, SIZE) for number in range(count)]


def files(count: int = 2) -> list[bytes]:
    return [face_file(source_filename=f"{number:05d}.png") for number in range(count)]


@functools.cache
def valid_pack() -> bytes:
    return dfl.pack(dfl.dump(configs()), files())


def face_file(**values: object) -> bytes:
    return dfl.add_segment(dfl.make_jpeg(SIZE), dfl.dump(dfl.make_values(POINTS, **values)))


# Pickles --------------------------------------------------------------------------------------------------------------


class _Call:
    """Pickles as a call of a function."""

    def __init__(self, function: typing.Callable, *arguments: object):
        self._called = function, arguments

    def __reduce__(self) -> tuple:
        return self._called


def evil_objects() -> dict[str, bytes]:
    touch = f"open({SENTINEL!r}, 'w').close()"
    made = {
        "os.system": _Call(os.system, f"touch {SENTINEL}"),
        "eval": _Call(eval, touch),
        "exec": _Call(exec, touch),
        "open": _Call(open, SENTINEL, "w"),
        "getattr": _Call(getattr, os, "system"),
        "a function of numpy": _Call(np.zeros, 10**12),
        "an ordered dict": collections.OrderedDict(a=1),
        "a path": pathlib.PurePosixPath("/etc/passwd"),
        "a set": {1},
        "a numpy scalar": np.float64(1),
        "an array of objects": np.array([{}], object),
        "an array of text": np.array(["a"]),
        "a structured array": np.zeros(2, [("a", "f4")]),
        "a subclass of arrays": np.ma.masked_array([1.0], [True]),
        "complex": 1j,
        "a slice of bytes": bytearray(5),
    }
    pickles = {name: pickle.dumps(value, 4) for name, value in made.items() if name != "getattr"}
    pickles["os.system, old opcodes"] = f"cos\nsystem\n(S'touch {SENTINEL}'\ntR.".encode()
    pickles["os.system, INST"] = f"(S'touch {SENTINEL}'\nios\nsystem\n.".encode()
    pickles["os.system, OBJ"] = f"(cos\nsystem\nS'touch {SENTINEL}'\no.".encode()
    pickles["os.system, NEWOBJ"] = b"\x80\x02cos\nsystem\nU\x05touch\x85\x81."
    pickles["builtins by name"] = b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R."
    pickles["a dotted name"] = b"\x80\x04\x8c\x05numpy\x8c\x14core.multiarray.load\x93."
    pickles["an extension"] = b"\x80\x02\x82\x01."
    pickles["a persistent object"] = b"\x80\x02U\x01aQ."
    pickles["numpy.load"] = b"\x80\x04\x8c\x05numpy\x8c\x04load\x93\x8c\x01a\x85R."
    pickles["the real class of another module"] = b"\x80\x04\x8c\x10samplelib.Sample\x8c\x06Sample\x93)R."
    pickles["a call of ndarray"] = b"\x80\x04\x8c\x05numpy\x8c\x07ndarray\x93(J\xff\xff\xff\x7ft\x85R."
    pickles["an enumeration by text"] = b"\x80\x04\x8c\x10facelib.FaceType\x8c\x08FaceType\x93\x8c\x01a\x85R."
    pickles["an unknown member"] = b"\x80\x04\x8c\x10facelib.FaceType\x8c\x08FaceType\x93K\x63\x85R."
    return pickles


def bombs() -> dict[str, bytes]:
    array = dfl.dump(np.zeros((2, 2), np.float32))
    at = array.index(b"K\x02K\x02\x86")
    return {
        "10 GB in an array": array[:at] + b"J\x00\x00\x00\x7fJ\x00\x00\x00\x7f\x86" + array[at + 5 :],
        "a negative side": array[:at] + b"J\xff\xff\xff\xffK\x02\x86" + array[at + 5 :],
        "a side that is a text": array[:at] + b"\x8c\x012K\x02\x86" + array[at + 5 :],
        "2^60 bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"abc.",
        "2^63 bytes of text": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 63) + b"abc.",
        "4 GB of bytes": b"\x80\x04B" + struct.pack("<I", (1 << 32) - 1) + b"abc.",
        "bytes of a negative length": b"\x80\x02T" + struct.pack("<i", -1) + b"abc.",
        "a frame of 2^62": b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b"N.",
        "memo number 2^32": b"\x80\x02]r" + struct.pack("<I", (1 << 32) - 1) + b".",
        "a reference to nothing": b"\x80\x02h\x05.",
        "a billion lists by references": _laughs(),
        "a list in itself": b"\x80\x02]q\x00h\x00a.",
        "a dict in itself": b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",
        "a deep tuple": b"\x80\x02)" + b"\x85" * 30_000 + b".",
        "a deep list": b"\x80\x02" + b"]" * 30_000 + b"a" * 29_999 + b".",
        "a deep tuple as key": b"\x80\x02}" + b")" + b"\x85" * 30_000 + b"Ns.",
        "a number as key": b"\x80\x02}K\x01Ns.",
        "an integer of 10,000 bytes": b"\x80\x02\x8b" + struct.pack("<I", 10_000) + b"\x7f" * 10_000 + b".",
        "an integer of 200 bytes": b"\x80\x02\x8a\xc8" + b"\x7f" * 200 + b".",
        "marks alone": b"\x80\x02" + b"(" * 60_000,
        "no value": b"\x80\x02.",
        "two values": b"\x80\x02NN.",
        "no end": b"\x80\x02}",
        "bytes after the end": b"\x80\x02}.NNNN",
        "a list of a text": b"\x80\x02X\x01\x00\x00\x00aNa.",
        "an opcode without values": b"\x80\x02u.",
        "a value before a mark": b"\x80\x02](Na.",
        "a text that is not UTF-8": b"\x80\x02X\x02\x00\x00\x00\xff\xfe.",
        "a global without end": b"\x80\x02cos.system.",
        "protocol 0": pickle.dumps({"face_type": "whole_face"}, 0),
        "noise": random.Random(1).randbytes(5000),
    }


def _laughs() -> bytes:
    """A list of ten lists of ten lists and so on, thirty levels deep, in a few bytes."""
    value: list = []
    for _ in range(30):
        value = [value] * 10
    return pickle.dumps(value, 4)


# Values ---------------------------------------------------------------------------------------------------------------


def png(width: int, height: int, *, claims: tuple[int, int] | None = None) -> bytes:
    """A black PNG file of one bit per pixel, which may claim to be larger."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", *(claims or (width, height)), 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(height * (1 + (width + 7) // 8)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _moved(row: int, value: object) -> list:
    points: list = POINTS.tolist()
    points[row] = value
    return points


WRONG_POINTS = {
    "landmarks are NaN": _moved(3, [float("nan"), 1.0]),
    "landmarks are infinite": _moved(3, [float("inf"), 1.0]),
    "landmarks are 1e308": _moved(3, [1e308, -1e308]),
    "landmarks are texts": _moved(3, ["1", "2"]),
    "landmarks are nested": _moved(3, [[1.0], [2.0]]),
    "landmarks are true": _moved(3, [True, False]),
    "a landmark has three numbers": _moved(3, [1.0, 2.0, 3.0]),
    "67 landmarks": POINTS[:67].tolist(),
    "5 landmarks": POINTS[:5].tolist(),
    "landmarks are a text": "x" * 68,
    "landmarks are an array of another shape": POINTS.reshape(2, 68),
    "landmarks are truth values": np.ones((68, 2), bool),
    "landmarks are a dict": {"a": 1},
}

LANDMARKS_OF_NO_FACE = {
    "a face four times as large as its image": ((POINTS - 32) * 4 + 32).tolist(),
    "all landmarks in one place": np.full((68, 2), 10.0).tolist(),
    "landmarks a million pixels apart": (POINTS * 15_000).tolist(),
    "landmarks far outside": (POINTS + 900_000).tolist(),
    "landmarks a billionth of a pixel apart": (POINTS * 1e-9).tolist(),
}

WRONG_NAMES = (
    "../../x.jpg",
    "/etc/x.jpg",
    "a/b.jpg",
    "a\\b.jpg",
    "C:\\x.jpg",
    "",
    ".",
    "..",
    "a\0.jpg",
    "\x1b[2J.jpg",
    3,
)
WRONG_FILE_NAMES = (
    *WRONG_NAMES,
    "C:x.jpg",
    "con.jpg",
    "NUL.jpg",
    "x.jpg.",
    ".x.jpg",
    "x.exe",
    "x" * 300 + ".jpg",
    "x.jpg:s",
)


def _wrong_values() -> dict[str, dict[str, object]]:
    """What no metadata of a face and no entry of an index may hold."""
    polygons = {"polys": [{"type": 1, "pts": np.zeros((3, 2), np.float32)}] * 300}
    return {
        **{name: {"landmarks": points} for name, points in WRONG_POINTS.items()},
        **{f"source_filename is {name!r:.20}": {"source_filename": name} for name in WRONG_NAMES if name != ""},
        "eyebrows_expand_mod is NaN": {"eyebrows_expand_mod": float("nan")},
        "eyebrows_expand_mod is a text": {"eyebrows_expand_mod": "1"},
        "300 polygons": {"seg_ie_polys": polygons},
        "polygons are a list": {"seg_ie_polys": [1]},
        "a polygon of another type": {"seg_ie_polys": {"polys": [{"type": 7, "pts": np.zeros((3, 2))}]}},
        "a polygon of 10,000 points": {"seg_ie_polys": {"polys": [{"type": 1, "pts": np.zeros((10_000, 2), "u1")}]}},
        "points of a polygon are NaN": {"seg_ie_polys": {"polys": [{"type": 1, "pts": np.full((3, 2), np.nan)}]}},
    }


# Packs ----------------------------------------------------------------------------------------------------------------


@functools.cache
def packs() -> list[Case]:
    index, data = dfl.dump(configs()), files()
    whole, begin = valid_pack(), 16 + len(index) + 24
    first, ends = len(data[0]), begin + len(data[0]) + len(data[1])

    def with_offsets(*offsets: int) -> bytes:
        return dfl.pack(index, data, offsets=offsets)

    def with_entry(**values: object) -> bytes:
        return dfl.pack(dfl.dump([configs()[0] | values, configs()[1]]), data)

    def with_file(content: bytes) -> bytes:
        return dfl.pack(index, [content, data[1]])

    made = {f"index: {name}": dfl.pack(content, data) for name, content in (evil_objects() | bombs()).items()}
    made |= {f"evil in an entry: {name}": _in_entry(content) for name, content in evil_objects().items()}
    made |= {f"entry: {name}": with_entry(**values) for name, values in _wrong_values().items()}
    made |= {f"filename is {name!r:.20}": with_entry(filename=name) for name in WRONG_FILE_NAMES}
    made |= {f"person_name is {name!r:.20}": with_entry(person_name=name) for name in WRONG_NAMES if name}
    made |= {
        f"cut off after {size:,} bytes": whole[:size]
        for size in (0, 7, 15, 16, 40, 16 + len(index), begin - 8, begin, begin + 100, begin + first, len(whole) - 1)
    }
    made |= {
        "version 0": dfl.pack(index, data, version=0),
        "version 2": dfl.pack(index, data, version=2),
        "version 2^63": dfl.pack(index, data, version=1 << 63),
        "lowest byte last": struct.pack(">QQ", 1, len(index)) + whole[16:],
        "an index of 2^63 bytes": whole[:8] + struct.pack("<Q", 1 << 63) + whole[16:],
        "an index of no bytes": whole[:8] + bytes(8) + whole[16:],
        "an index that is too short": whole[:8] + struct.pack("<Q", len(index) - 1) + whole[16:],
        "an index that is too long": whole[:8] + struct.pack("<Q", len(index) + 1) + whole[16:],
        "the first offset is not 0": with_offsets(8, first, ends),
        "offsets in the wrong order": with_offsets(0, first + 8, first) + bytes(8),
        "two equal offsets": with_offsets(0, 0, ends),
        "an offset of 2^63": with_offsets(0, 1 << 63, ends),
        "an offset of 2^64 - 1": with_offsets(0, (1 << 64) - 1, ends),
        "an offset behind the file": with_offsets(0, ends, ends),
        "the last offset is too large": with_offsets(0, first, ends + 1),
        "the last offset is too small": with_offsets(0, first, ends - 1),
        "the last offset is -1": with_offsets(0, first, (1 << 64) - 1),
        "bytes after the last face": whole + b"PK\x05\x06" + bytes(18),
        "more faces than files": dfl.pack(dfl.dump(configs(300)), data),
        "no faces": dfl.pack(dfl.dump([]), []),
        "an index that is a dict": dfl.pack(dfl.dump(configs()[0]), data),
        "an index of numbers": dfl.pack(dfl.dump([1, 2]), data),
        "an index of lists": dfl.pack(dfl.dump([[], []]), data),
        "a name twice": with_entry(filename="00001_0.jpg"),
        "a name twice, in capitals": with_entry(filename="00001_0.JPG"),
        "two people": with_entry(person_name="anna"),
        "face_type is 7": with_entry(face_type=7),
        "face_type is a text": with_entry(face_type="whole_face"),
        "face_type is a fraction": with_entry(face_type=4.0),
        "shape is negative": with_entry(shape=(-1, 64, 3)),
        "shape is huge": with_entry(shape=(1 << 40, 1 << 40, 3)),
        "shape is short": with_entry(shape=(64,)),
        "bytes before the first face": dfl.pack(index, [bytes(8) + data[0], data[1]], offsets=(8, 8 + first, ends + 8)),
        "a deep tuple in an entry": _with_value(b")" + b"\x85" * 30_000),
        "a deep list in an entry": _with_value(b"]" * 30_000 + b"a" * 29_999),
        "a billion lists in an entry": _in_entry(bombs()["a billion lists by references"]),
        "a mask that is a text": with_entry(xseg_mask_compressed="x"),
        "a mask of 2 MB": with_entry(xseg_mask_compressed=np.zeros(2_000_000, np.uint8)),
        "a million empty lists in an entry": with_entry(other=[[] for _ in range(1_000_000)], more=[1] * 1_100_000),
        "a face that is no JPEG": with_file(b"MZ" + bytes(500)),
        "a face that is a PNG": with_file(png(64, 64)),
        "a face that is cut off": with_file(data[0][: len(data[0]) // 2]),
        "a face of noise": with_file(data[0][:-800] + random.Random(2).randbytes(300)),
        "a ZIP": b"PK\x03\x04" + bytes(100),
    }
    with_evil = {f"evil in a face: {name}": with_file(content) for name, content in _evil_faces().items()}
    right = {
        "the last offset like the others": (with_offsets(0, first, first + len(data[1])), SAME),
        "an index of protocol 3": (dfl.pack(dfl.dump(configs(), protocol=3), data), SAME),
        "an unknown value": (_with_value(b")\x85\x85"), SAME),
        "an unknown key": (with_entry(other={"a": [1, 2]}), SAME),
    }
    return [
        *(Case(name, content) for name, content in (made | with_evil).items()),
        *(Case(name, content, verdict) for name, (content, verdict) in right.items()),
        *no_files(),
    ]


def _in_entry(content: bytes) -> bytes:
    """Puts a pickle, without its first and last opcodes, into the place of a value in an index."""
    body = (
        dfl.strip_frames(content)[2 if content[:1] == b"\x80" else 0 : -1] if content[:1] == b"\x80" else content[:-1]
    )
    entry = b"}X\x05\x00\x00\x00other" + body + b"s"
    return dfl.pack(b"\x80\x04]" + entry + b"a.", files(1))


def _with_value(opcodes: bytes) -> bytes:
    """Adds a value to a valid entry."""
    index = dfl.dump([configs()[0] | {"other": "VALUE"}, configs()[1]])
    return dfl.pack(index.replace(b"\x8c\x05VALUE", opcodes), files())


# Faces ----------------------------------------------------------------------------------------------------------------


def _evil_faces() -> dict[str, bytes]:
    jpeg = dfl.make_jpeg(SIZE)
    pickles = {name: content for name, content in (evil_objects() | bombs()).items() if content[:1] == b"\x80"}
    return {name: dfl.add_segment(jpeg, content) for name, content in pickles.items() if len(content) < 65_000}


def faces() -> list[Case]:
    jpeg, whole = dfl.make_jpeg(SIZE), face_file()
    scan = whole.index(b"\xff\xda")

    def with_mask(mask: bytes) -> bytes:
        return face_file(xseg_mask=np.frombuffer(mask, np.uint8))

    def with_size(width: int, height: int) -> bytes:
        at = whole.index(b"\xff\xc0") + 5
        return whole[:at] + struct.pack(">HH", height, width) + whole[at + 4 :]

    made = {f"metadata: {name}": content for name, content in _evil_faces().items()}
    made |= {name: face_file(**values) for name, values in _wrong_values().items()}
    made |= {name: face_file(landmarks=points) for name, points in LANDMARKS_OF_NO_FACE.items()}
    made |= {f"cut off after {size:,} bytes": whole[:size] for size in (0, 1, 2, 3, 20, 30, scan, scan + 2, scan + 40)}
    made |= {
        "no metadata": jpeg,
        "metadata of another program": dfl.add_segment(jpeg, b"Ducky"),
        "a list of metadata": dfl.add_segment(jpeg, dfl.dump([1])),
        "face_type is unknown": face_file(face_type="quarter_face"),
        "face_type is a number": face_file(face_type=4),
        "no face_type": face_file(face_type=None),
        "no landmarks": face_file(landmarks=None),
        "source_landmarks are NaN": face_file(source_landmarks=(POINTS * np.nan).tolist()),
        "image_to_face_mat is 3 x 3": face_file(image_to_face_mat=np.eye(3)),
        "image_to_face_mat is NaN": face_file(image_to_face_mat=np.full((2, 3), np.nan)),
        "source_rect has five numbers": face_file(source_rect=(1, 2, 3, 4, 5)),
        "a mask that is a list": face_file(xseg_mask=[1, 2]),
        "a mask of no bytes": face_file(xseg_mask=b""),
        "a mask that is a ZIP": with_mask(b"PK\x03\x04" + bytes(100)),
        "a mask that is a TIFF": with_mask(b"II*\0" + bytes(100)),
        "a mask of 400 million pixels": with_mask(png(20_000, 20_000)),
        "a mask that claims 4 billion pixels": with_mask(png(8, 8, claims=(65_000, 65_000))),
        "a mask that is cut off": with_mask(png(64, 64)[:45]),
        "65,535 x 65,535 pixels": with_size(65_535, 65_535),
        "no width": with_size(0, 64),
        "2,000 segments": whole[:2] + b"\xff\xe1\x00\x02" * 2000 + whole[2:],
        "a segment of length 0": whole[:2] + b"\xff\xe1\x00\x00" + whole[2:],
        "a segment that is too long": whole[:2] + b"\xff\xe1\xff\xff" + whole[2:100],
        "fill bytes alone": b"\xff\xd8" + b"\xff" * 100_000,
        "a start in the start": b"\xff\xd8" + whole,
        "a PNG": png(64, 64),
        "a program": b"MZ" + bytes(1000),
    }
    right = {
        "metadata of protocol 3": dfl.add_segment(jpeg, dfl.dump(dfl.make_values(POINTS), protocol=3)),
        "arrays of numpy 2": dfl.add_segment(
            jpeg, dfl.dump(dfl.make_values(POINTS), numpy_module="numpy._core.multiarray")
        ),
        "an unknown key": face_file(other=[1, {"a": b"x"}]),
        "a rectangle that is none": face_file(source_rect=(9, 9, 1, 1)),
    }
    return [
        *(Case(name, content) for name, content in made.items()),
        *(Case(name, content, lambda result: result[0] == 1) for name, content in right.items()),
        *(case for case in no_files()),
    ]
