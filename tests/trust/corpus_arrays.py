"""Hostile files of arrays: tracks and checkpoints."""

import io
import pathlib
import struct
import typing
import zipfile

import numpy as np

from faceswap_lib.faces import Face, FaceTrack, VideoTracks
from tests.trust.cases import SAME, Case

BEFORE = [3, True]
"""The checkpoint before is gone on from, as it was written."""


def cases(name: str) -> list[Case]:
    """The hostile files of a reader."""
    return {"tracks": tracks, "checkpoint": checkpoints}[name]()


def make_tracks(seed: int = 0) -> VideoTracks:
    """Two people in a video of ten frames, one of them out of sight for a while."""
    numbers = np.random.default_rng(seed)

    def face() -> Face:
        corner = numbers.uniform(0, 50, 2)
        return Face(
            box_xyxy=np.concatenate([corner, corner + 40]),
            score=float(numbers.uniform()),
            landmarks=numbers.uniform(0, 90, (5, 2)),
        )

    first = FaceTrack(start=0, faces=tuple(face() for _ in range(6)))
    second = FaceTrack(start=2, faces=(face(), None, None, face(), face()))
    return VideoTracks(length=10, tracks=(first, second), cuts=(6,), seen=(1, 2))


def tell_tracks(tracks: VideoTracks) -> list:
    """Says of tracks what tells them from others."""
    faces = [
        [
            number,
            frame,
            [float(value) for value in face.box_xyxy],
            face.score,
            [[float(x) for x in point] for point in face.landmarks],
        ]
        for number, track in enumerate(tracks.tracks)
        for frame, face in track.items()
    ]
    return [tracks.length, list(tracks.cuts), tracks.seen, faces]


def arrays_of_tracks() -> dict[str, np.ndarray]:
    """The arrays of `make_tracks`, as they are stored."""
    import tempfile

    from faceswap_lib.facesets.track_io import write_tracks

    with tempfile.TemporaryDirectory() as folder:
        write_tracks(pathlib.Path(folder), make_tracks())
        with np.load(pathlib.Path(folder) / "tracks.npz") as file:
            return {name: file[name] for name in file.files}


def pack(arrays: typing.Mapping[str, np.ndarray | bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """Packs arrays, or raw bytes in the place of one."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as opened:
        for name, array in arrays.items():
            stream = io.BytesIO()
            if isinstance(array, bytes):
                stream.write(array)
            else:
                np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=True)
            opened.writestr(f"{name}.npy", stream.getvalue())
    return packed.getvalue()


def header(text: str, data: bytes = b"", version: int = 1) -> bytes:
    """An array with a header of one's own."""
    size = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode() + data


class Trap:
    """Ends the process when it is unpickled."""

    def __reduce__(self):
        import os

        return os._exit, (77,)


HEADERS = {
    "a length of 10^12": header("{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000,)}\n"),
    "a length of 10^30": header("{'descr': '<i8', 'fortran_order': False, 'shape': (" + "9" * 30 + ",)}\n"),
    "a length below 0": header("{'descr': '<i8', 'fortran_order': False, 'shape': (-1,)}\n", bytes(8)),
    "two lengths below 0": header("{'descr': '<i8', 'fortran_order': False, 'shape': (-1, -1)}\n", bytes(8)),
    "a length that is true": header("{'descr': '<i8', 'fortran_order': False, 'shape': (True,)}\n", bytes(8)),
    "64 lengths": header("{'descr': '<i8', 'fortran_order': False, 'shape': (" + "1," * 65 + ")}\n", bytes(8)),
    "no shape": header("{'descr': '<i8', 'fortran_order': False}\n", bytes(8)),
    "a shape of texts": header("{'descr': '<i8', 'fortran_order': False, 'shape': ('a',)}\n", bytes(8)),
    "a type that is none": header("{'descr': '<q99', 'fortran_order': False, 'shape': (1,)}\n", bytes(8)),
    "a type of no bytes": header("{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000,)}\n"),
    "objects": header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n", bytes(8)),
    "a header that calls": header("{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': ()}\n"),
    "a header that is deep": header("[" * 5000 + "\n"),
    "a header of 60,000 letters": header("{" + " " * 60_000 + "}\n"),
    "a header without an end": header("{'descr': '<i8', 'fort"),
    "version 3": header("{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}\n", bytes(8), version=3),
    "version 9": header("{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}\n", bytes(8), version=9),
    "a header of 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}",
    "no array": b"text",
    "nothing": b"",
}
"""What stands in the place of one array."""


def set_field(data: bytes, at: int, layout: str, value: int, *, entry: bytes = b"PK\x01\x02") -> bytes:
    """Sets a field of the last entry of an archive's directory, or of what begins with other letters."""
    changed = bytearray(data)
    struct.pack_into(layout, changed, changed.rfind(entry) + at, value)
    return bytes(changed)


def no_archives(valid: bytes) -> dict[str, bytes]:
    """What is no archive, or a damaged one."""
    return {
        "nothing": b"",
        "text": b"no arrays",
        "zeros": bytes(1000),
        "an array alone": HEADERS["a length of 10^12"],
        "pickled": b"\x80\x04c__builtin__\nexit\n(tR.",
        "the end of an archive": b"PK\x05\x06" + bytes(18),
        "a directory beyond the file": b"PK\x05\x06" + bytes(4) + b"\xff" * 12 + bytes(2),
        "a wide directory beyond the file": b"PK\x06\x06"
        + b"\xff" * 52
        + b"PK\x06\x07"
        + b"\xff" * 16
        + b"PK\x05\x06"
        + b"\xff" * 16
        + bytes(2),
        "half": valid[: len(valid) // 2],
        "without its end": valid[:-30],
        "without its begin": valid[30:],
        "an entry that is packed in an unknown way": set_field(valid, 10, "<H", 99),
    }


def tracks() -> list[Case]:
    good = arrays_of_tracks()
    rows = len(good["track"])
    far, nan = good["box_xyxy"].copy(), good["landmarks"].copy()
    far[0, 2], nan[0, 0, 0] = 1e300, np.nan
    turned = good["box_xyxy"][:, [2, 3, 0, 1]]
    changed: dict[str, dict[str, object]] = {
        "length of 10^12": {"length": np.int64(10**12)},
        "length below 0": {"length": np.int64(-1)},
        "length of 0": {"length": np.int64(0)},
        "length of all bits": {"length": np.uint64(2**64 - 1)},
        "length is a list": {"length": np.array([10])},
        "length is a fraction": {"length": np.float64(10)},
        "length is text": {"length": np.array("10")},
        "a frame behind the end": {"frame": good["frame"] + 10},
        "a frame below 0": {"frame": good["frame"] - 1},
        "frames as floats": {"frame": good["frame"].astype(float)},
        "frames as truths": {"frame": good["frame"].astype(bool)},
        "frames as dates": {"frame": good["frame"].astype("M8[s]")},
        "frames as complex": {"frame": good["frame"].astype(complex)},
        "too few frames": {"frame": good["frame"][:-1]},
        "a face twice": {"frame": np.zeros(rows, np.int64)},
        "tracks from 1 on": {"track": good["track"] + 1},
        "tracks below 0": {"track": good["track"] - 1},
        "a track of 2^62": {"track": np.where(good["track"] == 1, 2**62, 0)},
        "tracks in a table": {"track": good["track"][:, None]},
        "a number for tracks": {"track": np.int64(0)},
        "a cut behind the end": {"cuts": np.array([10])},
        "a cut below 0": {"cuts": np.array([-1])},
        "cuts in a table": {"cuts": np.array([[6]])},
        "a box far away": {"box_xyxy": far},
        "boxes turned over": {"box_xyxy": turned},
        "boxes of three": {"box_xyxy": good["box_xyxy"][:, :3]},
        "boxes as records": {"box_xyxy": np.zeros(rows, [("a", "f8")])},
        "a landmark that is no number": {"landmarks": nan},
        "68 landmarks": {"landmarks": np.zeros((rows, 68, 2))},
        "landmarks in space": {"landmarks": np.zeros((rows, 5, 3))},
        "a score above 1": {"score": good["score"] + 1},
        "scores that are no numbers": {"score": good["score"] * np.nan},
        "scores as texts": {"score": good["score"].astype(str)},
        "three counts": {"seen": np.array([1, 2, 3])},
        "counts that fall": {"seen": np.array([2, 1])},
        "counts below 0": {"seen": np.array([-1, 2])},
        "a count beyond all": {"seen": np.array([1, 2**62])},
        "objects": {"score": np.array([Trap()] * rows, object)},
        "another array": {"more": np.zeros(3)},
    }
    made = [Case(name, pack(good | each)) for name, each in changed.items()]
    made += [
        Case(f"no {name}", pack({other: each for other, each in good.items() if other != name}))
        for name in good
        if name != "seen"
    ]
    made += [Case(f"cuts: {name}", pack(good | {"cuts": each})) for name, each in HEADERS.items()]
    made += [Case(f"file: {name}", content) for name, content in no_archives(pack(good)).items()]
    many = np.zeros(2_000_000, np.int64)
    last = np.where(np.arange(rows) == rows - 1, 999_999, good["frame"])
    far_apart = {"length": np.int64(1_000_000), "frame": last}
    uncounted = tell_tracks(make_tracks())
    uncounted[2] = None
    return [
        *made,
        Case("pressed to a thousandth", pack(good | {"cuts": many}, zipfile.ZIP_DEFLATED)),
        Case("a gap of a million frames", pack(good | far_apart), lambda told: told[0] == 1_000_000),
        Case("a thousand arrays", pack(good | {f"x{index}": np.zeros(1) for index in range(1000)})),
        Case("a folder", pathlib.Path.mkdir),
        Case(
            "of a version before, uncounted",
            pack({name: each for name, each in good.items() if name != "seen"}),
            uncounted,
        ),
        Case("packed", pack(good, zipfile.ZIP_DEFLATED), SAME),
        Case("columns first", pack(good | {"box_xyxy": np.asfortranarray(good["box_xyxy"])}), SAME),
        Case("the other order of bytes", pack(good | {"box_xyxy": good["box_xyxy"].astype(">f8")}), SAME),
    ]


def checkpoints() -> list[Case]:
    """Two checkpoints are there; of whatever is wrong with the newer one, the one before is used."""
    from faceswap_lib.training.checkpoint_file import digest_arrays
    from tests.training.test_checkpoint_damage import IMPLAUSIBLE, make_arrays

    def seal(schema: object = 1, **changes) -> dict[str, np.ndarray]:
        stored = {"schema": np.asarray(schema), **make_arrays(5, **changes)}
        return stored | {"digest": np.frombuffer(digest_arrays(stored), np.uint8)}

    good = seal()
    made = [Case(name, pack(seal(**changes)), BEFORE) for name, changes in IMPLAUSIBLE.items()]
    made += [Case(f"schema {value}", pack(seal(value)), BEFORE) for value in (0, 3, -1, 10**9, 1.0, [1], True, "1", [])]
    made += [
        Case(f"without {name}", pack({other: each for other, each in good.items() if other != name}), BEFORE)
        for name in good
    ]
    made += [Case(f"digest: {name}", pack(good | {"digest": each}), BEFORE) for name, each in HEADERS.items()]
    made += [Case(f"weights: {name}", pack(good | {"encoder/000": each}), BEFORE) for name, each in HEADERS.items()]
    made += [Case(f"file: {name}", content, BEFORE) for name, content in no_archives(pack(good)).items()]
    made += [
        Case("objects", pack(good | {"more": np.array([Trap()], object)}), BEFORE),
        Case("another digest", pack(good | {"digest": np.zeros(32, np.uint8)}), BEFORE),
        Case("a digest in hexadecimal", pack(good | {"digest": np.array(good["digest"].tobytes().hex())}), BEFORE),
        Case("pressed to a thousandth", pack(seal(more=np.zeros(2_000_000)), zipfile.ZIP_DEFLATED), BEFORE),
        Case("arrays of another run", pack(good | {"encoder/000": make_arrays(7)["encoder/000"]}), BEFORE),
        Case("a folder", pathlib.Path.mkdir, BEFORE),
        Case("packed", pack(good, zipfile.ZIP_DEFLATED), SAME),
    ]
    return made
