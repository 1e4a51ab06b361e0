"""Packs read and written by the description in docs/facesets.md alone, without any code of the package for packs.

ZIP, too, is read and written here byte by byte, by its public description (APPNOTE.TXT of PKWARE).
"""

import dataclasses
import hashlib
import json
import pathlib
import re
import struct
import zlib

import cv2
import numpy as np
import pytest
import yaml

from faceswap_lib.facesets import (
    CropRecord,
    Faceset,
    Workspace,
    exclude_crops,
    list_excluded,
    pack_faceset,
    read_consent,
    unpack_faceset,
    write_eye_masks,
)
from faceswap_lib.facesets.consent import record_consent
from faceswap_lib.media import write_image
from tests.conftest import ROOT, contents

LOCAL, ENTRY, END = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s4H2IH")
"""The header before a file, an entry of the directory, and the end of the directory, of a ZIP archive."""


# Reading -------------------------------------------------------------------------------------------------------------


def read_zip(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Reads offset and bytes of each file of a ZIP archive without comment, ZIP64 and compression, in its order."""
    magic, _, _, _, count, _, at, comment = END.unpack(data[-END.size :])
    assert magic == b"PK\x05\x06" and comment == 0
    files = {}
    for _ in range(count):
        entry = ENTRY.unpack_from(data, at)
        magic, flags, method, crc, packed, size = entry[0], entry[3], entry[4], entry[7], entry[8], entry[9]
        name_size, extra_size, comment_size, begin = *entry[10:13], entry[16]
        assert magic == b"PK\x01\x02" and method == 0 and packed == size and not flags & 1
        name = data[at + ENTRY.size :][:name_size].decode()
        at += ENTRY.size + name_size + extra_size + comment_size
        local = LOCAL.unpack_from(data, begin)
        assert local[0] == b"PK\x03\x04"
        offset = begin + 30 + sum(local[-2:])
        content = data[offset : offset + size]
        assert zlib.crc32(content) == crc and name not in files
        files[name] = offset, content
    return files


def read_lines(data: bytes) -> list[dict]:
    assert data == b"" or data.endswith(b"\n")
    return [json.loads(line) for line in data.decode().split("\n")[:-1]]


def read_pack(data: bytes) -> dict[str, bytes]:
    """Reads the files of a pack, and checks everything that the description promises about index and digest."""
    files = read_zip(data)
    names = list(files)
    assert names[0] == "pack/header.json" and names[-2:] == ["pack/index.jsonl", "pack/digest.txt"]
    assert len({name.casefold() for name in names}) == len(names)
    index = files["pack/index.jsonl"][1]
    assert files["pack/digest.txt"][1] == hashlib.sha256(index).hexdigest().encode() + b"\n"
    lines = read_lines(index)
    assert [line["name"] for line in lines] == names[:-2]
    for line in lines:
        offset, content = files[line["name"]]
        assert line == {
            "name": line["name"],
            "offset": offset,
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        assert data[line["offset"] :][: line["size"]] == content
    return {name: content for name, (_, content) in files.items()}


def decode(data: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


def without_suffix(names) -> set[str]:
    return {name.rpartition(".")[0] for name in names}


def test_a_reader_of_the_description_finds_every_crop_and_what_is_said_of_it(
    workspace_copy: Workspace, portrait_clips: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path
):
    exclude_crops(workspace_copy, "src", ["000003.jpg", "000004.jpg"])
    write_image(workspace_copy.occlusion_masks("src") / "000000.png", np.full((256, 256), 255, np.uint8))
    record_consent(workspace_copy, "Anna and Ben agreed")
    path = pack_faceset(workspace_copy, "a", tmp_path / "anna.fspack").path
    files = read_pack(path.read_bytes())
    header = json.loads(files["pack/header.json"])
    assert header == {"format": "faceswap-pack", "version": 1, "crops": 36, "set_aside": 2}

    lines = read_lines(files["faces/manifest.jsonl"])
    aside = read_lines(files["faces/set_aside/manifest.jsonl"])
    crops = {name.removeprefix("faces/") for name in files if name.startswith("faces/") and name.endswith(".jpg")}
    assert crops == {line["crop"] for line in lines} | {f"set_aside/{line['crop']}" for line in aside}
    assert (len(lines), len(aside)) == (header["crops"], header["set_aside"])
    masks = {name.removeprefix("eye_masks/") for name in files if name.startswith("eye_masks/")}
    assert without_suffix(masks) == without_suffix(crops)
    for line in lines:
        image, mask = decode(files[f"faces/{line['crop']}"]), decode(files[f"eye_masks/{line['crop'][:-4]}.png"])
        assert image.shape[0] == image.shape[1] and mask.shape[0] == mask.shape[1] and mask.ndim == 2
        points = np.array(line["landmarks"]) @ np.array(line["crop_from_frame"])[:, :2].T
        points += np.array(line["crop_from_frame"])[:, 2]
        left, right, nose, mouth_left, mouth_right = points
        assert (points > 0).all() and (points < 256).all()
        assert left[0] < nose[0] < right[0] and mouth_left[0] < nose[0] < mouth_right[0]
        assert left[1] < nose[1] < mouth_left[1]
        for x, y in (left, right):
            assert mask[int(y * len(mask) / 256), int(x * len(mask) / 256)] > 200
    assert (decode(files["occlusion_masks/000000.png"]) == 255).all()

    source = json.loads(files["faces/source.json"])
    assert source["video"] == portrait_clips[0].name
    assert source["sha256"] == hashlib.sha256(portrait_clips[0].read_bytes()).hexdigest()
    [consent] = [each for each in yaml.safe_load_all(files["pack/consent.yaml"]) if each is not None]
    assert consent["statement"] == "Anna and Ben agreed"
    assert consent["videos"] == [{"name": source["video"], "sha256": source["sha256"]}]
    folders = {
        "faces": "face_src",
        "eye_masks": "binary_masks/face_src_eyes",
        "occlusion_masks": "occlusion_masks/face_src",
    }
    for name, content in files.items():
        folder, _, rest = name.partition("/")
        if folder in folders:
            assert (workspace_copy.root / folders[folder] / rest).read_bytes() == content


def test_the_description_names_every_value_of_a_record():
    page = (ROOT / "docs" / "facesets.md").read_text(encoding="utf-8")
    table = page.partition("**The manifest**")[2].partition("`source.json`")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [
        field.name for field in dataclasses.fields(CropRecord)
    ]


# Writing -------------------------------------------------------------------------------------------------------------


def write_zip(files: dict[str, bytes]) -> tuple[bytes, dict[str, int]]:
    """Writes a ZIP archive; returns it and the offset of the bytes of each file."""
    data, directory, offsets = bytearray(), bytearray(), {}
    for name, content in files.items():
        encoded, begin, size, crc = name.encode(), len(data), len(content), zlib.crc32(content)
        data += LOCAL.pack(b"PK\x03\x04", 20, 0, 0, 0, 33, crc, size, size, len(encoded), 0) + encoded
        offsets[name] = len(data)
        data += content
        numbers = (20, 20, 0, 0, 0, 33, crc, size, size, len(encoded), 0, 0, 0, 0, 0, begin)
        directory += ENTRY.pack(b"PK\x01\x02", *numbers) + encoded
    end = END.pack(b"PK\x05\x06", 0, 0, len(files), len(files), len(directory), len(data), 0)
    return bytes(data + directory + end), offsets


def write_pack(files: dict[str, bytes], crops: int, set_aside: int = 0) -> bytes:
    """Writes a pack by the description."""
    header = {"format": "faceswap-pack", "version": 1, "crops": crops, "set_aside": set_aside}
    files = {"pack/header.json": json.dumps(header).encode()} | files
    _, offsets = write_zip(files)
    lines = [
        {"name": name, "offset": offsets[name], "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    ]
    index = "".join(json.dumps(line) + "\n" for line in lines).encode()
    digest = f"{hashlib.sha256(index).hexdigest()}\n".encode()
    return write_zip(files | {"pack/index.jsonl": index, "pack/digest.txt": digest})[0]


def make_line(frame: int, suffix: str = ".png") -> dict:
    """A line of a manifest, without what may be missing: a face of 80 pixels between the eyes, near (228, 178)."""
    return {
        "crop": f"face {frame}{suffix}",
        "frame": frame,
        "time": frame / 25,
        "box_xyxy": [150, 90, 306, 270],
        "landmarks": [[188, 150], [268, 150], [228, 190], [196, 230], [260, 230]],
        "crop_from_frame": [[1, 0, -100], [0, 1, -50]],
        "score": 1,
        "sharpness": 300.5,
    }


def make_crop(seed: int, suffix: str = ".png", side: int = 256) -> tuple[np.ndarray, bytes]:
    """A crop as RGB, and its file."""
    image = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return image, cv2.imencode(suffix, image[..., ::-1])[1].tobytes()


def to_lines(lines: list[dict]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


@pytest.mark.parametrize("keep_packed", [False, True])
def test_a_pack_written_by_the_description_is_read(tmp_path: pathlib.Path, keep_packed: bool):
    images, encoded = zip(*(make_crop(seed, side=side) for seed, side in enumerate((256, 256, 320))), strict=True)
    mask = np.zeros((256, 256), np.uint8)
    mask[90:110, 70:190] = 255
    eyes, digest = cv2.imencode(".png", mask)[1].tobytes(), "ab" * 32
    consent = f"statement: Ana agreed\nvideos:\n- name: ana.mp4\n  sha256: {digest}\n"
    data = write_pack(
        {
            "pack/consent.yaml": consent.encode(),
            "faces/manifest.jsonl": to_lines([make_line(0), make_line(2)]),
            "faces/source.json": json.dumps({"video": "ana.mp4", "sha256": digest}).encode(),
            "faces/face 0.png": encoded[0],
            "faces/face 2.png": encoded[2],
            "faces/set_aside/manifest.jsonl": to_lines([make_line(1)]),
            "faces/set_aside/face 1.png": encoded[1],
            **{f"eye_masks/{name}.png": eyes for name in ("face 0", "face 2", "set_aside/face 1")},
        },
        crops=2,
        set_aside=1,
    )
    (tmp_path / "ana.fspack").write_bytes(data)
    workspace = Workspace(tmp_path / "W")
    report = unpack_faceset(tmp_path / "ana.fspack", workspace, "b", keep_packed=keep_packed)
    assert (report.crops, report.set_aside, report.consents) == (2, 1, ("Ana agreed",))
    faceset = Faceset.open(workspace, "dst")
    assert [record.frame for record in faceset.records] == [0, 2]
    assert [record.frame for record in list_excluded(workspace, "dst")] == [1]
    for record, image in zip(faceset.records, (images[0], images[2]), strict=True):
        np.testing.assert_array_equal(faceset.crop_files.read_image(record.crop), image)
        np.testing.assert_array_equal(faceset.eye_mask_files.read_mask(record.mask), mask)
        assert record.track == 0 and record.landmarks_68 is None
        np.testing.assert_allclose(record.points_in_crop()[:2], [[88, 100], [168, 100]])
    [read] = read_consent(workspace)
    assert read.statement == "Ana agreed" and [video.sha256 for video in read.videos] == [digest]


def test_what_the_description_requires_is_enough(tmp_path: pathlib.Path):
    lines = [make_line(index, ".jpg") for index in range(3)]
    crops = {f"faces/{line['crop']}": make_crop(index, ".jpg")[1] for index, line in enumerate(lines)}
    data = write_pack(crops | {"faces/manifest.jsonl": to_lines(lines)}, crops=3)  # in another order than the library's
    (tmp_path / "small.fspack").write_bytes(data)
    workspace = Workspace(tmp_path / "W")
    unpack_faceset(tmp_path / "small.fspack", workspace, "a")
    assert {f"faces/{name}": data for name, data in contents(workspace.faces("src")).items()} == crops | {
        "faces/manifest.jsonl": to_lines(lines)
    }
    write_eye_masks(workspace, "src")
    assert len(Faceset.open(workspace, "src")) == 3
    again = pack_faceset(workspace, "a", tmp_path / "again.fspack").path
    assert read_pack(again.read_bytes()).keys() > crops.keys()
