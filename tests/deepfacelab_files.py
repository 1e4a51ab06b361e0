"""Files of DeepFaceLab, written and read from the facts about their bytes alone, with Python's own pickle.

Nothing here uses the code of the library, so that it cannot repeat its mistakes.
"""

import contextlib
import enum
import io
import pickle
import pickletools
import struct
import sys
import types
import typing

import numpy as np
from PIL import Image, JpegImagePlugin


class SampleType(enum.IntEnum):
    IMAGE = 0
    FACE = 1
    FACE_PERSON = 2
    FACE_TEMPORAL_SORTED = 3


class FaceType(enum.IntEnum):
    HALF = 0
    MID_FULL = 1
    FULL = 2
    FULL_NO_ALIGN = 3
    WHOLE_FACE = 4
    HEAD = 10
    HEAD_NO_ALIGN = 20
    MARK_ONLY = 100


MODULES = {"samplelib.Sample": SampleType, "facelib.FaceType": FaceType}


@contextlib.contextmanager
def deepfacelab_modules() -> typing.Iterator[None]:
    """Makes the enumerations importable under the names that they have in DeepFaceLab."""
    before = dict(sys.modules)
    for name, kind in MODULES.items():
        package, _, _ = name.partition(".")
        sys.modules.setdefault(package, types.ModuleType(package))
        module = types.ModuleType(name)
        setattr(module, kind.__name__, kind)
        kind.__module__ = name
        sys.modules[name] = module
    try:
        yield
    finally:
        for name, kind in MODULES.items():
            kind.__module__ = __name__
            sys.modules.pop(name)
            if name.partition(".")[0] not in before:
                sys.modules.pop(name.partition(".")[0], None)


def dump(value: object, *, protocol: int = 4, numpy_module: str = "numpy.core.multiarray") -> bytes:
    """Pickles as a program does whose numpy has its functions in this module."""
    with deepfacelab_modules():
        data = strip_frames(pickle.dumps(value, protocol))
    here = np.ndarray.__reduce__(np.zeros(1))[0].__module__
    for form in (lambda name: f"c{name}\n".encode(), lambda name: bytes([0x8C, len(name)]) + name.encode()):
        data = data.replace(form(here), form(numpy_module))
    return data


def strip_frames(data: bytes) -> bytes:
    """Takes out the lengths of frames, which are only hints, so that the pickle may be edited."""
    frames = [at for opcode, _, at in pickletools.genops(data) if opcode.name == "FRAME" and at is not None]
    begins, ends = [0, *(at + 9 for at in frames)], [*frames, len(data)]
    return b"".join(data[begin:end] for begin, end in zip(begins, ends, strict=True))


class _Unpickler(pickle.Unpickler):
    """Python's own unpickler, as DeepFaceLab's Python has it: numpy by its old name."""

    def find_class(self, module: str, name: str) -> typing.Any:
        assert not module.startswith("numpy._core"), "older versions of numpy do not have this module"
        if module in MODULES:
            return getattr(types.SimpleNamespace(SampleType=SampleType, FaceType=FaceType), name)
        if module == "numpy.core.multiarray" and name == "_reconstruct":
            return np.ndarray.__reduce__(np.zeros(1))[0]
        assert (module, name) in {("numpy", "ndarray"), ("numpy", "dtype")}
        return getattr(np, name)


def load(data: bytes) -> typing.Any:
    """Unpickles what this library wrote."""
    return _Unpickler(io.BytesIO(data)).load()


def make_jpeg(size: int = 64, seed: int = 0) -> bytes:
    """A JPEG file of a smooth random picture."""
    small = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC).save(out, "JPEG", quality=95)
    return out.getvalue()


def add_segment(jpeg: bytes, content: bytes, marker: int = 0xEF) -> bytes:
    """Puts a segment right after the start of a JPEG file's first segment."""
    end = 4 + struct.unpack(">H", jpeg[4:6])[0]
    return jpeg[:end] + bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + jpeg[end:]


def read_segment(jpeg: bytes) -> dict:
    """Reads the metadata of a JPEG file, found by Pillow."""
    opened = typing.cast(JpegImagePlugin.JpegImageFile, Image.open(io.BytesIO(jpeg)))
    found = [content for name, content in opened.applist if name == "APP15"]
    assert len(found) == 1
    return load(found[0])


def make_values(landmarks: np.ndarray, /, **values: object) -> dict[str, object]:
    """Metadata of a face that was cut out of a frame at (100, 50) and made twice as large."""
    matrix = np.array([[2.0, 0.0, -200.0], [0.0, 2.0, -100.0]])
    source = (landmarks - matrix[:, 2]) / 2
    made = {
        "face_type": "whole_face",
        "landmarks": landmarks.tolist(),
        "source_filename": "00017.png",
        "source_rect": tuple(int(side) for side in (*source.min(0), *source.max(0))),
        "source_landmarks": source.tolist(),
        "image_to_face_mat": matrix,
        "eyebrows_expand_mod": 1.0,
    }
    return {name: value for name, value in (made | values).items() if value is not None}


def make_config(name: str, landmarks: np.ndarray, size: int, /, **values: object) -> dict[str, object]:
    """Entry of a face in the index of a packed faceset."""
    made: dict[str, object] = {
        "sample_type": SampleType.FACE,
        "filename": name,
        "face_type": FaceType.WHOLE_FACE,
        "shape": (size, size, 3),
        "landmarks": landmarks.tolist(),
        "seg_ie_polys": {"polys": [{"type": 1, "pts": np.array([[1, 2], [3, 4], [5, 9]], np.float32)}]},
        "xseg_mask": None,
        "xseg_mask_compressed": None,
        "eyebrows_expand_mod": 1.0,
        "source_filename": "00017.png",
        "person_name": None,
    }
    return made | values


def pack(
    index: bytes, files: typing.Sequence[bytes], *, version: int = 1, offsets: typing.Sequence[int] | None = None
) -> bytes:
    """Puts a packed faceset together, with the last offset as DeepFaceLab writes it."""
    begin = 16 + len(index) + 8 * (len(files) + 1)
    if offsets is None:
        ends = np.cumsum([0, *map(len, files)]).tolist()
        offsets = [*ends[:-1], begin + ends[-1]]
    numbers = b"".join(struct.pack("<Q", offset) for offset in offsets)
    return struct.pack("<QQ", version, len(index)) + index + numbers + b"".join(files)


def unpack(data: bytes) -> tuple[list[dict], list[bytes]]:
    """Reads a packed faceset as DeepFaceLab does: the last face is read up to an offset that is too large."""
    version, size = struct.unpack_from("<QQ", data)
    assert version == 1
    configs = load(data[16 : 16 + size])
    begin = 16 + size + 8 * (len(configs) + 1)
    offsets = struct.unpack_from(f"<{len(configs) + 1}Q", data, 16 + size)
    assert offsets[-1] == len(data)
    stream, files = io.BytesIO(data), []
    for first, last in zip(offsets, offsets[1:], strict=False):
        stream.seek(begin + first)
        files.append(stream.read(last - first))
    return configs, files
