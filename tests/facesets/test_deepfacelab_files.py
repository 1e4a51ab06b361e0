"""Files of DeepFaceLab: an independent writer's are read, and an independent reader reads ours."""

import io
import pickle

import numpy as np
import pytest
from PIL import Image

from faceswap_lib.errors import InputError
from faceswap_lib.facesets.deepfacelab.jpeg_metadata import (
    AlignedFace,
    decode_face,
    decode_mask,
    encode_mask,
    read_metadata,
    write_metadata,
)
from faceswap_lib.facesets.deepfacelab.packed_face import PackedFace
from faceswap_lib.facesets.deepfacelab.pak import PackedFaceset, PackWriter
from faceswap_lib.facesets.deepfacelab.pickle_objects import RestrictedPickleError
from faceswap_lib.facesets.deepfacelab.pickle_writer import EnumMember, dump_pickle
from faceswap_lib.facesets.deepfacelab.plain_values import MaskPolygon
from faceswap_lib.facesets.deepfacelab.restricted_pickle import load_restricted
from tests import deepfacelab_files as dfl
from tests.faces68 import template_points_68

POINTS = template_points_68(64)
VALUES = {
    "none": None,
    "yes": True,
    "no": False,
    "numbers": [0, 255, 256, 65536, -1, -(2**31), 2**31, 2**62, -(2**63), 0.5, -1e300],
    "text": ["", "a" * 255, "b" * 256, "\u65e5\u672c"],
    "bytes": [b"", b"x" * 255, b"y" * 300],
    "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    "empty": [[], {}],
    "many": list(range(2500)),
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_of_every_protocol_are_read(protocol):
    wanted = {name: value for name, value in VALUES.items() if protocol > 2 or name != "bytes"}
    assert load_restricted(pickle.dumps(wanted, protocol)) == wanted


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_arrays_of_old_and_new_numpy_are_read(protocol, module):
    arrays = [
        np.arange(6).astype(kind).reshape(2, 3) for kind in ("u1", "<f4", ">f8", "i2", ">i4", "?", "<u8", "f2")
    ] + [np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.zeros((0, 2)), np.array(3.0)]
    data = dfl.dump(arrays, protocol=protocol, numpy_module=module)
    assert module.encode() in data
    found = load_restricted(data)
    assert isinstance(found, list) and len(found) == len(arrays)
    for array, wanted in zip(found, arrays, strict=True):
        assert array.dtype == wanted.dtype and np.array_equal(array, wanted)


def test_members_of_enumerations_are_numbers():
    assert load_restricted(dfl.dump([dfl.FaceType.HEAD, dfl.SampleType.FACE, dfl.FaceType.HEAD])) == [10, 1, 10]


def test_written_pickles_are_what_python_reads():
    array = np.arange(6, dtype=">f4").reshape(2, 3)
    found = dfl.load(dump_pickle(VALUES | {"array": [array, array[:, ::2]], "member": _member(4)}))
    assert isinstance(found.pop("member"), dfl.FaceType)
    arrays = found.pop("array")
    assert found == VALUES and [type(item) for item in found["tuples"]] == [tuple] * 5
    assert np.array_equal(arrays[0], array) and np.array_equal(arrays[1], array[:, ::2])
    assert arrays[0].dtype == np.float32


def _member(value: int) -> EnumMember:
    return EnumMember("facelib.FaceType", "FaceType", value)


def test_objects_that_no_reader_would_know_are_not_written():
    with pytest.raises(TypeError, match="complex"):
        dump_pickle([1j])


def test_items_of_the_outermost_list_are_converted_one_by_one():
    alive = []

    def convert(item: object) -> object:
        alive.append(item)
        return len(alive)

    assert load_restricted(pickle.dumps([{"a": [1]}, {"a": [2]}], 4), on_item=convert) == [1, 2]
    assert alive == [{"a": [1]}, {"a": [2]}]


@pytest.mark.parametrize("protocol", [3, 4])
def test_metadata_of_an_aligned_face_are_read(protocol):
    polygon = {"type": 0, "pts": np.array([[1, 2], [30, 4], [5, 60]], np.float32)}
    mask = np.zeros((32, 32), np.uint8)
    mask[8:24, 8:24] = 255
    values = dfl.make_values(
        POINTS, seg_ie_polys={"polys": [polygon]}, xseg_mask=np.frombuffer(_png(mask), np.uint8), unknown=[1, {"a": 2}]
    )
    face = read_metadata(dfl.add_segment(dfl.make_jpeg(), dfl.dump(values, protocol=protocol)), "a.jpg")
    assert face is not None
    assert (face.face_type, face.source_filename, face.eyebrows_expand_mod) == ("whole_face", "00017.png", 1.0)
    for name in ("landmarks", "source_landmarks", "image_to_face_mat", "source_rect"):
        assert np.array_equal(getattr(face, name), np.array(values[name])), name
    (found,) = face.seg_ie_polys
    assert not found.includes and np.array_equal(found.points, polygon["pts"])
    decoded = decode_mask(face, "a.jpg")
    assert decoded is not None and np.array_equal(decoded, mask)


def _png(mask: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(mask).save(out, "PNG")
    return out.getvalue()


def test_a_file_without_metadata_has_none_and_foreign_segments_are_passed_over():
    assert read_metadata(dfl.make_jpeg(), "a.jpg") is None
    assert read_metadata(dfl.add_segment(dfl.make_jpeg(), b"Photoshop"), "a.jpg") is None


def test_written_metadata_are_what_pillow_and_python_read_and_the_image_stays():
    jpeg = dfl.make_jpeg(seed=3)
    face = AlignedFace(
        face_type="full_face",
        landmarks=POINTS,
        source_filename="00003.png",
        source_rect=np.array([1.4, 2.6, 30.0, 40.0]),
        source_landmarks=POINTS + 7,
        image_to_face_mat=np.array([[1.0, 0, -7], [0, 1, -7]]),
        seg_ie_polys=(MaskPolygon(True, POINTS[:5]),),
        xseg_mask=encode_mask(np.full((8, 8), 255, np.uint8)),
    )
    written = write_metadata(dfl.add_segment(jpeg, b"\x80old"), face)
    values = dfl.read_segment(written)
    assert values["face_type"] == "full_face" and values["source_rect"] == (1, 3, 30, 40)
    assert values["landmarks"] == POINTS.tolist() and isinstance(values["image_to_face_mat"], np.ndarray)
    assert values["seg_ie_polys"]["polys"][0]["pts"].dtype == np.float32
    assert values["xseg_mask"].dtype == np.uint8 and values["xseg_mask"].ndim == 1
    assert not [name for name, value in values.items() if value is None]
    with Image.open(io.BytesIO(written)) as opened, Image.open(io.BytesIO(jpeg)) as before:
        assert [name for name, _ in opened.applist][0] == "APP0"  # DeepFaceLab's reader needs it
        assert np.array_equal(np.asarray(opened), np.asarray(before))
    again = read_metadata(written, "a.jpg")
    assert again is not None and again.source_landmarks is not None
    assert np.array_equal(again.source_landmarks, POINTS + 7)


def test_large_masks_are_stored_as_jpeg_and_metadata_that_do_not_fit_are_refused():
    noise = np.random.default_rng(0).integers(0, 255, (300, 300), dtype=np.uint8)
    assert encode_mask(noise).startswith(b"\xff\xd8") and encode_mask(noise // 255).startswith(b"\x89PNG")
    face = AlignedFace(face_type="whole_face", landmarks=POINTS, xseg_mask=bytes(65_000))
    with pytest.raises(ValueError, match="65,533"):
        write_metadata(dfl.make_jpeg(), face)


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
@pytest.mark.parametrize(
    "is_right_end", [False, True], ids=["last offset of DeepFaceLab", "last offset like the others"]
)
def test_packed_facesets_of_an_independent_writer_are_read(module, is_right_end, tmp_path):
    files = [dfl.add_segment(dfl.make_jpeg(seed=seed), dfl.dump(dfl.make_values(POINTS))) for seed in range(3)]
    mask = np.frombuffer(_png(np.zeros((4, 4), np.uint8)), np.uint8)
    configs = [
        dfl.make_config("00017_0.jpg", POINTS, 64),
        dfl.make_config("00018_0.jpg", POINTS + 1, 64, face_type=2, sample_type=1, xseg_mask_compressed=mask),
        dfl.make_config("00018_0.jpg", POINTS, 64, person_name="anna", sample_type=dfl.SampleType.FACE_PERSON),
    ]
    offsets = [0, *np.cumsum([len(file) for file in files]).tolist()] if is_right_end else None
    path = tmp_path / "faceset.pak"
    path.write_bytes(dfl.pack(dfl.dump(configs, numpy_module=module), files, offsets=offsets))
    with PackedFaceset(path) as opened:
        assert [opened.read(index) for index in range(3)] == files
        assert [face.face_type for face in opened.faces] == ["whole_face", "full_face", "whole_face"]
        assert [face.label for face in opened.faces] == ["00017_0.jpg", "00018_0.jpg", "anna/00018_0.jpg"]
        assert opened.faces[1].landmarks is not None and np.array_equal(opened.faces[1].landmarks, POINTS + 1)
        assert opened.faces[1].xseg_mask == mask.tobytes()
        assert opened.faces[0].shape == (64, 64, 3) and opened.faces[0].seg_ie_polys[0].includes


def test_a_packed_faceset_is_what_an_independent_reader_reads(tmp_path):
    files = [write_metadata(dfl.make_jpeg(seed=n), _aligned(n)) for n in range(3)]
    with PackWriter(tmp_path / "faceset.pak") as writer:
        for number, data in enumerate(files):
            person = "anna" if number == 2 else ""
            writer.add(_entry(f"0000{number}_0.jpg", number, person), data)
    configs, found = dfl.unpack((tmp_path / "faceset.pak").read_bytes())
    assert found == files
    assert [config["filename"] for config in configs] == ["00000_0.jpg", "00001_0.jpg", "00002_0.jpg"]
    assert [config["person_name"] for config in configs] == [None, None, "anna"]
    assert [config["sample_type"] for config in configs] == [1, 1, 2]
    assert all(type(config["face_type"]) is dfl.FaceType for config in configs)
    assert configs[1]["landmarks"] == (POINTS + 1).tolist() and configs[1]["shape"] == (64, 64, 3)
    assert set(configs[0]) == set(dfl.make_config("a", POINTS, 64))
    assert [path.name for path in tmp_path.iterdir()] == ["faceset.pak"]


def _aligned(number: int) -> AlignedFace:
    return AlignedFace(face_type="whole_face", landmarks=POINTS + number)


def _entry(name: str, number: int, person: str = "") -> PackedFace:
    return PackedFace(
        name=name, face_type="whole_face", shape=(64, 64, 3), landmarks=POINTS + number, person_name=person
    )


def test_an_error_while_a_pack_is_written_leaves_the_one_before(tmp_path):
    path = tmp_path / "faceset.pak"
    path.write_bytes(b"before")
    with pytest.raises(RuntimeError), PackWriter(path) as writer:
        writer.add(_entry("a.jpg", 0), b"jpeg")
        raise RuntimeError
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


def test_the_memory_for_an_index_does_not_grow_with_what_is_not_kept(tmp_path):
    import tracemalloc

    unused = np.zeros(10_000, np.uint8)
    index = dfl.dump(
        [dfl.make_config(f"{n:05d}.jpg", POINTS, 64, landmarks=None, other=unused.copy()) for n in range(3000)]
    )
    path = tmp_path / "faceset.pak"
    path.write_bytes(dfl.pack(index, [b"x"] * 3000))
    assert len(index) > 30_000_000
    tracemalloc.start()
    try:
        with PackedFaceset(path) as opened:
            assert len(opened) == 3000
        assert tracemalloc.get_traced_memory()[1] < 20_000_000  # a third of the faces at a time
    finally:
        tracemalloc.stop()


def test_images_are_decoded_and_their_limit_is_said(monkeypatch):
    jpeg = dfl.make_jpeg(64, seed=5)
    with Image.open(io.BytesIO(jpeg)) as opened:
        assert np.array_equal(decode_face(jpeg, "a.jpg"), np.asarray(opened))
    monkeypatch.setenv("FACESWAP_MAX_FACE_PIXELS", "4000")
    with pytest.raises(InputError, match="FACESWAP_MAX_FACE_PIXELS=4096"):
        decode_face(jpeg, "a.jpg")


def test_a_list_that_is_referred_to_twice_is_refused():
    points = [1, 2]
    with pytest.raises(RestrictedPickleError, match="refers to value"):
        load_restricted(pickle.dumps([points, points], 4))
